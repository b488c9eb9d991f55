"""Answers remembered by Idempotency-Key, in the registry."""

from __future__ import annotations

import functools

from appliance.services.registration.office import Office
from appliance.store.registry import idempotency
from appliance.store.registry.idempotency import KeptAnswer
from appliance.wire.rest.dispatch import Asked, Kept


class RegistryMemory:
    """Remembers for as long as the registry keeps; see `dispatch.Memory`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def claim(self, asked: Asked) -> Kept | None:
        """Take a key, or tell what is kept under it."""
        mine = KeptAnswer(
            account=asked.account,
            key=asked.key,
            method=asked.method,
            path=asked.path,
            body_sm3=asked.body_sm3,
            created_us=self._office.now_us(),
        )
        found = await self._office.registry.run(functools.partial(idempotency.claim, asked=mine))
        if found is None:
            return None
        return Kept(found.is_same_request(mine), found.status, found.response or b"")

    async def settle(self, asked: Asked, status: int, body: bytes) -> None:
        """Keep an answer."""
        await self._office.registry.run(
            lambda connection: idempotency.settle(
                connection, asked.account, asked.key, status, body
            )
        )

    async def abandon(self, asked: Asked) -> None:
        """Free a key whose call had no effect."""
        await self._office.registry.run(
            lambda connection: idempotency.abandon(connection, asked.account, asked.key)
        )
