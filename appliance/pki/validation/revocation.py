"""Revocation along a chain, by certificate lists.  RFC 5280 6.3."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from appliance.asn1.x509 import Certificate
from appliance.errors import Malformed
from appliance.pki.revocation import RevocationCode, RevocationLists, RevocationStatus
from appliance.pki.validation.question import Material, Question, RevocationDemand
from appliance.pki.validation.verdict import Code, Fault

_KNOWN = {RevocationCode.REVOKED: Code.REVOKED, RevocationCode.ON_HOLD: Code.ON_HOLD}


def revocation_fault(
    chain: Sequence[Certificate], material: Material, question: Question, lists: RevocationLists
) -> Fault | None:
    """Give the first fault from the root down to the leaf, as far as the question demands."""
    demand = question.revocation
    if demand is RevocationDemand.NONE:
        return None
    pairs = list(itertools.pairwise(chain))
    if demand is RevocationDemand.LEAF:
        pairs = pairs[:1]
    for certificate, issuer in reversed(pairs):
        fault = _fault(certificate, issuer, material, question, lists)
        if fault is None:
            continue
        if demand is not RevocationDemand.KNOWN or fault.code in _KNOWN.values():
            return fault
    return None


def _fault(
    certificate: Certificate,
    issuer: Certificate,
    material: Material,
    question: Question,
    lists: RevocationLists,
) -> Fault | None:
    try:
        status = lists.status(certificate, issuer, material.crls, question.at, question.now)
    except Malformed as error:
        return Fault(Code.NO_REVOCATION_DATA, certificate, str(error))
    if status.code is RevocationCode.GOOD:
        return None
    return Fault(_code(status), certificate, status.code.value)


def _code(status: RevocationStatus) -> Code:
    if status.code is RevocationCode.STALE:
        return Code.CRL_STALE
    return _KNOWN.get(status.code, Code.NO_REVOCATION_DATA)
