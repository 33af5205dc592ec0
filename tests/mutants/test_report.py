"""The verdict on made-up runs of mutmut; and the list of equivalent mutants is about today's code."""

import pytest

from tests.builders import ROOT
from tests.mutants.report import Equivalent, Mutant, read_equivalents, report

DIFF = """\
# edge.tracking.x_f__mutmut_1: survived
--- edge/tracking.py
+++ edge/tracking.py
@@ -1,3 +1,3 @@
 def f(a):
-    return a < 1
+    return a <= 1
"""
KNOWN = Equivalent("edge.tracking", "return a < 1", "return a <= 1", "a is never 1")


def killed(count: int) -> list[Mutant]:
    return [Mutant(f"edge.tracking.x_g__mutmut_{number}", "killed") for number in range(count)]


def survivor(number: int = 1) -> Mutant:
    return Mutant(f"edge.tracking.x_f__mutmut_{number}", "survived", DIFF)


@pytest.mark.parametrize(("dead", "alive", "code"), [(20, 0, 0), (19, 1, 0), (18, 1, 1), (0, 0, 1)])
def test_one_in_twenty_may_survive(dead, alive, code):
    lines = []
    assert report(killed(dead) + [survivor()] * alive, [], lines.append) == code
    assert lines[:-1] == [DIFF] * alive


def test_an_equivalent_mutant_counts_neither_way():
    lines = []
    assert report([*killed(3), survivor()], [KNOWN], lines.append) == 0
    assert lines == ["4 mutants: 3 killed, 1 equivalent, 0 of the other 3 survived (0.0%; at most 5% may)"]


def test_an_equivalent_mutant_of_another_module_is_none():
    other = Equivalent("edge.decision", KNOWN.line, KNOWN.mutant, "")
    assert report([*killed(3), survivor()], [other], lambda line: None) == 1


def test_an_entry_of_the_list_that_fits_no_survivor_is_an_error():
    lines = []
    assert report(killed(3), [KNOWN], lines.append) == 1
    assert lines[0] == "equivalent.toml: no mutant survives as 'return a <= 1'; take it off the list"


def test_a_mutant_that_was_not_tried_is_an_error():
    lines = []
    assert report([*killed(30), Mutant("edge.tracking.x_g__mutmut_99", "suspicious")], [], lines.append) == 1
    assert lines[-1] == "mutants that were not tried: 1"


@pytest.mark.parametrize("entry", read_equivalents(), ids=lambda entry: entry.mutant)
def test_the_list_is_about_lines_that_are_there(entry):
    path = ROOT / entry.module.replace(".", "/")
    assert entry.line in [line.strip() for line in path.with_suffix(".py").read_text().splitlines()]
    assert entry.reason
