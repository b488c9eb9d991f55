"""The service: a question about signatures or a certificate, answered with what can be had."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import attrs

from appliance.asn1 import oids, pem
from appliance.asn1.status.crl import CertificateList, decode_crl
from appliance.asn1.status.ocsp import OcspResponse
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import DEFAULT_ID, Sm2Engine
from appliance.errors import Malformed, Refused, Unavailable
from appliance.pki.path import Verify
from appliance.pki.signatures.bare import Manner, verify_bare
from appliance.pki.signatures.forms import Form, recognise
from appliance.pki.signatures.report import SignatureCode, SignatureReport, failed
from appliance.pki.signatures.signed import Against, Digest, verify_signed_data
from appliance.pki.validation.purposes import Purpose
from appliance.pki.validation.question import Material, Question, RevocationDemand
from appliance.pki.validation.validating import Validator
from appliance.pki.validation.verdict import Validation
from appliance.quantities import Utc
from appliance.services.verification.answering import tell_certificate, tell_signatures
from appliance.services.verification.revocations import Revocations
from appliance.services.verification.shapes import (
    MAX_DOCUMENT_OCTETS,
    CertificateAnswer,
    CertificateQuestion,
    KnownDigest,
    SignatureQuestion,
    VerificationAnswer,
)

_T = TypeVar("_T")

_MAX_LISTS_OCTETS = 4 << 20
_HASHES = {"sm3": oids.SM3, "sha256": oids.SHA256, "sha384": oids.SHA384, "sha512": oids.SHA512}


class Run(Protocol):
    """Runs what computes in a thread: a list, or a document in pieces of BER, takes tens of ms."""

    def __call__(self, work: Callable[[], _T], /) -> Awaitable[_T]:
        """Give what `work` gives, or raise what it raises."""


@attrs.frozen
class Anchors:
    """The roots that are trusted, and the issuing authorities that are known besides."""

    roots: Sequence[Certificate]
    intermediates: Sequence[Certificate] = ()


@attrs.frozen
class _Aspect:
    """How certificates are asked about, and what came with the question."""

    at: Utc
    now: Utc
    purpose: Purpose
    check: str
    certificates: tuple[Certificate, ...]
    crls: tuple[CertificateList, ...]


class SignatureVerifier:
    """Answers questions; at most `at_once` are held at a time, and all is computed by `run`."""

    def __init__(
        self,
        engine: Sm2Engine,
        verify: Verify,
        anchors: Callable[[], Anchors],
        now: Callable[[], Utc],
        *,
        revocations: Revocations | None,
        run: Run,
        at_once: int = 64,
    ) -> None:
        self._engine = engine
        self._anchors = anchors
        self._now = now
        self._revocations = revocations
        self.run = run
        self._validator = Validator(verify)
        self._room = at_once

    async def signatures(self, question: SignatureQuestion) -> VerificationAnswer:
        """Verify signatures.

        Raises Malformed for a question that is none, Refused for a document that is too large,
        Unavailable when too much is asked at once; a bad signature is an answer.
        """
        reports = await self._in_room(lambda: self._reports(question))
        return tell_signatures(reports, self._now())

    async def reports(self, question: SignatureQuestion) -> tuple[SignatureReport, ...]:
        """Do as `signatures` does, and give what was found as it is inside."""
        return await self._in_room(lambda: self._reports(question))

    async def certificate(self, question: CertificateQuestion) -> CertificateAnswer:
        """Tell what a certificate is worth.  Raises as `signatures` does."""
        return tell_certificate(await self.validation(question))

    async def validation(self, question: CertificateQuestion) -> Validation:
        """Do as `certificate` does, and give what was found as it is inside."""
        return await self._in_room(lambda: self._answered(question))

    async def _in_room(self, work: Callable[[], Awaitable[_T]]) -> _T:
        if self._room == 0:
            raise Unavailable("too many questions at once")
        self._room -= 1
        try:
            return await work()
        finally:
            self._room += 1

    async def _answered(self, question: CertificateQuestion) -> Validation:
        certificate, aspect = await self.run(
            lambda: (_one_certificate(question.certificate), self._aspect(question))
        )
        return await self._validation(certificate, aspect)

    async def _reports(self, question: SignatureQuestion) -> tuple[SignatureReport, ...]:
        case, aspect = await self.run(lambda: (_Case.of(question), self._aspect(question)))
        return tuple(
            [await self._report(signature, case, aspect) for signature in question.signatures]
        )

    async def _report(self, signature: bytes, case: _Case, aspect: _Aspect) -> SignatureReport:
        report, aspect = await self.run(lambda: self._opened(signature, case, aspect))
        found: dict[Certificate, Validation] = {}
        for signer in report.signers:
            leaf = signer.certificate
            if signer.code is SignatureCode.VALID and leaf is not None and leaf not in found:
                found[leaf] = await self._validation(leaf, aspect)
        return report.judged(found.__getitem__)

    def _opened(
        self, signature: bytes, case: _Case, aspect: _Aspect
    ) -> tuple[SignatureReport, _Aspect]:
        """Verify one signature; what came inside it helps as what came with the question."""
        report = case.verify(signature, aspect.certificates, self._engine)
        certificates = (*aspect.certificates, *_readable(report))
        crls = (*aspect.crls, *_readable_lists(report))
        return report, attrs.evolve(aspect, certificates=certificates, crls=crls)

    async def _validation(self, leaf: Certificate, aspect: _Aspect) -> Validation:
        anchors = await self.run(self._anchors)
        material = Material(
            roots=anchors.roots,
            intermediates=(*anchors.intermediates, *aspect.certificates),
        )
        question = Question(
            at=aspect.at,
            now=aspect.now,
            purpose=aspect.purpose,
            revocation=RevocationDemand.NONE,
        )
        found = await self._judged(leaf, material, question)
        if aspect.check == "none" or not found.is_valid:
            return found
        lists, answers = await self._evidence(found.chain, aspect.check)
        material = attrs.evolve(material, crls=(*aspect.crls, *lists), ocsp=answers)
        question = attrs.evolve(question, revocation=RevocationDemand.LEAF)
        return await self._judged(leaf, material, question)

    async def _judged(
        self, leaf: Certificate, material: Material, question: Question
    ) -> Validation:
        return await self.run(lambda: self._validator.validate(leaf, material, question))

    async def _evidence(
        self, chain: Sequence[Certificate], check: str
    ) -> tuple[list[CertificateList], list[OcspResponse]]:
        """Fetch what tells of a chain's certificates, as far as addresses are allowed."""
        lists: list[CertificateList] = []
        answers: list[OcspResponse] = []
        if self._revocations is None:
            return lists, answers
        for certificate, issuer in itertools.pairwise(chain):
            if check in ("crl", "both"):
                lists += await self._revocations.lists(certificate)
            if check in ("ocsp", "both"):
                answers += await self._revocations.answers(certificate, issuer)
        return lists, answers

    def _aspect(self, question: SignatureQuestion | CertificateQuestion) -> _Aspect:
        if sum(map(len, question.crls)) > _MAX_LISTS_OCTETS:
            raise Refused(f"crls have more than {_MAX_LISTS_OCTETS} octets together")
        now = self._now()
        return _Aspect(
            at=now if question.at is None else _moment(question.at),
            now=now,
            purpose=Purpose(question.purpose),
            check=question.check,
            certificates=_certificates(question.certificates),
            crls=tuple(map(decode_crl, question.crls)),
        )


