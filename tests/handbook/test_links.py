"""Links inside the documents lead somewhere."""

import re
from pathlib import Path

import pytest
from handbook.block import DOCUMENTS, name_of
from support.servers import ROOT


def anchors(page: Path) -> set[str]:
    """Return what headings are called in an address, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """A reader who follows one arrives."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for address in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, heading = address.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), address
        if heading:
            assert heading in anchors(target), address


def test_every_document_is_in_the_readme() -> None:
    """What nobody finds, nobody reads."""
    readme = (ROOT / "README.md").read_text()
    for document in (ROOT / "docs").glob("*.md"):
        assert f"]({name_of(document)})" in readme


def test_every_test_that_a_document_names_exists() -> None:
    """What is said to be held by a test is."""
    named = set(re.findall(r"`(test_\w+)`", "".join(page.read_text() for page in DOCUMENTS)))
    written = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in named if f"def {name}(" not in written} == set()
    assert named
