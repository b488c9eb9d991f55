"""The device API of one front in memory, between phones and whoever answers them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import cast

import attrs
import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from appliance.asn1.cosign import CosignMsg, Enrol, Request, decode_message, encode_message
from appliance.cosign.requests import DeviceRequest, Verb
from appliance.services.cosigning.messages import (
    CodeAnswer,
    DeviceAnswer,
    DeviceQuestion,
    EnrolAnswer,
    EnrolAsk,
    PortalAnswer,
    PortalQuestion,
    RequestAsk,
    ResultsAnswer,
    TlsAnswer,
    TlsAsk,
)
from appliance.services.messages import FRAME_LIMIT, Frame
from appliance.wire.devices.json_form import DeviceRoom
from appliance.wire.devices.lane import DEFAULT_LIMITS, Lane, LaneLimits
from appliance.wire.devices.relay import DeviceRates, DeviceRelay, ManagerAnswer, SignerAnswer
from appliance.wire.devices.tcp import (
    DEFAULT_COSIGN_LIMITS,
    CosignLimits,
    CosignTcpConnection,
    CosignTcpFactory,
)
from appliance.wire.http.site import Site
from appliance.wire.rates import RateTable
from kit.http import WALL_S, Answer
from kit.http import Client as HttpClient
from kit.rest import JSON, render

MAC = bytes(range(32))
SIGNATURE = bytes(range(64))
ID = b"sixteen octets!!"
REQUEST = DeviceRequest(Verb.SIGN, "u-1", "d-1", 1, 7, MAC, SIGNATURE, [b"one", b"two"])

PLENTY = RateTable(1e6, 1_000_000_000)

Question = EnrolAsk | RequestAsk | TlsAsk
AnyAnswer = EnrolAnswer | ResultsAnswer | CodeAnswer | TlsAnswer
Script = Callable[[Question], AnyAnswer | None]


def echo(question: Question) -> AnyAnswer | None:
    """Answer with what was asked."""
    if isinstance(question, EnrolAsk):
        return EnrolAnswer(question.number, question.message, question.mac)
    if isinstance(question, TlsAsk):
        return TlsAnswer(question.number, [question.csr])
    return ResultsAnswer(question.number, list(question.request.items))


@attrs.frozen
class Side:
    """The signer or the manager: what it was asked, decoded as it would decode it."""

    lane: Lane[SignerAnswer] | Lane[ManagerAnswer]
    decoder: msgspec.msgpack.Decoder[Question]
    answers: object
    script: list[Script]
    asked: list[Question] = attrs.field(factory=list)

    def take(self, frame: Frame) -> bool:
        """Hear a frame; one that it could not decode fails the test."""
        octets = msgspec.msgpack.encode(frame)
        if len(octets) > FRAME_LIMIT:
            return False
        question = self.decoder.decode(octets)
        self.asked.append(question)
        answer = self.script[0](question)
        if answer is not None:
            self.say(answer)
        return True

    def say(self, answer: AnyAnswer) -> None:
        """Let an answer come back as it crosses."""
        crossed = msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=self.answers)
        self.lane.heard(crossed)


class Phone:
    """A phone on the TCP port."""

    def __init__(self, connection: CosignTcpConnection) -> None:
        self.connection = connection
        self.transport = StringTransport()
        connection.makeConnection(self.transport)

    def send(self, octets: bytes) -> None:
        """Let the octets arrive in one read."""
        self.connection.dataReceived(octets)

    def ask(self, body: Request | Enrol, identifier: bytes = ID) -> None:
        """Send one message."""
        self.send(framed(encode_message(CosignMsg(identifier, body))))

    @property
    def answers(self) -> list[CosignMsg]:
        """All that was answered so far."""
        octets, found = self.transport.value(), []
        while octets:
            stop = 4 + int.from_bytes(octets[:4], "big")
            assert stop <= len(octets)
            found.append(decode_message(octets[4:stop]))
            octets = octets[stop:]
        return found

    @property
    def is_read(self) -> bool:
        """Whether the front reads from the connection."""
        return bool(self.transport.producerState == "producing")

    @property
    def is_ended(self) -> bool:
        """Whether the front closes the connection, politely or not."""
        return bool(self.transport.disconnecting or self.transport.disconnected)


class Devices:
    """One front: its two ports and their clock, the signer and the manager behind it."""

    def __init__(
        self,
        script: Script = echo,
        *,
        lane: LaneLimits = DEFAULT_LIMITS,
        tcp: CosignLimits = DEFAULT_COSIGN_LIMITS,
        enrolments: RateTable = PLENTY,
        rejections: RateTable = PLENTY,
        is_staffed: bool = True,
    ) -> None:
        self.clock = Clock()
        self.script = [script]
        signer: Lane[SignerAnswer] = Lane(self.clock, lane)
        manager: Lane[ManagerAnswer] = Lane(self.clock, lane)
        self.signer = Side(
            signer, msgspec.msgpack.Decoder(DeviceQuestion), DeviceAnswer, self.script
        )
        self.manager = Side(
            manager, msgspec.msgpack.Decoder(PortalQuestion), PortalAnswer, self.script
        )
        if is_staffed:
            signer.arrived(self.signer.take)
            manager.arrived(self.manager.take)
        self.relay = DeviceRelay(signer, manager, DeviceRates(enrolments, rejections), self.clock)
        self.room = DeviceRoom(self.relay, deadline_s=10.0)
        self.site = Site(
            {},
            clock=self.clock,
            wall_s=lambda: WALL_S,
            router=self.room.dispatcher(bytes).route,
        )
        self.tcp = CosignTcpFactory(self.relay, clock=self.clock, limits=tcp)
        self.tcp.doStart()

    def open_http(self, host: str = "192.0.2.1") -> HttpClient:
        """Connect a phone to the HTTPS port, inside its TLS."""
        address = cast("IAddress", IPv4Address("TCP", host, 40_000))
        return HttpClient(self.site.buildProtocol(address))  # type: ignore[arg-type]

    def post(self, path: str, body: object, host: str = "192.0.2.1") -> Answer:
        """Make a call in JSON and read its answer."""
        octets = body if isinstance(body, bytes) else msgspec.json.encode(body)
        client = self.open_http(host)
        client.send(render("POST", f"/v1/device/{path}", {"Content-Type": JSON}, octets))
        (answer,) = client.answers
        return answer

    def open_tcp(self, host: str = "192.0.2.1") -> Phone:
        """Connect a phone to the TCP port, inside its TLS."""
        address = cast("IAddress", IPv4Address("TCP", host, 40_000))
        connection = self.tcp.buildProtocol(address)
        assert isinstance(connection, CosignTcpConnection)
        return Phone(connection)


def text_of(octets: bytes) -> str:
    """Write base64url without padding, by the standard library."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def body_of(request: DeviceRequest) -> dict[str, object]:
    """Write a request in JSON."""
    return {
        "uid": request.uid,
        "device": request.device,
        "epoch": request.epoch,
        "ctr": request.ctr,
        "mac": text_of(request.mac),
        "signature": text_of(request.signature),
        "items": [text_of(item) for item in request.items],
    }


def message_of(request: DeviceRequest) -> Request:
    """Write a request in DER."""
    return Request(
        request.verb.value,
        request.uid,
        request.device,
        request.epoch,
        request.ctr,
        request.mac,
        request.signature,
        tuple(request.items),
    )


def framed(octets: bytes) -> bytes:
    """Put octets in a frame."""
    return len(octets).to_bytes(4, "big") + octets
