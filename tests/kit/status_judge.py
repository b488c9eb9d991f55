"""BouncyCastle as a judge of revocation lists and OCSP answers: one process, a line a question."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs

from kit.bouncycastle import CLASS_PATH, COMPILE_GUARD_S

SOURCE = Path(__file__).resolve().parents[1] / "e2e" / "java" / "StatusJudge.java"


@attrs.frozen(eq=False)
class StatusJudge:
    """The running judge."""

    process: subprocess.Popen[str]

    def of_list(self, crl: Path, issuer: Path, certificate: Path) -> str:
        """Judge a list, and what it says of a certificate: OK and that, or REFUSED and why."""
        return self._ask("crl", crl, issuer, certificate)

    def of_answer(self, request: Path, answer: Path, issuer: Path, certificate: Path) -> str:
        """Judge an OCSP answer in the same way."""
        return self._ask("ocsp", request, answer, issuer, certificate)

    def _ask(self, *words: str | Path) -> str:
        questions, answers = self.process.stdin, self.process.stdout
        assert questions is not None
        assert answers is not None
        questions.write("\t".join(map(str, words)) + "\n")
        questions.flush()
        return answers.readline().rstrip("\n")


@contextlib.contextmanager
def status_judge(folder: Path) -> Iterator[StatusJudge]:
    """Compile the judge into `folder` and run it."""
    subprocess.run(
        ["javac", "-cp", CLASS_PATH, "-d", folder, SOURCE], check=True, timeout=COMPILE_GUARD_S
    )
    command = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{folder}:{CLASS_PATH}"]
    with subprocess.Popen(
        [*command, SOURCE.stem], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield StatusJudge(process)
