"""The fuzz targets by name, their saved inputs, and how a target cuts its octets into values."""

import importlib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "tests" / "fuzz"
MAX_FILES = 60
MAX_CORPUS_OCTETS = 200 * 1024

OneInput = Callable[[bytes], None]


def target_names() -> list[str]:
    """List the targets."""
    return sorted(path.stem for path in (FUZZ / "targets").glob("*.py") if path.stem != "__init__")


def load_target(name: str) -> OneInput:
    """Give the function that a target runs on one input."""
    one_input: OneInput = importlib.import_module(f"fuzz.targets.{name}").one_input
    return one_input


def corpus_folder(name: str) -> Path:
    """Name the folder of a target's saved inputs."""
    return FUZZ / "corpus" / name


def saved_inputs(name: str) -> list[Path]:
    """List a target's saved inputs."""
    return sorted(path for path in corpus_folder(name).iterdir() if path.is_file())


def seeds(name: str, prefix: str = "") -> list[bytes]:
    """Read the seeds of a target whose names begin with `prefix`."""
    return [path.read_bytes() for path in sorted(corpus_folder(name).glob(f"seed-{prefix}*"))]


class Portions:
    """Cuts octets into numbers and strings; past the end there are zeros and nothing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._data)

    def octets(self, size: int) -> bytes:
        """Take at most `size` octets."""
        taken = self._data[self._position : self._position + size]
        self._position += len(taken)
        return taken

    def number(self, size: int = 1, *, signed: bool = False) -> int:
        """Take a big-endian number of `size` octets."""
        return int.from_bytes(self.octets(size).ljust(size, b"\0"), "big", signed=signed)

    def block(self, length_size: int = 2) -> bytes:
        """Take octets that stand behind their length."""
        return self.octets(self.number(length_size))

    def rest(self) -> bytes:
        """Take what is left."""
        return self.octets(len(self._data))


def block(content: bytes, length_size: int = 2) -> bytes:
    """Render what `Portions.block` takes."""
    return len(content).to_bytes(length_size, "big") + content


def halves(data: bytes) -> tuple[bytes, bytes]:
    """Cut a stream at a place that its last octet tells."""
    place = data[-1] * len(data) // 256 if data else 0
    return data[:place], data[place:]
