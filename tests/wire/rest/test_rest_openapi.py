"""The OpenAPI document of a table, judged by the meta-schema of the OpenAPI Initiative."""

import re

import jsonschema_rs
import msgspec
import pytest
from kit.rest import Interface, Things
from schemathesis.specs.openapi.definitions import OPENAPI_31

from appliance.services.registration.accounts import Role
from appliance.wire.http.values import CODES
from appliance.wire.rest.openapi import describe
from appliance.wire.rest.table import Table

OPERATIONS = Things().operations()
# That of 2022-10-07, whose $dynamicRef for schemas leaves them to JSON Schema 2020-12.
META = jsonschema_rs.validator_for(OPENAPI_31)


@pytest.fixture
def document() -> dict:
    described = describe(Table(OPERATIONS), title="Things", version="1")
    return msgspec.json.decode(msgspec.json.encode(described))


def test_the_document_is_openapi_3_1(document: dict) -> None:
    META.validate(document)
    del document["paths"]["/v1/things"]["get"]["responses"]
    document["paths"]["/v1/things"]["get"]["parameters"][0]["in"] = "nowhere"
    assert not META.is_valid(document)


def test_every_schema_of_the_document_is_json_schema(document: dict) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_every_reference_of_the_document_leads_somewhere(document: dict) -> None:
    references = set(re.findall(r'"\$ref":"#/([^"]+)"', msgspec.json.encode(document).decode()))
    assert references
    for reference in references:
        found = document
        for part in reference.split("/"):
            found = found[part]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_tells_its_statuses_roles_and_parameters(document: dict, operation) -> None:
    told = document["paths"][operation.path][operation.method.lower()]
    assert {str(status) for status in operation.statuses()} <= told["responses"].keys()
    for status, response in told["responses"].items():
        if int(status) >= 400:
            assert response == {"$ref": f"#/components/responses/{CODES[int(status)]}"}
    in_path = [each["name"] for each in told["parameters"] if each["in"] == "path"]
    assert in_path == list(operation.parameters)
    assert told.get("x-roles") == (None if operation.roles is None else sorted(operation.roles))
    assert ("requestBody" in told) is (operation.body is not None)
    in_head = [each["name"] for each in told["parameters"] if each["in"] == "header"]
    assert in_head == (["Idempotency-Key"] if operation.changes else [])


def test_a_problem_that_is_answered_is_of_the_schema_of_problems(document: dict) -> None:
    schema = {
        "$ref": "#/components/schemas/Problem",
        "components": document["components"],
    }
    validator = jsonschema_rs.validator_for(schema)
    interface = Interface(Things().operations())
    for target in ("/v1/nowhere", "/v1/things/x", "/v1/things?a=1", "http://["):
        answer = interface.ask("GET", target, role=Role.AUDITOR)
        assert answer.status >= 400
        validator.validate(msgspec.json.decode(answer.body))
