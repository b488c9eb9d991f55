"""How far the registry has followed what others tell it, kept with the effect of each word."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from appliance.store.registry.tables import followed as table


def get(connection: Connection, source: str) -> int:
    """Tell the last word that was taken in from `source`; 0 for none."""
    found: int | None = connection.execute(
        select(table.c.seq).where(table.c.source == source)
    ).scalar()
    return found or 0


def advance(connection: Connection, source: str, old: int, new: int) -> bool:
    """Note that all up to `new` was taken in; False when another was there first."""
    if old == get(connection, source) == 0:
        connection.execute(table.insert().values(source=source, seq=new))
        return True
    statement = update(table).where(table.c.source == source, table.c.seq == old)
    return bool(connection.execute(statement.values(seq=new)).rowcount)
