"""BouncyCastle as an outside judge: one Java process that answers one line for each question."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs

SOURCE = Path(__file__).resolve().parents[1] / "e2e" / "java" / "TimestampJudge.java"
CLASS_PATH = ":".join(f"/usr/share/java/{name}.jar" for name in ("bcpkix", "bcprov", "bcutil"))
COMPILE_GUARD_S = 60.0


@attrs.frozen(eq=False)
class BouncyCastle:
    """The running judge."""

    process: subprocess.Popen[str]

    def judge(self, query: Path, reply: Path, *, tsa: Path, roots: Path) -> str:
        """Give BouncyCastle's opinion of a reply: OK, or REFUSED and why."""
        questions, answers = self.process.stdin, self.process.stdout
        assert questions is not None
        assert answers is not None
        questions.write("\t".join(str(path) for path in (query, reply, tsa, roots)) + "\n")
        questions.flush()
        return answers.readline().rstrip("\n")


@contextlib.contextmanager
def bouncycastle(folder: Path) -> Iterator[BouncyCastle]:
    """Compile the judge into `folder` and run it."""
    subprocess.run(
        ["javac", "-cp", CLASS_PATH, "-d", folder, SOURCE], check=True, timeout=COMPILE_GUARD_S
    )
    command = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{folder}:{CLASS_PATH}"]
    with subprocess.Popen(
        [*command, SOURCE.stem], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield BouncyCastle(process)
