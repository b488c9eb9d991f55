"""Answers that were signed before: they save signatures, as most clients ask without a nonce."""

from __future__ import annotations

from collections import OrderedDict

import attrs

from appliance.asn1.status.ocsp import OcspRequest
from appliance.quantities import Utc


@attrs.frozen
class _Kept:
    until_us: int
    answer: bytes


class AnswerMemory:
    """Answers to requests about one certificate without nonce; the longest unused goes first.

    They are kept by serial number, under which a revocation finds all forms of the CertID.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[bytes, dict[bytes, _Kept]] = OrderedDict()

    def find(self, request: OcspRequest, now: Utc) -> bytes | None:
        """Give the answer to such a request, if there is one to be given at `now`."""
        if not _is_plain(request):
            return None
        cert_id = request.cert_ids[0]
        kept = self._kept.get(cert_id.serial_number_tlv, {}).get(cert_id.der)
        if kept is None or kept.until_us < now.posix_us:
            return None
        self._kept.move_to_end(cert_id.serial_number_tlv)
        return kept.answer

    def keep(self, request: OcspRequest, answer: bytes, until: Utc) -> None:
        """Keep an answer until an instant, if the request is such a one."""
        if not _is_plain(request):
            return
        cert_id = request.cert_ids[0]
        forms = self._kept.setdefault(cert_id.serial_number_tlv, {})
        forms[cert_id.der] = _Kept(until.posix_us, answer)
        self._kept.move_to_end(cert_id.serial_number_tlv)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def forget(self, serial_number_tlv: bytes) -> None:
        """Drop the answers about a number."""
        self._kept.pop(serial_number_tlv, None)

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()


def _is_plain(request: OcspRequest) -> bool:
    return request.nonce is None and not request.critical and len(request.cert_ids) == 1
