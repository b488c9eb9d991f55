"""`shiyin verify`: what a person and what a program is shown."""

import json
from pathlib import Path

import pytest
from kit.authority import authority
from kit.crls import List
from kit.tokens import DOCUMENT, Recipe

from appliance.asn1 import pem
from appliance.cli.main import main
from appliance.crypto.api import KeyAlgorithm

MADE = authority(KeyAlgorithm.SM2)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Name a token, its document, its root and a list that speaks for its signer."""
    files = {
        "letter": DOCUMENT,
        "letter.tsr": Recipe(signer=MADE.tsa).token(),
        "roots.pem": pem.write("CERTIFICATE", MADE.root.certificate.der),
        "root.crl": List(issuer=MADE.root).der(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    options = {"--ca": "roots.pem", "--crl": "root.crl"}
    named = [part for name, file in options.items() for part in (name, str(tmp_path / file))]
    return ["verify", str(tmp_path / "letter.tsr"), *named]


def test_what_a_list_says_is_a_sentence_for_a_person(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments)
    lines = capsys.readouterr().out.splitlines()
    (said,) = [line.split(None, 1)[1] for line in lines if line.startswith("revocation")]
    assert said.startswith("CN=TSA sm2,O=Shiyin test,C=CN: ")
    assert said.endswith(".")


def test_what_a_list_says_is_fields_for_a_program(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*arguments, "--json"])
    (status,) = json.loads(capsys.readouterr().out)["revocation"]
    assert status["certificate"] == "CN=TSA sm2,O=Shiyin test,C=CN"


def test_without_a_list_nothing_is_said_of_revocation(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments[:-2]) == 0
    assert "revocation" not in capsys.readouterr().out
