"""A manager in an attacker's hands: whatever it sends, nothing beyond templates is ever signed."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.bounds_judge import judge
from kit.certifying import FIELDS, Home, csr_of, demo_home, person_key

from appliance.crypto.api import KeyAlgorithm
from appliance.errors import ApplianceError
from appliance.services.certifying.certifier import Certifier
from appliance.services.certifying.desk import answer_admin
from appliance.services.certifying.messages import (
    AdminQuestion,
    AdminRefusal,
    Done,
    IssueAsk,
    IssueBatch,
    Issued,
)
from appliance.services.messages import Frame

decode = msgspec.msgpack.Decoder(AdminQuestion).decode
KINDS = {
    *("Malformed", "Refused", "NotFound", "Conflict", "Unauthenticated", "Unavailable"),
}
"""What a manager may be told; a Fault would be a defect of ours."""


class AtOnce:
    """A worker without a thread: what is asked is answered before `submit` returns."""

    def __init__(self, room: Certifier) -> None:
        self._room = room

    def submit(
        self, ask: Callable[[Certifier], Any], done: Callable[[Any], None], *, weight: int
    ) -> None:
        assert weight > 0
        try:
            done(ask(self._room))
        except ApplianceError as error:
            done(error)


class Line:
    """What came back."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, frame: Frame) -> bool:
        msgspec.msgpack.encode(frame)
        self.frames.append(frame)
        return True


class Attacker:
    """Sends octets as a manager would, and sees to it that nothing bad comes of them."""

    def __init__(self, home: Home) -> None:
        self.certifier = home.open()
        self.issued: dict[bytes, bytes] = {}
        self._worker: Any = AtOnce(self.certifier)

    def send(self, octets: bytes) -> Frame | None:
        """Send a frame; None when the line would be cut."""
        try:
            question = decode(octets)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        line = Line()
        answer_admin(self._worker, line, question)
        (answer,) = line.frames
        self._judge(answer)
        return answer

    def _judge(self, answer: Frame) -> None:
        if isinstance(answer, Issued):
            for result in answer.results:
                if isinstance(result, bytes):
                    serial = judge(result).serial_number.to_bytes(14, "big")
                    self.issued.setdefault(serial, result)
                    assert self.issued[serial] == result, "one number, two certificates"
                else:
                    assert result.kind in KINDS, result
        elif isinstance(answer, AdminRefusal):
            assert answer.kind in KINDS, answer
        else:
            assert isinstance(answer, Done)


@pytest.fixture(scope="module")
def attacker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacker]:
    made = Attacker(demo_home(tmp_path_factory.mktemp("hostile")))
    yield made
    made.certifier.close()


_numbers = itertools.count(1)
octets = st.binary(max_size=64)
texts = st.text(max_size=40) | st.sampled_from(
    ["{uid}", "CA:TRUE", "a,CN=b", "\0", "1.3.6.1.5.5.7.3.8", "中文名", "x" * 300, "*.example", ""]
)
authorities = st.sampled_from(["issuing-sm2", "issuing-p256"] * 4 + ["root-sm2", "", "../x"])
templates = st.sampled_from(
    [*["person", "device", "server", "grant", "hostile"] * 2, "@ocsp", "root", "", "p" * 70]
)
requests = st.sampled_from(
    [csr_of(person_key(number, each)) for number, each in enumerate(KeyAlgorithm)]
)


@st.composite
def csrs(draw: st.DrawFn) -> bytes:
    """Requests as they are, with an octet changed, cut off, or nothing of the kind."""
    good = draw(requests)
    at = draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes((good[at] ^ draw(st.integers(1, 255)),)) + good[at + 1 :]
    return draw(st.sampled_from([*[good] * 8, changed, good[:at], b"", b"\x30\x80" * 99]))


fields = st.dictionaries(
    st.sampled_from([*FIELDS, "email", "dns", "ip", "device"] * 2 + ["UID", "a b"]),
    texts,
    max_size=8,
) | st.sampled_from([FIELDS, {**FIELDS, "dns": "a.example", "ip": "10.0.0.1"}])
asks = st.builds(
    lambda *values: values,
    st.binary(min_size=16, max_size=16) | st.just(bytes(16)),
    authorities,
    templates,
    fields,
    csrs(),
    st.sampled_from([*[b""] * 8, b"\1", b"\1" * 14, b"x" * 21]),
    st.sampled_from([*[0] * 8, 1, 365, 1096, 7305, 7306, -1]),
)


