"""`shiyin status` and `shiyin keys`: what the signer says of itself on the control socket."""

from __future__ import annotations

import argparse

from appliance.cli.context import Context, Exit
from appliance.errors import ApplianceError, Unavailable
from appliance.services.messages import Facts, Frame, KeysAsk, StatusAsk
from appliance.wire.ipc import ask


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Describe the verb: it takes nothing."""


def run(context: Context, _chosen: argparse.Namespace) -> Exit:
    """Show the state of the box."""
    facts = dict(ask_signer(context, StatusAsk()))
    try:
        ready = context.ready()
        facts |= {"tsp_http": ready.tsp_http, "processes": ready.pids}
    except ApplianceError:
        facts["ready"] = False  # under systemd there is no ready.json
    context.show(facts)
    return Exit.OK


def run_keys(context: Context, _chosen: argparse.Namespace) -> Exit:
    """Show the public side of the signing keys."""
    context.show(ask_signer(context, KeysAsk()))
    return Exit.OK


def ask_signer(context: Context, question: Frame) -> dict[str, object]:
    """Ask on the control socket.  Raises Unavailable, PermissionError."""
    path = context.state / "run" / "control.sock"
    try:
        return ask(path, question, Facts).facts
    except PermissionError:
        raise
    except OSError as error:
        raise Unavailable(f"the signer does not answer on {path}: {error}") from error
