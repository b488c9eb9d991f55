"""Accounts of people and applications, in their first form: a name, one role, a token."""

from __future__ import annotations

import functools

from appliance.pki.states import AccountEvent
from appliance.services.registration.accounts import AccountDesk, Role
from appliance.services.registration.office import Office
from appliance.store.registry import accounts
from appliance.store.registry.accounts import AccountFilter
from appliance.wire.rest.paging import PageQuery, read_page
from appliance.wire.rest.table import EVERYONE, PEOPLE, Answer, Call, Operation
from appliance.wire.rooms.bodies import AccountView, NewAccount, TokenView, View, view_account

_KEEPERS = frozenset({Role.ADMINISTRATOR})


class AccountQuery(PageQuery, frozen=True, kw_only=True):
    """Which accounts are wanted."""

    role: Role | None = None


class AccountPage(View, frozen=True):
    """A page of accounts, newest first; `next` is null on the last."""

    items: list[AccountView]
    next: str | None


class AccountRoom:
    """The operations on accounts."""

    def __init__(self, office: Office, desk: AccountDesk) -> None:
        self._office = office
        self._desk = desk

    def operations(self) -> list[Operation]:
        """List them."""
        return [
            Operation(
                method="GET",
                path="/v1/accounts",
                name="listAccounts",
                summary="List accounts, newest first",
                handler=self._list,
                roles=PEOPLE,
                query=AccountQuery,
                gives=AccountPage,
            ),
            Operation(
                method="GET",
                path="/v1/accounts/me",
                name="getOwnAccount",
                summary="Tell whose token this is",
                handler=self._me,
                roles=EVERYONE,
                gives=AccountView,
            ),
            Operation(
                method="POST",
                path="/v1/accounts",
                name="openAccount",
                summary="Open an account; its token is told this once",
                handler=self._open,
                roles=_KEEPERS,
                body=NewAccount,
                gives=TokenView,
                tells_secret=True,
                status=201,
            ),
            Operation(
                method="POST",
                path="/v1/accounts/{id}/token",
                name="replaceToken",
                summary="Give an account a new token; the old one ends",
                handler=self._replace,
                roles=_KEEPERS,
                gives=TokenView,
                tells_secret=True,
            ),
            *(
                Operation(
                    method="POST",
                    path=f"/v1/accounts/{{id}}/{verb}",
                    name=f"{verb}Account",
                    summary=summary,
                    handler=functools.partial(self._step, event),
                    roles=_KEEPERS,
                    gives=AccountView,
                )
                for verb, summary, event in (
                    ("suspend", "Lock an account for a time", AccountEvent.SUSPENDED),
                    ("restore", "Unlock an account", AccountEvent.RESTORED),
                    ("close", "Shut an account for ever", AccountEvent.CLOSED),
                )
            ),
        ]

    async def _list(self, call: Call) -> Answer:
        query: AccountQuery = call.query
        wanted = AccountFilter(role=query.role.value if query.role else None)
        items, more = await read_page(
            self._office.registry, accounts.find, wanted, query, view_account
        )
        return Answer(AccountPage(items=items, next=more))

    async def _me(self, call: Call) -> Answer:
        assert call.caller is not None
        return Answer(view_account(await self._row(call.caller.id)))

    async def _open(self, call: Call) -> Answer:
        row, token = await self._desk.open(call.body.name, call.body.role)
        return Answer(TokenView(account=view_account(row), token=token))

    async def _replace(self, call: Call) -> Answer:
        token = await self._desk.replace_token(call.path["id"])
        return Answer(
            TokenView(account=view_account(await self._row(call.path["id"])), token=token)
        )

    async def _step(self, event: AccountEvent, call: Call) -> Answer:
        return Answer(view_account(await self._desk.step(call.path["id"], event)))

    async def _row(self, account_id: str) -> accounts.AccountRow:
        return await self._office.registry.read(
            functools.partial(accounts.get, account_id=account_id)
        )
