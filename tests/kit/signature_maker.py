"""BouncyCastle as a maker and a judge of SignedData with SM2: one process, a line a question."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs

from kit.bouncycastle import CLASS_PATH, COMPILE_GUARD_S

SOURCE = Path(__file__).resolve().parents[1] / "e2e" / "java" / "SignatureMaker.java"


@attrs.frozen(eq=False)
class SignatureMaker:
    """The running program."""

    process: subprocess.Popen[str]
    folder: Path

    def make(
        self, document: bytes, *, attached: bool, attributes: bool, encoding: str
    ) -> tuple[bytes, bytes]:
        """Sign with a new key; gives the certificate and the SignedData."""
        given, certificate, made = (self.folder / name for name in ("d", "c", "s"))
        given.write_bytes(document)
        flags = (str(attached).lower(), str(attributes).lower(), encoding)
        assert self._ask("make", given, *flags, certificate, made) == "OK"
        return certificate.read_bytes(), made.read_bytes()

    def judge(self, document: bytes, signed_data: bytes) -> str:
        """Give BouncyCastle's opinion: OK, or REFUSED and why."""
        given, made = self.folder / "d", self.folder / "s"
        given.write_bytes(document)
        made.write_bytes(signed_data)
        return self._ask("judge", given, made)

    def _ask(self, *words: str | Path) -> str:
        questions, answers = self.process.stdin, self.process.stdout
        assert questions is not None
        assert answers is not None
        questions.write("\t".join(map(str, words)) + "\n")
        questions.flush()
        return answers.readline().rstrip("\n")


@contextlib.contextmanager
def signature_maker(folder: Path) -> Iterator[SignatureMaker]:
    """Compile the program into `folder` and run it."""
    subprocess.run(
        ["javac", "-cp", CLASS_PATH, "-d", folder, SOURCE], check=True, timeout=COMPILE_GUARD_S
    )
    command = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{folder}:{CLASS_PATH}"]
    with subprocess.Popen(
        [*command, SOURCE.stem], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield SignatureMaker(process, folder)
