"""Certificate templates: what a certificate of a kind contains, with places for a user's fields.

They come as JSON or TOML.  What is beyond the bounds of their kind is refused by `bounds`.
"""

from __future__ import annotations

import enum
import tomllib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed, Refused
from appliance.pki.templates import places
from appliance.pki.templates.custom_extensions import CustomExtension, Oid, encode_custom

MAX_OCTETS = 65_536

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S

Pattern = Annotated[str, Meta(min_length=1, max_length=256)]

USAGES = {
    "digitalSignature": KeyUsage.DIGITAL_SIGNATURE,
    "nonRepudiation": KeyUsage.NON_REPUDIATION,
    "keyEncipherment": KeyUsage.KEY_ENCIPHERMENT,
    "dataEncipherment": KeyUsage.DATA_ENCIPHERMENT,
    "keyAgreement": KeyUsage.KEY_AGREEMENT,
    "keyCertSign": KeyUsage.KEY_CERT_SIGN,
    "cRLSign": KeyUsage.CRL_SIGN,
    "encipherOnly": KeyUsage.ENCIPHER_ONLY,
    "decipherOnly": KeyUsage.DECIPHER_ONLY,
}
"""The names of RFC 5280 4.2.1.3."""

PURPOSES = {
    "serverAuth": oids.SERVER_AUTH,
    "clientAuth": oids.CLIENT_AUTH,
    "codeSigning": oids.CODE_SIGNING,
    "emailProtection": oids.EMAIL_PROTECTION,
    "timeStamping": oids.TIME_STAMPING,
    "OCSPSigning": oids.OCSP_SIGNING,
    "documentSigning": oids.DOCUMENT_SIGNING,
    "anyExtendedKeyUsage": oids.ANY_EXTENDED_KEY_USAGE,
}
"""The names of RFC 5280 4.2.1.12 and RFC 9336, also of those that no template may have."""


class TemplateKind(enum.Enum):
    """What a certificate is for; `bounds` has the limits of each."""

    PERSON = "person"
    DEVICE = "device"
    SERVER = "server"
    GRANT = "grant"


class NameForm(enum.Enum):
    """The forms of a subjectAltName that a template writes."""

    DNS = "dns"
    IP = "ip"
    EMAIL = "email"
    URI = "uri"


class SubjectAttribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """An attribute of the subject; `optional` leaves it out when a field is missing."""

    attribute: Literal["CN", "O", "OU", "C", "ST", "L", "serialNumber", "emailAddress", "UID"]
    value: Pattern
    optional: bool = False


