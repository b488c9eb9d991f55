"""Templates of a customer's own: what they say is in the certificate as OpenSSL shows it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit.api import Api, make_csr
from kit.box import Box
from kit.openssl import run

from appliance.crypto.api import KeyAlgorithm

pytestmark = pytest.mark.e2e

ARC = "2.999.5"
KINDS = [
    # kind, value, what `openssl asn1parse` makes of it
    ("utf8", "心内科 {ward}", "UTF8STRING :心内科 7"),
    ("ia5", "ward {ward}", "IA5STRING :ward 7"),
    ("printable", "Ward {ward}", "PRINTABLESTRING :Ward 7"),
    ("integer", "-129", "INTEGER :-81"),
    ("boolean", True, "BOOLEAN :255"),
    ("octets", "0102ff", "OCTET STRING [HEX DUMP] :0102FF"),
    ("oid", "1.2.156.10197.1.301", "OBJECT :sm2"),
    ("time", "2026-01-31T08:00:00Z", "GENERALIZEDTIME :20260131080000Z"),
    ("null", "", "NULL"),
    ("der", "3003020105", "INTEGER :05"),
]


def template(name: str, **changes: object) -> dict[str, Any]:
    """Make a template of a person's certificate."""
    return {
        "name": name,
        "kind": "person",
        "algorithms": ["sm2", "p256"],
        "subject": [{"attribute": "CN", "value": "{name}"}],
        "key_usage": ["digitalSignature"],
        "validity_days": 30,
        **changes,
    }


def custom(index: int, kind: str, value: object, *, critical: bool) -> dict[str, object]:
    return {"oid": f"{ARC}.{index}", "kind": kind, "value": value, "critical": critical}


@pytest.fixture(scope="module")
def keeper(box: Box) -> Iterator[Api]:
    api = Api.of(box.facts, "administrator")
    yield api
    api.close()


@pytest.mark.parametrize("mark", ["critical", ""], ids=["critical", "not"])
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.SM2, KeyAlgorithm.P256])
def test_an_extension_of_every_kind_shows_with_its_criticality(
    keeper: Api, tmp_path: Path, algorithm: KeyAlgorithm, mark: str
) -> None:
    name = f"kinds-{algorithm.value}-{mark or 'not'}"
    extensions = [
        custom(index, kind, value, critical=bool(mark))
        for index, (kind, value, _) in enumerate(KINDS)
    ]
    made = keeper.post("/v1/templates", template(name, extensions=extensions))
    assert made == {"name": name}
    issued = keeper.issue(
        authority=f"issuing-{algorithm.value}",
        template=name,
        owner_uid="7",
        fields={"name": "Li", "ward": "7"},
        csr=make_csr(algorithm),
    )
    path = tmp_path / "leaf.pem"
    path.write_text(issued["certificate"], "ascii")
    text = run("x509", "-in", path, "-noout", "-text")
    parsed = shown(run("asn1parse", "-in", path))
    for index, (kind, _, told) in enumerate(KINDS):
        assert f"{ARC}.{index}: {mark}\n" in text, kind
        content = parsed.index(f"OBJECT :{ARC}.{index}") + 1
        if mark:
            assert parsed[content] == "BOOLEAN :255"
            content += 1
        dump = parsed[content].removeprefix("OCTET STRING [HEX DUMP] :")
        value = tmp_path / "value"
        value.write_bytes(bytes.fromhex(dump))
        assert told in shown(run("asn1parse", "-inform", "DER", "-in", value)), kind


def shown(text: str) -> list[str]:
    """Take from what asn1parse prints the types and values."""
    lines = (line.partition("prim: ")[2] for line in text.splitlines())
    return [" ".join(line.split()).replace(" :", ":").replace(":", " :", 1) for line in lines]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"key_usage": ["digitalSignature", "keyCertSign"]}, "keyCertSign"),
        ({"key_usage": ["cRLSign"]}, "cRLSign"),
        ({"extended_key_usage": ["timeStamping"]}, "timeStamping"),
        ({"extended_key_usage": ["OCSPSigning"]}, "OCSPSigning"),
        ({"extended_key_usage": ["anyExtendedKeyUsage"]}, "anyExtendedKeyUsage"),
        ({"validity_days": 1828}, "may not hold for"),
        ({"kind": "server", "validity_days": 398}, "may not hold for"),
        ({"kind": "grant"}, "a grant certificate may not hold for"),
        ({"extensions": [custom(1, "null", "", critical=False)] * 2}, "twice"),
        (
            {"extensions": [{"oid": "2.5.29.19", "kind": "der", "value": "30030101ff"}]},
            "2.5.29.19",
        ),
        (
            {"extensions": [{"oid": "1.3.6.1.5.5.7.1.1", "kind": "der", "value": "3000"}]},
            "1.3.6.1.5.5.7.1.1",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_a_template_beyond_its_bounds_is_refused_in_a_sentence(
    keeper: Api, changes: dict[str, Any], why: str
) -> None:
    answer = keeper.ask("POST", "/v1/templates", template("beyond", **changes))
    assert answer.status == 422
    assert answer.fields["content-type"] == "application/problem+json"
    assert answer.json["code"] == "refused"
    assert why in answer.json["detail"]
    assert "beyond" not in {each["name"] for each in keeper.get("/v1/templates")["items"]}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b"{" * 5000])
def test_what_is_no_template_is_malformed(keeper: Api, body: bytes) -> None:
    answer = keeper.ask("POST", "/v1/templates", body, Content_Type="application/json")
    assert answer.status == 400
    assert answer.json["code"] == "malformed"
