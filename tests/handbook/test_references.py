"""Tables of the documents that list what the product has are complete."""

from audit_schemas.errors import Reason
from support.servers import ROOT


def page(name: str) -> str:
    """Return the text of a page of docs/."""
    return (ROOT / "docs" / name).read_text()


def test_shipped_rules_are_documented() -> None:
    """Each has its row, with the threshold's reason."""
    rules = [path.stem for path in (ROOT / "deploy" / "alerts").glob("*.yml")]
    assert len(rules) > 10
    for rule in rules:
        assert f"\n| `{rule}` |" in page("alerts.md"), rule


def test_reasons_of_dead_letters_are_documented() -> None:
    """Whoever sees a reason finds what to do about it."""
    rows = [row.split("|")[1] for row in page("dead-letters.md").splitlines() if row.startswith("| `")]
    for reason in Reason:
        assert any(f"`{reason}`" in row for row in rows), reason
