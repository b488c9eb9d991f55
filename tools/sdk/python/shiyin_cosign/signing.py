"""The phone's half of a signature, for many sessions at once, without I/O.  Section 4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shiyin_cosign import curve
from shiyin_cosign.arithmetic.api import Backend, Scalar
from shiyin_cosign.encoding import equal, read_fields
from shiyin_cosign.errors import CosignError, Fault, Malformed, Untrusted
from shiyin_cosign.identity import Identity, binding

_ANSWER = (32, 32, 64)


@dataclass(frozen=True, slots=True)
class Session:
    """What the signer opened: e is the phone's own, made from what it shows."""

    item: bytes
    sid: bytes
    com: bytes
    epoch: int
    e: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """A session with the one w and Q1 that were drawn for its com; w lives in memory alone."""

    session: Session
    q1: bytes
    w: Scalar = field(repr=False)

    def item_octets(self) -> bytes:
        """Render as an item of the verb `sign`."""
        return self.session.sid + self.session.com + self.q1 + self.session.e

    def close(self) -> None:
        """Forget w."""
        self.w.close()


def open_session(backend: Backend, shifted: bytes, session: Session) -> Opening:
    """Draw w and compute Q1 = [w]V; `shifted` is V."""
    w = backend.draw()
    return Opening(session, w.times_point(shifted), w)


Judged = bytes | CosignError
"""A signature r||s that verifies, or why there is none."""


@dataclass(frozen=True, slots=True)
class _Answer:
    opening: Opening
    r: bytes
    s3: bytes
    rho: bytes
    k: bytes


def conclude(
    backend: Backend, identity: Identity, share: Scalar, given: Sequence[tuple[Opening, bytes]]
) -> list[Judged]:
    """Make signatures of the signer's answers, LP(r, s3, K); every w is closed afterwards.

    Each is judged by itself: what one of them gets wrong is Untrusted in its place.
    """
    try:
        read = [_read(identity, opening, answer) for opening, answer in given]
        bound = _check_nonces(backend, read)
        signed = [_finish(share, answer) for answer in bound]
        return _verify(backend, identity, given, signed)
    finally:
        for opening, _ in given:
            opening.close()


def _read(identity: Identity, opening: Opening, octets: bytes) -> _Answer | CosignError:
    try:
        r, s3, k = read_fields(octets, _ANSWER)
    except Malformed as error:
        return error
    session = opening.session
    com = identity.commitment(session.sid, session.epoch, session.item, session.e, k)
    if not equal(com, session.com):
        return Untrusted("the signer's K is not the one that it committed to")
    if not curve.is_scalar(s3):
        return Untrusted("s3 is not in 1..n-1")
    return _Answer(opening, r, s3, binding(com, opening.q1, k), k)


def _check_nonces(
    backend: Backend, read: Sequence[_Answer | CosignError]
) -> list[_Answer | CosignError]:
    """Require r = e + x(R) mod n, r ≠ 0, with R = [rho]Q1 + K."""
    good = [answer for answer in read if isinstance(answer, _Answer)]
    sums = iter(backend.bind_many([(a.rho, a.opening.q1, a.k) for a in good]))
    return [
        answer if isinstance(answer, CosignError) else _check_nonce(answer, next(sums))
        for answer in read
    ]


def _check_nonce(answer: _Answer, total: bytes | None) -> _Answer | CosignError:
    if total is None:
        return Untrusted("K is no point of the curve, or R is infinity")
    e = int.from_bytes(answer.opening.session.e, "big")
    r = (e + int.from_bytes(total[: curve.SCALAR_OCTETS], "big")) % curve.N
    if r == 0 or answer.r != curve.scalar(r):
        return Untrusted("r is not the one of this document")
    return answer


def _finish(share: Scalar, answer: _Answer | CosignError) -> Judged:
    if isinstance(answer, CosignError):
        return answer
    s = share.finish(answer.opening.w, answer.rho, answer.s3, answer.r)
    return answer.r + s


def _verify(
    backend: Backend,
    identity: Identity,
    given: Sequence[tuple[Opening, bytes]],
    signed: Sequence[Judged],
) -> list[Judged]:
    """Let out what verifies under P alone; s = 0 and r + s = 0 do not."""
    triples = [
        (identity.public, opening.session.e, signature)
        for (opening, _), signature in zip(given, signed, strict=True)
        if isinstance(signature, bytes)
    ]
    verdicts = iter(backend.verify_digests(triples))
    return [
        signature
        if not isinstance(signature, bytes) or next(verdicts)
        else Untrusted("the signature does not verify")
        for signature in signed
    ]


def conclude_one(
    backend: Backend, identity: Identity, share: Scalar, opening: Opening, answer: bytes
) -> bytes:
    """Make one signature.  Raises Untrusted, and Malformed for an answer that does not decode."""
    (judged,) = conclude(backend, identity, share, [(opening, answer)])
    if isinstance(judged, CosignError):
        raise judged
    if len(judged) != 2 * curve.SCALAR_OCTETS:
        raise Fault("a signature has 64 octets")
    return judged
