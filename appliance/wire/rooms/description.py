"""The OpenAPI document of the interface, for whoever writes a client."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from appliance.wire.rest.openapi import describe
from appliance.wire.rest.table import Answer, Call, File, Operation, Table

TITLE = "Shiyin 时印"
VERSION = "1"


class DescriptionRoom:
    """Describes the operations of the other rooms, and its own."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = tuple(operations)
        table = Table([*operations, *self.operations()])
        self._document = msgspec.json.encode(describe(table, title=TITLE, version=VERSION))

    def operations(self) -> list[Operation]:
        """List the one."""
        return [
            Operation(
                method="GET",
                path="/v1/openapi.json",
                name="describe",
                summary="This document",
                handler=self._describe,
                roles=None,
                gives="application/json",
            )
        ]

    async def _describe(self, _call: Call) -> Answer:
        return Answer(File(self._document))
