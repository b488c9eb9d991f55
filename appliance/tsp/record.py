"""Ledger rows of tokens: what cannot be made again from the template, and the token from both."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from appliance.errors import Conflict, Malformed
from appliance.tsp.template import Renderer, Template

_FORMAT = b"\x01"


class Stamp(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A token as the ledger keeps it.

    `imprint_tlv` and `nonce_tlv` are as the client sent them, the nonce empty when absent; `client`
    is the packed address and port as the front told it; `signature` is in the engine's form.
    """

    serial: Annotated[bytes, Meta(min_length=14, max_length=14)]
    gen_time_us: Annotated[int, Meta(ge=0, lt=1 << 62)]
    accuracy_us: Annotated[int, Meta(ge=1, lt=1 << 40)]
    policy: Annotated[str, Meta(max_length=256)]
    profile: Annotated[str, Meta(max_length=256)]
    template_id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    certificate_id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    cert_req: bool
    imprint_tlv: Annotated[bytes, Meta(max_length=512)]
    nonce_tlv: Annotated[bytes, Meta(max_length=66)]
    client: Annotated[bytes, Meta(max_length=18)]
    signature: Annotated[bytes, Meta(max_length=1024)]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Stamp)


def encode(stamp: Stamp) -> bytes:
    """Serialise: a version octet, then msgpack."""
    return _FORMAT + _encoder.encode(stamp)


def decode(data: bytes) -> Stamp:
    """Read what `encode` wrote.  Raises Malformed."""
    if data[:1] != _FORMAT:
        raise Malformed("a ledger row of an unknown version")
    try:
        stamp = _decoder.decode(data[1:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("not a ledger row of a token") from error
    if encode(stamp) != data:
        raise Malformed("not a ledger row as it is written")
    return stamp


def rebuild(stamp: Stamp, template: Template) -> bytes:
    """Make the TimeStampToken of a row again, octet for octet.

    Raises Conflict when the row was not made with this template, Malformed when that is one of SM2
    and the row's signature has not its 64 octets.
    """
    renderer = Renderer(template)
    if renderer.template_id != stamp.template_id:
        raise Conflict("the row was made with another template")
    tst_info = renderer.tst_info(
        stamp.imprint_tlv, stamp.serial, stamp.gen_time_us, stamp.accuracy_us, stamp.nonce_tlv
    )
    digest = hashlib.new(template.hash_name, tst_info).digest()
    return renderer.token(tst_info, digest, stamp.signature, cert_req=stamp.cert_req)
