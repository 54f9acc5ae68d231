"""STANDARD.md names tests that exist, and names all scenarios."""

import ast
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (HERE / "STANDARD.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| rule", "| scenario |"))
]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([^`\s]+::[^`\s]+)`", row[-1])})


@cache
def defined(path: str) -> set[str]:
    """The tests of a file: functions, and the test cases of state machines."""
    found: set[str] = set()
    for node in ast.parse((HERE / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_what_is_named_exists() -> None:
    for name in NAMED:
        path, test = name.split("::")
        assert (HERE / path).is_file(), name
        assert test in defined(path), name
        assert test.lower().startswith("test"), name


def test_every_rule_has_a_test_or_says_why_not() -> None:
    assert len(ROWS) > 80
    for row in ROWS:
        assert len(row) == 2, row
        assert "::" in row[1] or row[1].endswith(("yet", "no code knows it")), row[0]


def test_every_scenario_is_in_the_index() -> None:
    scenarios = {
        f"scenarios/{path.name}::{test}"
        for path in (HERE / "scenarios").glob("test_*.py")
        for test in defined(f"scenarios/{path.name}")
        if test.startswith("test")
    }
    assert scenarios <= set(NAMED), scenarios - set(NAMED)
