"""`POST /tsa/verify` of a running box, and `shiyin verify` beside it."""

import base64
import hashlib
import http.client
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from kit.box import ROOT, Box
from kit.tsp_client import make_query, post, post_query, with_flipped_signature

pytestmark = pytest.mark.e2e

SM3 = "1.2.156.10197.1.401"
LARGE = 16 << 20
CHUNK = 1 << 16
GROWTH_KIB = 6 * 1024
"""What the front may grow by over a document of 16 MiB: buffers of sockets, no body."""


def stamped(box: Box, document: bytes, profile: str = "") -> bytes:
    digest = hashlib.new("sm3", document).digest()
    return post_query(box.url(profile), make_query(digest=SM3, imprint=digest, nonce=77))


def asked(box: Box, **fields: Any) -> dict[str, Any]:
    answer = post(
        f"{box.url()}/verify", json.dumps(fields).encode(), {"Content-Type": "application/json"}
    )
    assert (answer.status, answer.media_type) == (200, "application/json"), answer.body
    facts: dict[str, Any] = json.loads(answer.body)
    return facts


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


@pytest.mark.parametrize(
    ("profile", "signature"),
    [
        ("sm2", "SM2 with SM3"),
        ("p256", "ECDSA with SHA-256"),
        ("rsa", "RSA"),
        ("gmt", "SM2 with SM3 (GM/T 0010: SM2-1)"),
    ],
)
def test_a_token_of_each_profile_is_valid(box: Box, profile: str, signature: str) -> None:
    reply = stamped(box, b"a letter", profile)
    facts = asked(box, token=text(reply), document=text(b"a letter"), nonce="0x4d")
    assert (facts["verdict"], facts["signature"]) == ("VALID", signature)
    assert facts["precision"].startswith("±")
    assert facts["source_of_time"] == facts["chain"][0]


def test_what_is_wrong_is_told(box: Box) -> None:
    reply = stamped(box, b"a letter")
    digest = {"algorithm": "SM3", "value": hashlib.new("sm3", b"another").hexdigest()}
    assert asked(box, token=text(reply), digest=digest)["reason"] == "imprint mismatch"
    flipped = text(with_flipped_signature(reply))
    assert asked(box, token=flipped, document=text(b"a letter"))["verdict"] == "INVALID"
    assert post(f"{box.url()}/verify", b"{}", {}).status == 400


def test_a_document_of_16_mib_is_hashed_as_it_comes(box: Box) -> None:
    document = bytes(range(256)) * (LARGE // 256)
    body = json.dumps({"document": text(document), "token": text(stamped(box, document))}).encode()
    pid = box.pid("front")
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")  # the peak begins anew (proc(5))
    before = memory_kib(pid, "VmRSS")
    parts = urlsplit(box.url())
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.putrequest("POST", f"{parts.path}/verify")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    for start in range(0, len(body), CHUNK):
        connection.send(body[start : start + CHUNK])
    response = connection.getresponse()
    facts = json.loads(response.read())
    connection.close()
    assert facts["verdict"] == "VALID"
    assert memory_kib(pid, "VmHWM") - before < GROWTH_KIB


def memory_kib(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def test_the_command_says_what_the_service_says(box: Box, tmp_path: Path) -> None:
    reply = stamped(box, b"a letter")
    (tmp_path / "letter").write_bytes(b"a letter")
    (tmp_path / "letter.tsr").write_bytes(reply)
    done = subprocess.run(
        [box.facts["cli"], "--json", "verify", "letter.tsr", "--ca", box.roots],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == asked(box, token=text(reply), document=text(b"a letter"))


def operation(box: Box, name: str, **fields: Any) -> dict[str, Any]:
    answer = post(f"{box.url()}/stf/{name}", json.dumps(fields).encode(), {})
    facts: dict[str, Any] = json.loads(answer.body)
    assert (answer.status, facts.pop("name")) == (200, "STF_TS_OK"), facts
    return facts


@pytest.mark.parametrize("signature_algorithm", [0x00020201, 0x00010004], ids=["SM2", "RSA"])
def test_the_operations_of_gmt_0033_follow_one_another(box: Box, signature_algorithm: int) -> None:
    made = operation(box, "CreateTSRequest", data=text(b"a letter"))
    numbers = {"signature_algorithm": signature_algorithm}
    stamp = operation(box, "CreateTSResponse", request=made["request"], **numbers)
    response = stamp["response"]
    operation(box, "VerifyTSValidity", response=response, data=text(b"a letter"), **numbers)
    name = operation(box, "GetTSInfo", response=response)["issuer_name"]
    told = operation(box, "GetTSDetail", response=response, item=2)["value"]
    assert base64.b64decode(told).decode() == name
