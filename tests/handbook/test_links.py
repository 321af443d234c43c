"""Links between the documents lead to files and headings that exist."""

import re
from pathlib import Path

import pytest
from handbook.block import DOCUMENTS, name_of
from support.servers import ROOT

_MODULES = [path.as_posix() for path in ROOT.glob("[a-z]*/**/*.py")]


def anchors(page: Path) -> set[str]:
    """Return what headings are called in an address, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """No reader ends at a page that is not there."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for address in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, heading = address.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), address
        if heading:
            assert heading in anchors(target), address


def test_every_document_is_in_the_index() -> None:
    """The README leads to the index, and the index to every page."""
    index = ROOT / "docs" / "README.md"
    assert "](docs/README.md)" in (ROOT / "README.md").read_text()
    for document in (ROOT / "docs").glob("*.md"):
        assert document == index or f"]({document.name})" in index.read_text()


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_modules_that_the_documents_name_exist(page: Path) -> None:
    """A module that is renamed is renamed in the documents too."""
    for name in re.findall(r"`([\w/]+\.py)`", page.read_text()):
        assert any(module.endswith(f"/{name}") for module in _MODULES), name
