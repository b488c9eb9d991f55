"""A clock for what runs beside it in `timed`: the last statement, carried on by the raw clock."""

from __future__ import annotations

import attrs

from appliance.timing.keeping.config import Statement
from appliance.timing.page import VALIDITY_NS, PageSlot
from appliance.timing.reading import extrapolate
from appliance.timing.trusted import NoTime, TrustedTime

_SAME_BOOT = bytes(16)


def carry_on(statement: Statement, raw_ns: int) -> TrustedTime | NoTime:
    """Tell the instant of `raw_ns` as a reader of the page would."""
    slot = PageSlot(
        sequence=0,
        boot_id=_SAME_BOOT,
        valid_until_raw_ns=statement.raw_ns + VALIDITY_NS,
        **attrs.asdict(statement, recurse=False),
    )
    return extrapolate(slot, raw_ns, _SAME_BOOT)


class LatestStatement:
    """An output that others ask for the time; a statement is good for as long as a page is."""

    def __init__(self) -> None:
        self._statement: Statement | None = None

    def __call__(self, statement: Statement) -> None:
        """Take the statement of this second."""
        self._statement = statement

    def tell(self, raw_ns: int) -> TrustedTime | NoTime:
        """Tell the instant of `raw_ns`."""
        if self._statement is None:
            return NoTime("nothing was stated yet")
        return carry_on(self._statement, raw_ns)
