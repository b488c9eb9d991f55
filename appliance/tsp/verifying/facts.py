"""Tokens and reports as facts for a person or a program: what GM/T 0033 has asked of a token.

The words are those of JSON; whoever shows them decides how.
"""

from __future__ import annotations

import binascii
import functools

from appliance.asn1 import der, oids
from appliance.asn1.names import read_name
from appliance.asn1.tsp import TSTInfo
from appliance.errors import Malformed
from appliance.pki.revocation import RevocationStatus
from appliance.tsp.verifying.report import Report

_ALGORITHM_NAMES = {
    oids.SM3: "SM3",
    oids.SHA256: "SHA-256",
    oids.SHA384: "SHA-384",
    oids.SHA512: "SHA-512",
    oids.SM2_WITH_SM3: "SM2 with SM3",
    oids.SM2_SIGN: "SM2 with SM3 (GM/T 0010: SM2-1)",
    oids.SM2_CURVE: "SM2 with SM3 (written as the curve)",
    oids.ECDSA_WITH_SHA256: "ECDSA with SHA-256",
    oids.ECDSA_WITH_SHA384: "ECDSA with SHA-384",
    oids.ECDSA_WITH_SHA512: "ECDSA with SHA-512",
    oids.SHA256_WITH_RSA: "RSA with SHA-256",
    oids.SHA384_WITH_RSA: "RSA with SHA-384",
    oids.SHA512_WITH_RSA: "RSA with SHA-512",
    oids.RSA_ENCRYPTION: "RSA",
}
_REMEMBERED = 256
_VERSION_1 = der.integer(1)
_policy = functools.lru_cache(_REMEMBERED)(der.oid)
_DIRECTORY_NAME = der.context(4)
_TEXT_NAMES = {der.context(number, constructed=False) for number in (1, 2, 6)}  # mail, DNS, URI


def algorithm_name(oid: str | None) -> str | None:
    """Name an algorithm, or give its OID when it has no name here."""
    return None if oid is None else _ALGORITHM_NAMES.get(oid, oid)


def time_facts(info: TSTInfo) -> dict[str, object]:
    """Say when, how exactly, and under which number and policy."""
    return {
        "gen_time": info.gen_time.isoformat(),
        "beijing_time": info.gen_time.beijing(),
        "accuracy_us": info.accuracy_us,
        "policy": info.policy,
        "serial": info.serial_octets.hex(),
        "hash": algorithm_name(info.hash_algorithm),
        "imprint": info.imprint.hex(),
    }


def report_facts(report: Report) -> dict[str, object]:
    """Say what a verification found."""
    facts: dict[str, object] = {
        "verdict": report.verdict.name,
        "reason": report.reason.value,
        "detail": report.detail,
    }
    info = report.tst_info
    if info is not None:
        facts |= time_facts(info)
        facts["precision"] = precision(info)
        facts["source_of_time"] = source_of_time(info)
        facts["original_request"] = _base64(original_request(report))
    facts["signature"] = algorithm_name(report.algorithm)
    facts["signer"] = report.signer_name or None
    facts["chain"] = list(report.chain_subjects)
    facts["sm2_id"] = report.sm2_id.value if report.sm2_id else None
    facts["deviations"] = [deviation.value for deviation in report.deviations]
    facts["revocation"] = [_revocation_facts(status) for status in report.revocation]
    return facts


def precision(info: TSTInfo) -> str | None:
    """Say the accuracy in words, in seconds; None when the token has none."""
    return None if info.accuracy_us is None else _seconds(info.accuracy_us)


@functools.lru_cache(_REMEMBERED)
def _seconds(accuracy_us: int) -> str:
    return f"±{accuracy_us / 1_000_000:.6f}".rstrip("0").rstrip(".") + " s"


def source_of_time(info: TSTInfo) -> str | None:
    """Give the name in the field `tsa`, who is all that a token tells of where its time is from."""
    return _general_name(info.tsa) if info.tsa else None


def original_request(report: Report) -> bytes:
    """Render the TimeStampReq that the token answers, as far as a token can tell.

    reqPolicy is the policy granted, whether or not it was asked for by name; certReq is TRUE when
    certificates are inside.  The report has a TSTInfo.
    """
    info = report.tst_info
    assert info is not None
    return der.sequence(
        _VERSION_1,
        info.imprint_tlv,
        _policy(info.policy),
        info.nonce_tlv,
        der.TRUE if report.has_certificates else b"",
    )


@functools.lru_cache(_REMEMBERED)
def _general_name(name: bytes) -> str:
    tag, start, stop = der.read(name, 0, len(name))
    if tag in _TEXT_NAMES:
        return name[start:stop].decode("ascii", "backslashreplace")
    if tag == _DIRECTORY_NAME:
        try:
            return str(read_name(name, start, stop)[0])
        except Malformed:
            pass
    return "#" + name.hex()


def _base64(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode("ascii")


def _revocation_facts(status: RevocationStatus) -> dict[str, object]:
    entry, crl = status.entry, status.crl
    return {
        "certificate": str(status.certificate.subject),
        "status": status.code.value,
        "list_of": None if crl is None else crl.this_update.isoformat(),
        "revoked_at": None if entry is None else entry.revocation_date.isoformat(),
        "crl_reason": entry.reason.name.lower() if entry and entry.reason else None,
    }
