"""What is signed: M and the user ID of every form, made here from what is shown.  Section 6."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from shiyin_cosign import curve, der
from shiyin_cosign.encoding import lp, read_fields, sm3, tag, text
from shiyin_cosign.errors import Malformed, Untrusted

RAW_OCTETS_MAX = 1 << 18
DIGEST_OCTETS = 32
LOGIN_ID = b"shiyin-login-v1"

_DATA = der.oid("1.2.840.113549.1.7.1")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_DESCRIPTION = der.oid("2.25.78430963463542583275264807036428075187")
_SM2_ALGORITHM = der.write(
    der.SEQUENCE, der.oid("1.2.840.10045.2.1"), der.oid("1.2.156.10197.1.301")
)
_GRANT_SIZES = (None, None, None, None, None, 8, 4)
_CONTEXT_0 = 0xA0


class Form(enum.StrEnum):
    """What kind of thing is signed by a task."""

    RAW = "raw"
    CMS = "cms"
    LOGIN = "login"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Document:
    """An item as its user sees it.

    `content` is the document of `raw`, the SM3 of `cms`, and the fields of the others as LP.
    """

    form: Form
    name: str
    description: str
    content: bytes

    def digest(self, uid: bytes, public: bytes) -> bytes:
        """Compute e.  Raises Untrusted for what must not be signed, Malformed for bad fields."""
        return curve.message_digest(public, self.message(uid), self._user_id())

    def message(self, uid: bytes) -> bytes:
        """Make M."""
        return _MAKERS[self.form](self, uid)

    def shown(self, uid: bytes) -> dict[str, str]:
        """Tell everything that the user must see before signing."""
        common = {"description": self.description, "name": self.name}
        return common | _SHOWN[self.form](self, uid)

    def _user_id(self) -> bytes:
        return LOGIN_ID if self.form is Form.LOGIN else curve.DEFAULT_ID


def _make_raw(document: Document, _uid: bytes) -> bytes:
    if len(document.content) > RAW_OCTETS_MAX:
        raise Untrusted("a document to sign as it is exceeds 256 KiB")
    if is_confusable(document.content):
        raise Untrusted("the document is signed attributes, a request or a certificate in DER")
    return document.content


def _make_cms(document: Document, _uid: bytes) -> bytes:
    digest = _digest_of(document)
    names = (document.name.encode(), document.description.encode())
    described = sm3(lp(tag("description"), *names))
    return der.set_of(
        _attribute(_CONTENT_TYPE, _DATA),
        _attribute(_MESSAGE_DIGEST, der.write(der.OCTET_STRING, digest)),
        _attribute(_DESCRIPTION, der.write(der.OCTET_STRING, described)),
    )


def _make_login(document: Document, uid: bytes) -> bytes:
    origin, challenge, named = _fields_for(document, uid, (None, None, None), 2)
    return lp(tag("login"), origin, challenge, named)


def _make_grant(document: Document, uid: bytes) -> bytes:
    return lp(tag("grant"), *_fields_for(document, uid, _GRANT_SIZES, 1))


_MAKERS = {
    Form.RAW: _make_raw,
    Form.CMS: _make_cms,
    Form.LOGIN: _make_login,
    Form.GRANT: _make_grant,
}


def _digest_of(document: Document) -> bytes:
    if len(document.content) != DIGEST_OCTETS:
        raise Malformed("a document told by its digest has an SM3 of 32 octets")
    return document.content


def _fields_for(
    document: Document, uid: bytes, sizes: tuple[int | None, ...], place: int
) -> list[bytes]:
    """Read fields of which the one at `place` must be this user's number."""
    fields = read_fields(document.content, sizes)
    if fields[place] != uid:
        raise Untrusted("the document names another user")
    return fields


def _show_raw(document: Document, _uid: bytes) -> dict[str, str]:
    try:
        shown = document.content.decode()
    except UnicodeDecodeError:
        shown = ""
    return {"sm3": sm3(document.content).hex(), "document": shown}


def _show_cms(document: Document, _uid: bytes) -> dict[str, str]:
    return {"sm3": _digest_of(document).hex()}


def _show_login(document: Document, uid: bytes) -> dict[str, str]:
    origin, challenge, _ = _fields_for(document, uid, (None, None, None), 2)
    return {"origin": text(origin), "challenge": challenge.hex()}


def _show_grant(document: Document, uid: bytes) -> dict[str, str]:
    grant, _, spki, holder, scope, not_after, count = _fields_for(document, uid, _GRANT_SIZES, 1)
    return {
        "grant": text(grant),
        "spki": spki.hex(),
        "holder": text(holder),
        "scope": text(scope),
        "not_after_us": str(int.from_bytes(not_after, "big")),
        "max_count": str(int.from_bytes(count, "big")),
    }


_SHOWN = {
    Form.RAW: _show_raw,
    Form.CMS: _show_cms,
    Form.LOGIN: _show_login,
    Form.GRANT: _show_grant,
}


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der.write(der.SEQUENCE, kind, der.write(der.SET, value))


def spki(public: bytes) -> bytes:
    """Render a public key as SubjectPublicKeyInfo."""
    return der.write(der.SEQUENCE, _SM2_ALGORITHM, der.write(der.BIT_STRING, b"\0\4", public))


def request_info(subject: bytes, public: bytes) -> bytes:
    """Make CertificationRequestInfo of a Name in DER and a key, without attributes.  RFC 2986."""
    der.read(subject, der.SEQUENCE)
    attributes = der.write(_CONTEXT_0)
    return der.write(der.SEQUENCE, der.integer(0), subject, spki(public), attributes)


def is_confusable(message: bytes) -> bool:
    """Tell whether M parses as Attributes, CertificationRequestInfo or TBSCertificate."""
    try:
        (outer,) = der.Element(0, message, message).children()
        parts = outer.children()
    except (Malformed, ValueError):
        return False
    if outer.tag not in (der.SEQUENCE, der.SET):
        return False
    return _are_attributes(parts) or _is_request_info(parts) or _is_certificate(parts)


def _are_attributes(parts: list[der.Element]) -> bool:
    return bool(parts) and all(_is_attribute(part) for part in parts)


def _is_attribute(element: der.Element) -> bool:
    return _tags(element) == [der.OBJECT_IDENTIFIER, der.SET]


def _is_request_info(parts: list[der.Element]) -> bool:
    tags = [part.tag for part in parts]
    return tags in ([2, 0x30, 0x30], [2, 0x30, 0x30, _CONTEXT_0]) and _tags(parts[2]) == [0x30, 3]


def _is_certificate(parts: list[der.Element]) -> bool:
    """Skip the version of v2 and v3, then want serial, algorithm, two names and validity."""
    rest = parts[1:] if parts and parts[0].tag == _CONTEXT_0 else parts
    tags = [part.tag for part in rest[:6]]
    return tags == [2, 0x30, 0x30, 0x30, 0x30, 0x30] and _tags(rest[5]) == [0x30, 3]


def _tags(element: der.Element) -> list[int]:
    if element.tag != der.SEQUENCE:
        return []
    try:
        return [child.tag for child in element.children()]
    except Malformed:
        return []
