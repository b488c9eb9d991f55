"""The interface of things on a port, in a process of its own: `python -m kit.things_port`.

With the word `lying` one more operation answers what it does not tell of.
"""

import os
import sys
from typing import Any

from twisted.internet import reactor as twisted_reactor  # noqa: TID251  a process of its own

from appliance.errors import Conflict
from appliance.wire.http.site import Site
from appliance.wire.rest.dispatch import Dispatcher
from appliance.wire.rest.table import Answer, Call, Operation, Table
from appliance.wire.rooms.description import DescriptionRoom
from kit.rest import DictMemory, Things, authenticate


async def _lie(_call: Call) -> Answer:
    raise Conflict("nobody was told of this")


LIE = Operation(
    method="GET", path="/v1/lie", name="lie", summary="Lie", handler=_lie, roles=None, gives="a/b"
)


def main() -> None:
    """Listen on a loopback, tell the base URL, and serve until killed."""
    reactor: Any = twisted_reactor
    operations = [*Things().operations(), *([LIE] if "lying" in sys.argv else [])]
    dispatcher = Dispatcher(
        Table([*operations, *DescriptionRoom(operations).operations()]),
        authenticate=authenticate,
        memory=DictMemory(),
        draw=os.urandom,
    )
    site = Site({}, clock=reactor, wall_s=lambda: 0.0, router=dispatcher.route)
    listening = reactor.listenTCP(0, site, interface="127.0.0.1")
    print(f"http://127.0.0.1:{listening.getHost().port}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
