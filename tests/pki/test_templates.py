import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed, Refused
from appliance.pki.templates import bounds
from appliance.pki.templates.custom_extensions import CustomExtension, ExtensionKind
from appliance.pki.templates.template import (
    MAX_OCTETS,
    PERSON,
    TEMPLATES,
    Template,
    TemplateKind,
    decode_template,
    encode_template,
)

PLAIN = {
    "name": "nurse",
    "kind": "person",
    "algorithms": ["sm2"],
    "subject": [{"attribute": "CN", "value": "{name}"}],
    "validity_days": 365,
    "key_usage": ["digitalSignature"],
}
CUSTOM = {"oid": "1.2.156.99.1", "kind": "utf8", "value": "{title}"}

_PLACED = st.text(st.characters(categories=["L", "N"]), max_size=20).map("{{uid}}-{}".format)
_TEMPLATES = st.builds(
    Template,
    name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
    kind=st.sampled_from(TemplateKind),
    algorithms=st.lists(st.sampled_from(KeyAlgorithm), min_size=1, unique=True).map(tuple),
    subject=st.just(PERSON.subject),
    key_usage=st.just(("digitalSignature", "keyAgreement")),
    validity_days=st.integers(1, 7305),
    extended_key_usage=st.sampled_from([(), ("clientAuth",), ("2.999.1", "serverAuth")]),
    subject_alt_names=st.just(PERSON.subject_alt_names),
    policies=st.sampled_from([(), ("2.999.1", "2.999.2")]),
    extensions=st.lists(
        st.builds(
            CustomExtension,
            oid=st.integers(0, 9).map("2.999.{}".format),
            kind=st.just(ExtensionKind.UTF8),
            critical=st.booleans(),
            value=_PLACED,
            optional=st.booleans(),
        ),
        unique_by=lambda custom: custom.oid,
    ).map(tuple),
)


def decode(**changes):
    return decode_template(json.dumps({**PLAIN, **changes}).encode())


@given(_TEMPLATES)
def test_a_template_written_is_read_back(template):
    assert decode_template(encode_template(template)) == template


def test_a_template_comes_as_json_or_as_toml():
    toml = """
        name = "nurse"
        kind = "person"
        algorithms = ["sm2"]
        validity_days = 365
        key_usage = ["digitalSignature"]
        [[subject]]
        attribute = "CN"
        value = "{name}"
        [[extensions]]
        oid = "1.2.156.99.1"
        kind = "integer"
        value = 5
        critical = true
    """
    read = decode_template(toml.encode())
    assert read == decode(
        extensions=[{"oid": "1.2.156.99.1", "kind": "integer", "value": 5, "critical": True}]
    )
    assert read.usages == {KeyUsage.DIGITAL_SIGNATURE}
    assert read.validity_s == 365 * 86_400


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_the_built_in_templates_keep_their_bounds_for_every_algorithm(template):
    bounds.check_template(template)
    assert set(template.algorithms) == set(KeyAlgorithm)
    assert decode_template(encode_template(template)) == template


def test_the_kinds_hold_as_long_as_they_should():
    assert {name: template.validity_s for name, template in TEMPLATES.items()} == {
        "person": 1095 * 86_400,
        "device": 365 * 86_400,
        "server": 365 * 86_400,
        "grant": 8 * 3600,
    }


def test_purposes_are_named_or_dotted():
    read = decode(extended_key_usage=["clientAuth", "1.3.6.1.4.1.311.20.2.2"])
    assert read.purposes == (oids.CLIENT_AUTH, "1.3.6.1.4.1.311.20.2.2")


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": 1},
        {"name": "Nurse"},
        {"name": ""},
        {"kind": "root"},
        {"algorithms": []},
        {"algorithms": ["dsa"]},
        {"subject": []},
        {"subject": [{"attribute": "DC", "value": "x"}]},
        {"subject": [{"attribute": "CN", "value": ""}]},
        {"subject": [{"attribute": "CN", "value": "{"}]},
        {"subject_alt_names": [{"kind": "x400", "value": "x"}]},
        {"subject_alt_names": [{"kind": "dns", "value": "{A}"}]},
        {"validity_days": 0},
        {"validity_days": -1},
        {"validity_days": 9999},
        {"validity_hours": 5},
        {"key_usage": []},
        {"key_usage": ["signing"]},
        {"extended_key_usage": ["everything"]},
        {"extended_key_usage": ["1.2.03"]},
        {"policies": ["policy"]},
        {"extensions": [{**CUSTOM, "oid": "1.2.x"}]},
        {"extensions": [{**CUSTOM, "kind": "any"}]},
        {"extensions": [{**CUSTOM, "kind": "integer", "value": "five"}]},
        {"extensions": [{**CUSTOM, "kind": "integer", "value": True}]},
        {"extensions": [{**CUSTOM, "kind": "der", "value": "3005"}]},
        {"extensions": [{**CUSTOM, "value": "}"}]},
        {"extensions": [{**CUSTOM, "value": 1.5}]},
    ],
)
def test_what_is_no_template_is_refused(changes):
    with pytest.raises(Malformed):
        decode(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"extensions": [CUSTOM, {**CUSTOM, "kind": "null", "value": ""}]},
        {"policies": ["2.999.1", "2.999.1"]},
        {"extended_key_usage": ["clientAuth", oids.CLIENT_AUTH]},
        {"key_usage": ["digitalSignature", "digitalSignature"]},
        {"algorithms": ["sm2", "sm2"]},
    ],
)
def test_what_stands_twice_is_refused(changes):
    with pytest.raises(Refused, match="twice"):
        decode(**changes)


@pytest.mark.parametrize(
    "octets",
    [b"", b"{", b"[" * 60_000, b"a = " + b"[" * 50_000, b"\xff", b"{}", bytes(MAX_OCTETS + 1)],
    ids=["empty", "torn", "deep", "deep value", "no text", "nothing in it", "long"],
)
def test_octets_that_are_no_template_are_refused(octets):
    with pytest.raises(Malformed):
        decode_template(octets)


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from([*PLAIN, "extensions", "policies", "subject_alt_names"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
    ).map(lambda changes: msgspec.json.encode({**PLAIN, **changes}))
)
def test_garbage_raises_only_malformed_or_refused(octets):
    try:
        template = decode_template(octets)
    except (Malformed, Refused):
        return
    assert decode_template(encode_template(template)) == template
