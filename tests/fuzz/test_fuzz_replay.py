"""Every saved input of every fuzz target, run again without a fuzzer."""

import pytest
from kit.fuzzing import (
    MAX_CORPUS_OCTETS,
    MAX_FILES,
    load_target,
    saved_inputs,
    target_names,
)


@pytest.mark.parametrize("name", target_names())
def test_saved_inputs_break_no_promise(name):
    one_input = load_target(name)
    for path in saved_inputs(name):
        try:
            one_input(path.read_bytes())
        except Exception as error:
            error.add_note(f"input: {path}")
            raise


@pytest.mark.parametrize("name", target_names())
def test_saved_inputs_may_be_cut_short_anywhere(name):
    one_input = load_target(name)
    for path in saved_inputs(name)[:10]:
        data = path.read_bytes()
        for size in range(0, len(data), max(1, len(data) // 8)):
            one_input(data[:size])


@pytest.mark.parametrize("name", target_names())
def test_a_corpus_has_seeds_and_stays_small(name):
    paths = saved_inputs(name)
    assert any(path.name.startswith("seed-") for path in paths)
    assert len(paths) <= MAX_FILES
    assert sum(path.stat().st_size for path in paths) <= MAX_CORPUS_OCTETS
