"""A signer, manager and box in one, by plain integers: what the phone package is tried against.

It obeys docs/protocol-cosign.md as the phone must, shares no code with the package, and can be told
to lie (`bend`) where a phone must notice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import attrs

from kit import sm2_reference as sm2
from kit.sm2_standard import A, B, G, N

TAG = b"shiyin-cosign-v1"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MINUS_G = sm2.multiply(N - 1)
Bend = Callable[[str, Any], Any]


def lp(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(2, "big") + field for field in fields)


def split(octets: bytes) -> list[bytes]:
    fields = []
    while octets:
        size = int.from_bytes(octets[:2], "big")
        fields.append(octets[2 : 2 + size])
        octets = octets[2 + size :]
    return fields


def tagged(name: str, *fields: bytes) -> bytes:
    return lp(TAG + b"/" + name.encode(), *fields)


def sm3(octets: bytes) -> bytes:
    return hashlib.new("sm3", octets).digest()


def mac(key: bytes, octets: bytes) -> bytes:
    return hmac.new(key, octets, "sm3").digest()


def i2b(number: int, size: int = 32) -> bytes:
    return number.to_bytes(size, "big")


def b2i(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def draw() -> int:
    return 1 + b2i(os.urandom(40)) % (N - 1)


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def digest(public: bytes, message: bytes, user_id: bytes = b"1234567812345678") -> bytes:
    z = sm3(i2b(8 * len(user_id), 2) + user_id + i2b(A) + i2b(B) + G + public)
    return sm3(z + message)


def make_code(locator: str = "7GH", secret: str = "0123456789AB") -> str:
    """Make a valid code."""
    symbols = locator + secret
    total = sum(i * ALPHABET.index(symbol) for i, symbol in enumerate(symbols, 1))
    return symbols + ALPHABET[total % 31]


class No(Exception):
    """A refusal by a code."""

    def __init__(self, code: str, **more: int) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


@attrs.define
class Item:
    """One item of a task; `content` as `tasks` gives it, `message` and `user_id` what is signed."""

    name: str
    form: str
    content: bytes
    message: bytes
    user_id: bytes = b"1234567812345678"
    title: str = "name"
    description: str = "description"
    state: str = "waiting"
    signature: bytes = b""
    is_large: bool = False


@attrs.define
class Session:
    item: str
    com: bytes
    k: int
    point: bytes
    e: bytes
    epoch: int


class SignerDouble:
    """The box as one phone sees it."""

    uid = b"D1001"
    device = b"dev-0001"
    subject = bytes.fromhex("300e310c300a06035504030c03") + b"Doc"

    def __init__(self, code: str, bend: Bend = lambda _what, value: value) -> None:
        self.bend = bend
        self.code = code
        self.locator = code[:3].encode()
        salt = tagged("code", self.locator)
        self.k_code = hashlib.pbkdf2_hmac("sm3", code[3:15].encode(), salt, 10_000, 32)
        self.items: dict[str, Item] = {}
        self.sessions: dict[bytes, Session] = {}
        self.answers: dict[bytes, list[bytes | str]] = {}
        self.shares: dict[int, tuple[int, bytes]] = {}
        self.tries_left = 5
        self.ctr = 0
        self.registered = False
        self.revoked = False
        self.chain: list[bytes] = []
        self.asked: list[str] = []
        self.public = self.credential = b""

    # --- enrolment ----------------------------------------------------------------------------

    def enrol(self, step: int, message: bytes, tag: bytes) -> tuple[bytes, bytes]:
        if step == 1:
            self.x, self.sid = bytes(32), b""
            names = (b"", b"", b"")
        else:
            names = (self.sid, self.uid, self.device)
        self.x_4 = self.x
        self.x = sm3(tagged("transcript", self.x, message))
        if tag != mac(self.k_code, tagged("enrol", b"\1", i2b(step, 1), *names, self.x)):
            raise No("activation_rejected", tries_left=4)
        fields = split(message)[1:]
        answer = {1: self._begin, 3: self._keys, 5: self._box, 7: self._register}[step](fields)
        answer = self.bend(f"M{step + 1}", answer)
        self.x = sm3(tagged("transcript", self.x, answer))
        names = (self.sid, self.uid, self.device)
        key = self.bend("K_code", self.k_code)
        return answer, mac(key, tagged("enrol", b"\2", i2b(step + 1, 1), *names, self.x))

    def _begin(self, fields: list[bytes]) -> bytes:
        locator, self.label, self.credential, self.phone_point = fields
        assert locator == self.locator
        self.sid = os.urandom(16)
        self.d2, self.t = draw(), draw()
        inverse = pow(self.d2, -1, N)
        self.p2 = sm2.encode(sm2.multiply(inverse))
        a = draw()
        self.a2 = sm2.encode(sm2.multiply(a))
        c = self._challenge(b"\2", self.p2, self.a2)
        self.z2 = i2b((a + c * inverse) % N)
        promise = sm3(tagged("keys", self.sid, self.uid, self.device, self.p2, self.a2, self.z2))
        point = sm2.encode(sm2.multiply(self.t))
        names = (self.sid, self.uid, self.device)
        return tagged("enrol/2", *names, self.subject, promise, point)

    def _challenge(self, role: bytes, public: bytes, a: bytes) -> int:
        fields = (role, self.sid, self.uid, self.device, public, a)
        return b2i(sm3(tagged("pok", *fields))) % N

    def _keys(self, fields: list[bytes]) -> bytes:
        sid, p1, a1, z1 = fields
        c = self._challenge(b"\1", p1, a1)
        right = sm2.add(sm2.decode(a1), sm2.multiply(c, sm2.decode(p1)))
        assert sid == self.sid
        assert sm2.multiply(b2i(z1)) == right
        shifted = sm2.multiply(pow(self.d2, -1, N), sm2.decode(p1))
        self.public = self.bend("P", sm2.encode(sm2.add(shifted, MINUS_G)))
        spki = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004") + self.public
        body = b"\2\1\0" + self.subject + spki + b"\xa0\0"
        e = digest(self.public, b"\x30" + bytes([len(body)]) + body)
        session = self._open(self.sid, "csr", e, 1)
        return tagged("enrol/4", self.p2, self.a2, self.z2, self.public, session.com)

    def _box(self, fields: list[bytes]) -> bytes:
        sid, box, q1, e = fields
        x = i2b(sm2.multiply(self.t, sm2.decode(self.phone_point))[0])  # type: ignore[index]
        self.k_a = xor(box, mac(x, tagged("ka", self.x_4)))
        answer = self._answer(self.sessions.pop(sid), q1, e, self.d2)
        self.r, self.s3 = answer[0], answer[1]
        return tagged("enrol/6", *answer)

    def _register(self, fields: list[bytes]) -> bytes:
        _, s = fields
        e = b2i(self.e_csr)
        assert sm2.verify(sm2.decode(self.public), e, b2i(self.r), b2i(s))
        self.shares = {1: (self.d2, self.k_a)}
        self.registered = True
        return tagged("enrol/8", self.device)

    # --- sessions -----------------------------------------------------------------------------

    def _open(self, sid: bytes, item: str, e: bytes, epoch: int) -> Session:
        k = draw()
        point = sm2.encode(sm2.multiply(k))
        fields = (sid, self.uid, self.device, self.public, i2b(epoch, 4), item.encode(), e, point)
        session = Session(item, sm3(tagged("com", b"\3", *fields)), k, point, e, epoch)
        self.sessions[sid] = session
        if item == "csr":
            self.e_csr = e
        return session

    def _answer(self, session: Session, q1: bytes, e: bytes, d2: int) -> tuple[bytes, ...]:
        assert e == session.e
        point = self.bend("K", session.point)
        rho = b2i(sm3(tagged("bind", session.com, q1, point))[:16]) or 1
        total = sm2.add(sm2.multiply(rho, sm2.decode(q1)), sm2.decode(session.point))
        e = self.bend("e", e)
        r = (b2i(e) + total[0]) % N  # type: ignore[index]
        s3 = d2 * (session.k + r) % N
        return self.bend("r", i2b(r)), self.bend("s3", i2b(s3)), point

    @property
    def epoch(self) -> int:
        return min(self.shares)

    # --- requests -----------------------------------------------------------------------------

    def ask(self, verb: str, fields: dict[str, Any]) -> list[bytes | str]:
        """Judge a request in the signer's order and answer it."""
        self.asked.append(verb)
        items: list[bytes] = fields["items"]
        if self.revoked:
            raise No("device_revoked")
        if self.tries_left == 0:
            raise No("device_locked")
        octets = tagged(
            "request",
            verb.encode(),
            b"\3",
            self.uid,
            self.device,
            i2b(fields["epoch"], 4),
            i2b(fields["ctr"], 8),
            i2b(len(items), 2),
            sm3(b"".join(items)),
        )
        epoch = fields["epoch"]
        if epoch not in self.shares:
            raise No("epoch_mismatch", epoch=self.epoch)
        message = tagged("credential", octets, fields["mac"])
        e = b2i(digest(self.credential, message, b"shiyin-device-v1"))
        signature = fields["signature"]
        public = sm2.decode(self.credential)
        if not sm2.verify(public, e, b2i(signature[:32]), b2i(signature[32:])):
            raise No("credential_rejected")
        if (same := self.answers.get(octets)) is not None:
            return same
        if fields["ctr"] <= self.ctr:
            raise No("replayed")
        self.ctr = fields["ctr"]
        if verb in ("sign", "refresh", "reveal", "confirm", "revoke"):
            self._charge(epoch, octets, fields["mac"])
        pending = len(self.shares) > 1 and epoch == self.epoch
        if pending and verb not in ("refresh", "reveal", "tasks", "certificate"):
            raise No("refresh_pending")
        answer: list[bytes | str] = getattr(self, f"_{verb}")(items, epoch)
        self.answers[octets] = answer
        return answer

    def _charge(self, epoch: int, octets: bytes, tag: bytes) -> None:
        if tag != mac(self.shares[epoch][1], octets):
            self.tries_left -= 1
            raise No("pin_wrong", tries_left=self.tries_left)
        self.tries_left = 5

    def add(self, item: Item) -> None:
        self.items[item.name] = item

    def _tasks(self, items: list[bytes], epoch: int) -> list[bytes | str]:
        found: list[bytes | str] = []
        for item in self.items.values():
            if item.state == "waiting":
                sid = os.urandom(16)
                e = digest(self.public, item.message, item.user_id)
                session = self._open(sid, item.name, e, epoch)
                content = b"" if item.is_large else item.content
                texts = [b"task-1", *map(str.encode, (item.name, item.form, item.title))]
                texts += [item.description.encode(), content]
                tail = (sid, session.com, i2b(1, 8), i2b(epoch, 4))
                found.append(lp(*texts, *tail))
        return found

    def _document(self, items: list[bytes], _epoch: int) -> list[bytes | str]:
        content = self.items[split(items[0])[0].decode()].content
        return [lp(*(content[at : at + 65535] for at in range(0, len(content), 65535)))]

    def _reject(self, items: list[bytes], _epoch: int) -> list[bytes | str]:
        item = self.items[split(items[0])[0].decode()]
        item.state = "rejected"
        return [lp(b"rejected")]

    def _certificate(self, _items: list[bytes], _epoch: int) -> list[bytes | str]:
        return [lp(b"active", *self.chain)]

    def _sign(self, items: list[bytes], epoch: int) -> list[bytes | str]:
        return [self._sign_one(item, epoch) for item in items]

    def _sign_one(self, octets: bytes, epoch: int) -> bytes | str:
        sid, com, q1, e = octets[:16], octets[16:48], octets[48:112], octets[112:]
        session = self.sessions.pop(sid, None)
        if session is None or session.epoch != epoch:
            return "session_unknown"
        if com != session.com or self.items[session.item].state != "waiting":
            return "item_final"
        return lp(*self._answer(session, q1, e, self.shares[epoch][0]))

    def _finish(self, items: list[bytes], _epoch: int) -> list[bytes | str]:
        return [self._finish_one(*split(item)) for item in items]

    def _finish_one(self, name: bytes, r: bytes, s: bytes) -> bytes | str:
        item = self.items[name.decode()]
        e = b2i(digest(self.public, item.message, item.user_id))
        assert sm2.verify(sm2.decode(self.public), e, b2i(r), b2i(s))
        item.state, item.signature = "signed", r + s
        return lp(b"signed")

    # --- refresh ------------------------------------------------------------------------------

    def _refresh(self, items: list[bytes], epoch: int) -> list[bytes | str]:
        self.promise, _ = split(items[0])
        self.t = draw()
        self.t_point = sm2.encode(sm2.multiply(self.t))
        return [lp(self.t_point)]

    def _reveal(self, items: list[bytes], epoch: int) -> list[bytes | str]:
        theirs, box = split(items[0])
        assert sm3(tagged("coin", theirs)) == self.promise
        x = i2b(sm2.multiply(self.t, sm2.decode(theirs))[0])  # type: ignore[index]
        names = (self.uid, self.device, i2b(epoch, 4))
        seen = sm3(tagged("refresh", *names, self.promise, self.t_point, theirs))
        halves = [mac(x, tagged("u", part, seen)) for part in (b"\1", b"\2")]
        u = 1 + b2i(b"".join(halves)) % (N - 1)
        key = xor(box, mac(x, tagged("ka", seen)))
        self.shares[epoch + 1] = (self.shares[epoch][0] * pow(u, -1, N) % N, key)
        return [lp(self.bend("proof", mac(key, tagged("refreshed", seen))))]

    def _confirm(self, _items: list[bytes], epoch: int) -> list[bytes | str]:
        self.shares = {epoch: self.shares[epoch]}
        return [b""]

    def _revoke(self, _items: list[bytes], _epoch: int) -> list[bytes | str]:
        self.revoked = True
        return [b""]


def post(double: SignerDouble, path: str, body: bytes) -> tuple[int, bytes]:
    """Answer what HTTPS would carry: a status and JSON."""
    fields: dict[str, Any] = json.loads(body)
    try:
        if path.startswith("/v1/device/enrol/"):
            step = int(path.rpartition("/")[2])
            answer, tag = double.enrol(step, from64(fields["message"]), from64(fields["mac"]))
            return 200, json.dumps({"message": to64(answer), "mac": to64(tag)}).encode()
        read = fields | {name: from64(fields[name]) for name in ("mac", "signature")}
        read["items"] = [from64(item) for item in fields["items"]]
        results = double.ask(path.rpartition("/")[2], read)
    except No as no:
        return 403, json.dumps({"code": no.code, **no.more}).encode()
    told = [{"code": each} if isinstance(each, str) else to64(each) for each in results]
    return 200, json.dumps({"results": told}).encode()


def to64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def from64(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")
