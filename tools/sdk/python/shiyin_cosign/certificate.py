"""What a phone asks of its certificate: its own key, and SM2 links up to the root it trusts.

RFC 5280 section 6.1, as far as a phone needs it: signatures, names, basicConstraints and dates; not
revocation, policies or name constraints, which a relying party judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shiyin_cosign import curve, der
from shiyin_cosign.arithmetic.api import Backend
from shiyin_cosign.contents import spki
from shiyin_cosign.encoding import equal, sm3
from shiyin_cosign.errors import Malformed, Untrusted

_SM2_WITH_SM3 = der.oid("1.2.156.10197.1.501")
_BASIC_CONSTRAINTS = der.oid("2.5.29.19")
_EXTENSIONS = 0xA3
_CONTEXT_0 = 0xA0
_IS_AUTHORITY = bytes.fromhex("0101ff")
_UTC_TIME = 0x17


@dataclass(frozen=True, slots=True)
class Certificate:
    """The fields of one certificate; instants are `YYYYMMDDhhmmss` of UTC, names whole DER."""

    tbs: bytes
    issuer: bytes
    subject: bytes
    serial: int
    not_before: str
    not_after: str
    spki: bytes
    is_authority: bool
    algorithm: bytes
    signature: bytes

    @property
    def public(self) -> bytes:
        """The SM2 key, X||Y.  Raises Untrusted for any other."""
        public = self.spki[-curve.POINT_OCTETS :]
        if len(public) != curve.POINT_OCTETS or self.spki != spki(public):
            raise Untrusted("a certificate has no SM2 key")
        return public


def read(octets: bytes) -> Certificate:
    """Read a certificate in DER.  Raises Malformed."""
    parts = der.read(octets, der.SEQUENCE).children()
    if len(parts) != 3:
        raise Malformed("not a certificate")
    fields = parts[0].expect(der.SEQUENCE).children()
    if fields and fields[0].tag == _CONTEXT_0:
        fields = fields[1:]
    if len(fields) < 6:
        raise Malformed("a certificate lacks fields")
    serial, algorithm, issuer, validity, subject, key = fields[:6]
    if algorithm.encoded != parts[1].encoded:
        raise Malformed("a certificate names two algorithms")
    not_before, not_after = _dates(validity)
    return Certificate(
        tbs=parts[0].encoded,
        issuer=issuer.encoded,
        subject=subject.encoded,
        serial=serial.integer(),
        not_before=not_before,
        not_after=not_after,
        spki=key.encoded,
        is_authority=_is_authority(fields[6:]),
        algorithm=algorithm.content,
        signature=_signature(parts[2]),
    )


def check_chain(
    backend: Backend, chain: Sequence[bytes], public: bytes, root: bytes, now: str
) -> Certificate:
    """Judge a chain, leaf first, and give the leaf.

    `root` is SM3 over the DER of the root, `now` is `YYYYMMDDhhmmss` of UTC.  Raises Untrusted, and
    Malformed for what is no certificate.
    """
    if not chain or not equal(sm3(chain[-1]), root):
        raise Untrusted("the chain does not end at the root that the activation named")
    certificates = [read(octets) for octets in chain]
    leaf, *authorities = certificates
    if leaf.public != public:
        raise Untrusted("the certificate is for another key")
    if not authorities:
        raise Untrusted("the certificate is the root itself")
    for certificate in certificates:
        if not certificate.not_before <= now <= certificate.not_after:
            raise Untrusted("a certificate of the chain is not valid today")
    for below, above in zip(certificates, authorities, strict=False):
        _check_link(backend, below, above)
    return leaf


def name_text(name: bytes) -> str:
    """Give the texts of a Name one after the other, for people.  Raises Malformed."""
    pairs = [pair for part in der.read(name, der.SEQUENCE).children() for pair in part.children()]
    return ", ".join(pair.children()[-1].content.decode(errors="replace") for pair in pairs)


def _check_link(backend: Backend, below: Certificate, above: Certificate) -> None:
    if below.issuer != above.subject or not above.is_authority:
        raise Untrusted("a certificate of the chain was not issued by the next one")
    if below.algorithm.removesuffix(b"\x05\x00") != _SM2_WITH_SM3:
        raise Untrusted("a certificate of the chain is not signed by SM2 with SM3")
    e = curve.message_digest(above.public, below.tbs)
    if backend.verify_digests([(above.public, e, below.signature)]) != [True]:
        raise Untrusted("a signature of the chain does not verify")


def _dates(validity: der.Element) -> tuple[str, str]:
    dates = [_date(element) for element in validity.expect(der.SEQUENCE).children()]
    if len(dates) != 2:
        raise Malformed("a certificate has not two dates")
    return dates[0], dates[1]


def _date(element: der.Element) -> str:
    """Read UTCTime or GeneralizedTime.  RFC 5280 4.1.2.5."""
    try:
        date = element.content.decode("ascii").removesuffix("Z")
    except UnicodeDecodeError as error:
        raise Malformed("a date is not ASCII") from error
    if element.tag == _UTC_TIME:
        date = ("19" if date[:2] >= "50" else "20") + date
    if len(date) != 14 or not date.isdigit():
        raise Malformed("not a date")
    return date


def _is_authority(optional: Sequence[der.Element]) -> bool:
    for field in optional:
        if field.tag == _EXTENSIONS:
            extensions = der.read(field.content, der.SEQUENCE).children()
            return any(_says_authority(extension) for extension in extensions)
    return False


def _says_authority(extension: der.Element) -> bool:
    parts = extension.expect(der.SEQUENCE).children()
    if len(parts) < 2 or parts[0].encoded != _BASIC_CONSTRAINTS:
        return False
    value = der.read(parts[-1].expect(der.OCTET_STRING).content, der.SEQUENCE)
    return value.content.startswith(_IS_AUTHORITY)


def _signature(element: der.Element) -> bytes:
    """Read r||s; empty for what is no SM2 signature, which then does not verify."""
    encoded = element.expect(der.BIT_STRING).content[1:]
    try:
        r, s = (part.integer() for part in der.read(encoded, der.SEQUENCE).children())
        return curve.scalar(r) + curve.scalar(s)
    except (Malformed, ValueError, OverflowError):
        return b""
