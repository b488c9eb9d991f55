"""What tells of revocation: lists and OCSP answers, fetched once and remembered while they hold."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.logger import Logger

from appliance.asn1.extension.access import crl_urls, ocsp_urls
from appliance.asn1.extension.extensions import Extensions
from appliance.asn1.status.crl import CertificateList, decode_crl
from appliance.asn1.status.ocsp import OcspResponse
from appliance.asn1.x509 import Certificate
from appliance.errors import ApplianceError, Refused
from appliance.pki.ocsp.asking import make_request
from appliance.pki.ocsp.judging import read_response
from appliance.quantities import US_PER_S, Utc
from appliance.services.verification.fetching import AllowList, Fetcher

OCSP_REQUEST = "application/ocsp-request"

_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class FetchLimits:
    """What fetching may take: octets of an answer, answers remembered, addresses a certificate.

    A list is asked for again when it ends, and after `max_age_s` at the latest; after a failure
    not for `retry_s`.
    """

    crl_octets: int = 4 << 20
    ocsp_octets: int = 64 * 1024
    remembered: int = 64
    remembered_octets: int = 32 << 20
    urls: int = 3
    at_once: int = 8
    max_age_s: int = 3600
    retry_s: int = 10


@attrs.frozen
class _Kept(Generic[_T]):
    """A value and how long it may be given, or None: it could not be had."""

    value: _T | None
    octets: int
    until: Utc


class _Memory(Generic[_T]):
    """What was fetched, by address; who asks while it is on its way waits for the same."""

    def __init__(self, limits: FetchLimits, now: Callable[[], Utc]) -> None:
        self._limits = limits
        self._now = now
        self._kept: OrderedDict[bytes, _Kept[_T]] = OrderedDict()
        self._octets = 0
        self._coming: dict[bytes, list[Deferred[None]]] = {}

    async def get(self, key: bytes, fetch: Callable[[], Awaitable[_Kept[_T]]]) -> _T | None:
        """Give what is remembered, or fetch it."""
        kept = self._kept.get(key)
        if kept is not None and self._now() < kept.until:
            self._kept.move_to_end(key)
            return kept.value
        waiting = self._coming.get(key)
        if waiting is not None:
            turn: Deferred[None] = Deferred()
            waiting.append(turn)
            await turn
            kept = self._kept.get(key)
            return None if kept is None else kept.value
        self._coming[key] = []
        try:
            kept = await fetch()
            self._keep(key, kept)
        finally:
            for each in self._coming.pop(key):
                each.callback(None)
        return kept.value

    def _keep(self, key: bytes, kept: _Kept[_T]) -> None:
        old = self._kept.pop(key, None)
        self._octets += kept.octets - (0 if old is None else old.octets)
        self._kept[key] = kept
        while self._kept and (
            len(self._kept) > self._limits.remembered
            or self._octets > self._limits.remembered_octets
        ):
            self._octets -= self._kept.popitem(last=False)[1].octets


class Revocations:
    """Finds lists and OCSP answers for certificates; what cannot be had is just not there."""

    _log = Logger()

    def __init__(
        self,
        fetcher: Fetcher,
        allowed: AllowList,
        now: Callable[[], Utc],
        limits: FetchLimits | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._allowed = allowed
        self._now = now
        self._limits = limits or FetchLimits()
        self._lists: _Memory[CertificateList] = _Memory(self._limits, now)
        self._answers: _Memory[OcspResponse] = _Memory(self._limits, now)
        self._turns = DeferredSemaphore(self._limits.at_once)

    async def lists(self, certificate: Certificate) -> list[CertificateList]:
        """Give the lists that a certificate says it would be on."""
        found: list[CertificateList] = []
        for url in self._addresses(certificate, crl_urls):
            crl = await self._lists.get(url.encode(), partial(self._list, url))
            found += () if crl is None else (crl,)
        return found

    async def answers(self, certificate: Certificate, issuer: Certificate) -> list[OcspResponse]:
        """Give what the responders that a certificate names say of it."""
        request = make_request(certificate, issuer)
        found: list[OcspResponse] = []
        for url in self._addresses(certificate, ocsp_urls):
            key = url.encode() + b" " + request
            answer = await self._answers.get(key, partial(self._answer, url, request))
            found += () if answer is None else (answer,)
        return found

    def _addresses(
        self, certificate: Certificate, read: Callable[[Extensions], Sequence[str]]
    ) -> list[str]:
        """Give the first addresses that are allowed."""
        found: list[str] = []
        try:
            for url in read(certificate.extensions):
                if len(found) < self._limits.urls and self._is_allowed(url):
                    found.append(url)
        except ApplianceError:  # an extension that is ill-formed names nothing
            return []
        return found

    def _is_allowed(self, url: str) -> bool:
        try:
            self._allowed.check(url)
        except Refused:
            return False
        return True

    async def _list(self, url: str) -> _Kept[CertificateList]:
        try:
            octets = await self._in_turn(
                lambda: self._fetcher.get(url, limit=self._limits.crl_octets)
            )
            crl = decode_crl(octets, max_octets=self._limits.crl_octets)
        except ApplianceError as error:
            return self._failed(url, error)
        return _Kept(crl, len(octets), self._until(crl.next_update))

    async def _answer(self, url: str, request: bytes) -> _Kept[OcspResponse]:
        limit = self._limits.ocsp_octets
        try:
            octets = await self._in_turn(
                lambda: self._fetcher.post(url, request, content_type=OCSP_REQUEST, limit=limit)
            )
            answer = read_response(octets)
        except ApplianceError as error:
            return self._failed(url, error)
        if answer.basic is None:
            return self._failed(url, Refused(f"it says {answer.status.name}"))
        ends = [each.next_update for each in answer.basic.responses if each.next_update]
        return _Kept(answer, len(octets), self._until(min(ends, default=None)))

    async def _in_turn(self, fetch: Callable[[], Awaitable[bytes]]) -> bytes:
        turn = await self._turns.acquire()
        try:
            return await fetch()
        finally:
            turn.release()

    def _until(self, end: Utc | None) -> Utc:
        """Say until when an answer is remembered; one that has ended already, as a failure is."""
        now_us = self._now().posix_us
        latest = now_us + self._limits.max_age_s * US_PER_S
        soonest = now_us + self._limits.retry_s * US_PER_S
        return Utc(max(soonest, latest if end is None else min(latest, end.posix_us)))

    def _failed(self, url: str, error: ApplianceError) -> _Kept[_T]:
        self._log.warn("revocation data cannot be had", url=url, reason=str(error))
        return _Kept(None, 0, Utc(self._now().posix_us + self._limits.retry_s * US_PER_S))
