"""Every case of the corpus gets the code it names."""

import pytest
from kit.chains.case import Case, judged
from kit.chains.corpus import corpus

from appliance.errors import Malformed


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case.name)
def test_a_chain_gets_the_code_of_its_fault(case: Case) -> None:
    if case.expected is None:
        with pytest.raises(Malformed):
            judged(case)
        return
    validation = judged(case)
    assert validation.code is case.expected, str(validation)


def test_the_corpus_is_large_and_its_names_tell_cases_apart() -> None:
    names = [case.name for case in corpus()]
    assert len(names) >= 200
    assert len(set(names)) == len(names)
