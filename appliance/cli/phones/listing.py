"""What the verbs of this folder share: parts with ids, and lists."""

from __future__ import annotations

import argparse
import enum
from collections.abc import Callable, Mapping

from appliance.cli.certificates.api_client import Api, Facts, api_options, positive, segment
from appliance.cli.context import Context, Exit
from appliance.cli.tables import render_table

Part = Callable[[Api, Context, argparse.Namespace], Exit]
AddPart = Callable[[str, str], argparse.ArgumentParser]


def parts_of(parser: argparse.ArgumentParser) -> AddPart:
    """Give what adds the parts of a verb."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")

    def part(name: str, sentence: str) -> argparse.ArgumentParser:
        return parts.add_parser(name, help=sentence, parents=[api_options()])

    return part


def add_id(parser: argparse.ArgumentParser, what: str) -> None:
    """Let a part name something."""
    parser.add_argument("id", type=segment, help=what)


def add_listing(parser: argparse.ArgumentParser, states: type[enum.StrEnum]) -> None:
    """Let a part list by state."""
    parser.add_argument("--only", choices=[each.value for each in states], help="in this state")
    parser.add_argument("--limit", type=positive, default=100, help="at most so many (100)")


def show_rows(context: Context, name: str, columns: Mapping[str, str], rows: list[Facts]) -> None:
    """Print a list: JSON for programs, a table for people."""
    if context.is_json:
        context.show({name: rows})
    else:
        print("\n".join(render_table(columns, rows)))


def step(path: str) -> Part:
    """Make the part that does what its own name says to one thing under `path`."""

    def run(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
        context.show(api.post(f"{path}/{chosen.id}/{chosen.part}"))
        return Exit.OK

    return run


def show(path: str) -> Part:
    """Make the part that shows one thing under `path`."""

    def run(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
        context.show(api.get(f"{path}/{chosen.id}"))
        return Exit.OK

    return run