def batch(*wishes: object) -> bytes:
    return msgspec.msgpack.encode(["issue", 7, list(wishes)])


@given(wishes=st.lists(asks, min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_wish_gives_more_than_a_template(attacker: Attacker, wishes: list[object]) -> None:
    good = [next(_numbers).to_bytes(16, "big"), "issuing-sm2", "person", FIELDS]
    attacker.send(batch(*wishes, [*good, csr_of(person_key())]))


@given(
    template=st.fixed_dictionaries(
        {
            "name": st.just("hostile"),
            "kind": st.sampled_from(["person", "device", "server", "grant", "ca"]),
            "algorithms": st.just(["sm2", "p256", "rsa"]),
            "subject": st.just([{"attribute": "CN", "value": "{name}"}]),
            "key_usage": st.lists(
                st.sampled_from(["digitalSignature", "keyCertSign", "cRLSign", "nonRepudiation"]),
                min_size=1,
                max_size=3,
                unique=True,
            ),
            "validity_days": st.sampled_from([0, 1, 365, 398, 1825, 1828, 7305, 10_950]),
            "extended_key_usage": st.lists(
                st.sampled_from(
                    ["clientAuth", "timeStamping", "OCSPSigning", "anyExtendedKeyUsage", "1.2.3.4"]
                ),
                max_size=2,
                unique=True,
            ),
            "extensions": st.lists(
                st.fixed_dictionaries(
                    {
                        "oid": st.sampled_from(
                            ["2.5.29.19", "2.5.29.15", "2.5.29.37", "1.3.6.1.5.5.7.1.1", "1.2.3.4"]
                        ),
                        "kind": st.sampled_from(["der", "octets", "null", "boolean"]),
                        "critical": st.booleans(),
                        "value": st.sampled_from(["30030101ff", "{name}", "", "true", "03020106"]),
                    }
                ),
                max_size=2,
            ),
        }
    )
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_template_gives_more_than_its_kind_is_due(
    attacker: Attacker, template: Mapping[str, object]
) -> None:
    added = attacker.send(msgspec.msgpack.encode(["template", 1, msgspec.json.encode(template)]))
    wish = [next(_numbers).to_bytes(16, "big"), "issuing-sm2", "hostile", FIELDS]
    answer = attacker.send(batch([*wish, csr_of(person_key())]))
    if isinstance(added, Done):
        assert isinstance(answer, Issued)


@given(noise=st.binary(max_size=300))
def test_noise_is_no_question(attacker: Attacker, noise: bytes) -> None:
    attacker.send(noise)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | texts | octets,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(
    tag=st.sampled_from(
        [
            *("issue", "revoke", "authorities?", "templates?", "template", "lists"),
            *("manifest", "ceremony", "approve"),
        ]
    ),
    rest=st.lists(json_like, max_size=6),
)
@settings(deadline=None)
def test_no_frame_brings_the_signer_down(attacker: Attacker, tag: str, rest: list[object]) -> None:
    try:
        frame = msgspec.msgpack.encode([tag, 1, *rest])
    except (OverflowError, UnicodeEncodeError):
        return
    attacker.send(frame)


def test_what_was_tried_was_worth_trying(attacker: Attacker) -> None:
    assert len(attacker.issued) > 10


def test_own_templates_are_nobodys_to_ask_for(attacker: Attacker) -> None:
    wish = IssueAsk(b"\xee" * 16, "issuing-sm2", "@ocsp", FIELDS, csr_of(person_key()))
    answer = attacker.send(msgspec.msgpack.encode(IssueBatch(1, [wish])))
    assert isinstance(answer, Issued)
    (result,) = answer.results
    assert not isinstance(result, bytes)
    assert result.kind == "NotFound"


def test_a_responder_is_not_renewed_for_a_manager(attacker: Attacker) -> None:
    attacker.certifier.rest()
    own = attacker.certifier._responders["issuing-sm2"]
    serial = own.certificate.serial_number.to_bytes(14, "big")
    for template in ("person", "device", "@ocsp"):
        wish = IssueAsk(
            next(_numbers).to_bytes(16, "big"), "issuing-sm2", template, {}, b"", serial
        )
        answer = attacker.send(msgspec.msgpack.encode(IssueBatch(1, [wish])))
        assert isinstance(answer, Issued)
        assert not isinstance(answer.results[0], bytes)
