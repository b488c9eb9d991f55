"""The real chronyd, as server and as client, on ports of its own; -x keeps it off the clock."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import attrs

from kit.polling import wait_until

SELECT_GUARD_S = 60.0
STOP_GUARD_S = 10.0
ASK_GUARD_S = 10.0


@attrs.frozen
class Tracking:
    """What a chronyd believes: its reference, true time minus the host's, and how sure it is."""

    reference_id: str
    stratum: int
    offset_s: float
    root_delay_s: float
    root_dispersion_s: float
    leap: str

    @property
    def distance_s(self) -> float:
        """Give the most that it says it may be wrong by."""
        return self.root_delay_s / 2 + self.root_dispersion_s


@attrs.frozen(eq=False)
class Chronyd:
    """A running chronyd with its folder."""

    folder: Path
    process: subprocess.Popen[bytes]

    def ask(self, command: str) -> list[list[str]]:
        """Ask it by chronyc; gives the rows."""
        done = subprocess.run(
            ["chronyc", "-c", "-h", str(self.folder / "control" / "chronyd.sock"), command],
            capture_output=True,
            timeout=ASK_GUARD_S,
            check=False,
        )
        return [line.split(",") for line in done.stdout.decode().splitlines()]

    def selected(self) -> str | None:
        """Give the name of the source that it follows."""
        rows = self.ask("sources")
        return next((row[2] for row in rows if len(row) > 2 and row[1] == "*"), None)

    def wait_selected(self) -> str:
        """Wait until it follows a source; gives its name."""

        def look() -> str | None:
            log = self.folder / "chronyd.log"
            assert self.process.poll() is None, f"chronyd ended: {log.read_text()}"
            return self.selected()

        return wait_until(look, guard_s=SELECT_GUARD_S, what="a source that is selected")

    def reach(self, name: str) -> int:
        """Tell which of the last eight polls of a source gave something, as bits."""
        return next(int(row[5], 8) for row in self.ask("sources") if row[2] == name)

    def tracking(self) -> Tracking:
        """Ask what it believes."""
        (row,) = self.ask("tracking")
        return Tracking(
            reference_id=bytes.fromhex(row[0]).rstrip(b"\0").decode("ascii", "replace"),
            stratum=int(row[2]),
            offset_s=float(row[4]),
            root_delay_s=float(row[10]),
            root_dispersion_s=float(row[11]),
            leap=row[13],
        )


def free_port(kind: socket.SocketKind) -> int:
    """Give a port that was free just now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def chrony_folder() -> Iterator[Path]:
    """Give a folder whose sockets' paths are short, with that of the command socket."""
    folder = Path(tempfile.mkdtemp(prefix="chrony-"))
    try:
        (folder / "control").mkdir(mode=0o750)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def running_chronyd(folder: Path, lines: Sequence[str]) -> Iterator[Chronyd]:
    """Run a chronyd that does not touch the system's clock, ended afterwards."""
    config = folder / "chrony.conf"
    config.write_text("\n".join((*lines, f"pidfile {folder}/chronyd.pid", "user root", "")))
    with (folder / "chronyd.log").open("wb") as log:
        process = subprocess.Popen(
            ["chronyd", "-4", "-x", "-d", "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield Chronyd(folder, process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_GUARD_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@attrs.frozen
class Nts:
    """Where keys are established, and the certificate to be trusted for it, of `localhost`."""

    port: int
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make a P-256 certificate for localhost."""
        found = cls(free_port(socket.SOCK_STREAM), folder / "nts.pem", folder / "nts.key")
        options = (
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
            " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        )
        files = ["-keyout", str(found.key), "-out", str(found.certificate)]
        subprocess.run(["openssl", *options.split(), *files], check=True, capture_output=True)
        return found


@contextlib.contextmanager
def chrony_client(host: str, port: int, nts: Nts | None = None) -> Iterator[Chronyd]:
    """Run a client of one server."""
    server = f"server {host} port {port} iburst minpoll 0 maxpoll 2"
    with chrony_folder() as folder:
        lines = (
            server if nts is None else f"{server} nts ntsport {nts.port}",
            *([] if nts is None else [f"ntstrustedcerts {nts.certificate}"]),
            f"bindcmdaddress {folder}/control/chronyd.sock",
            "cmdport 0",
            "port 0",
        )
        with running_chronyd(folder, lines) as client:
            yield client
