"""What a certificate is asked to be good for: key usage, extended key usage, and whose it is.

RFC 5280 4.2.1.3 and 4.2.1.12; RFC 3161 2.3; RFC 6960 4.2.2.2; names of servers by RFC 9525.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from ipaddress import ip_address

import attrs

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.extension.general_names import NameKind
from appliance.asn1.x509 import Certificate
from appliance.pki.validation.constraints import alternative_names, email_attributes, is_address
from appliance.pki.validation.verdict import Code, Fault


class Purpose(enum.Enum):
    """What a certificate is wanted for."""

    ANY = "any"
    SERVER = "server"
    CLIENT = "client"
    PERSON = "person"
    DEVICE = "device"
    OCSP = "ocsp"
    TIMESTAMPING = "timestamping"


@attrs.frozen
class _Rule:
    """One of `extended` must be allowed along the chain, and one of `usages` by the leaf.

    Where nothing is said all is allowed, but `is_stated` wants extKeyUsage to be there.
    """

    extended: frozenset[str]
    usages: frozenset[KeyUsage]
    is_stated: bool = False


_SIGNING = frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION})
_SERVING = frozenset(
    {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT, KeyUsage.KEY_AGREEMENT}
)
_CALLING = frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT})
_RULES = {
    Purpose.SERVER: _Rule(frozenset({oids.SERVER_AUTH}), _SERVING),
    Purpose.CLIENT: _Rule(frozenset({oids.CLIENT_AUTH}), _CALLING),
    Purpose.PERSON: _Rule(
        frozenset({oids.EMAIL_PROTECTION, oids.DOCUMENT_SIGNING, oids.CLIENT_AUTH}), _SIGNING
    ),
    Purpose.DEVICE: _Rule(frozenset({oids.CLIENT_AUTH, oids.SERVER_AUTH}), _SERVING),
    Purpose.OCSP: _Rule(frozenset({oids.OCSP_SIGNING}), _SIGNING, is_stated=True),
    Purpose.TIMESTAMPING: _Rule(frozenset({oids.TIME_STAMPING}), _SIGNING, is_stated=True),
}


def purpose_fault(leaf: Certificate, purpose: Purpose) -> Fault | None:
    """Judge what the leaf alone says of its use."""
    rule = _RULES.get(purpose)
    if rule is None:
        return None
    usage = leaf.extensions.key_usage
    if usage is not None and not usage & rule.usages:
        return Fault(Code.BAD_KEY_USAGE, leaf)
    if rule.is_stated and leaf.extensions.extended_key_usage is None:
        return Fault(Code.BAD_EXTENDED_KEY_USAGE, leaf)
    if purpose is Purpose.TIMESTAMPING and not _is_tsa(leaf, usage):
        return Fault(Code.BAD_EXTENDED_KEY_USAGE, leaf, "not for timestamps alone")
    return chain_fault((leaf,), purpose)


def chain_fault(chain: Sequence[Certificate], purpose: Purpose) -> Fault | None:
    """Narrow the purpose by each extKeyUsage from the leaf to the root.

    RFC 5280 leaves CAs' extKeyUsage open; here it binds what is below, as OpenSSL and browsers have
    it.  anyExtendedKeyUsage frees a CA; for a leaf it names no purpose.
    """
    rule = _RULES.get(purpose)
    if rule is None:
        return None
    allowed = rule.extended
    for position, certificate in enumerate(chain):
        stated = certificate.extensions.extended_key_usage
        if stated is None or (position > 0 and oids.ANY_EXTENDED_KEY_USAGE in stated):
            continue
        allowed &= frozenset(stated)
        if not allowed:
            return Fault(Code.BAD_EXTENDED_KEY_USAGE, certificate)
    return None


def _is_tsa(leaf: Certificate, usage: frozenset[KeyUsage] | None) -> bool:
    """RFC 3161 2.3: timeStamping alone and critical; with a key usage that is for signing alone."""
    extension = leaf.extensions.find(oids.EXTENDED_KEY_USAGE)
    return (
        extension is not None
        and extension.critical
        and leaf.extensions.extended_key_usage == (oids.TIME_STAMPING,)
        and (usage is None or usage <= _SIGNING)
    )


# --- names ----------------------------------------------------------------------------------------


def is_named(leaf: Certificate, name: str) -> bool:
    """Tell whether a certificate is for `name`: an address, a mailbox or a host, as it is written.

    Only subjectAltName counts, never the CN (RFC 9525 6.3); for a mailbox emailAddress does where
    it has no mailbox (RFC 8550 3).  Raises Malformed.
    """
    names = alternative_names(leaf)

    def having(kind: NameKind) -> list[bytes]:
        return [each.value for each in names if each.kind is kind]

    if is_address(name):
        return ip_address(name).packed in having(NameKind.IP)
    if "@" in name:
        mailboxes = [value.decode("ascii") for value in having(NameKind.EMAIL)]
        return any(_same_mailbox(name, each) for each in mailboxes or email_attributes(leaf))
    return any(_is_host(name, value.decode("ascii")) for value in having(NameKind.DNS))


def _same_mailbox(one: str, other: str) -> bool:
    """The host in any case, the local part as it is written.  RFC 5280 7.5."""
    local, _, host = one.rpartition("@")
    other_local, _, other_host = other.rpartition("@")
    return local == other_local and host.lower() == other_host.lower()


def _is_host(host: str, presented: str) -> bool:
    """RFC 9525 6.3: a wildcard is the whole leftmost label and stands for one label."""
    wanted = host.lower().removesuffix(".")
    pattern = presented.lower().removesuffix(".")
    if not pattern.startswith("*."):
        return bool(pattern) and wanted == pattern
    parent = pattern[2:]
    label, _, rest = wanted.partition(".")
    return bool(label) and "." in parent and "*" not in parent and rest == parent
