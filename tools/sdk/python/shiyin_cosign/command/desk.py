"""What every act works with: the options, the words, the PIN and the way to the box."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shiyin_cosign.command.words import say
from shiyin_cosign.driving import Channel
from shiyin_cosign.errors import Malformed
from shiyin_cosign.https import HttpsChannel
from shiyin_cosign.pin import require_good
from shiyin_cosign.profile import Place
from shiyin_cosign.tls_tcp import TlsTcpChannel


@dataclass(frozen=True, slots=True)
class Desk:
    """The options of one run and the language it speaks."""

    options: argparse.Namespace
    tongue: str

    def tell(self, facts: Mapping[str, Any], *lines: str) -> None:
        """Print the facts as JSON, or else the lines for people."""
        if self.options.json:
            print(json.dumps(facts, ensure_ascii=False))
        else:
            for line in lines:
                print(line)

    def note(self, line: str) -> None:
        """Say something beside the result."""
        print(line, file=sys.stderr)

    def pin(self) -> str:
        """Give the PIN: from a file, the environment, or the user."""
        return self._secret(self.options.pin_file, "SHIYIN_PIN") or getpass.getpass(
            say(self.tongue, "pin")
        )

    def new_pin(self, path: Path | None, variable: str, question: str) -> str:
        """Give a PIN that is to be used from now on; who types it types it twice."""
        given = self._secret(path, variable)
        if given:
            return require_good(given)
        first = require_good(getpass.getpass(say(self.tongue, question)))
        if getpass.getpass(say(self.tongue, "again")) != first:
            raise Malformed(say(self.tongue, "differ"))
        return first

    def place(self, known: Place) -> Place:
        """Give where the box is: as the options say, else as it was."""
        options = self.options
        url, tcp, ca = known.url, known.tcp, known.ca
        if options.ready is not None:
            facts = _read_ready(options.ready)
            url, tcp = facts["device"], facts.get("cosign_tcp", "")
            ca = Path(facts["ca_cert"]).read_text("utf-8")
        if options.ca is not None:
            ca = options.ca.read_text("utf-8")
        return Place(options.device_url or url, options.tcp or tcp, ca, known.root)

    def channel(self, place: Place) -> Channel:
        """Open the way that the options choose."""
        if self.options.tcp or self.options.over_tcp:
            return TlsTcpChannel(place.tcp, place.ca)
        return HttpsChannel(place.url, place.ca)

    def _secret(self, path: Path | None, variable: str) -> str:
        if path is not None:
            return path.read_text("utf-8").rstrip("\r\n")
        return os.environ.get(variable, "")


def _read_ready(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        facts["device"], facts["ca_cert"]
    except (ValueError, KeyError) as error:
        raise Malformed(f"{path} does not tell of a box that serves phones") from error
    return facts
