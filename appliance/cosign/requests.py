"""Requests of an enrolled phone: verbs, items as octets, and what is signed and authenticated.

docs/protocol-cosign.md section 5.  Both transports and every process speak in these values.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.cosign.encoding import SUITE, Hash, lp, tag, u16, u32, u64

ITEM_LIMIT = 500
MAC_OCTETS = 32
CREDENTIAL_ID = b"shiyin-device-v1"
"""The user ID in Z of a device credential's signatures."""

Text = Annotated[str, Meta(min_length=1, max_length=64)]
ItemOctets = Annotated[bytes, Meta(max_length=2048)]
U32 = Annotated[int, Meta(ge=0, lt=1 << 32)]
U64 = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


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


OF_MANAGER = frozenset({Verb.TASKS, Verb.DOCUMENT, Verb.REJECT, Verb.CERTIFICATE})
"""What the registry answers; the signer answers the rest."""

UNDER_PIN = frozenset(
    {Verb.SIGN, Verb.DECRYPT, Verb.REFRESH, Verb.REVEAL, Verb.CONFIRM, Verb.REVOKE}
)
"""What carries a mac under K_a."""


class DeviceRequest(msgspec.Struct, frozen=True, array_like=True):
    """One request: `items` as the octets of section 5, `mac` empty where no PIN is asked."""

    verb: Verb
    uid: Text
    device: Text
    epoch: U32
    ctr: U64
    mac: Annotated[bytes, Meta(max_length=MAC_OCTETS)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    items: Annotated[list[ItemOctets], Meta(min_length=1, max_length=ITEM_LIMIT)]

    def octets(self, sm3: Hash) -> bytes:
        """Give what the mac is over."""
        return lp(
            tag("request"),
            self.verb.value.encode(),
            SUITE,
            self.uid.encode(),
            self.device.encode(),
            u32(self.epoch),
            u64(self.ctr),
            u16(len(self.items)),
            sm3(b"".join(self.items)),
        )


def credential_message(octets: bytes, mac: bytes) -> bytes:
    """Give what the device credential signs."""
    return lp(tag("credential"), octets, mac)
