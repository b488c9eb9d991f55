"""The document inside a JSON body, taken out as it arrives."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import oids
from appliance.errors import Malformed, Refused, Unavailable
from appliance.wire.http import documents
from appliance.wire.http.documents import Budget, DocumentSink

BUDGET = 1 << 24


def sent(body, sizes=(), budget=None):
    """Feed a body in pieces of these sizes, the rest at once."""
    sink = DocumentSink(budget or Budget(BUDGET))
    for size in sizes:
        sink.write(body[:size])
        body = body[size:]
    sink.write(body)
    return sink


def question(document, **others):
    return json.dumps({**others, "document": base64.b64encode(document).decode()}).encode()


@given(
    st.binary(max_size=300),
    st.dictionaries(st.text(max_size=12).filter(lambda key: key != "document"), st.text()),
    st.lists(st.integers(1, 40), max_size=20),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_the_document_is_hashed_and_the_rest_is_kept(document, others, sizes, escaped, indent):
    value = {"a": others, "document": base64.b64encode(document).decode(), "z": others}
    body = json.dumps(value, indent=indent).encode()
    if escaped:
        body = body.replace(b"/", b"\\/")
    text, hashed = sent(body, sizes).finish()
    assert json.loads(text) == {**value, "document": ""}
    assert hashed.octets == len(document)
    assert hashed.imprint(oids.SHA256) == hashlib.sha256(document).digest()
    assert hashed.imprint(oids.SM3) == hashlib.new("sm3", document).digest()
    assert hashed.imprint(oids.SHA1) is None


@given(st.binary(max_size=200), st.lists(st.integers(1, 40), max_size=10))
def test_garbage_raises_only_errors_of_ours(body, sizes):
    sink = sent(body, sizes)
    try:
        sink.finish()
    except Malformed:
        return


def test_without_a_document_everything_is_kept():
    body = b'{"token": "{\\"document\\":\\"QUJD\\"}", "x": ["document", ":"]}'
    assert sent(body, [1] * len(body)).finish() == (body, None)


def test_only_a_window_of_a_large_document_is_held():
    document = bytes(range(256)) * 4096
    sink = DocumentSink(Budget(BUDGET))
    body = question(document, token="t")
    for start in range(0, len(body), 1 << 16):
        sink.write(body[start : start + (1 << 16)])
        assert len(sink.text) < 100
    _, hashed = sink.finish()
    assert hashed.imprint(oids.SHA512) == hashlib.sha512(document).digest()


@pytest.mark.parametrize(
    "value",
    [
        b"QUJ",
        b"QUJDR",
        b"QQ==QUJD",
        b"QU=D",
        b"QUJD QUJD",
        b"QUJD\\n",
        b"QUJ\\",
        b"QUJ\\u0044",
        b"====",
        b"-_-_",
    ],
)
@pytest.mark.parametrize("sizes", [(), (1,) * 40, (19, 4)])
def test_what_is_not_base64_is_malformed(value, sizes):
    with pytest.raises(Malformed):
        sent(b'{"token":"", "document":"%s"}' % value, sizes).finish()


def test_a_document_that_stands_twice_is_malformed():
    with pytest.raises(Malformed, match="twice"):
        sent(b'{"document":"QUJD", "document":""}').finish()


def test_a_document_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(documents, "MAX_DOCUMENT_OCTETS", 100)
    assert sent(question(bytes(100))).finish()[1].octets == 100
    with pytest.raises(Refused, match="at most 100 octets"):
        sent(question(bytes(101))).finish()


def test_text_beyond_the_limit_is_refused_and_no_longer_held():
    sink = sent(b" " * (documents.MAX_TEXT_OCTETS + 1), [1 << 16] * 33)
    sink.write(b" " * (1 << 16))
    assert len(sink.text) <= documents.MAX_TEXT_OCTETS
    with pytest.raises(Refused, match="beside the document"):
        sink.finish()


def test_unfinished_bodies_share_a_budget_for_what_is_not_free():
    free = documents.FREE_OCTETS
    budget = Budget(100)
    first = sent(b"x" * (free + 80), [free], budget=budget)
    with pytest.raises(Unavailable):
        sent(b"x" * (free + 40), [free], budget=budget).finish()
    assert sent(b"x" * free, budget=budget).finish() == (b"x" * free, None)
    first.abandon()
    first.abandon()
    assert sent(b"x" * (free + 100), budget=budget).finish() == (b"x" * (free + 100), None)
    assert budget.take(100)
