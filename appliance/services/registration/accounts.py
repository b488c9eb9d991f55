"""Accounts and their tokens: who may use the application and admin interface, in its first form.

A token is 256 random bits, shown once; the registry keeps its SM3 alone, which needs no salt.
"""

from __future__ import annotations

import base64
import enum

from sqlalchemy import Connection

from appliance.errors import Conflict, Malformed
from appliance.pki.states import AccountEvent, AccountState
from appliance.services.registration.office import Office
from appliance.store.registry import accounts
from appliance.store.registry.accounts import AccountFilter, AccountRow

TOKEN_OCTETS = 32
_PREFIX = "shiyin_"
"""So that a token which strays into a log or a repository is found by who looks for such."""


class Role(enum.StrEnum):
    """What an account may do; no account has two."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    APPLICATION = "application"


class AccountDesk:
    """Opens and closes accounts, and tells whose token a token is."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def open(
        self, name: str, role: Role, *, expires_us: int | None = None
    ) -> tuple[AccountRow, str]:
        """Open an account; gives it and its token, which nobody can tell later.

        Raises Malformed for no name, Conflict when the name is taken.
        """
        row, token = self._new(name, role, expires_us)
        await self._office.registry.run(lambda connection: accounts.insert(connection, row))
        return row, token

    async def open_first(self, name: str) -> tuple[AccountRow, str]:
        """Open an administrator where none may act, as `open` does.

        Raises Conflict where one may.
        """
        row, token = self._new(name, Role.ADMINISTRATOR)
        wanted = AccountFilter(role=row.role, states=(AccountState.ACTIVE,))

        def put(connection: Connection) -> None:
            if accounts.find(connection, wanted, limit=1):
                raise Conflict("there is an administrator, who opens the accounts of others")
            accounts.insert(connection, row)

        await self._office.registry.run(put)
        return row, token

    def _new(self, name: str, role: Role, expires_us: int | None = None) -> tuple[AccountRow, str]:
        if not name.strip() or not name.isprintable():
            raise Malformed("an account has a name that can be read")
        token = self.new_token()
        row = AccountRow(
            id=self._office.new_id(),
            name=name,
            role=role.value,
            token_sm3=self._office.digest(token.encode()),
            created_us=self._office.now_us(),
            expires_us=expires_us,
        )
        return row, token

    def new_token(self) -> str:
        """Draw a token."""
        text = base64.urlsafe_b64encode(self._office.draw(TOKEN_OCTETS)).decode().rstrip("=")
        return _PREFIX + text

    async def authenticate(self, token: str) -> AccountRow | None:
        """Find the account of a token, if it may act now."""
        digest = self._office.digest(token.encode())
        row = await self._office.registry.read(
            lambda connection: accounts.find_by_token(connection, digest)
        )
        if row is None or row.state is not AccountState.ACTIVE:
            return None
        is_over = row.expires_us is not None and row.expires_us <= self._office.now_us()
        return None if is_over else row

    async def step(self, account_id: str, event: AccountEvent) -> AccountRow:
        """Suspend, restore or close an account.  Raises NotFound, Conflict."""

        def move(connection: Connection) -> AccountRow:
            row = accounts.get(connection, account_id)
            accounts.move(connection, account_id, (row.state, event))
            return accounts.get(connection, account_id)

        return await self._office.registry.run(move)

    async def replace_token(self, account_id: str) -> str:
        """Give an account a new token; the old one is worth nothing from now on.

        Raises NotFound.
        """
        token = self.new_token()
        digest = self._office.digest(token.encode())
        await self._office.registry.run(
            lambda connection: accounts.set_token(connection, account_id, digest, None)
        )
        return token

    async def adopt(self, name: str, role: Role, token: str) -> None:
        """Let `token` be that of the account `name`, which is opened if it is not there.

        For the demo, whose credentials stand in a file from start to start.
        """
        digest, now_us = self._office.digest(token.encode()), self._office.now_us()
        row = AccountRow(self._office.new_id(), name, role.value, digest, now_us)

        def put(connection: Connection) -> None:
            known = accounts.find_by_name(connection, name)
            if known is None:
                accounts.insert(connection, row)
            elif known.token_sm3 != digest:
                accounts.set_token(connection, known.id, digest, None)

        await self._office.registry.run(put)
