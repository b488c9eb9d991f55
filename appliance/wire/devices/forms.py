"""What both transports make of a question, within the bounds that the signer holds a front to."""

from __future__ import annotations

import msgspec

from appliance.cosign.requests import MAC_OCTETS, DeviceRequest
from appliance.errors import Malformed
from appliance.services.cosigning.messages import MESSAGE_LIMIT

TEXT_OCTETS = 64
STEPS = (1, 3, 5, 7)
"""The messages of an enrolment that come from the phone."""


def make_request(*fields: object) -> DeviceRequest:
    """Make a request of its fields in their order.  Raises Malformed, naming what has no place."""
    try:
        request = msgspec.convert(fields, DeviceRequest)
    except msgspec.ValidationError as error:
        raise Malformed(f"request: {error}") from None
    for text in (request.uid, request.device):
        if len(text.encode()) > TEXT_OCTETS:
            raise Malformed(f"request: a name has at most {TEXT_OCTETS} octets")
    if len(request.mac) not in (0, MAC_OCTETS):
        raise Malformed(f"request: a mac has {MAC_OCTETS} octets")
    return request


def check_enrolment(step: int, message: bytes, mac: bytes) -> None:
    """Require that a message of an enrolment is within its bounds.  Raises Malformed."""
    if step not in STEPS:
        raise Malformed("enrol: a phone sends messages 1, 3, 5 and 7")
    if len(message) > MESSAGE_LIMIT:
        raise Malformed(f"enrol: a message has at most {MESSAGE_LIMIT} octets")
    if len(mac) != MAC_OCTETS:
        raise Malformed(f"enrol: a mac has {MAC_OCTETS} octets")