class AlternativeName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """A subjectAltName; filled with several values between spaces, it becomes as many names."""

    kind: NameForm
    value: Pattern
    optional: bool = False


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """What a certificate contains beside number, key and instants; either days or hours are set."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
    kind: TemplateKind
    algorithms: Annotated[tuple[KeyAlgorithm, ...], Meta(min_length=1, max_length=3)]
    subject: Annotated[tuple[SubjectAttribute, ...], Meta(min_length=1, max_length=16)]
    key_usage: Annotated[
        tuple[Annotated[str, Meta(max_length=32)], ...], Meta(min_length=1, max_length=9)
    ]
    validity_days: Annotated[int, Meta(ge=0, le=7305)] = 0
    validity_hours: Annotated[int, Meta(ge=0, le=24)] = 0
    extended_key_usage: Annotated[
        tuple[Annotated[str, Meta(max_length=128)], ...], Meta(max_length=16)
    ] = ()
    subject_alt_names: Annotated[tuple[AlternativeName, ...], Meta(max_length=16)] = ()
    policies: Annotated[tuple[Oid, ...], Meta(max_length=16)] = ()
    extensions: Annotated[tuple[CustomExtension, ...], Meta(max_length=32)] = ()

    @property
    def validity_s(self) -> int:
        """How long a certificate holds, in seconds."""
        return self.validity_days * _DAY_S + self.validity_hours * _HOUR_S

    @property
    def usages(self) -> frozenset[KeyUsage]:
        """The bits of keyUsage.  Raises Malformed for a name that is none."""
        try:
            return frozenset(USAGES[name] for name in self.key_usage)
        except KeyError as error:
            raise Malformed(f"{error.args[0]} is no key usage") from None

    @property
    def purposes(self) -> tuple[str, ...]:
        """The OIDs of extKeyUsage.  Raises Malformed for a name that is none."""
        return tuple(_purpose(name) for name in self.extended_key_usage)


def decode_template(octets: bytes) -> Template:
    """Decode a template from JSON, or from TOML, and check its form.

    Raises Malformed for what is no template or has values not of their kind; Refused for OIDs that
    stand twice.  Whether its bounds are kept is `bounds.check_template`'s part.
    """
    if len(octets) > MAX_OCTETS:
        raise Malformed("a template is too long")
    try:
        if octets.lstrip(b" \t\r\n").startswith(b"{"):
            template = msgspec.json.decode(octets, type=Template)
        else:
            template = msgspec.convert(tomllib.loads(octets.decode()), Template)
    except (ValueError, RecursionError) as error:  # of msgspec, tomllib and UTF-8
        raise Malformed(f"not a template: {error}") from None
    check_form(template)
    return template


def encode_template(template: Template) -> bytes:
    """Render a template as JSON."""
    return msgspec.json.encode(template)


def check_form(template: Template) -> None:
    """Check what the types of a template do not say.  Raises as `decode_template` does."""
    if bool(template.validity_days) == bool(template.validity_hours):
        raise Malformed("a template has either validity_days or validity_hours")
    _refuse_twice("algorithm", [one.value for one in template.algorithms])
    if len(template.usages) < len(template.key_usage):
        raise Refused("a key usage stands twice in the template")
    _refuse_twice("purpose", template.purposes)
    _refuse_twice("policy", template.policies)
    _refuse_twice("extension", [custom.oid for custom in template.extensions])
    for attribute in template.subject:
        places.parse(attribute.value)
    for name in template.subject_alt_names:
        places.parse(name.value)
    for custom in template.extensions:
        if custom.is_fixed:
            encode_custom(custom, {})


def _purpose(name: str) -> str:
    if oid := PURPOSES.get(name):
        return oid
    try:
        return msgspec.convert(name, Oid)
    except msgspec.ValidationError:
        raise Malformed(f"{name} is neither a purpose nor an OID") from None


def _refuse_twice(what: str, values: tuple[str, ...] | list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise Refused(f"{what} {value} stands twice in the template")


# --- built in -------------------------------------------------------------------------------------

_ALL = tuple(KeyAlgorithm)
_SIGNING = ("digitalSignature", "nonRepudiation")
_ORGANIZATION = (
    SubjectAttribute("C", "CN"),
    SubjectAttribute("O", "{organization}"),
    SubjectAttribute("OU", "{department}", optional=True),
)
_PERSON = (*_ORGANIZATION, SubjectAttribute("CN", "{name}"), SubjectAttribute("UID", "{uid}"))

PERSON = Template(
    name="person",
    kind=TemplateKind.PERSON,
    algorithms=_ALL,
    subject=_PERSON,
    key_usage=_SIGNING,
    validity_days=1095,
    extended_key_usage=("clientAuth", "emailProtection", "documentSigning"),
    subject_alt_names=(AlternativeName(NameForm.EMAIL, "{email}", optional=True),),
)
DEVICE = Template(
    name="device",
    kind=TemplateKind.DEVICE,
    algorithms=_ALL,
    subject=(
        *_PERSON,
        SubjectAttribute("serialNumber", "{device}", optional=True),
    ),
    key_usage=_SIGNING,
    validity_days=365,
    extended_key_usage=("clientAuth", "documentSigning"),
)
SERVER = Template(
    name="server",
    kind=TemplateKind.SERVER,
    algorithms=_ALL,
    subject=(*_ORGANIZATION, SubjectAttribute("CN", "{name}")),
    key_usage=("digitalSignature",),
    validity_days=365,
    extended_key_usage=("serverAuth", "clientAuth"),
    subject_alt_names=(
        AlternativeName(NameForm.DNS, "{dns}", optional=True),
        AlternativeName(NameForm.IP, "{ip}", optional=True),
    ),
)
GRANT = Template(
    name="grant",
    kind=TemplateKind.GRANT,
    algorithms=_ALL,
    subject=_PERSON,
    key_usage=_SIGNING,
    validity_hours=8,
    extended_key_usage=("documentSigning",),
)
TEMPLATES = {template.name: template for template in (PERSON, DEVICE, SERVER, GRANT)}
"""The templates that are always there; each serves every algorithm."""
