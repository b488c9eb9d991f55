"""The phone's half of an enrolment: eight messages, without I/O.  Section 3.

message = enrolment.begin()
while message.step < 7:
    message = enrolment.take(answer to message)
... store enrolment.result() ...
enrolment.close(answer to message)
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from shiyin_cosign import curve, proofs
from shiyin_cosign.activation import ActivationCode
from shiyin_cosign.arithmetic.api import Backend, Credential, Scalar
from shiyin_cosign.contents import request_info
from shiyin_cosign.encoding import equal, hmac_sm3, lp, read_message, sm3, tag, u8, xor
from shiyin_cosign.errors import Fault, Untrusted
from shiyin_cosign.identity import Identity, require_name
from shiyin_cosign.proofs import PHONE, SIGNER, Context
from shiyin_cosign.signing import Opening, Session, conclude_one, open_session

ITEM = b"csr"
EPOCH = 1
_SID_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Message:
    """Message `step` of an enrolment and its mac."""

    step: int
    octets: bytes = field(repr=False)
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an enrolment leaves the phone with; `share` is d1 of epoch 1."""

    identity: Identity
    label: str
    subject: bytes
    share: Scalar = field(repr=False)
    credential: bytes = field(repr=False)


class Enrolment:
    """One enrolment.  Every message is checked whole before the next one is made.

    Raises Untrusted and Malformed; such an enrolment is over, and the code has lost nothing by it.
    """

    def __init__(self, backend: Backend, code: ActivationCode, label: str) -> None:
        self._backend = backend
        self._key = code.key()
        self._locator = code.locator.encode()
        self._label = label.encode()
        self._secret, self._credential = draw_credential(backend)
        self._ephemeral = backend.draw()
        self._share = backend.draw()
        self._inverse = self._share.inverse()
        self._transcript = bytes(32)
        self._step = 0
        self._sid = self._uid = self._device = b""
        self._subject = self._promise = self._theirs = b""
        self._identity: Identity | None = None
        self._opening: Opening | None = None
        self._taken: dict[int, Callable[[bytes], bytes]] = {
            2: self._greeted,
            4: self._keyed,
            6: self._answered,
        }

    def begin(self) -> Message:
        """Give M1."""
        ephemeral = self._ephemeral.times_base()
        credential = self._credential.public
        fields = (self._locator, require_name(self._label, "a label"), credential, ephemeral)
        return self._send(lp(tag("enrol/1"), *fields))

    def take(self, answer: Message) -> Message:
        """Take M2, M4 or M6 and give the message that follows."""
        if answer.step == 2:
            self._sid, self._uid, self._device, *_ = _read_greeting(answer.octets)
        self._receive(answer)
        return self._send(self._taken[answer.step](answer.octets))

    def result(self) -> Enrolled:
        """Give what must be stored before M7 goes out."""
        if self._identity is None or self._step < 7:
            raise Fault("the enrolment is not as far as that")
        label = self._label.decode()
        return Enrolled(self._identity, label, self._subject, self._share, self._secret)

    def close(self, answer: Message) -> None:
        """Take M8."""
        self._receive(answer)
        (device,) = read_message("enrol/8", answer.octets, (None,))
        if device != self._device:
            raise Untrusted("another device was registered")

    def _greeted(self, octets: bytes) -> bytes:
        _, _, _, self._subject, self._promise, self._theirs = _read_greeting(octets)
        for name, what in ((self._uid, "uid"), (self._device, "device")):
            require_name(name, what)
        public = self._inverse.times_base()
        a, z = proofs.prove(self._backend, self._context(PHONE), self._inverse, public)
        return lp(tag("enrol/3"), self._sid, public, a, z)

    def _keyed(self, octets: bytes) -> bytes:
        p2, a2, z2, public, com = read_message("enrol/4", octets, (64, 64, 32, 64, 32))
        keys = lp(tag("keys"), self._sid, self._uid, self._device, p2, a2, z2)
        if not equal(sm3(keys), self._promise):
            raise Untrusted("the signer's key is not the one that it committed to")
        if not proofs.holds(self._backend, self._context(SIGNER), p2, a2, z2):
            raise Untrusted("the signer does not prove that it knows its share")
        if self._backend.add(self._inverse.times_point(p2), curve.MINUS_BASE) != public:
            raise Untrusted("the public key is not made of both shares")
        self._inverse.close()
        self._identity = Identity(self._uid, self._device, public)
        e = curve.message_digest(public, request_info(self._subject, public))
        session = Session(ITEM, self._sid, com, EPOCH, e)
        shifted = self._identity.shifted(self._backend)
        self._opening = open_session(self._backend, shifted, session)
        return lp(tag("enrol/5"), self._sid, self._box(), self._opening.q1, e)

    def _box(self) -> bytes:
        """Give K_a(1) under what both ephemeral points have in common; X_4 is the transcript."""
        common = self._ephemeral.times_point(self._theirs)[: curve.SCALAR_OCTETS]
        self._ephemeral.close()
        key = self._require_identity().auth_key(self._share, EPOCH)
        return xor(key, hmac_sm3(common, lp(tag("ka"), self._transcript)))

    def _answered(self, octets: bytes) -> bytes:
        answer = lp(*read_message("enrol/6", octets, (32, 32, 64)))
        if self._opening is None:
            raise Fault("an answer came before the question")
        identity = self._require_identity()
        signature = conclude_one(self._backend, identity, self._share, self._opening, answer)
        return lp(tag("enrol/7"), self._sid, signature[curve.SCALAR_OCTETS :])

    def _send(self, octets: bytes) -> Message:
        self._step += 1
        self._absorb(octets)
        return Message(self._step, octets, self._mac(PHONE))

    def _receive(self, answer: Message) -> None:
        if answer.step != self._step + 1:
            raise Untrusted("an answer is out of its order")
        self._step += 1
        self._absorb(answer.octets)
        if not equal(answer.mac, self._mac(SIGNER)):
            raise Untrusted("an answer was not made by who knows the activation code")

    def _absorb(self, octets: bytes) -> None:
        self._transcript = sm3(lp(tag("transcript"), self._transcript, octets))

    def _mac(self, role: int) -> bytes:
        names = (self._sid, self._uid, self._device)
        step = u8(self._step)
        return hmac_sm3(self._key, lp(tag("enrol"), u8(role), step, *names, self._transcript))

    def _context(self, role: int) -> Context:
        return Context(role, self._sid, self._uid, self._device)

    def _require_identity(self) -> Identity:
        if self._identity is None:
            raise Fault("the public key is not made yet")
        return self._identity


def draw_credential(backend: Backend) -> tuple[bytes, Credential]:
    """Draw a credential key: its secret, for the store, and the key."""
    secret = curve.scalar(1 + secrets.randbelow(curve.N - 2))
    return secret, backend.credential(secret)


def _read_greeting(octets: bytes) -> list[bytes]:
    """Read sid, uid, device, subject, H and T_s of M2."""
    sizes = (_SID_OCTETS, None, None, None, 32, curve.POINT_OCTETS)
    return read_message("enrol/2", octets, sizes)
