"""Tokens and TimeStampResp: VALID is said of nothing but what a trusted authority signed."""

import contextlib
import functools
from pathlib import Path

import msgspec
from kit.fuzzing import FUZZ, seeds
from kit.tokens import DOCUMENT

from appliance.asn1 import pem
from appliance.asn1.signed.cms import decode_token
from appliance.asn1.tsp import (
    TSTInfo,
    decode_response,
    decode_tst_info,
    encode_tst_info,
)
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import Sm2Engine
from appliance.crypto.native_engine import NativeEngine
from appliance.errors import Malformed
from appliance.tsp.hashes import document_imprint
from appliance.tsp.verifying.facts import report_facts
from appliance.tsp.verifying.report import Verdict
from appliance.tsp.verifying.verification import Expected, Trust, verify_token

ROOTS = FUZZ / "roots.pem"
EXPECTED = Expected(document_imprint(DOCUMENT))


def one_input(data: bytes) -> None:
    check_parsers(data)
    trust = Trust.under(engine(), roots(ROOTS))
    report = verify_token(data, EXPECTED, trust)
    assert len(msgspec.json.encode(report_facts(report))) < 4096 + 64 * len(data)
    if report.verdict is Verdict.VALID:
        assert report.tst_info in genuine_contents()
        assert report.tst_info.imprint == hashed(report.tst_info)
        assert report.chain[-1] in roots(ROOTS)
    assert verify_token(data, EXPECTED, trust) == report


def check_parsers(data: bytes) -> None:
    """Let each reader of a part read the whole."""
    for decode in (decode_token, decode_response):
        with contextlib.suppress(Malformed):
            decode(data)
    try:
        tst_info = decode_tst_info(data)
    except Malformed:
        return
    if not tst_info.has_extensions:
        assert decode_tst_info(encode_tst_info(tst_info)) == tst_info


@functools.cache
def engine() -> Sm2Engine:
    return NativeEngine()


@functools.cache
def roots(path: Path) -> tuple[Certificate, ...]:
    return tuple(map(decode_certificate, pem.read_all(path.read_bytes(), "CERTIFICATE")))


@functools.cache
def genuine_contents() -> list[TSTInfo]:
    """Give what the authorities behind the roots have signed."""
    return [decode_tst_info(decode_token(token).econtent) for token in seeds("token", "genuine-")]


def hashed(tst_info: TSTInfo) -> bytes | None:
    return document_imprint(DOCUMENT)(tst_info.hash_algorithm)
