"""Name constraints: whether the names of a certificate lie where the CAs above it allow.

RFC 5280 4.2.1.10 and 6.1.3 (b), (c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from appliance.asn1 import oids
from appliance.asn1.extension.general_names import (
    GeneralName,
    NameConstraints,
    NameKind,
    decode_general_names,
    decode_name_constraints,
)
from appliance.asn1.x509 import Certificate
from appliance.pki.names import canonical


def alternative_names(certificate: Certificate) -> tuple[GeneralName, ...]:
    """Give the names in subjectAltName.  Raises Malformed."""
    extension = certificate.extensions.find(oids.SUBJECT_ALT_NAME)
    return () if extension is None else decode_general_names(extension.value)


def email_attributes(certificate: Certificate) -> tuple[str, ...]:
    """Give the emailAddress attributes of the subject, which RFC 5280 4.1.2.6 calls legacy."""
    attributes = certificate.subject.attributes
    return tuple(text for kind, text in attributes if kind == oids.EMAIL_ADDRESS)


def constraints_of(certificate: Certificate) -> NameConstraints | None:
    """Give the nameConstraints of a certificate.  Raises Malformed."""
    extension = certificate.extensions.find(oids.NAME_CONSTRAINTS)
    return None if extension is None else decode_name_constraints(extension.value)


def constrained_fault(
    certificate: Certificate, above: Sequence[NameConstraints]
) -> GeneralName | None:
    """Give a name of the certificate that the constraints above it do not allow, if there is one.

    Every CA's permitted subtrees must hold the name, and none of the excluded may.  Forms not
    processed here (otherName and the like) fail under any constraint of their form, as RFC 5280
    4.2.1.10 asks.  Raises Malformed.
    """
    if not above:
        return None
    return next((name for name in _names(certificate) if not is_allowed(name, above)), None)


def _names(certificate: Certificate) -> list[GeneralName]:
    names = list(alternative_names(certificate))
    if certificate.subject.attributes:
        names.append(GeneralName(NameKind.DIRECTORY, certificate.subject.der))
    # Checked even beside a subjectAltName: mail programs still read them.
    names += (
        GeneralName(NameKind.EMAIL, text.encode("utf-8", "surrogatepass"))
        for text in email_attributes(certificate)
    )
    return names


def is_allowed(name: GeneralName, above: Sequence[NameConstraints]) -> bool:
    """Tell whether every one of the constraints allows a name."""
    return all(
        _is_permitted(name, constraints.permitted) and not _is_excluded(name, constraints.excluded)
        for constraints in above
    )


def _is_permitted(name: GeneralName, subtrees: Sequence[GeneralName]) -> bool:
    bases = [subtree.value for subtree in subtrees if subtree.kind is name.kind]
    if not bases:
        return True
    within = _WITHIN.get(name.kind)
    return within is not None and any(within(name.value, base) for base in bases)


def _is_excluded(name: GeneralName, subtrees: Sequence[GeneralName]) -> bool:
    bases = [subtree.value for subtree in subtrees if subtree.kind is name.kind]
    if not bases:
        return False
    within = _WITHIN.get(name.kind)
    if within is None or (name.kind is NameKind.URI and _host_of_uri(name.value) is None):
        return True
    return any(within(name.value, base) or _may_be_within(name, base) for base in bases)


def _may_be_within(name: GeneralName, base: bytes) -> bool:
    """Whether a wildcard stands for a host that is excluded, which plain suffixes do not show."""
    if name.kind is not NameKind.DNS or not name.value.startswith(b"*."):
        return False
    _, _, parent = base.lower().removeprefix(b".").partition(b".")
    return parent == name.value[2:].lower()


# --- each form ------------------------------------------------------------------------------------


def _dns_within(name: bytes, base: bytes) -> bool:
    """Labels may be added to the left; after a leading dot, they must be (as OpenSSL reads it)."""
    host, domain = name.lower().removesuffix(b"."), base.lower().removesuffix(b".")
    if domain.startswith(b".") or not domain:
        return host.endswith(domain) and host != domain
    return host == domain or host.endswith(b"." + domain)


def _host_within(host: bytes, base: bytes) -> bool:
    """A host, or with a leading dot any host below it; never both."""
    domain = base.lower()
    return host.endswith(domain) if domain.startswith(b".") else host == domain


def _email_within(name: bytes, base: bytes) -> bool:
    local, at, host = name.rpartition(b"@")
    if not at or not local:
        return False
    base_local, base_at, base_host = base.rpartition(b"@")
    if base_at:
        return local == base_local and host.lower() == base_host.lower()
    return _host_within(host.lower(), base)


def _uri_within(name: bytes, base: bytes) -> bool:
    host = _host_of_uri(name)
    return host is not None and _host_within(host, base)


def _host_of_uri(uri: bytes) -> bytes | None:
    """Give the host of a URI when it is a name; RFC 5280 4.2.1.10 lets nothing else match."""
    try:
        host = urlsplit(uri.decode("ascii")).hostname
    except ValueError:
        return None
    if not host or is_address(host):
        return None
    return host.lower().encode("ascii")


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _address_within(address: bytes, base: bytes) -> bool:
    size = len(address)
    if len(base) != 2 * size:
        return False
    net, mask = base[:size], base[size:]
    return all(
        (octet ^ wanted) & bits == 0 for octet, wanted, bits in zip(address, net, mask, strict=True)
    )


def _directory_within(name: bytes, base: bytes) -> bool:
    parts, start = canonical(name), canonical(base)
    return parts[: len(start)] == start


_WITHIN: dict[NameKind, Callable[[bytes, bytes], bool]] = {
    NameKind.DNS: _dns_within,
    NameKind.EMAIL: _email_within,
    NameKind.URI: _uri_within,
    NameKind.IP: _address_within,
    NameKind.DIRECTORY: _directory_within,
}
