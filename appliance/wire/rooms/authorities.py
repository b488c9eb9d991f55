"""Our own certificate authorities and their templates, as the signer tells of them."""

from __future__ import annotations

import functools
from typing import Any, Protocol

import msgspec

from appliance.asn1 import pem
from appliance.errors import NotFound
from appliance.services.registration.accounts import Role
from appliance.wire.rest.table import EVERYONE, PEOPLE, Answer, Call, File, Operation
from appliance.wire.rooms.bodies import View

_KEEPERS = frozenset({Role.ADMINISTRATOR})
_TEMPLATE_OCTETS = 65_536


class Signer(Protocol):
    """What is asked of the signer here."""

    async def authorities(self) -> dict[str, Any]:
        """Tell of the authorities."""

    async def templates(self) -> dict[str, Any]:
        """Tell the templates as JSON by name."""

    async def add_template(self, template: bytes) -> dict[str, Any]:
        """Add a template."""

    async def publish_list(self, authority: str, *, is_delta: bool) -> dict[str, Any]:
        """Sign a list now."""


class ListView(View, frozen=True):
    """A revocation list."""

    number: int
    this_update: str
    next_update: str


class AuthorityView(View, frozen=True):
    """An authority: its certificate, how many it issued by state, its newest lists."""

    name: str
    algorithm: str
    subject: str
    issuer: str
    serial_number: str
    not_before: str
    not_after: str
    certificates: dict[str, int]
    list: ListView | None
    delta: ListView | None


class AuthorityList(View, frozen=True):
    """Every authority of this box."""

    items: list[AuthorityView]


class TemplateList(View, frozen=True):
    """Every certificate template, as it was given in."""

    items: list[Any]


class NameView(View, frozen=True):
    """The name of what was added."""

    name: str


class PublishedView(View, frozen=True):
    """A list that was signed and published now."""

    number: int


class AuthorityRoom:
    """The operations on authorities and templates."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="GET",
                path="/v1/authorities",
                name="listAuthorities",
                summary="List the certificate authorities of this box",
                handler=self._list,
                roles=EVERYONE,
                gives=AuthorityList,
            ),
            Operation(
                method="GET",
                path="/v1/authorities/{name}/chain",
                name="downloadChain",
                summary="Download an authority's certificate and those above it, as PEM",
                handler=self._chain,
                roles=None,
                gives="application/x-pem-file",
            ),
            *(
                Operation(
                    method="POST",
                    path=f"/v1/authorities/{{name}}/{path}",
                    name=name,
                    summary=summary,
                    handler=functools.partial(self._publish, is_delta),
                    roles=PEOPLE - {Role.AUDITOR},
                    gives=PublishedView,
                )
                for path, name, summary, is_delta in (
                    ("list", "publishList", "Sign the revocation list now", False),
                    ("delta", "publishDelta", "Sign a delta revocation list now", True),
                )
            ),
            Operation(
                method="GET",
                path="/v1/templates",
                name="listTemplates",
                summary="List the certificate templates",
                handler=self._templates,
                roles=EVERYONE,
                gives=TemplateList,
            ),
            Operation(
                method="POST",
                path="/v1/templates",
                name="addTemplate",
                summary="Add a certificate template; the signer refuses one beyond its bounds",
                handler=self._add,
                roles=_KEEPERS,
                body="application/json",
                body_limit=_TEMPLATE_OCTETS,
                gives=NameView,
                status=201,
            ),
        ]

    async def _list(self, _call: Call) -> Answer:
        told = (await self._signer.authorities())["authorities"]
        items = [
            msgspec.convert({"name": name, **facts}, AuthorityView) for name, facts in told.items()
        ]
        return Answer(AuthorityList(items=items))

    async def _chain(self, call: Call) -> Answer:
        told = (await self._signer.authorities())["authorities"]
        facts = told.get(call.path["name"])
        if facts is None:
            raise NotFound(f"there is no authority {call.path['name']}")
        text = b"".join(pem.write("CERTIFICATE", each) for each in facts["chain"])
        return Answer(File(text, f"{call.path['name']}.pem"))

    async def _publish(self, is_delta: bool, call: Call) -> Answer:  # noqa: FBT001  bound by partial
        told = await self._signer.publish_list(call.path["name"], is_delta=is_delta)
        return Answer(PublishedView(number=told["number"]))

    async def _templates(self, _call: Call) -> Answer:
        told = await self._signer.templates()
        return Answer(TemplateList(items=[msgspec.json.decode(each) for each in told.values()]))

    async def _add(self, call: Call) -> Answer:
        told = await self._signer.add_template(call.body)
        return Answer(NameView(name=told["name"]))
