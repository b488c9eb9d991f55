"""Requests of an enrolled phone: what the mac and the credential are over.  Section 5."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from shiyin_cosign import curve
from shiyin_cosign.arithmetic.api import Credential
from shiyin_cosign.encoding import SUITE, hmac_sm3, lp, sm3, tag, u16, u32, u64
from shiyin_cosign.errors import Malformed
from shiyin_cosign.identity import Identity

ITEM_LIMIT = 500
CREDENTIAL_ID = b"shiyin-device-v1"


class Verb(enum.StrEnum):
    """What a phone may ask."""

    TASKS = "tasks"
    DOCUMENT = "document"
    REJECT = "reject"
    CERTIFICATE = "certificate"
    SIGN = "sign"
    FINISH = "finish"
    DECRYPT = "decrypt"
    REFRESH = "refresh"
    REVEAL = "reveal"
    CONFIRM = "confirm"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `mac` is empty where no PIN is asked."""

    verb: Verb
    uid: str
    device: str
    epoch: int
    ctr: int
    mac: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    items: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signatory:
    """What makes requests: who asks, and the credential that signs them."""

    identity: Identity
    credential: Credential

    def request(
        self, verb: Verb, items: Sequence[bytes], *, epoch: int, ctr: int, key: bytes | None = None
    ) -> Request:
        """Make a request, under K_a where `key` gives it.  Raises Malformed for over 500 items."""
        if not 1 <= len(items) <= ITEM_LIMIT:
            raise Malformed("a request has 1 to 500 items")
        identity = self.identity
        octets = lp(
            tag("request"),
            verb.value.encode(),
            SUITE,
            identity.uid,
            identity.device,
            u32(epoch),
            u64(ctr),
            u16(len(items)),
            sm3(b"".join(items)),
        )
        mac = hmac_sm3(key, octets) if key is not None else b""
        return Request(
            verb=verb,
            uid=identity.uid.decode(),
            device=identity.device.decode(),
            epoch=epoch,
            ctr=ctr,
            mac=mac,
            signature=self._sign(lp(tag("credential"), octets, mac)),
            items=tuple(items),
        )

    def _sign(self, message: bytes) -> bytes:
        digest = curve.message_digest(self.credential.public, message, CREDENTIAL_ID)
        return self.credential.sign_digest(digest)
