"""A line to another role's Unix socket, kept up for as long as this process lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory

from appliance.daemon.roles.setting import Setting
from appliance.wire.ipc import FrameProtocol

_FIRST_RETRY_S = 0.05
_LAST_RETRY_S = 1.0


def keep_line(
    setting: Setting,
    name: str,
    answers: Any,  # noqa: ANN401  a union of frames
    *,
    heard: Callable[[FrameProtocol[Any], Any], None],
    left: Callable[[], None],
) -> ClientService:
    """Make what dials the socket `name`, again from 50 ms to 1 s later when it is gone.

    `answers` are the frames of its verb set; `heard` gets each, `left` is told when it hangs up.
    """
    decoder = msgspec.msgpack.Decoder(answers)

    def protocol() -> FrameProtocol[Any]:
        return FrameProtocol(decoder, heard, closed=lambda _: left())

    return ClientService(
        cast("Any", UNIXClientEndpoint(setting.reactor, setting.places.socket(name).name)),
        cast("Any", Factory.forProtocol(cast("Any", protocol))),
        retryPolicy=backoffPolicy(_FIRST_RETRY_S, _LAST_RETRY_S),
        clock=setting.reactor,
    )
