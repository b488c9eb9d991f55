"""Tokens and reports as facts for a person or a program."""

from __future__ import annotations

from appliance.asn1 import oids
from appliance.asn1.tsp import TSTInfo
from appliance.tsp.report import Report

_ALGORITHM_NAMES = {
    oids.SM3: "SM3",
    oids.SHA256: "SHA-256",
    oids.SHA384: "SHA-384",
    oids.SHA512: "SHA-512",
    oids.SM2_WITH_SM3: "SM2 with SM3",
    oids.SM2_SIGN: "SM2 with SM3 (GM/T 0010: SM2-1)",
    oids.SM2_CURVE: "SM2 with SM3 (written as the curve)",
    oids.ECDSA_WITH_SHA256: "ECDSA with SHA-256",
    oids.SHA256_WITH_RSA: "RSA with SHA-256",
    oids.RSA_ENCRYPTION: "RSA",
}


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
    if report.tst_info is not None:
        facts |= time_facts(report.tst_info)
    facts["signature"] = algorithm_name(report.algorithm)
    facts["signer"] = report.signer_name or None
    facts["chain"] = list(report.chain_subjects)
    facts["sm2_id"] = report.sm2_id.value if report.sm2_id else None
    return facts
