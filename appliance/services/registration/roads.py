"""Roads to authorities outside: CMP and EST, over whatever carries octets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

from appliance.asn1.pkcs10 import decode_request
from appliance.asn1.signed.signed_data import decode_signed_data
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.errors import Malformed, Refused, Unavailable
from appliance.pki.cmp.protection import SharedSecret
from appliance.pki.cmp.transaction import Outcome, Transaction
from appliance.quantities import Utc

Post = Callable[[str, str, bytes], Awaitable[bytes]]
"""Carries a body of a media type to a path of the authority; gives the body of a 2xx answer.

Raises Refused for a 4xx, Unavailable for anything else.
"""

_MAX_MESSAGES = 64
_LONGEST_WAIT_S = 60.0


class Road(Protocol):
    """An authority outside, as the registration authority asks it."""

    async def enrol(self, csr: bytes) -> bytes:
        """Ask for a certificate to a PKCS#10 request; gives it in DER.  Raises ApplianceError."""

    async def renew(self, old: bytes, csr: bytes | None) -> bytes:
        """Ask for the successor of `old` with its key, or with that of a request."""

    async def revoke(self, old: bytes, reason: CrlReason) -> None:
        """Ask for a revocation."""


@attrs.frozen
class CmpRoad:
    """CMP over HTTP (RFC 4210, RFC 6712): p10cr, kur and rr under a shared secret."""

    path: str
    secret: SharedSecret
    post: Post
    draw: Callable[[int], bytes]
    now: Callable[[], Utc]
    pause: Callable[[float], Awaitable[object]]

    async def enrol(self, csr: bytes) -> bytes:
        """Send a p10cr and follow it to its end."""
        exchange = Transaction(self.secret, self.draw)
        message = exchange.enrol(csr, self.now())
        return await self._certificate(exchange, message, decode_request(csr).spki)

    async def renew(self, old: bytes, csr: bytes | None) -> bytes:
        """Send a kur with the old key, or a p10cr with a new one."""
        if csr is not None:
            return await self.enrol(csr)
        certificate = decode_certificate(old)
        exchange = Transaction(self.secret, self.draw, recipient=certificate.issuer.der)
        message = exchange.update(certificate, certificate.spki, self.now())
        return await self._certificate(exchange, message, certificate.spki)

    async def revoke(self, old: bytes, reason: CrlReason) -> None:
        """Send an rr."""
        exchange = Transaction(self.secret, self.draw)
        await self._finish(exchange, exchange.revoke(decode_certificate(old), reason, self.now()))

    async def _certificate(self, exchange: Transaction, message: bytes, spki: bytes) -> bytes:
        outcome = await self._finish(exchange, message)
        if outcome.certificate is None or outcome.certificate.spki != spki:
            raise Malformed("the authority sent no certificate of the key that was asked for")
        return outcome.certificate.der

    async def _finish(self, exchange: Transaction, message: bytes) -> Outcome:
        for _ in range(_MAX_MESSAGES):
            answer = await self.post(self.path, "application/pkixcmp", message)
            outcome = exchange.hear(answer, self.now())
            if not outcome.following:
                return outcome
            if outcome.wait_s:
                await self.pause(min(float(outcome.wait_s), _LONGEST_WAIT_S))
            message = outcome.following
        raise Unavailable("the authority lets us wait", retry_after_s=600)


@attrs.frozen
class EstRoad:
    """EST (RFC 7030): simpleenroll and simplereenroll; who we are is TLS' and HTTP's business."""

    path: str
    post: Post

    async def enrol(self, csr: bytes) -> bytes:
        """Ask for a certificate (RFC 7030 4.2.1)."""
        return await self._ask("simpleenroll", csr)

    async def renew(self, old: bytes, csr: bytes | None) -> bytes:
        """Ask for a successor (RFC 7030 4.2.2), which EST grants to a request alone."""
        if csr is None:
            raise Refused("EST renews by a PKCS#10 request, which only the key's holder can make")
        decode_certificate(old)
        return await self._ask("simplereenroll", csr)

    async def revoke(self, old: bytes, reason: CrlReason) -> None:
        """EST has no revocation."""
        raise Refused(
            f"EST cannot revoke {decode_certificate(old).serial_number:x} ({reason.name}):"
            " tell the authority by its own road"
        )

    async def _ask(self, verb: str, csr: bytes) -> bytes:
        body = base64.encodebytes(csr)
        answer = await self.post(f"{self.path}/{verb}", "application/pkcs10", body)
        try:
            octets = base64.b64decode(answer)
        except binascii.Error:
            raise Malformed("the authority's answer is not base64") from None
        return _issued(octets, csr).der


def _issued(octets: bytes, csr: bytes) -> Certificate:
    """Find in a certs-only SignedData the certificate of the key that was asked for."""
    found = [decode_certificate(each) for each in decode_signed_data(octets).certificates]
    wanted = decode_request(csr).spki
    for certificate in found:
        if certificate.spki == wanted:
            return certificate
    raise Malformed("the authority sent no certificate of the key that was asked for")
