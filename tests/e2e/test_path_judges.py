"""OpenSSL and BouncyCastle judge every chain of the corpus as we do, but where a case says why."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.chains.case import BOUNCYCASTLE, OPENSSL, Case
from kit.chains.corpus import corpus
from kit.path_judges import PathJudge, ask_openssl, path_judge, write

pytestmark = pytest.mark.e2e

MAX_DIFFERING = 60
MAX_REASONS = 32


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PathJudge]:
    with path_judge(tmp_path_factory.mktemp("java")) as running:
        yield running


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case.name)
def test_the_judges_say_what_the_case_expects(case: Case, judge: PathJudge, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    write(case, folder)
    said = {OPENSSL: ask_openssl(case, folder), BOUNCYCASTLE: judge.ask(case, folder)}
    verdicts = {name: verdict.accepted for name, verdict in said.items()}
    assert verdicts == {name: case.is_accepted_by(name) for name in said}, said


def test_the_judges_differ_from_us_seldom_and_for_few_reasons() -> None:
    differing = [case for case in corpus() if case.differs]
    reasons = {reason for case in differing for reason in case.differs.values()}
    assert len(differing) <= MAX_DIFFERING
    assert len(reasons) <= MAX_REASONS
