"""The table of docs/fields.md has each mapped field as it is mapped, and says who needs it."""

import re

from audit_schemas import FORMER, mapping
from support.servers import ROOT

from benchmarks.mapping_variants import leaves

_ROW = re.compile(r"^\| `([\w@.]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)
_PAGE = (ROOT / "docs" / "fields.md").read_text()
_ROWS = _ROW.findall(_PAGE)
_MAPPED = dict(leaves(mapping()["properties"]))


def how(field: dict[str, object]) -> tuple[str, str]:
    """Return what the table says of a field: whether it has an index, and doc values."""
    whole = field["type"] in ("text", "flattened")
    searched = "words" if field["type"] == "text" else "yes" if field.get("index", True) else ""
    grouped = "yes" if field.get("doc_values", True) and not whole else ""
    return searched, grouped


def test_every_mapped_field_has_one_row_and_no_other_has() -> None:
    """Whoever maps a field says who needs it, and measures it."""
    named = [row[0] for row in _ROWS]
    assert sorted(_MAPPED) == sorted(named)


def test_a_row_says_how_its_field_is_mapped() -> None:
    """By an index, by doc values, by both, or as a part of the document alone."""
    said = {path: (index.strip(), values.strip()) for path, index, values, _, _ in _ROWS}
    assert {path: how(field) for path, field in _MAPPED.items()} == said


def test_every_field_has_its_cost_and_its_users() -> None:
    """Bytes a document as measured, or a dash where the measured traffic has none."""
    for path, _, _, cost, users in _ROWS:
        assert re.fullmatch(r"\d+\.\d|-", cost.strip()), path
        assert users.strip(), path
    said = {path: users for path, _, _, _, users in _ROWS}
    assert all("older documents" in said[leaf.path] for leaf in FORMER)
