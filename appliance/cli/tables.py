"""Tables for people: columns aligned as a terminal shows them, wide Chinese characters too."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping


def render_table(columns: Mapping[str, str], rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Render rows under `columns`: the field that each shows, and its heading."""
    lines = [list(columns.values())]
    lines += [[_text(row.get(name)) for name in columns] for row in rows]
    widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
    return [
        "  ".join(map(_padded, cells, widths)).rstrip()
        for cells in (
            lines if len(lines) > 1 else [*lines, ["none 无"] + [""] * (len(columns) - 1)]
        )
    ]


def _text(value: object) -> str:
    text = "-" if value is None else str(value)
    return "".join(each if each.isprintable() else "?" for each in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
