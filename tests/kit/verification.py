"""A verification service in memory: certificates with addresses in them, and a network of notes."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from appliance.asn1 import pem
from appliance.asn1.extension.extensions import (
    KeyUsage,
    authority_key_id,
    key_usage,
    subject_key_id,
)
from appliance.asn1.extension.writers import authority_info_access, crl_distribution_points
from appliance.asn1.names import encode_name
from appliance.asn1.status.ocsp import decode_request
from appliance.asn1.x509 import Validity, assemble, decode_certificate, encode_tbs
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Unavailable
from appliance.pki.issuing import key_identifier, spki_of
from appliance.pki.ocsp.answering import Responder, answer
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content
from appliance.quantities import Utc
from appliance.services.verification.fetching import AllowList
from appliance.services.verification.revocations import FetchLimits, Revocations
from appliance.services.verification.verifying import Anchors, SignatureVerifier
from kit.authority import VALIDITY, Subject, authority, generate, signing
from kit.crls import after_stamping
from kit.signatures import ENGINE, VERIFY

CRL_URL = "http://ca.example/crl/root.crl"
OCSP_URL = "http://ca.example/ocsp"
NOW = after_stamping(2)

T = TypeVar("T")


def person(
    *,
    algorithm: KeyAlgorithm = KeyAlgorithm.SM2,
    issuer: Subject | None = None,
    validity: Validity = VALIDITY,
    crl: Sequence[str] = (CRL_URL,),
    ocsp: str = OCSP_URL,
    extensions: Sequence[bytes] = (),
    name: str = "Doctor",
    serial_number: int = 77,
) -> Subject:
    """Issue a certificate that says where to ask about it."""
    issuer = issuer or authority(algorithm).root
    key = generate(algorithm)
    spki = spki_of(algorithm, key.public)
    written = SIGNATURE_ALGORITHMS[issuer.key.algorithm]
    tbs = encode_tbs(
        serial_number=serial_number,
        algorithm=written,
        issuer=issuer.certificate.subject.der,
        validity=validity,
        subject=encode_name(name, organization="Hospital", country="CN"),
        spki=spki,
        extensions=[
            key_usage([KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION]),
            subject_key_id(key_identifier(spki)),
            authority_key_id(key_identifier(issuer.certificate.spki)),
            *([crl_distribution_points(crl)] if crl else []),
            *([authority_info_access(ocsp=ocsp, issuer_certificate="")] if ocsp else []),
            *extensions,
        ],
    )
    signature = signature_content(issuer.key.algorithm, signing(issuer.key)(tbs))
    return Subject(key, decode_certificate(assemble(tbs, written, signature)))


def pem_of(subject: Subject) -> str:
    """Give a subject's certificate in PEM."""
    return pem.write("CERTIFICATE", subject.certificate.der).decode()


@attrs.define
class Network:
    """Answers by address: octets, or what is raised; `held` makes everyone wait."""

    pages: dict[str, Callable[[bytes], bytes]] = attrs.Factory(dict)
    asked: list[str] = attrs.Factory(list)
    held: list[Deferred[None]] | None = None

    async def get(self, url: str, *, limit: int) -> bytes:
        """Fetch."""
        return await self._fetch(url, b"", limit)

    async def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        """Post."""
        assert content_type == "application/ocsp-request"
        return await self._fetch(url, body, limit)

    async def _fetch(self, url: str, body: bytes, limit: int) -> bytes:
        self.asked.append(url)
        if self.held is not None:
            gate: Deferred[None] = Deferred()
            self.held.append(gate)
            await gate
        page = self.pages.get(url)
        if page is None:
            raise Unavailable("no such page")
        found = page(body)
        if len(found) > limit:
            raise Unavailable("too long")
        return found


def ocsp_page(responder: Responder, say: Callable[..., Any], now: Utc) -> Callable[[bytes], bytes]:
    """Give the page of a responder that says the same of all."""

    def page(body: bytes) -> bytes:
        return answer(
            decode_request(body),
            say,
            responder,
            this_update=now,
            next_update=Utc(now.posix_us + 3_600_000_000),
            produced_at=now,
        )

    return page


@attrs.define
class Instant:
    """A clock that a test sets."""

    at: Utc = NOW

    def __call__(self) -> Utc:
        """Tell the time."""
        return self.at


async def inline(work: Callable[[], T]) -> T:
    """Run at once what the product runs in a thread."""
    return work()


@attrs.define
class Room:
    """A verifier, and what it has at hand."""

    network: Network = attrs.Factory(Network)
    clock: Instant = attrs.Factory(Instant)
    allowed: tuple[str, ...] = ("http://ca.example/",)
    limits: FetchLimits = attrs.field(factory=FetchLimits)
    at_once: int = 64
    run: Callable[..., Awaitable[Any]] = inline

    def revocations(self) -> Revocations:
        """Make what finds lists and answers."""
        return Revocations(self.network, AllowList(self.allowed), self.clock, self.limits)

    def verifier(self) -> SignatureVerifier:
        """Make the service, under all roots of kit.authority."""
        roots = [authority(each).root.certificate for each in KeyAlgorithm]
        return SignatureVerifier(
            ENGINE,
            VERIFY,
            lambda: Anchors(roots),
            self.clock,
            revocations=self.revocations(),
            run=self.run,
            at_once=self.at_once,
        )


def settled(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that does not wait for anything; what it raises is raised."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result  # type: ignore[no-any-return]
