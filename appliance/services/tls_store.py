"""The TLS identity of a port: its key, its certificate and those above it, a stopgap till then.

Until an authority has issued one, a self-signed certificate says what it is in its name.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from appliance.asn1 import pem
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.errors import Malformed
from appliance.quantities import US_PER_S, Utc
from appliance.store.files import write_durably

_STOPGAP_NAME = "Shiyin box without a certificate yet"
_STOPGAP_DAYS = 30


@attrs.frozen
class TlsFiles:
    """The PEM files of the identity, in a folder of the role that shows it."""

    folder: Path

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / "tls-key.pem"

    @property
    def chain(self) -> Path:
        """The certificate and those above it."""
        return self.folder / "tls-chain.pem"


class TlsStore:
    """Makes the key once, and keeps a certificate for `hosts` on it."""

    def __init__(self, files: TlsFiles, hosts: Sequence[str]) -> None:
        self._files = files
        self.hosts = tuple(hosts)

    def prepare(self, now: Utc) -> None:
        """See to it that there is a key, and some certificate that is not over."""
        if not self._files.key.exists():
            text = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            write_durably(self._files.key, text, mode=0o600)
        held = self.held()
        if held is None or held.validity.not_after <= now:
            write_durably(self._files.chain, self._stopgap(now), mode=0o644)

    def held(self) -> Certificate | None:
        """Read the certificate that is there, if one fits the key."""
        try:
            found = pem.read_all(self._files.chain.read_bytes(), "CERTIFICATE")
            certificate = decode_certificate(found[0]) if found else None
        except (OSError, Malformed):
            return None
        mine = certificate is not None and certificate.spki == self._request().spki
        return certificate if mine else None

    def is_due(self, now: Utc) -> bool:
        """Tell whether a certificate is wanted: after two thirds of its life, or of a stopgap."""
        held = self.held()
        if held is None or held.is_self_issued:
            return True
        start, end = held.validity.not_before.posix_us, held.validity.not_after.posix_us
        return now.posix_us > end - (end - start) // 3

    @property
    def csr(self) -> bytes:
        """A PKCS#10 request in DER for the key."""
        return self._request().csr

    def install(self, chain: Sequence[bytes]) -> None:
        """Take a certificate and those above it, in DER, leaf first.

        Raises Malformed when the certificate is for another key; then nothing changes.
        """
        if not chain or decode_certificate(chain[0]).spki != self._request().spki:
            raise Malformed("the certificate is not for this key")
        blocks = (pem.write("CERTIFICATE", each) for each in chain)
        write_durably(self._files.chain, b"".join(blocks), mode=0o644)

    def _request(self) -> _Request:
        key = load_pem_private_key(self._files.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return _Request(key, self.hosts[0])

    def _stopgap(self, now: Utc) -> bytes:
        key = self._request().key
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _STOPGAP_NAME)])
        start = dt.datetime.fromtimestamp(now.posix_us // US_PER_S, dt.UTC)
        alternatives: list[x509.GeneralName] = [
            x509.IPAddress(ipaddress.ip_address(host)) if is_address(host) else x509.DNSName(host)
            for host in self.hosts
        ]
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start - dt.timedelta(hours=1))
            .not_valid_after(start + dt.timedelta(days=_STOPGAP_DAYS))
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(key, SHA256())
        )
        return made.public_bytes(Encoding.PEM)


@attrs.frozen
class _Request:
    """The key, and what is asked for it."""

    key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)
    host: str

    @property
    def csr(self) -> bytes:
        """A PKCS#10 request in DER."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.host[:64])])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        return request.sign(self.key, SHA256()).public_bytes(Encoding.DER)

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo in DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
