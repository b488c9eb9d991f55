"""Revocation along a chain, by certificate lists and OCSP answers.  RFC 5280 6.3, RFC 6960 3.2."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from appliance.asn1.status.crl import RevokedCertificate
from appliance.asn1.status.ocsp import OcspResponse
from appliance.asn1.x509 import Certificate
from appliance.errors import Malformed
from appliance.pki.ocsp.judging import OcspCode, judge_response
from appliance.pki.path import Verify
from appliance.pki.revocation import RevocationCode, RevocationLists, weigh
from appliance.pki.validation.question import Material, Question, RevocationDemand
from appliance.pki.validation.verdict import Code, Fault

_LIST_CODES = {
    RevocationCode.GOOD: Code.VALID,
    RevocationCode.REVOKED: Code.REVOKED,
    RevocationCode.ON_HOLD: Code.ON_HOLD,
    RevocationCode.STALE: Code.CRL_STALE,
}
_KNOWN = (Code.REVOKED, Code.ON_HOLD)
_ORDER = (*_KNOWN, Code.VALID, Code.CRL_STALE, Code.NO_REVOCATION_DATA)
"""What is said first here counts, whoever says it: two sources may differ by their age."""

_Word = tuple[Code, str]


class RevocationEvidence:
    """Asks all lists and answers about each certificate once."""

    def __init__(
        self, material: Material, question: Question, verify: Verify, lists: RevocationLists
    ) -> None:
        self._material = material
        self._question = question
        self._verify = verify
        self._lists = lists
        self._words: dict[tuple[Certificate, Certificate], _Word] = {}

    def fault(self, chain: Sequence[Certificate]) -> Fault | None:
        """Give the first fault from the root down to the leaf, as far as the question demands."""
        demand = self._question.revocation
        if demand is RevocationDemand.NONE:
            return None
        pairs = list(itertools.pairwise(chain))
        for certificate, issuer in reversed(pairs):
            code, detail = self._word(certificate, issuer)
            is_demanded = demand is RevocationDemand.CHAIN or (
                demand is RevocationDemand.LEAF and certificate is chain[0]
            )
            if code in _KNOWN or (is_demanded and code is not Code.VALID):
                return Fault(code, certificate, detail)
        return None

    def _word(self, certificate: Certificate, issuer: Certificate) -> _Word:
        pair = (certificate, issuer)
        if pair not in self._words:
            self._words[pair] = min(
                self._all_words(certificate, issuer), key=lambda word: _ORDER.index(word[0])
            )
        return self._words[pair]

    def _all_words(self, certificate: Certificate, issuer: Certificate) -> Iterator[_Word]:
        yield self._lists_word(certificate, issuer)
        for response in self._material.ocsp:
            yield self._answer_word(response, certificate, issuer)

    def _lists_word(self, certificate: Certificate, issuer: Certificate) -> _Word:
        question = self._question
        try:
            status = self._lists.status(
                certificate, issuer, self._material.crls, question.at, question.now
            )
        except Malformed as error:
            return Code.NO_REVOCATION_DATA, str(error)
        return _LIST_CODES.get(status.code, Code.NO_REVOCATION_DATA), status.code.value

    def _answer_word(
        self, response: OcspResponse, certificate: Certificate, issuer: Certificate
    ) -> _Word:
        told = judge_response(
            response, certificate, issuer, at=self._question.now, verify=self._verify
        )
        if told.must_check_responder and told.responder is not None:
            code, detail = self._lists_word(told.responder, issuer)
            if code in _KNOWN:
                return Code.NO_REVOCATION_DATA, f"the OCSP responder: {detail}"
        entry = None
        if told.code is OcspCode.REVOKED and told.status and told.status.revoked_at:
            entry = RevokedCertificate(told.status.revoked_at, told.status.reason, None)
        if told.code in (OcspCode.GOOD, OcspCode.REVOKED):
            weighed = weigh(entry, self._question.at)
            return _LIST_CODES[weighed], weighed.value
        is_stale = told.code is OcspCode.STALE
        return Code.CRL_STALE if is_stale else Code.NO_REVOCATION_DATA, told.code.value
