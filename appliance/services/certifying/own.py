"""The box's own keys under its authorities: OCSP responders, and what signs manifests.

Each has a certificate that renews itself at half of its life.  Nobody asks for these: the names of
their templates begin with a sign that no template's name may have.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import attrs

from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Certificate, Validity, decode_certificate
from appliance.crypto.api import SigningKey
from appliance.errors import NotFound
from appliance.pki.issuing import Addresses, issue_from, spki_of
from appliance.pki.ocsp.certifying import issue_responder
from appliance.pki.templates.template import DEVICE
from appliance.quantities import SECONDS_PER_DAY, Utc
from appliance.services.certifying.authority import Issuer
from appliance.services.certifying.journal import IssuedRow, Journal, serial_octets, sm3
from appliance.services.commissioning import Mode
from appliance.store.keyfiles import KeyFolder
from appliance.tsp.serial import SerialSource

_NUMBER_OCTETS = 16
_NO_FIELDS = b"\x80"  # msgpack of an empty map

Certify = Callable[[Issuer, bytes, bytes, Validity], bytes]
"""Makes a certificate of (authority, SubjectPublicKeyInfo, serial number, validity)."""


@attrs.frozen
class OwnKind:
    """A kind of own key: `usage` is the key's, and names it; validity in seconds."""

    usage: str
    validity_s: int
    certify: Certify

    @property
    def template(self) -> str:
        """What stands in the place of a template."""
        return f"@{self.usage}"


def _certify_responder(issuer: Issuer, spki: bytes, serial: bytes, validity: Validity) -> bytes:
    """Clients cannot ask whether a responder is revoked, so that it is short-lived."""
    return issue_responder(
        encode_name(f"OCSP {issuer.identity.name}", organization="Shiyin"),
        spki,
        serial_number=serial,
        validity=validity,
        issuer=issuer.name,
        sign=issuer.sign,
    )


def _certify_box(issuer: Issuer, spki: bytes, serial: bytes, validity: Validity) -> bytes:
    return issue_from(
        DEVICE,
        {"organization": "Shiyin", "name": "Shiyin box", "uid": issuer.identity.name},
        spki,
        serial_number=serial,
        validity=validity,
        issuer=issuer.name,
        addresses=Addresses(),
        sign=issuer.sign,
    )


OCSP = OwnKind("ocsp", 30 * SECONDS_PER_DAY, _certify_responder)
BOX = OwnKind("box", 365 * SECONDS_PER_DAY, _certify_box)


@attrs.frozen
class Own:
    """An own key with its present certificate."""

    key: SigningKey
    certificate: Certificate

    def sign(self, message: bytes) -> bytes:
        """Sign one message."""
        return self.key.sign_many([message])[0]


class OwnKeys:
    """Keeps them, in the thread that owns the journal."""

    def __init__(
        self, journal: Journal, keys: KeyFolder, *, mode: Mode, serials: SerialSource
    ) -> None:
        self._journal = journal
        self._keys = keys
        self._mode: Mode = mode
        self._serials = serials
        self._held: dict[str, Own] = {}

    def hold(self, kind: OwnKind, issuer: Issuer, now: Utc) -> Own:
        """Give the key of a kind under an authority; the same object until it is renewed."""
        name = f"{kind.usage}-{issuer.identity.name}"
        own = self._held.get(name)
        if own is None or not _is_young(own.certificate, now):
            key = self._key(kind, name, issuer) if own is None else own.key
            own = self._held[name] = Own(key, self._certificate(kind, issuer, key, now))
        return own

    def close(self) -> None:
        """Zero the keys."""
        for own in self._held.values():
            own.key.close()

    def _key(self, kind: OwnKind, name: str, issuer: Issuer) -> SigningKey:
        try:
            return self._keys.load(name, usage=kind.usage, mode=self._mode)
        except NotFound:
            algorithm = issuer.identity.key.algorithm
            return self._keys.create(name, algorithm, usage=kind.usage, mode=self._mode)

    def _certificate(self, kind: OwnKind, issuer: Issuer, key: SigningKey, now: Utc) -> Certificate:
        """Find the newest certificate while it is young, or have a new one."""
        spki = spki_of(key.algorithm, key.public)
        known = self._journal.index.find_own(issuer.identity.name, kind.template)
        if known is not None:
            certificate = decode_certificate(known.der)
            if certificate.spki == spki and _is_young(certificate, now):
                return certificate
        validity = issuer.validity(now, kind.validity_s)
        der = kind.certify(issuer, spki, self._serials.next(), validity)
        certificate = decode_certificate(der)
        self._journal.append([_row(kind, issuer, certificate, now)])
        return certificate


def _row(kind: OwnKind, issuer: Issuer, certificate: Certificate, now: Utc) -> IssuedRow:
    return IssuedRow(
        authority=issuer.identity.name,
        serial=serial_octets(certificate.serial_number),
        spki_sm3=sm3(certificate.spki),
        not_after_us=certificate.validity.not_after.posix_us,
        request=os.urandom(_NUMBER_OCTETS),
        wish=sm3(certificate.der),
        template=kind.template,
        fields=_NO_FIELDS,
        renews=b"",
        renewals=0,
        at_us=now.posix_us,
        der=certificate.der,
    )


def _is_young(certificate: Certificate, now: Utc) -> bool:
    first, last = certificate.validity.not_before, certificate.validity.not_after
    return first.posix_us <= now.posix_us < (first.posix_us + last.posix_us) // 2
