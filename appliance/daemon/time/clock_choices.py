"""What the settings of time come to for the clock's ensemble."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.quantities import NS_PER_US
from appliance.settings import Time, TimeDevice
from appliance.timing.keeping.config import EnsembleConfig
from appliance.timing.sources.leap import LeapTable
from appliance.timing.sources.receivers import Input

_INPUTS = {"gps": Input.GPS, "beidou": Input.BEIDOU, "mixed": Input.GPS}
"""One pulse made of both constellations goes to the GPS input."""


def ensemble_config(
    choice: Time, tables: Sequence[TimeDevice], leap_table: LeapTable | None
) -> EnsembleConfig:
    """Tell the ensemble of its devices; no two receivers of `tables` share an input."""
    receivers = [table for table in tables if table.kind == "gnss"]
    return EnsembleConfig(
        inputs={table.name: _INPUTS[table.constellation] for table in receivers},
        delays_ns={_INPUTS[table.constellation]: table.cable_delay_ns for table in receivers},
        operators={server: server for server in choice.ntp},
        beidou_mandatory=choice.beidou_mandatory,
        floor_ns=choice.floor_us * NS_PER_US,
        tai_utc_s=choice.utc_offset_s,
        leap_table=leap_table,
    )
