"""Everything that an enrolled phone keeps, and its form in JSON inside the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from shiyin_cosign import base64url
from shiyin_cosign.errors import Malformed, StoreError
from shiyin_cosign.identity import Identity
from shiyin_cosign.pin import Blinded

VERSION = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where the box is: an https URL, a TCP `host:port` or none, the CA's PEM, SM3 of the root."""

    url: str
    tcp: str = ""
    ca: str = ""
    root: bytes = b""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A signature r||s that the box has not yet acknowledged."""

    item: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Profile:
    """One phone.  `shares` holds epoch i, and i+1 behind it while a refresh is under way."""

    place: Place
    identity: Identity
    label: str
    subject: bytes
    credential: bytes = field(repr=False)
    shares: tuple[Blinded, ...]
    ctr: int = 0
    chain: tuple[bytes, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()

    @property
    def epoch(self) -> int:
        """The epoch that the box is known to serve."""
        return self.shares[0].epoch

    @property
    def is_refreshing(self) -> bool:
        """Whether a refresh waits for its confirmation."""
        return len(self.shares) > 1


def encode(profile: Profile) -> bytes:
    """Render as JSON."""
    identity, place = profile.identity, profile.place
    fields = {
        "version": VERSION,
        "url": place.url,
        "tcp": place.tcp,
        "ca": place.ca,
        "root": base64url.encode(place.root),
        "uid": identity.uid.decode(),
        "device": identity.device.decode(),
        "public": base64url.encode(identity.public),
        "label": profile.label,
        "subject": base64url.encode(profile.subject),
        "credential": base64url.encode(profile.credential),
        "shares": [
            [share.epoch, base64url.encode(share.salt), base64url.encode(share.blob)]
            for share in profile.shares
        ],
        "ctr": profile.ctr,
        "chain": [base64url.encode(certificate) for certificate in profile.chain],
        "unfinished": [[one.item, base64url.encode(one.signature)] for one in profile.unfinished],
    }
    return json.dumps(fields).encode()


def decode(octets: bytes) -> Profile:
    """Read what `encode` wrote.  Raises StoreError."""
    try:
        return _profile(json.loads(octets))
    except (ValueError, KeyError, TypeError, AttributeError, Malformed) as error:
        raise StoreError("the store does not decode") from error


def _profile(fields: dict[str, Any]) -> Profile:
    octets = base64url.decode
    if fields["version"] != VERSION:
        raise StoreError("the store is of another version of this program")
    identity = Identity(fields["uid"].encode(), fields["device"].encode(), octets(fields["public"]))
    return Profile(
        place=Place(fields["url"], fields["tcp"], fields["ca"], octets(fields["root"])),
        identity=identity,
        label=fields["label"],
        subject=octets(fields["subject"]),
        credential=octets(fields["credential"]),
        shares=tuple(
            Blinded(int(epoch), octets(salt), octets(blob))
            for epoch, salt, blob in fields["shares"]
        ),
        ctr=int(fields["ctr"]),
        chain=tuple(octets(certificate) for certificate in fields["chain"]),
        unfinished=tuple(
            Unfinished(item, octets(signature)) for item, signature in fields["unfinished"]
        ),
    )
