"""Making certificate revocation lists, full and delta (RFC 5280 5): in memory, or flowing by.

Numbers, times and signing are arguments; so are the files of the flowing form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Protocol

import attrs
import msgspec

from appliance.asn1 import der
from appliance.asn1.extension.extensions import authority_key_id
from appliance.asn1.status import crl_writing as writing
from appliance.asn1.status.crl import CrlReason
from appliance.errors import Refused
from appliance.pki.issuing import IssuerIdentity, Sign
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content
from appliance.quantities import Utc

_CHUNK_OCTETS = 1 << 16


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A revoked certificate: its serial number unsigned and big-endian, since when, and why.

    With `CrlReason.REMOVE_FROM_CRL` a delta list takes an entry of its base back.
    """

    serial_number: bytes
    revoked_at: Utc
    reason: CrlReason | None = None
    invalid_since: Utc | None = None


@attrs.frozen(kw_only=True)
class Edition:
    """What one list says of itself; with `base_number` it is a delta to the list so numbered.

    `distribution_point` is the URL of this list in the certificates it is for; `freshest` is where
    the deltas to this list are.
    """

    number: int
    this_update: Utc
    next_update: Utc
    base_number: int | None = None
    distribution_point: str | None = None
    freshest: str | None = None

    @property
    def is_delta(self) -> bool:
        """Whether the list tells changes alone."""
        return self.base_number is not None


class StreamSigner(Protocol):
    """Signs one message that comes in pieces; see `crypto.streaming.MessageSigner`."""

    def update(self, octets: bytes) -> object:
        """Take the next octets."""

    def sign(self) -> bytes:
        """Sign all that was taken, as `SigningKey.sign_many` signs."""


def build_crl(
    issuer: IssuerIdentity, edition: Edition, entries: Iterable[Entry], sign: Sign
) -> bytes:
    """Make a list in DER, in memory.

    Raises Refused for times or numbers out of order and for removeFromCRL in a full list; Malformed
    for serial numbers past RFC 5280 4.1.2.2.
    """
    head, tail = _frame(issuer, edition)
    body = b"".join(_render(entries, is_delta=edition.is_delta))
    tbs = writing.tbs_opening(head, len(body), tail) + body + tail
    return der.sequence(tbs, _closing(issuer, sign(tbs)))


def write_crl(
    issuer: IssuerIdentity,
    edition: Edition,
    entries: Iterable[Entry],
    signer: StreamSigner,
    *,
    spool: BinaryIO,
    output: BinaryIO,
) -> int:
    """Write a list of any length to `output` in flat memory; gives its octets.

    The entries are rendered once, into `spool`, an empty file open for both ways, since DER tells
    lengths first.  Raises as `build_crl` does.
    """
    head, tail = _frame(issuer, edition)
    body_octets = _spool(entries, spool, is_delta=edition.is_delta)
    opening = writing.tbs_opening(head, body_octets, tail)
    _flow(signer.update, opening, spool, tail)
    closing = _closing(issuer, signer.sign())
    length = len(opening) + body_octets + len(tail) + len(closing)
    outer = der.header(der.SEQUENCE, length)
    _flow(output.write, outer + opening, spool, tail + closing)
    return len(outer) + length


def _frame(issuer: IssuerIdentity, edition: Edition) -> tuple[bytes, bytes]:
    """Render what stands before the entries, and after them."""
    if edition.next_update <= edition.this_update:
        raise Refused("a list ends after it begins")
    algorithm = SIGNATURE_ALGORITHMS[issuer.algorithm]
    head = writing.list_head(algorithm, issuer.name, edition.this_update, edition.next_update)
    return head, writing.list_tail(*_extensions(issuer, edition))


def _extensions(issuer: IssuerIdentity, edition: Edition) -> Iterator[bytes]:
    yield authority_key_id(issuer.key_id)
    yield writing.crl_number(edition.number)
    if edition.base_number is not None:
        if edition.base_number >= edition.number:
            raise Refused("a delta list has a greater number than its base")
        yield writing.delta_crl_indicator(edition.base_number)
    if edition.distribution_point is not None:
        yield writing.issuing_distribution_point(edition.distribution_point)
    if edition.freshest is not None:
        if edition.is_delta:
            raise Refused("a delta list has no freshestCRL (RFC 5280 5.2.6)")
        yield writing.freshest_crl(edition.freshest)


def _render(entries: Iterable[Entry], *, is_delta: bool) -> Iterator[bytes]:
    render = writing.revoked_entry
    for entry in entries:
        if entry.reason is CrlReason.REMOVE_FROM_CRL and not is_delta:
            raise Refused("removeFromCRL stands in delta lists only (RFC 5280 5.3.1)")
        yield render(entry.serial_number, entry.revoked_at, entry.reason, entry.invalid_since)


def _spool(entries: Iterable[Entry], spool: BinaryIO, *, is_delta: bool) -> int:
    """Write the rendered entries; gives their octets."""
    octets = 0
    chunk = bytearray()
    for rendered in _render(entries, is_delta=is_delta):
        chunk += rendered
        if len(chunk) >= _CHUNK_OCTETS:
            octets += spool.write(chunk)
            chunk.clear()
    return octets + spool.write(chunk)


def _flow(take: Callable[[bytes], object], before: bytes, spool: BinaryIO, after: bytes) -> None:
    take(before)
    spool.seek(0)
    while piece := spool.read(_CHUNK_OCTETS):
        take(piece)
    take(after)


def _closing(issuer: IssuerIdentity, signature: bytes) -> bytes:
    """Render what follows the TBSCertList."""
    content = signature_content(issuer.algorithm, signature)
    return SIGNATURE_ALGORITHMS[issuer.algorithm] + der.bit_string(content)
