"""Tokens to verify, made before the clock starts: a root, TSAs under it, and what they sign."""

from __future__ import annotations

import os

import attrs

from appliance.asn1 import der, oids
from appliance.asn1.names import encode_name
from appliance.asn1.tsp import message_imprint
from appliance.asn1.x509 import Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm, Sm2Engine, Sm2Key
from appliance.pki.issuing import (
    IssuerIdentity,
    issue,
    issue_root,
    key_identifier,
    spki_of,
    tsa_template,
)
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc
from appliance.tsp.policy import Policy, Profile, TokenForm
from appliance.tsp.template import Renderer, SignerCertificate, render_template

_STAMPED_AT = Utc.parse_generalized_time(b"20260301083000Z")
_YEAR_S = 365 * SECONDS_PER_DAY
_VALIDITY = Validity(
    Utc(_STAMPED_AT.posix_us - _YEAR_S * US_PER_S), Utc(_STAMPED_AT.posix_us + _YEAR_S * US_PER_S)
)
_POLICY = Policy("2.999.1", max_bound_ns=1_000_000)
_PROFILE = Profile("sm2", "sm2", KeyAlgorithm.SM2, TokenForm.CMS, (_POLICY,))
_ACCURACY_US = 500
_SERIAL_OCTETS = 14
_DIGEST_OCTETS = 32


@attrs.frozen
class Sample:
    """A token, and the SM3 digest of the document it is for."""

    token: bytes
    imprint: bytes


@attrs.frozen
class Tsa:
    """A TSA of the bench: its key, and what renders its tokens."""

    engine: Sm2Engine
    key: Sm2Key
    renderer: Renderer

    def sample(self) -> Sample:
        """Stamp a random imprint; the serial number and the nonce are random too."""
        imprint = os.urandom(_DIGEST_OCTETS)
        tst_info = self.renderer.tst_info(
            message_imprint(oids.SM3, imprint),
            b"\x01" + os.urandom(_SERIAL_OCTETS - 1),
            _STAMPED_AT.posix_us,
            _ACCURACY_US,
            der.integer(int.from_bytes(os.urandom(8), "big")),
        )
        digest = self.engine.sm3(tst_info)
        (signature,) = self.key.sign_many([self.renderer.signed_attributes(digest)])
        return Sample(self.renderer.token(tst_info, digest, signature, cert_req=True), imprint)


class Hierarchy:
    """An SM2 root, and TSAs made under it."""

    def __init__(self, engine: Sm2Engine) -> None:
        self._engine = engine
        self._key = engine.generate()
        self._name = encode_name("Bench root")
        self._serial = 1
        self.root = issue_root(
            self._name,
            KeyAlgorithm.SM2,
            self._key.public,
            serial_number=b"\x01",
            validity=_VALIDITY,
            sign=self._sign,
        )

    def tsa(self) -> Tsa:
        """Make one more TSA directly under the root."""
        self._serial += 1
        key = self._engine.generate()
        serial_number = self._serial.to_bytes(8, "big")
        issuer_key_id = key_identifier(spki_of(KeyAlgorithm.SM2, self._key.public))
        certificate = issue(
            tsa_template(_YEAR_S),
            encode_name(f"Bench TSA {self._serial}"),
            spki_of(KeyAlgorithm.SM2, key.public),
            serial_number=serial_number,
            validity=_VALIDITY,
            issuer=IssuerIdentity(self._name, KeyAlgorithm.SM2, issuer_key_id),
            sign=self._sign,
        )
        decoded = decode_certificate(certificate)
        signer = SignerCertificate(
            certificate=certificate,
            issuer=decoded.issuer.der,
            serial_number=decoded.serial_number_tlv,
            subject=decoded.subject.der,
            chain=(self.root,),
        )
        template = render_template(_PROFILE, _POLICY, signer, self._engine.sm3)
        return Tsa(self._engine, key, Renderer(template))

    def _sign(self, message: bytes) -> bytes:
        return self._key.sign_many([message])[0]
