"""The interface of a running box against its own description: who may do what, and what comes.

The box is private: an administrator who tries everything may close the accounts of others.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from kit.api import Api
from kit.box import Box

pytestmark = pytest.mark.e2e

ROLES = ("administrator", "operator", "auditor", "application")
OPERATIONS = 62
GUARD_S = 240.0


@attrs.frozen
class Cell:
    """An operation asked by somebody: a role, or nobody, or somebody with a wrong token."""

    method: str
    path: str
    described: Mapping[str, Any]
    who: str

    def ask(self, api: Api) -> int:
        target = re.sub(r"\{[a-z_]+\}", "f" * 32, self.path)
        media_type = next(iter(self.described.get("requestBody", {}).get("content", ())), "")
        if not media_type:
            return api.ask(self.method, target).status
        body = b"{}" if media_type == "application/json" else b""
        return api.ask(self.method, target, body, Content_Type=media_type).status

    def holds(self, status: int) -> bool:
        """Tell whether a status is what the description says of this cell."""
        roles = self.described.get("x-roles")
        if roles is None or self.who in roles:
            may = {int(each) for each in self.described["responses"]} - {401, 403, 500, 503}
            return status in may
        return status == (403 if self.who in ROLES else 401)


@pytest.fixture(scope="module")
def callers(private_box: Box) -> Iterator[dict[str, Api]]:
    """Give a client for each who may stand in a cell."""
    base, roots = private_box.facts["api"], private_box.roots
    found = {role: Api.of(private_box.facts, role) for role in ROLES}
    found |= {"nobody": Api(base, roots, None), "wrong": Api(base, roots, "shiyin_" + "A" * 43)}
    yield found
    for api in found.values():
        api.close()


def cells(document: Mapping[str, Any]) -> list[Cell]:
    return [
        Cell(method.upper(), path, described, who)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        for who in (*ROLES, "nobody", "wrong")
    ]


def test_every_cell_of_role_and_operation_is_as_described(callers: dict[str, Api]) -> None:
    found = cells(callers["nobody"].get("/v1/openapi.json"))
    assert len(found) >= 6 * OPERATIONS
    told = {(each.method, each.path, each.who): each.ask(callers[each.who]) for each in found}
    wrong = {
        key: status
        for each in found
        if not each.holds(status := told[key := (each.method, each.path, each.who)])
    }
    assert not wrong
    assert {401, 403, 404} < set(told.values())


def test_an_auditor_changes_nothing_and_an_account_is_opened_by_an_administrator_alone(
    callers: dict[str, Api],
) -> None:
    document = callers["nobody"].get("/v1/openapi.json")
    posts = {path: each["post"] for path, each in document["paths"].items() if "post" in each}
    open_to_auditors = [path for path, each in posts.items() if "auditor" in each["x-roles"]]
    assert open_to_auditors == ["/v1/verify", "/v1/verify/certificate"]
    for path, each in posts.items():
        takes_key = "Idempotency-Key" in [field["name"] for field in each["parameters"]]
        assert takes_key is not path.startswith(("/v1/verify", "/v1/sof/"))  # these only ask
    assert posts["/v1/accounts"]["x-roles"] == ["administrator"]
    assert posts["/v1/templates"]["x-roles"] == ["administrator"]


# Who may close the others is last.
@pytest.mark.parametrize("role", ["application", "operator", "administrator"])
def test_schemathesis_finds_no_server_error_and_no_status_that_is_not_described(
    private_box: Box, callers: dict[str, Api], role: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run"),
            f"{private_box.facts['api']}/v1/openapi.json",
            *("--tls-verify", private_box.roots),
            *("--header", f"Authorization: {callers[role].bearer}"),
            *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", "12"),
            *("--seed", "1", "--generation-deterministic", "--no-color", "--workers", "2"),
        ],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
