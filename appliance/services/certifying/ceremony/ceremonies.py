"""Ceremonies: what no single person may do with the authorities takes two custodians.

The signer writes a statement of the act, each custodian signs it, and the second signature does
it.  A statement is plain text, so that a custodian reads what is signed; it holds for a day, until
the signer's next start, and for once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from appliance.asn1 import keys as spki_reading
from appliance.asn1 import oids
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.verifier import Verification
from appliance.errors import Conflict, NotFound, Refused, Unauthenticated
from appliance.pki.path import Verify
from appliance.pki.public_keys import algorithm_of
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc

CUSTODIANS_NEEDED: Final = 2
LIFETIME_S: Final = SECONDS_PER_DAY
OPEN_LIMIT: Final = 16

_SCHEMES = {KeyAlgorithm.SM2: oids.SM2_WITH_SM3, KeyAlgorithm.P256: oids.ECDSA_WITH_SHA256}

Parameters = Mapping[str, str | bytes]


@attrs.frozen
class Ceremony:
    """An act agreed to: its parameters, what was signed, and by whom."""

    act: str
    parameters: Parameters
    statement: bytes
    approvals: tuple[tuple[str, bytes], ...]


@attrs.define
class _Open:
    """A ceremony that waits for custodians."""

    act: str
    parameters: Parameters
    statement: bytes
    ends: Utc
    approvals: dict[str, bytes] = attrs.Factory(dict)


class Ceremonies:
    """The ceremonies under way; `custodians` gives their keys by name at any moment."""

    def __init__(
        self,
        *,
        box: str,
        verify: Verify,
        custodians: Callable[[], Mapping[str, bytes]],
        draw: Callable[[int], bytes],
    ) -> None:
        """`box` names this box in statements; `draw` gives that many random octets."""
        self._box = box
        self._verify = verify
        self._custodians = custodians
        self._draw = draw
        self._open: dict[bytes, _Open] = {}

    def open(self, act: str, parameters: Parameters, now: Utc) -> tuple[bytes, bytes]:
        """Begin a ceremony; gives its number (16 octets) and the statement to be signed.

        Raises Conflict while there are too few custodians, or too many ceremonies open.
        """
        self._forget(now)
        if len(self._custodians()) < CUSTODIANS_NEEDED:
            raise Conflict("a ceremony needs two custodians, and they are not enrolled yet")
        if len(self._open) >= OPEN_LIMIT:
            raise Conflict("too many ceremonies are open")
        number = self._draw(16)
        ends = Utc(now.posix_us + LIFETIME_S * US_PER_S)
        statement = write_statement(
            act, parameters, number=number, box=self._box, opened=now, ends=ends
        )
        self._open[number] = _Open(act, dict(parameters), statement, ends)
        return number, statement

    def approve(self, number: bytes, custodian: str, signature: bytes, now: Utc) -> Ceremony | None:
        """Take one custodian's signature; the last one needed gives the ceremony, and ends it.

        Signatures are in DER: SM2 with SM3 and the default ID, or ECDSA with SHA-256.  Raises
        NotFound, Conflict for one who signed already, Unauthenticated for a signature that is none.
        """
        self._forget(now)
        ceremony = self._open.get(number)
        if ceremony is None:
            raise NotFound("no such ceremony is open: it was done, is over, or never was")
        spki = self._custodians().get(custodian)
        if spki is None or not self._is_signed(spki, ceremony.statement, signature):
            raise Unauthenticated(f"the statement is not signed by the custodian {custodian}")
        if custodian in ceremony.approvals:
            raise Conflict(f"{custodian} has signed already; another custodian must")
        ceremony.approvals[custodian] = signature
        if len(ceremony.approvals) < CUSTODIANS_NEEDED:
            return None
        del self._open[number]
        approvals = tuple(ceremony.approvals.items())
        return Ceremony(ceremony.act, ceremony.parameters, ceremony.statement, approvals)

    def facts(self) -> list[dict[str, object]]:
        """Tell what is open."""
        return [
            {
                "ceremony": number.hex(),
                "act": each.act,
                "signed_by": list(each.approvals),
                "ends": each.ends.isoformat(),
                "statement": each.statement.decode(),
            }
            for number, each in self._open.items()
        ]

    def _is_signed(self, spki: bytes, statement: bytes, signature: bytes) -> bool:
        scheme = _SCHEMES[custodian_algorithm(spki)]
        return self._verify(spki, scheme, statement, signature) is Verification.VALID

    def _forget(self, now: Utc) -> None:
        for number in [each for each, ceremony in self._open.items() if ceremony.ends < now]:
            del self._open[number]


def custodian_algorithm(spki: bytes) -> KeyAlgorithm:
    """Tell the scheme of a custodian's key.  Raises Refused for another than SM2 and P-256."""
    key, end = spki_reading.read_spki(spki, 0, len(spki))
    algorithm = algorithm_of(key)
    if algorithm not in _SCHEMES or end != len(spki):
        raise Refused("a custodian's key is of SM2 or P-256")
    return algorithm


def write_statement(
    act: str, parameters: Parameters, *, number: bytes, box: str, opened: Utc, ends: Utc
) -> bytes:
    """Render the statement: a line a fact; what is no text stands as its SHA-256."""
    facts = {
        "act": act,
        "box": box,
        "ceremony": number.hex(),
        "opened": opened.isoformat(),
        "ends": ends.isoformat(),
        **{f"parameter {name}": _shown(value) for name, value in sorted(parameters.items())},
    }
    lines = ["Shiyin ceremony, version 1", *(f"{name}: {value}" for name, value in facts.items())]
    return "".join(f"{line}\n" for line in lines).encode()


def _shown(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} octets, SHA-256 {hashlib.sha256(value).hexdigest()}"
    if not value.isprintable():
        raise Refused("a parameter is printable text on one line")
    return value