@attrs.frozen(kw_only=True)
class _Case:
    """A question about signatures, its fields read."""

    form: Form
    document: bytes | None
    digest: Digest | None
    expected: Certificate | None
    manner: Manner

    @classmethod
    def of(cls, question: SignatureQuestion) -> _Case:
        """Read a question.  Raises Malformed, Refused."""
        given = (question.document, question.pieces, question.digest)
        if sum(each is not None for each in given) > 1:
            raise Malformed("give one of document, pieces and digest")
        document = question.document
        if question.pieces is not None:
            document = b"".join(question.pieces)
        if document is not None and len(document) > MAX_DOCUMENT_OCTETS:
            raise Refused(f"a document has at most {MAX_DOCUMENT_OCTETS} octets")
        form = Form(question.form)
        return cls(
            form=form,
            document=document,
            digest=None if question.digest is None else _known_digest(question.digest),
            expected=_one_certificate(question.certificate) if question.certificate else None,
            manner=Manner(
                form=form,
                hash_algorithm=None if question.hash is None else _HASHES[question.hash],
                is_pss=question.pss,
                sm2_id=DEFAULT_ID if question.sm2_id is None else question.sm2_id,
            ),
        )

    def verify(
        self, signature: bytes, helpers: Sequence[Certificate], engine: Sm2Engine
    ) -> SignatureReport:
        """Verify one signature, in whichever form it is."""
        signature = _unwrapped(signature)
        key = None if self.expected is None else self.expected.key
        form = recognise(signature, self.form, key)
        if form is Form.CMS:
            against = Against(
                document=self.document,
                digest=self.digest,
                expected=self.expected,
                certificates=helpers,
                sm2_id=self.manner.sm2_id,
            )
            return verify_signed_data(signature, against, engine)
        if self.expected is None:
            return failed(form, SignatureCode.NO_SIGNER_CERTIFICATE, "give certificate")
        if self.document is None:
            return failed(form, SignatureCode.NO_DOCUMENT, "a bare signature needs all of it")
        return verify_bare(signature, self.document, self.expected, engine, self.manner)


