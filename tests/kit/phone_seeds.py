"""Seeds of the fuzz targets for phones: the device API in JSON and in DER."""

import json
from collections.abc import Mapping

import attrs

from appliance.asn1.cosign import CosignMsg, Enrol, Error, Response, encode_message
from appliance.cosign.requests import Verb
from kit.device_api import ID, MAC, REQUEST, body_of, framed, message_of, text_of

Seeds = Mapping[str, bytes]


def all_seeds() -> Mapping[str, Seeds]:
    """Give the seeds by target."""
    return {"device_body": body_seeds(), "device_frames": frame_seeds()}


def body_seeds() -> Seeds:
    """Ask for every verb, enrol by every message, and send what phones should not."""
    request = json.dumps(body_of(REQUEST)).encode()
    without_mac = {name: value for name, value in body_of(REQUEST).items() if name != "mac"}
    enrol = json.dumps({"message": text_of(b"M1"), "mac": text_of(MAC)}).encode()
    verbs = {verb.value: bytes((at,)) + request for at, verb in enumerate(Verb)}
    steps = {f"enrol-{2 * at + 1}": bytes((len(Verb) + at,)) + enrol for at in range(4)}
    odd = {
        "no-mac": json.dumps(without_mac).encode(),
        "no-items": json.dumps({**without_mac, "items": []}).encode(),
        "empty-item": json.dumps({**without_mac, "items": [""]}).encode(),
        "padded": request.replace(b'"one', b'"one=='),
        "stray-bits": json.dumps({**without_mac, "items": ["AB"]}).encode(),
        "surrogate": json.dumps({**without_mac, "uid": "\ud800"}).encode(),
        "wide": json.dumps({**without_mac, "uid": "é" * 33}, ensure_ascii=False).encode(),
        "twice": request[:-1] + b', "ctr": 8}',
        "large-counter": json.dumps({**without_mac, "ctr": 1 << 63}).encode(),
        "float": json.dumps({**without_mac, "ctr": 1.0}).encode(),
        "array": b"[]",
        "nothing": b"",
    }
    return {**verbs, **steps, **{name: b"\x04" + body for name, body in odd.items()}}


def frame_seeds() -> Seeds:
    """Ask and enrol in frames, whole, pipelined, torn and wrong."""
    asked = message_of(REQUEST)
    request = _frame(CosignMsg(ID, asked))
    enrol = _frame(CosignMsg(ID, Enrol(1, b"M1", MAC)))
    verbs = [_frame(CosignMsg(ID, attrs.evolve(asked, verb=verb.value))) for verb in Verb]
    return {
        "verbs": b"".join(verbs),
        "enrol": b"".join(_frame(CosignMsg(ID, Enrol(at, b"M", MAC))) for at in range(9)),
        "pipelined": request + enrol + request,
        "answers": _frame(CosignMsg(ID, Response((b"r", 12))))
        + _frame(CosignMsg(ID, Error(3, "", 4, 2))),
        "no-verb": _frame(CosignMsg(ID, attrs.evolve(asked, verb="stamp"))),
        "no-items": _frame(CosignMsg(ID, attrs.evolve(asked, items=()))),
        "short-mac": _frame(CosignMsg(ID, attrs.evolve(asked, mac=b"mac"))),
        "large-counter": _frame(CosignMsg(ID, attrs.evolve(asked, ctr=1 << 63))),
        "suite-1": request.replace(b"\x0a\x01\x03", b"\x0a\x01\x01"),
        "torn": request[:-1],
        "no-length": request + bytes(4),
        "long": b"\x00\x04\x00\x01" + request,
        "garbage": framed(b"garbage") + request,
        "http": b"GET / HTTP/1.1\r\n\r\n",
    }


def _frame(message: CosignMsg) -> bytes:
    return framed(encode_message(message))
