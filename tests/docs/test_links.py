"""Every link of every page leads somewhere: files are there, and so are the headings that anchors name."""

import pytest

from tests.docs.pages import PAGES, anchors, links, name


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_headings_that_are_there(page):
    broken = []
    for link in links(page):
        file, _, anchor = link.partition("#")
        if file.startswith(("http://", "https://")):
            continue
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_the_check_sees_links_and_anchors(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`, [three]\n\n## Again\n\n## Again\n\n[a](b.md#c) and `[no](link)`\n\n    [nor](this)\n"
    )
    assert links(page) == ["b.md#c"]
    assert anchors(page) == {"one-two-three", "again", "again-1"}
