"""The pages are short where they should be, say what the program says, and leave nothing out."""

import importlib.util
import json
import re

import pytest

from edge.sinks.jsonl import JsonLinesConfig, JsonLinesSink
from edge.types import CAUSE_WORDS, Cause, Event, EventKind, Label
from tests.builders import ROOT
from tests.docs.pages import PAGES, links, name
from tests.edge.sinks.builders import make_result

README_LINES, README_WORDS = 130, 900


def load_generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generator = load_generator()


def test_the_readme_is_read_in_a_few_minutes():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= README_LINES
    assert len(text.split()) <= README_WORDS
    assert "./setup.sh --demo" in text
    assert "./setup.sh --test" in text


@pytest.mark.parametrize("page", generator.PAGES)
def test_generated_parts_are_what_the_program_says(page):
    path = ROOT / "docs" / page
    assert path.read_text() == generator.rendered(path), "the program has changed since: run `make docs`"


def test_every_generated_part_is_on_a_page():
    text = "".join((ROOT / "docs" / page).read_text() for page in generator.PAGES)
    assert set(re.findall(r"<!-- generated: (\w+) -->", text)) == set(generator.PARTS)


def test_the_readme_leads_to_every_page():
    index = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert {page for page in PAGES if page.parent == ROOT / "docs"} <= index


def test_make_targets_on_the_pages_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z]+)", page.read_text())}
    assert named <= targets
    assert {"check", "test", "mutants", "docs", "demo", "format"} <= named | targets


def test_the_gate_the_hook_and_make_call_the_same_linters():
    for file in (".ci/run", "Makefile", ".pre-commit-config.yaml"):
        assert ".ci/lint" in (ROOT / file).read_text(), file
    assert ".ci/run" in (ROOT / ".github/workflows/ci.yml").read_text()


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "edgetpu_logs"], ids=name)
def test_prose_keeps_to_the_width_of_the_house(page):
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if not line.startswith(("|", "    ", "#")) and "](" not in line:
            assert len(line) <= 110, f"line {number}"


def test_the_page_of_decisions_has_every_cause_with_its_words():
    text = (ROOT / "docs/decisions.md").read_text()
    rows = dict(re.findall(r"^\| `\w+` \| `(\w+)` \| (.*?) \|$", text, re.MULTILINE))
    assert set(rows) == set(Cause)
    for cause in Cause:
        assert rows[cause].startswith(CAUSE_WORDS[cause])


def keys(value) -> object:
    """The keys of an object and of all objects in it, in their order."""
    if isinstance(value, list):
        return [keys(item) for item in value[:1]]
    return (
        {key: keys(item) for key, item in value.items() if key != "counts"}
        if isinstance(value, dict)
        else None
    )


def test_the_page_of_the_log_shows_a_json_line_as_it_is(tmp_path):
    block = re.search(r'^ {4}\{"schema.*?\n\n', (ROOT / "docs/log.md").read_text(), re.DOTALL | re.MULTILINE)
    sink = JsonLinesSink(JsonLinesConfig(str(tmp_path / "events.jsonl")))
    sink.handle(make_result(events=[Event(EventKind.NEW, 1, None, Label.WITH_MASK, 0.0)]))
    sink.close()
    line = json.loads((tmp_path / "events.jsonl").read_text())
    shown = json.loads(block[0])
    assert list(keys(line).items()) == list(keys(shown).items())
    table = "".join(re.findall(r"^\| (`.*?) \|", (ROOT / "docs/log.md").read_text(), re.MULTILINE))
    assert all(f"`{key}" in table for key in line)


def test_the_changelog_has_this_release():
    version = re.search(r'__version__ = "(.+)"', (ROOT / "edge/__init__.py").read_text())[1]
    assert re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$",
        (ROOT / "CHANGELOG.md").read_text(),
        re.MULTILINE,
    )
