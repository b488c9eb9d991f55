"""A Site behind TLS in a process of its own: `python -m kit.tls_port FOLDER` tells its ports."""

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as twisted_reactor  # noqa: TID251  a process of its own

from appliance.errors import Refused
from appliance.wire.addresses import unpack_client
from appliance.wire.http.site import Limits, Request, Response, Route, Site, problem
from appliance.wire.tls import TlsDoor, TlsIdentity

CONNECTIONS = 8
DEADLINE_S = 3.0
BODY_OCTETS = 16 << 20
LARGE = bytes(range(256)) * (8 << 12)
"""An answer of 8 MiB."""

_OCTETS = "application/octet-stream"


class Port:
    """The routes that the tests of TLS ask."""

    def __init__(self, reactor: Any, identity: TlsIdentity, folder: Path) -> None:
        self._reactor = reactor
        self._identity = identity
        self._folder = folder
        self.site: Site
        self.routes = {
            "/echo": {"POST": Route(self._echo, body_limit=BODY_OCTETS, deadline_s=60.0)},
            "/large": {"GET": Route(self._large)},
            "/client": {"GET": Route(self._client)},
            "/open": {"GET": Route(self._open)},
            "/late": {"GET": Route(self._late)},
            "/identity": {"POST": Route(self._reload)},
        }

    def _echo(self, request: Request) -> None:
        request.reply(Response(200, _OCTETS, request.body))

    def _large(self, request: Request) -> None:
        request.reply(Response(200, _OCTETS, LARGE))

    def _client(self, request: Request) -> None:
        request.reply(Response(200, "text/plain", unpack_client(request.client).encode()))

    def _open(self, request: Request) -> None:
        """Tell how many connections are open, this one too."""
        request.reply(Response(200, "text/plain", b"%d" % len(self.site.connections)))

    def _late(self, request: Request) -> None:
        """Answer when whoever asked has had the time to go."""
        answer = Response(200, "text/plain", b"late")
        self._reactor.callLater(0.5, request.reply, answer)

    def _reload(self, request: Request) -> None:
        try:
            self._identity.load(self._folder / "chain.pem", self._folder / "key.pem")
        except Refused as error:
            request.reply(problem(422, str(error)))
            return
        request.reply(Response(200, "text/plain", b"loaded"))


def main() -> None:
    """Listen on both loopbacks, tell the ports, and serve until killed."""
    folder = Path(sys.argv[1])
    reactor: Any = twisted_reactor
    identity = TlsIdentity()
    identity.load(folder / "chain.pem", folder / "key.pem")
    port = Port(reactor, identity, folder)
    limits = Limits(
        idle_s=DEADLINE_S,
        head_deadline_s=DEADLINE_S,
        write_deadline_s=DEADLINE_S,
        connections=CONNECTIONS,
        connections_per_source=CONNECTIONS,
    )
    port.site = Site(port.routes, clock=reactor, wall_s=lambda: 0.0, limits=limits)
    door = TlsDoor(identity, port.site, reactor)
    for interface in ("127.0.0.1", "::1"):
        listening = reactor.listenTCP(0, door, interface=interface)
        print(listening.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
