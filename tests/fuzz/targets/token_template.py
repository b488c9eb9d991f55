"""Token templates: one encoding each; what is read can be rendered."""

from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed
from appliance.tsp.template import Renderer, Template

SERIAL = bytes(range(1, 15))
GEN_TIME_US = 1_800_000_000_123_450


def one_input(data: bytes) -> None:
    try:
        template = Template.from_bytes(data)
    except Malformed:
        return
    assert template.to_bytes() == data
    renderer = Renderer(template)
    tst_info = renderer.tst_info(b"", SERIAL, GEN_TIME_US, 500, b"")
    signature = b"\x01" * (64 if template.algorithm is KeyAlgorithm.SM2 else 70)
    for cert_req in (False, True):
        token = renderer.token(tst_info, bytes(32), signature, cert_req=cert_req)
        assert tst_info in token
        assert token in renderer.response(tst_info, bytes(32), signature, cert_req=cert_req)
