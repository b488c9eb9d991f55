"""Values with places in them, `{name}`, that are filled from a user's fields."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from appliance.errors import Malformed, Refused

Fields = Mapping[str, str]
"""What the places are filled with: uid, name, department, ..."""

_PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")


@functools.lru_cache(1024)
def parse(pattern: str) -> tuple[str, ...]:
    """Cut a pattern into text and names of fields by turns, text first and last.

    Raises Malformed for a brace that is no part of a place.
    """
    parts = tuple(_PLACE.split(pattern))
    if any("{" in text or "}" in text for text in parts[::2]):
        raise Malformed("a brace in a template stands around the name of a field")
    return parts


def has_places(pattern: str) -> bool:
    """Tell whether fields are asked for.  Raises as `parse` does."""
    return len(parse(pattern)) > 1


def can_fill(pattern: str, fields: Fields) -> bool:
    """Tell whether each field asked for is there and says something."""
    return all(fields.get(name) for name in parse(pattern)[1::2])


def fill(pattern: str, fields: Fields) -> str:
    """Fill the places; what a field holds is text, never a pattern.  Raises Refused without one."""
    parts = list(parse(pattern))
    if len(parts) == 1:
        return pattern
    for at in range(1, len(parts), 2):
        value = fields.get(parts[at])
        if not value:
            raise Refused(f"the template asks for the field {parts[at]}, which is missing or empty")
        parts[at] = value
    return "".join(parts)
