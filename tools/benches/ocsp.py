"""`bench ocsp`: OCSP answers a second by one core, in process, for each kind of key.

With a nonce each answer is signed; without, it is signed once and given again.  Judging is a
client's part: two signatures to verify, the responder's certificate being read each time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import closing

from appliance.asn1.names import encode_name
from appliance.asn1.status.ocsp import GOOD
from appliance.asn1.x509 import Certificate, Validity, decode_certificate
from appliance.crypto import classical
from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.crypto.engine import choose_engine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.pki.issuing import IssuerIdentity, issue_root, key_identifier, spki_of
from appliance.pki.ocsp.answering import OcspDesk, Responder, Served
from appliance.pki.ocsp.asking import make_request
from appliance.pki.ocsp.certifying import issue_responder
from appliance.pki.ocsp.judging import OcspCode, judge_response, read_response
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc
from benches.figures import Report, note
from benches.references import machine

_NOW = Utc.parse_generalized_time(b"20260301083000Z")
_DAY_US = SECONDS_PER_DAY * US_PER_S
_VALIDITY = Validity(Utc(_NOW.posix_us - _DAY_US), Utc(_NOW.posix_us + _DAY_US))
_ROUND = 50
_NONCE = b"n" * 32


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")


def run(chosen: argparse.Namespace) -> Report:
    """Measure answering and judging; `faults` counts the kinds whose answer is not taken."""
    rates: dict[str, dict[str, int]] = {}
    faults: dict[str, str] = {}
    for algorithm in KeyAlgorithm:
        note(f"answers under {algorithm.value}")
        with closing(_generate(algorithm)) as root_key, closing(_generate(algorithm)) as key:
            world = _World(root_key, key)
            rates[algorithm.value] = world.rates(chosen.seconds)
            if (code := world.judge()) is not OcspCode.GOOD:
                faults[algorithm.value] = code.value
    return {
        "bench": "ocsp",
        "engine": choose_engine().engine.name,
        "per_s": rates,
        "faults": faults,
        "machine": machine(),
    }


class _World:
    """An authority, its responder, and a question about the authority's own certificate."""

    def __init__(self, root_key: SigningKey, key: SigningKey) -> None:
        self._engine = choose_engine().engine
        self._root = _make_root(root_key)
        self._desk = OcspDesk(lifetime_s=SECONDS_PER_DAY)
        responder = Responder(
            _make_responder(root_key, self._root, key),
            key.algorithm,
            lambda message: key.sign_many([message])[0],
        )
        self._desk.serve(Served(self._root, responder, lambda _: GOOD))
        self._plain = make_request(self._root, self._root)
        self._fresh = make_request(self._root, self._root, nonce=_NONCE)
        self._answer = self._desk.answer(self._fresh, _NOW)

    def rates(self, seconds: float) -> dict[str, int]:
        """Give the rates of each act."""
        return {
            "signed_answers": _per_s(lambda: self._desk.answer(self._fresh, _NOW), seconds),
            "kept_answers": _per_s(lambda: self._desk.answer(self._plain, _NOW), seconds),
            "judged_answers": _per_s(self.judge, seconds),
        }

    def judge(self) -> OcspCode:
        """Read an answer and judge it, as a client does."""
        return judge_response(
            read_response(self._answer),
            self._root,
            self._root,
            at=_NOW,
            verify=self._verify,
            nonce=_NONCE,
        ).code

    def _verify(
        self, spki: bytes, algorithm: str, message: bytes, signature: bytes
    ) -> Verification:
        return verify_signature(self._engine, spki, algorithm, message, signature)


def _per_s(act: Callable[[], object], seconds: float) -> int:
    done, began = 0, time.perf_counter()
    while (took_s := time.perf_counter() - began) < seconds:
        for _ in range(_ROUND):
            act()
        done += _ROUND
    return round(done / took_s)


def _make_root(key: SigningKey) -> Certificate:
    encoded = issue_root(
        encode_name("Bench CA"),
        key.algorithm,
        key.public,
        serial_number=b"\x01",
        validity=_VALIDITY,
        sign=lambda message: key.sign_many([message])[0],
    )
    return decode_certificate(encoded)


def _make_responder(root_key: SigningKey, root: Certificate, key: SigningKey) -> Certificate:
    encoded = issue_responder(
        encode_name("Bench OCSP"),
        spki_of(key.algorithm, key.public),
        serial_number=b"\x02",
        validity=_VALIDITY,
        issuer=IssuerIdentity(root.subject.der, root_key.algorithm, key_identifier(root.spki)),
        sign=lambda message: root_key.sign_many([message])[0],
    )
    return decode_certificate(encoded)


def _generate(algorithm: KeyAlgorithm) -> SigningKey:
    if algorithm is KeyAlgorithm.SM2:
        return choose_engine().engine.generate()
    return classical.generate(algorithm)
