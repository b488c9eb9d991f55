"""Whether a certificate is good for a purpose: every chain to a root, judged whole.

RFC 5280 clause 6.  Chains are searched depth first within a budget.  The order of what is given
makes no difference: candidates are tried roots first, then the longest valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.extension.policies import (
    decode_certificate_policies,
    decode_inhibit_any_policy,
    decode_policy_constraints,
    decode_policy_mappings,
)
from appliance.asn1.x509 import Certificate
from appliance.crypto.verifier import Verification
from appliance.errors import Malformed
from appliance.pki.names import Relative, canonical, is_self_issued
from appliance.pki.path import MAX_PATH, Verify
from appliance.pki.revocation import RevocationLists
from appliance.pki.validation.constraints import (
    alternative_names,
    constrained_fault,
    constraints_of,
)
from appliance.pki.validation.policies import policy_fault
from appliance.pki.validation.purposes import chain_fault, is_named, purpose_fault
from appliance.pki.validation.question import Material, Question
from appliance.pki.validation.revocation import RevocationEvidence
from appliance.pki.validation.verdict import Code, Fault, Validation, Verdict

MAX_SIGNATURES = 64
MAX_STEPS = 512

_UNDERSTOOD = frozenset(
    {
        oids.BASIC_CONSTRAINTS,
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.PRIVATE_KEY_USAGE_PERIOD,
        oids.SUBJECT_ALT_NAME,
        oids.CRL_DISTRIBUTION_POINTS,
        oids.NAME_CONSTRAINTS,
        oids.CERTIFICATE_POLICIES,
        oids.POLICY_MAPPINGS,
        oids.POLICY_CONSTRAINTS,
        oids.INHIBIT_ANY_POLICY,
    }
)


class Validator:
    """Validates certificates; the signatures of the last lists are remembered between questions."""

    def __init__(self, verify: Verify) -> None:
        self._verify = verify
        self._lists = RevocationLists(verify)

    def validate(
        self, certificate: Certificate, material: Material, question: Question
    ) -> Validation:
        """Find a chain from `certificate` to a root that is good for all that is asked.

        When there is none, the result is the fault of the chain that came furthest.  Nothing is
        raised for what a certificate or a list may hold.
        """
        fault = _leaf_fault(certificate, question)
        if fault is not None:
            return _failed(fault, (certificate,))
        if certificate in material.roots:
            return Validation(Code.VALID, (certificate,))
        return _Search(material, question, self._verify, self._lists).run(certificate)


def validate(
    certificate: Certificate, material: Material, question: Question, verify: Verify
) -> Validation:
    """Do as `Validator.validate` does, once."""
    return Validator(verify).validate(certificate, material, question)


class _Search:
    """One depth-first search with a budget."""

    def __init__(
        self, material: Material, question: Question, verify: Verify, lists: RevocationLists
    ) -> None:
        self._question = question
        self._verify = verify
        self._revocation = RevocationEvidence(material, question, verify, lists)
        self._roots = frozenset(material.roots)
        self._issuers = _by_name(self._roots | frozenset(material.intermediates), self._roots)
        self._faults: dict[Certificate, Fault | None] = {}
        self._signatures: dict[tuple[bytes, Certificate], Verification] = {}
        self._steps_left = MAX_STEPS

    def run(self, leaf: Certificate) -> Validation:
        return self._extend((leaf,))

    def _extend(self, chain: tuple[Certificate, ...]) -> Validation:
        subject = chain[-1]
        furthest = _failed(Fault(Code.UNKNOWN_ISSUER, subject), chain)
        for issuer in self._issuers.get(canonical(subject.issuer.der), ()):
            if issuer in chain or not _key_ids_agree(issuer, subject):
                continue
            if self._steps_left == 0 or len(self._signatures) == MAX_SIGNATURES:
                return _failed(Fault(Code.TOO_MANY_CANDIDATES, subject), chain)
            self._steps_left -= 1
            result = self._try(chain, issuer)
            if result.is_valid or result.code is Code.TOO_MANY_CANDIDATES:
                return result
            furthest = max(furthest, result, key=self._weight)
        return furthest

    def _try(self, chain: tuple[Certificate, ...], issuer: Certificate) -> Validation:
        fault = self._issuer_fault(issuer)
        if fault is None and len(chain) == MAX_PATH:
            fault = Fault(Code.PATH_TOO_LONG, issuer)
        fault = fault or self._signature_fault(issuer, chain[-1])
        if fault is not None:
            return _failed(fault, chain)
        longer = (*chain, issuer)
        if issuer not in self._roots:
            return self._extend(longer)
        fault = self._whole_fault(longer)
        return Validation(Code.VALID, longer) if fault is None else _failed(fault, longer)

    def _issuer_fault(self, issuer: Certificate) -> Fault | None:
        if issuer not in self._faults:
            self._faults[issuer] = _own_fault(issuer, self._question) or _ca_fault(issuer)
        return self._faults[issuer]

    def _signature_fault(self, issuer: Certificate, subject: Certificate) -> Fault | None:
        pair = (issuer.spki, subject)
        if pair not in self._signatures:
            oid = subject.signature_algorithm.oid
            self._signatures[pair] = self._verify(issuer.spki, oid, subject.tbs, subject.signature)
        code = _SIGNATURE_FAULTS.get(self._signatures[pair])
        return None if code is None else Fault(code, subject)

    def _whole_fault(self, chain: tuple[Certificate, ...]) -> Fault | None:
        """Judge a chain that has reached a root, by what its certificates say of one another."""
        question = self._question
        return (
            _length_fault(chain)
            or _names_fault(chain)
            or _policy_fault(chain, question.policies)
            or chain_fault(chain, question.purpose)
            or self._revocation.fault(chain)
        )

    def _weight(self, result: Validation) -> tuple[bool, int, bool, bool]:
        """Weigh a failure: how far it came; then doubt over refusal, as more may mend it."""
        return (
            result.chain[-1] in self._roots,
            len(result.chain),
            result.code is not Code.UNKNOWN_ISSUER,
            result.verdict is Verdict.INDETERMINATE,
        )


_SIGNATURE_FAULTS = {
    Verification.INVALID: Code.TAMPERED,
    Verification.UNSUPPORTED: Code.UNSUPPORTED_ALGORITHM,
}


def _failed(fault: Fault, chain: tuple[Certificate, ...]) -> Validation:
    return Validation(fault.code, chain, fault.certificate, fault.detail)


def _by_name(
    certificates: Iterable[Certificate], roots: frozenset[Certificate]
) -> dict[tuple[Relative, ...], list[Certificate]]:
    """Sort candidates by subject, and those of one subject in an order of their own."""

    def rank(certificate: Certificate) -> tuple[bool, int, bytes]:
        until = certificate.validity.not_after.posix_us
        return certificate not in roots, -until, certificate.der

    found: dict[tuple[Relative, ...], list[Certificate]] = {}
    for certificate in sorted(certificates, key=rank):
        found.setdefault(canonical(certificate.subject.der), []).append(certificate)
    return found


def _key_ids_agree(issuer: Certificate, subject: Certificate) -> bool:
    """RFC 5280 4.2.1.1: the key identifiers tell namesakes apart, when both are there."""
    named = subject.extensions.authority_key_id
    held = issuer.extensions.subject_key_id
    return named is None or held is None or named == held


# --- one certificate ------------------------------------------------------------------------------


def _leaf_fault(leaf: Certificate, question: Question) -> Fault | None:
    fault = _own_fault(leaf, question) or purpose_fault(leaf, question.purpose)
    if fault is None and question.name is not None and not is_named(leaf, question.name):
        return Fault(Code.NAME_MISMATCH, leaf)
    return fault


def _own_fault(certificate: Certificate, question: Question) -> Fault | None:
    """Judge what any certificate says of itself; afterwards its extensions all decode."""
    if question.at < certificate.validity.not_before:
        return Fault(Code.NOT_YET_VALID, certificate)
    if question.at > certificate.validity.not_after:
        return Fault(Code.EXPIRED, certificate)
    for extension in certificate.extensions.listed:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return Fault(Code.UNSUPPORTED_CRITICAL_EXTENSION, certificate, extension.oid)
    try:
        alternative_names(certificate)
        constraints_of(certificate)
        for oid, decode in _DECODERS.items():
            extension_or_none = certificate.extensions.find(oid)
            if extension_or_none is not None:
                decode(extension_or_none.value)
    except Malformed as error:
        return Fault(Code.MALFORMED_EXTENSION, certificate, str(error))
    return None


_DECODERS = {
    oids.CERTIFICATE_POLICIES: decode_certificate_policies,
    oids.POLICY_MAPPINGS: decode_policy_mappings,
    oids.POLICY_CONSTRAINTS: decode_policy_constraints,
    oids.INHIBIT_ANY_POLICY: decode_inhibit_any_policy,
}


def _ca_fault(issuer: Certificate) -> Fault | None:
    """RFC 5280 6.1.4 (k), (n)."""
    constraints = issuer.extensions.basic_constraints
    if constraints is None or not constraints.ca:
        return Fault(Code.NOT_A_CA, issuer)
    usage = issuer.extensions.key_usage
    if usage is not None and KeyUsage.KEY_CERT_SIGN not in usage:
        return Fault(Code.BAD_KEY_USAGE, issuer)
    return None


# --- one chain, from the leaf to the root ---------------------------------------------------------


def _length_fault(chain: Sequence[Certificate]) -> Fault | None:
    """RFC 5280 6.1.4 (l), (m): self-issued certificates do not count, nor does the leaf."""
    below = 0
    for issuer in chain[1:]:
        constraints = issuer.extensions.basic_constraints
        limit = None if constraints is None else constraints.path_len
        if limit is not None and below > limit:
            return Fault(Code.PATH_TOO_LONG, issuer)
        below += not is_self_issued(issuer)
    return None


def _names_fault(chain: Sequence[Certificate]) -> Fault | None:
    """RFC 5280 6.1.3 (b), (c): a self-issued certificate is passed over unless it is the leaf.

    What the root constrains binds too, as RFC 5937 has it.
    """
    above = [constraints_of(issuer) for issuer in chain]
    for position, certificate in enumerate(chain[:-1]):
        if position > 0 and is_self_issued(certificate):
            continue
        binding = [constraints for constraints in above[position + 1 :] if constraints is not None]
        name = constrained_fault(certificate, binding)
        if name is not None:
            return Fault(Code.NAME_CONSTRAINTS, certificate, name.kind.name.lower())
    return None


def _policy_fault(chain: Sequence[Certificate], accepted: frozenset[str]) -> Fault | None:
    """The root's own policies do not bind: it is trusted for any (RFC 5280 6.1.1 (d))."""
    at_fault = policy_fault(chain[-2::-1], accepted)
    return None if at_fault is None else Fault(Code.POLICY, at_fault)
