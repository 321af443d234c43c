"""The project's papers stay short, and there."""

from support.servers import ROOT


def lines(name: str) -> list[str]:
    """Return the lines of a document."""
    return (ROOT / name).read_text().splitlines()


def test_readme_is_short() -> None:
    """Details belong to docs/."""
    assert len(lines("README.md")) <= 200


def test_architecture_is_short() -> None:
    """Failure modes belong to docs/failure-modes.md."""
    assert len(lines("ARCHITECTURE.md")) <= 250


def test_licence_is_the_one_that_the_metadata_names() -> None:
    """The text is complete, so the package may be redistributed with it."""
    licence = lines("LICENSE")
    assert "Apache License" in licence[0] + licence[1]
    assert "   END OF TERMS AND CONDITIONS" in licence
    assert 'license = "Apache-2.0"' in lines("pyproject.toml")
