"""What every desk of the registration authority works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from appliance.quantities import Utc
from appliance.services.certifying.messages import IssueAsk, IssueRefusal
from appliance.store.registry.database import Registry

ID_OCTETS = 16


class Signer(Protocol):
    """The signer as a registration authority asks it; every question may end in errors.*."""

    async def issue(self, asks: Sequence[IssueAsk]) -> list[bytes | IssueRefusal]:
        """Ask for certificates: DER or a refusal each, in the order asked."""

    async def revoke(
        self,
        authority: str,
        serial_number: bytes,
        reason: int,
        invalid_since_us: int | None = None,
    ) -> dict[str, object]:
        """Revoke, hold or release; asked twice, the second is no error."""

    async def sign_manifest(self, manifest: bytes) -> tuple[bytes, bytes]:
        """Sign the manifest of a batch: detached SignedData in DER, and its chain in PEM."""


@attrs.frozen
class Office:
    """The registry, the signer, and what else the desks share.

    `draw(n)` gives n random octets; `sm3` hashes.
    """

    registry: Registry
    signer: Signer
    now: Callable[[], Utc]
    draw: Callable[[int], bytes]
    sm3: Callable[[bytes], bytes]

    def new_id(self) -> str:
        """Draw an identifier."""
        return self.draw(ID_OCTETS).hex()

    def now_us(self) -> int:
        """Tell the time in POSIX us."""
        return self.now().posix_us

    def digest(self, octets: bytes) -> str:
        """Hash with SM3, in hex."""
        return self.sm3(octets).hex()