def _unwrapped(signature: bytes) -> bytes:
    """Take SignedData out of PEM, under either of its labels; anything else is left as it is."""
    if not signature.startswith(b"-----BEGIN "):
        return signature
    for label in ("CMS", "PKCS7"):
        blocks = pem.read_all(signature, label, limit=MAX_DOCUMENT_OCTETS * 2)
        if len(blocks) == 1:
            return blocks[0]
    raise Malformed("a signature in PEM is one block, CMS or PKCS7")


def _known_digest(given: KnownDigest) -> Digest:
    oid = _HASHES[given.algorithm]
    if len(given.value) != {"sha384": 48, "sha512": 64}.get(given.algorithm, 32):
        raise Malformed(f"digest.value is not one of {given.algorithm}")
    return lambda asked: given.value if asked == oid else None


def _certificates(text: str) -> tuple[Certificate, ...]:
    blocks = pem.read_all(text.encode(), "CERTIFICATE", max_blocks=64)
    if text and not blocks:
        raise Malformed("there is no PEM certificate")
    return tuple(map(decode_certificate, blocks))


def _one_certificate(text: str) -> Certificate:
    return decode_certificate(pem.read_one(text.encode(), "CERTIFICATE"))


def _readable(report: SignatureReport) -> tuple[Certificate, ...]:
    """Decode the certificates inside; a report has them only when they all decode."""
    return tuple(map(decode_certificate, report.certificates))


def _readable_lists(report: SignatureReport) -> list[CertificateList]:
    """Decode the lists inside, those that are ill-formed left out: they prove nothing."""
    found = []
    for octets in report.crls:
        try:
            found.append(decode_crl(octets))
        except Malformed:
            continue
    return found


def _moment(text: str) -> Utc:
    """Read RFC 3339 in UTC.  Raises Malformed."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    digits = "".join(mark for mark in whole if mark.isdigit())
    fraction = fraction.rstrip("0")
    tail = f".{fraction}" if fraction else ""
    return Utc.parse_generalized_time(f"{digits}{tail}Z".encode())
