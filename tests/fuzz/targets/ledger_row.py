"""Ledger rows: one encoding each; from any row a token is made, or it is said why not."""

import contextlib

import msgspec
from kit.stamping import templates

from appliance.errors import Conflict, Malformed
from appliance.tsp import record


def one_input(data: bytes) -> None:
    try:
        stamp = record.decode(data)
    except Malformed:
        return
    assert record.encode(stamp) == data
    for template in templates().values():
        if stamp.template_id != template.template_id:
            with contextlib.suppress(Conflict):
                record.rebuild(stamp, template)
                raise AssertionError("a row was rebuilt with another template")
        adopted = msgspec.structs.replace(stamp, template_id=template.template_id)
        with contextlib.suppress(Malformed):  # a signature that no engine gives
            assert stamp.imprint_tlv in record.rebuild(adopted, template)
