"""The names of a subject filled from a user's fields: the Name, and subjectAltName."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from appliance.asn1 import der, names
from appliance.asn1.extension.general_names import GeneralName, NameKind
from appliance.asn1.extension.writers import subject_alt_name
from appliance.errors import Malformed, Refused
from appliance.pki.templates import places
from appliance.pki.templates.places import Fields
from appliance.pki.templates.template import AlternativeName, NameForm, SubjectAttribute

MAX_NAMES = 64

_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{1,253}}\Z)(\*\.)?({_LABEL}\.)*(?![0-9]+\Z){_LABEL}", re.ASCII)
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]{1,500}")


def encode_subject(attributes: Iterable[SubjectAttribute], fields: Fields) -> bytes:
    """Render the Name of a template, filled.

    Raises Malformed past X.520's bounds, Refused for a missing field or when nothing is left.
    """
    filled = [
        names.encode_relative(names.TYPES[one.attribute], places.fill(one.value, fields))
        for one in attributes
        if not one.optional or places.can_fill(one.value, fields)
    ]
    if not filled:
        raise Refused("a subject without any attribute names nobody")
    return der.sequence(*filled)


def encode_alternatives(alternatives: Iterable[AlternativeName], fields: Fields) -> bytes:
    """Render subjectAltName, filled; nothing without a name.

    Raises Malformed for a name not of its form and for too many, Refused for a missing field.
    """
    filled = [
        alternative_name(one.kind, text)
        for one in alternatives
        if not one.optional or places.can_fill(one.value, fields)
        for text in places.fill(one.value, fields).split()
    ]
    if len(filled) > MAX_NAMES:
        raise Malformed("a certificate has too many alternative names")
    return subject_alt_name(filled) if filled else b""


def alternative_name(form: NameForm, text: str) -> GeneralName:
    """Read a name as people write it.  Raises Malformed.  RFC 5280 4.2.1.6."""
    if form is NameForm.IP:
        return GeneralName(NameKind.IP, _address(text))
    if form is NameForm.DNS and _HOST.fullmatch(text):
        return GeneralName(NameKind.DNS, text.encode())
    if form is NameForm.EMAIL and _is_mailbox(text):
        return GeneralName(NameKind.EMAIL, text.encode())
    if form is NameForm.URI and _URI.fullmatch(text):
        return GeneralName(NameKind.URI, text.encode())
    raise Malformed(f"an alternative name is not of the form {form.value}")


def _address(text: str) -> bytes:
    try:
        if "%" in text:
            raise Malformed("an address in a certificate has no zone")
        return ipaddress.ip_address(text).packed
    except ValueError:
        raise Malformed("an alternative name is not of the form ip") from None


def _is_mailbox(text: str) -> bool:
    local, _, host = text.rpartition("@")
    is_local = bool(_LOCAL_PART.fullmatch(local)) and ".." not in local and local[-1] != "."
    return is_local and not host.startswith("*") and _HOST.fullmatch(host) is not None
