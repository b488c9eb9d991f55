"""The phone package before a real front in memory, in both forms and from one to the other."""

from collections.abc import Callable, Sequence

import pytest
from kit.device_api import AnyAnswer, Devices, Question
from kit.rest import JSON, render
from kit.sdk_phone import PIN, PLACE, Memory
from kit.sdk_signer import Item, No, SignerDouble, make_code
from shiyin_cosign import der_form, json_form
from shiyin_cosign.activation import read_code
from shiyin_cosign.arithmetic import choice
from shiyin_cosign.driving import Channel, enrol, run
from shiyin_cosign.enrolment import Enrolled, Enrolment, Message
from shiyin_cosign.errors import Rejected
from shiyin_cosign.phone import Phone, Result, first_profile
from shiyin_cosign.requests import Request

from appliance.cosign.codes import Code
from appliance.services.cosigning.messages import (
    CodeAnswer,
    EnrolAnswer,
    EnrolAsk,
    RequestAsk,
    ResultsAnswer,
)

FORMS = ("json", "der")


def behind(double: SignerDouble) -> Callable[[Question], AnyAnswer]:
    """Let the double answer what a front passes on, for the signer and for the manager."""

    def answer(ask: Question) -> AnyAnswer:
        try:
            if isinstance(ask, EnrolAsk):
                return EnrolAnswer(ask.number, *double.enrol(ask.step, ask.message, ask.mac))
            assert isinstance(ask, RequestAsk)
            names = ("epoch", "ctr", "items", "mac", "signature")
            fields = {name: getattr(ask.request, name) for name in names}
            results = double.ask(ask.request.verb.value, fields)
        except No as no:
            told = no.more
            return CodeAnswer(
                ask.number, Code(no.code), "no", told.get("tries_left"), told.get("epoch")
            )
        numbers = (each if isinstance(each, bytes) else Code(each).number for each in results)
        return ResultsAnswer(ask.number, list(numbers))

    return answer


class JsonChannel:
    """The package's JSON, through the front's HTTP."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices

    def ask(self, request: Request) -> Sequence[Result]:
        path, body = json_form.request_path(request), json_form.encode_request(request)
        return json_form.decode_results(self._post(path, body))

    def enrol(self, message: Message) -> Message:
        path, body = json_form.enrol_path(message), json_form.encode_message(message)
        return json_form.decode_message(message.step + 1, self._post(path, body))

    def close(self) -> None:
        """Nothing is open."""

    def _post(self, path: str, body: bytes) -> bytes:
        client = self._devices.open_http()
        client.send(render("POST", path, {"Content-Type": JSON}, body))
        (answer,) = client.answers
        if answer.status != 200:
            raise json_form.rejection(answer.status, answer.body)
        return answer.body


class DerChannel:
    """The package's DER, through the front's TCP port."""

    def __init__(self, devices: Devices) -> None:
        self._phone = devices.open_tcp()
        self._heard = 0

    def ask(self, request: Request) -> Sequence[Result]:
        return der_form.decode_results(*self._exchange(der_form.encode_request, request))

    def enrol(self, message: Message) -> Message:
        return der_form.decode_message(*self._exchange(der_form.encode_message, message))

    def close(self) -> None:
        """Nothing is open."""

    def _exchange(self, encode, question):
        identifier = b"%016d" % self._heard
        self._phone.send(encode(identifier, question))
        octets = self._phone.transport.value()[self._heard :]
        self._heard += len(octets)
        return identifier, octets[der_form.HEAD_OCTETS :]


class Ward:
    """A front with the double behind it, and a phone enrolled there."""

    def __init__(self, enrolled_in: str) -> None:
        self.double = SignerDouble(make_code())
        devices = Devices(behind(self.double))
        self.channels: dict[str, Channel] = {
            "json": JsonChannel(devices),
            "der": DerChannel(devices),
        }
        keeper, backend = Memory(), choice.make("openssl")

        def keep(enrolled: Enrolled) -> None:
            keeper.keep(first_profile(enrolled, PLACE, PIN))

        machine = Enrolment(backend, read_code(self.double.code), "my phone")
        enrol(machine, self.channels[enrolled_in], keep)
        self.phone = Phone(keeper, backend)

    def give(self, name: str, content: bytes, *, is_large: bool = False) -> None:
        self.double.add(Item(name, "raw", content, content, is_large=is_large))


@pytest.mark.parametrize("enrolled_in", FORMS)
@pytest.mark.parametrize("used_in", FORMS)
def test_a_phone_of_either_form_lists_fetches_signs_and_changes_its_pin(enrolled_in, used_in):
    ward, large = Ward(enrolled_in), bytes(range(256)) * 300
    channel = ward.channels[used_in]
    ward.give("a", b"a document")
    ward.give("b", large, is_large=True)
    tasks = [run(ward.phone.complete(task), channel) for task in run(ward.phone.tasks(), channel)]
    assert [task.document.content for task in tasks] == [b"a document", large]
    outcomes = run(ward.phone.sign(PIN, tasks), channel)
    assert [(outcome.state, outcome.error) for outcome in outcomes] == [("signed", None)] * 2
    run(ward.phone.refresh(PIN, "975310"), channel)
    assert ward.double.epoch == 2


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_pin_is_told_with_the_tries_that_are_left(form):
    ward = Ward(form)
    ward.give("a", b"a document")
    tasks = run(ward.phone.tasks(), ward.channels[form])
    with pytest.raises(Rejected) as found:
        run(ward.phone.sign("000001", tasks), ward.channels[form])
    assert (found.value.code.value, found.value.tries_left) == ("pin_wrong", 4)


@pytest.mark.parametrize("form", FORMS)
def test_an_item_that_may_not_be_signed_does_not_spoil_the_others(form):
    ward = Ward(form)
    ward.give("a", b"a document")
    ward.give("b", b"another")
    tasks = run(ward.phone.tasks(), ward.channels[form])
    ward.double.items["a"].state = "cancelled"
    outcomes = run(ward.phone.sign(PIN, tasks), ward.channels[form])
    assert [getattr(each.error, "code", None) for each in outcomes] == ["item_final", None]


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_code_is_told_as_such(form):
    ward = Ward(form)
    ward.double.k_code = bytes(32)
    machine = Enrolment(choice.make("openssl"), read_code(ward.double.code), "another")
    with pytest.raises(Rejected) as found:
        enrol(machine, ward.channels[form], lambda _enrolled: None)
    assert found.value.code.value == "activation_rejected"
