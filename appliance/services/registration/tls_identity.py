"""The TLS identity of the interface: its key, its certificate from our own authority, a stopgap.

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
from appliance.errors import Malformed, Unavailable
from appliance.pki.states import RequestState
from appliance.quantities import US_PER_S, Utc
from appliance.services.registration.requests import RequestDesk, Wish
from appliance.store.files import write_durably
from appliance.store.registry.requests import RequestRow

AUTHORITY, TEMPLATE, OWNER = "issuing-p256", "server", "box"
_STOPGAP_NAME = "Shiyin box without a certificate yet"
_STOPGAP_DAYS = 30


@attrs.frozen
class TlsFiles:
    """The PEM files of the identity, in the manager's own folder."""

    folder: Path

    @property
    def key(self) -> Path:
        """The private key."""
        return self.folder / "tls-key.pem"

    @property
    def chain(self) -> Path:
        """The certificate and those above it."""
        return self.folder / "tls-chain.pem"


class TlsKeeper:
    """Makes the key once, and keeps a certificate for `hosts` on it."""

    def __init__(self, files: TlsFiles, hosts: Sequence[str]) -> None:
        self._files = files
        self._hosts = tuple(hosts)
        self._asked: RequestRow | None = None

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

    async def renew(self, desk: RequestDesk, chain: Sequence[bytes]) -> None:
        """Have our authority, whose chain in DER is given, issue the certificate.

        Raises Unavailable when it does not now.
        """
        fields = {"organization": "Shiyin", "name": self._hosts[0]}
        names = [host for host in self._hosts if not _is_address(host)]
        addresses = [host for host in self._hosts if _is_address(host)]
        if names:
            fields["dns"] = " ".join(names)
        if addresses:
            fields["ip"] = " ".join(addresses)
        csr = self._request().csr
        wish = Wish(AUTHORITY, TEMPLATE, OWNER, fields=fields, csr=csr)
        # What waits for the signer is sent again: it would be issued beside a second one.
        asked = self._asked
        (row,) = await (desk.take([wish]) if asked is None else desk.send([asked]))
        self._asked = row if row.state is RequestState.SUBMITTED else None
        if row.state is not RequestState.ISSUED or row.certificate_id is None:
            raise Unavailable(f"no certificate for TLS: {row.reason or row.state.value}")
        certificate = await desk.certificate_of(row)
        blocks = (pem.write("CERTIFICATE", each) for each in (certificate, *chain))
        write_durably(self._files.chain, b"".join(blocks), mode=0o644)

    def _request(self) -> _Request:
        key = load_pem_private_key(self._files.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return _Request(key, self._hosts[0])

    def _stopgap(self, now: Utc) -> bytes:
        key = self._request().key
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _STOPGAP_NAME)])
        start = dt.datetime.fromtimestamp(now.posix_us // US_PER_S, dt.UTC)
        alternatives: list[x509.GeneralName] = [
            x509.IPAddress(ipaddress.ip_address(host)) if _is_address(host) else x509.DNSName(host)
            for host in self._hosts
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


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
