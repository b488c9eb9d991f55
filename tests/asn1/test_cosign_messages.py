"""CosignMsg in DER, held against a second implementation and against garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import namedtype, tag, univ
from pyasn1.type.char import UTF8String

from appliance.asn1 import der
from appliance.asn1.cosign import (
    NO_ID,
    CosignMsg,
    Enrol,
    EnrolResp,
    Error,
    Request,
    Response,
    decode_message,
    encode_message,
    read_id,
)
from appliance.errors import Malformed

U64 = st.integers(0, (1 << 64) - 1)
TEXTS = st.text(max_size=20)
OCTETS = st.binary(max_size=40)
REQUESTS = st.builds(
    Request, TEXTS, TEXTS, TEXTS, U64, U64, OCTETS, OCTETS, st.lists(OCTETS, max_size=4).map(tuple)
)
RESPONSES = st.builds(Response, st.lists(OCTETS | U64, max_size=4).map(tuple))
BODIES = st.one_of(
    REQUESTS,
    RESPONSES,
    st.builds(Enrol, U64, OCTETS, OCTETS),
    st.builds(EnrolResp, U64, OCTETS, OCTETS),
    st.builds(Error, U64, TEXTS, st.none() | U64, st.none() | U64),
)
MESSAGES = st.builds(CosignMsg, st.binary(min_size=16, max_size=16), BODIES)
ID = b"sixteen octets!!"
ENROL = encode_message(CosignMsg(ID, Enrol(1, b"message", b"mac")))
HEAD = der.integer(1) + b"\x0a\x01\x03" + der.octet_string(ID)


def implicit(number, *, constructed=True):
    form = tag.tagFormatConstructed if constructed else tag.tagFormatSimple
    return tag.Tag(tag.tagClassContext, form, number)


def named(*fields):
    return namedtype.NamedTypes(*(namedtype.NamedType(name, kind) for name, kind in fields))


class OctetStrings(univ.SequenceOf):
    componentType = univ.OctetString()  # noqa: N815  pyasn1's name


class TheirRequest(univ.Sequence):
    componentType = named(  # noqa: N815  pyasn1's name
        *((name, UTF8String()) for name in ("verb", "uid", "device")),
        *((name, univ.Integer()) for name in ("epoch", "ctr")),
        *((name, univ.OctetString()) for name in ("mac", "signature")),
        ("items", OctetStrings()),
    )


class TheirEnrol(univ.Sequence):
    componentType = named(  # noqa: N815  pyasn1's name
        ("step", univ.Integer()), ("message", univ.OctetString()), ("mac", univ.OctetString())
    )


class TheirResult(univ.Choice):
    componentType = named(  # noqa: N815  pyasn1's name
        ("octets", univ.OctetString().subtype(implicitTag=implicit(0, constructed=False))),
        ("code", univ.Integer().subtype(implicitTag=implicit(1, constructed=False))),
    )


class TheirResults(univ.SequenceOf):
    componentType = TheirResult()  # noqa: N815  pyasn1's name


class TheirError(univ.Sequence):
    componentType = namedtype.NamedTypes(  # noqa: N815  pyasn1's name
        namedtype.NamedType("code", univ.Integer()),
        namedtype.NamedType("text", UTF8String()),
        *(
            namedtype.OptionalNamedType(
                name, univ.Integer().subtype(implicitTag=implicit(at, constructed=False))
            )
            for at, name in enumerate(("triesLeft", "epoch"))
        ),
    )


class TheirBody(univ.Choice):
    componentType = named(  # noqa: N815  pyasn1's name
        ("request", TheirRequest().subtype(implicitTag=implicit(1))),
        ("response", TheirResults().subtype(implicitTag=implicit(2))),
        ("enrol", TheirEnrol().subtype(implicitTag=implicit(4))),
        ("enrolResp", TheirEnrol().subtype(implicitTag=implicit(5))),
        ("error", TheirError().subtype(implicitTag=implicit(9))),
    )


class TheirMessage(univ.Sequence):
    componentType = named(  # noqa: N815  pyasn1's name
        ("version", univ.Integer()),
        ("suite", univ.Enumerated()),
        ("id", univ.OctetString()),
        ("body", TheirBody()),
    )


@given(MESSAGES)
def test_a_message_comes_back_as_it_went(message):
    assert decode_message(encode_message(message)) == message


@given(MESSAGES)
def test_a_second_library_reads_ours_and_writes_the_same(message):
    octets = encode_message(message)
    theirs, rest = decoder.decode(octets, asn1Spec=TheirMessage())
    assert rest == b""
    assert (int(theirs["version"]), int(theirs["suite"])) == (1, 3)
    assert bytes(theirs["id"]) == message.id
    names = {Request: "request", Response: "response", Enrol: "enrol", EnrolResp: "enrolResp"}
    assert theirs["body"].getName() == names.get(type(message.body), "error")
    assert encoder.encode(theirs) == octets


@given(st.binary(max_size=120) | MESSAGES.map(encode_message), st.data())
def test_garbage_is_malformed_and_what_is_read_is_the_only_way_to_write_it(octets, data):
    bent = bytearray(octets)
    for _ in range(data.draw(st.integers(0, 3))):
        if bent:
            at = data.draw(st.integers(0, len(bent) - 1))
            bent[at] = data.draw(st.integers(0, 255))
    try:
        message = decode_message(bytes(bent))
    except Malformed:
        return
    assert encode_message(message) == bytes(bent)


@pytest.mark.parametrize("size", range(len(ENROL)))
def test_a_message_cut_short_is_malformed(size):
    with pytest.raises(Malformed):
        decode_message(ENROL[:size])


@pytest.mark.parametrize(
    "octets",
    [
        ENROL + b"\0",
        ENROL.replace(b"\x02\x01\x01", b"\x02\x01\x02", 1),
        ENROL.replace(b"\x0a\x01\x03", b"\x0a\x01\x01", 1),
        ENROL.replace(b"\x0a\x01\x03", b"\x0a\x01\x02", 1),
        ENROL.replace(b"\xa4", b"\xa3", 1),
        encode_message(CosignMsg(b"15 octets are 2", Enrol(1, b"", b""))),
        der.sequence(HEAD, der.tlv(der.context(4), der.integer(-1), b"\4\0", b"\4\0")),
        der.sequence(HEAD, der.tlv(der.context(4), der.integer(1 << 64), b"\4\0", b"\4\0")),
        der.sequence(HEAD, der.tlv(der.context(2), b"\x82\x01\x01")),
        der.sequence(HEAD, der.tlv(der.context(9), der.integer(1), b"\x0c\x01\xff")),
        der.sequence(HEAD, ENROL[2 + len(HEAD) :], ENROL[2 + len(HEAD) :]),
    ],
    ids=[
        *("octets behind it", "version 2", "suite 1", "suite 2", "no such body", "a short id"),
        *("a negative number", "a number over 64 bits", "no such result", "no UTF-8", "two bodies"),
    ],
)
def test_what_no_message_is_is_malformed(octets):
    with pytest.raises(Malformed):
        decode_message(octets)


@given(st.binary(max_size=60))
def test_the_id_is_read_whatever_follows_it(rest):
    octets = der.sequence(HEAD, rest)
    assert read_id(octets) == ID


@given(st.binary(max_size=40))
def test_an_id_that_cannot_be_read_is_sixteen_zero_octets(octets):
    assert read_id(octets) == NO_ID
