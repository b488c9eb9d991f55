"""One CMP transaction, without I/O: what to send, what the answer means, what to send next.

exchange = Transaction(secret, draw)      `draw(n)` gives n random octets
outcome = exchange.hear(send(exchange.enrol(csr, now)), now)
... while outcome.following: wait outcome.wait_s, then hear(send(outcome.following), now)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import attrs

from appliance.asn1 import oids
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.x509 import Certificate
from appliance.errors import Malformed, Refused
from appliance.pki.cmp import writing
from appliance.pki.cmp.protection import SharedSecret
from appliance.pki.cmp.reading import Answer, Kind, Status, read_answer
from appliance.pki.cmp.writing import Heading
from appliance.quantities import Utc

_OCTETS = 16
_GRANTED = (Status.ACCEPTED, Status.GRANTED_WITH_MODS)
_LONGEST_WAIT_S = 3600
_HASHES = {
    oids.SM2_WITH_SM3: "sm3",
    oids.ECDSA_WITH_SHA384: "sha384",
    oids.SHA384_WITH_RSA: "sha384",
    oids.ECDSA_WITH_SHA512: "sha512",
    oids.SHA512_WITH_RSA: "sha512",
}


@attrs.frozen
class Outcome:
    """Where a transaction stands: it is over when there is no `following` message to send.

    `certificate` is what was granted, also while a confirmation is still to be sent; `extra` are
    certificates that came along, of issuers most likely.
    """

    certificate: Certificate | None = None
    extra: tuple[Certificate, ...] = ()
    following: bytes = b""
    wait_s: int = 0


class Transaction:
    """Asks for one certificate or one revocation, and hears what becomes of it."""

    def __init__(
        self, secret: SharedSecret, draw: Callable[[int], bytes], *, recipient: bytes = b""
    ) -> None:
        self._secret = secret
        self._draw = draw
        self._heading = Heading(secret, draw(_OCTETS), recipient)
        self._nonce = b""
        self._request_id = 0
        self._granted = Outcome()

    def enrol(self, csr: bytes, now: Utc) -> bytes:
        """Make a p10cr of a PKCS#10 request in DER."""
        return self._message(writing.P10CR, csr, now)

    def update(self, old: Certificate, spki: bytes, now: Utc) -> bytes:
        """Make a kur: the successor of `old`, with the key `spki`."""
        return self._message(writing.KUR, writing.key_update(old, spki), now)

    def revoke(self, old: Certificate, reason: CrlReason, now: Utc) -> bytes:
        """Make an rr."""
        return self._message(writing.RR, writing.revocation(old, reason), now)

    def hear(self, octets: bytes, now: Utc) -> Outcome:
        """Take the answer to the last message.

        Raises Malformed for what is no answer to it or is not protected by the secret, Refused
        when the authority says no.
        """
        answer = read_answer(octets)
        self._check(answer)
        if answer.kind is Kind.ERROR or answer.status is Status.REJECTION:
            raise Refused(f"the authority refuses: {answer.text or 'it gives no reason'}")
        if answer.kind in (Kind.CP, Kind.KUP):
            return self._certified(answer, now)
        if answer.kind is Kind.POLL_REP:
            following = self._poll(answer, now)
            return Outcome(following=following, wait_s=min(answer.check_after_s, _LONGEST_WAIT_S))
        return self._granted

    def _certified(self, answer: Answer, now: Utc) -> Outcome:
        if answer.status is Status.WAITING:
            return Outcome(following=self._poll(answer, now))
        if answer.status not in _GRANTED or answer.certificate is None:
            raise Malformed("the authority neither grants nor refuses")
        self._granted = Outcome(answer.certificate, answer.extra)
        if answer.implicit_confirm:
            return self._granted
        digest = _digest(answer.certificate)
        body = writing.confirmation(digest, answer.request_id)
        following = self._message(writing.CERT_CONF, body, now, answers=answer.nonce)
        return attrs.evolve(self._granted, following=following)

    def _poll(self, answer: Answer, now: Utc) -> bytes:
        body = writing.polls([answer.request_id])
        return self._message(writing.POLL_REQ, body, now, answers=answer.nonce)

    def _message(self, kind: int, body: bytes, now: Utc, *, answers: bytes = b"") -> bytes:
        self._nonce = self._draw(_OCTETS)
        salt = self._draw(_OCTETS)
        return self._heading.message(
            kind, body, nonce=self._nonce, salt=salt, at=now, answers=answers
        )

    def _check(self, answer: Answer) -> None:
        """Require that the answer belongs to what was sent, and comes from who knows the secret."""
        if not answer.protection:
            said = f": {answer.text}" if answer.kind is Kind.ERROR and answer.text else ""
            raise Malformed(f"the authority's answer is not protected{said}")
        if not self._secret.fits(answer.algorithm, answer.protected, answer.protection):
            raise Malformed("the authority's answer is not protected by the shared secret")
        if answer.transaction != self._heading.transaction or answer.answers != self._nonce:
            raise Malformed("the authority answers something that was not asked")


def _digest(certificate: Certificate) -> bytes:
    """Hash a certificate by the hash of its own signature (RFC 4210 5.3.18)."""
    name = _HASHES.get(certificate.signature_algorithm.oid, "sha256")
    return hashlib.new(name, certificate.der).digest()
