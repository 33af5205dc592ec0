"""The pages are short where they should be, say what the program says, and leave nothing out."""

import importlib.util
import re

import pytest

from tests.builders import ROOT
from tests.docs.pages import PAGES, links, name

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


def test_the_changelog_has_this_release():
    version = re.search(r'__version__ = "(.+)"', (ROOT / "edge/__init__.py").read_text())[1]
    assert re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$",
        (ROOT / "CHANGELOG.md").read_text(),
        re.MULTILINE,
    )
