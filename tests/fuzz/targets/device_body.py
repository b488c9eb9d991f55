"""The device API in JSON: what is passed on is what stood there, all else is malformed."""

import json

from kit.device_api import Devices, text_of
from kit.logs import logged

from appliance.cosign.requests import OF_MANAGER, Verb
from appliance.services.cosigning.messages import EnrolAsk, RequestAsk

PATHS = (*(verb.value for verb in Verb), *(f"enrol/{step}" for step in (1, 3, 5, 7)))
REFUSALS = {400, 413}


def one_input(data: bytes) -> None:
    path = PATHS[data[0] % len(PATHS)] if data else PATHS[0]
    body = data[1:]
    devices = Devices()
    with logged() as events:
        answer = devices.post(path, body)
    assert events == []
    asked = [*devices.signer.asked, *devices.manager.asked]
    if answer.status != 200:
        assert answer.status in REFUSALS
        assert json.loads(answer.body)["status"] == answer.status
        assert asked == []
        return
    (ask,) = asked
    fields, told = json.loads(body), json.loads(answer.body)
    if isinstance(ask, EnrolAsk):
        assert path == f"enrol/{ask.step}"
        assert fields == told == {"message": text_of(ask.message), "mac": text_of(ask.mac)}
        return
    assert isinstance(ask, RequestAsk)
    assert bool(devices.manager.asked) == (ask.request.verb in OF_MANAGER)
    assert told == {"results": [text_of(item) for item in ask.request.items]}
    assert {"mac": "", **fields} == {
        "uid": ask.request.uid,
        "device": ask.request.device,
        "epoch": ask.request.epoch,
        "ctr": ask.request.ctr,
        "mac": text_of(ask.request.mac),
        "signature": text_of(ask.request.signature),
        "items": [text_of(item) for item in ask.request.items],
    }
