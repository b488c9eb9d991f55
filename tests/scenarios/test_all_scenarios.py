"""Each of the 35 faults that the clock is built against has a test here that names its number."""

import ast
import re
from pathlib import Path

SCENARIOS = 35
NUMBERS = re.compile(r"\bScenarios? ((?:\d+(?: \([^)]*\))?(?:, | and )?)+)")


def test_all_scenarios_are_named_by_a_test():
    named: set[int] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for match in NUMBERS.finditer(ast.get_docstring(node) or ""):
                    named |= {
                        int(each) for each in re.findall(r"\d+", re.sub(r"\([^)]*\)", "", match[1]))
                    }
    assert named == set(range(1, SCENARIOS + 1))
