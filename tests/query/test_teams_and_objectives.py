"""The file of teams, and the setting of objectives."""

from datetime import timedelta
from pathlib import Path

import pytest
from audit_query import (
    ObjectiveError,
    ParameterError,
    QuerySettings,
    Teams,
    TeamsFileError,
    parse_objectives,
)


def teams(folder: Path, text: str) -> Teams:
    """Return the teams of a file."""
    path = folder / "teams.toml"
    path.write_text(text, "utf-8")
    return Teams.load(path)


def test_user_belongs_to_teams_by_name_or_id(tmp_path: Path) -> None:
    """And may be in several, or in none."""
    found = teams(tmp_path, '[teams]\nSupport = ["u-1", "Ben"]\n"Night shift" = ["Ben"]\n')
    assert found.of("Ada", "u-1") == ("Support",)
    assert found.of("Ben", "u-2") == ("Support", "Night shift")
    assert found.of("Cleo", None) == ()
    assert found.users("Night shift") == ("Ben",)
    with pytest.raises(ParameterError, match="there is no such team"):
        found.users("Day")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("teams = 1", "must have one table"),
        ("[teams]\n[other]\n", "must have one table"),
        ("[teams]\nA = []", "the team 'A' must be a list"),
        ("[teams]\nA = [1]", "the team 'A' must be a list"),
        ("[teams", "not valid TOML"),
    ],
)
def test_mistake_in_the_file_is_named(tmp_path: Path, text: str, why: str) -> None:
    """One sentence, with the file's name."""
    with pytest.raises(TeamsFileError, match=why) as caught:
        teams(tmp_path, text)
    assert "teams.toml" in str(caught.value)


def test_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """With the setting that names it; without the setting there are no teams."""
    with pytest.raises(TeamsFileError, match="AUDITLOG_TEAMS_FILE"):
        Teams.load(tmp_path / "none.toml")
    assert Teams.load(None).members == {}


def test_objectives_are_read_in_their_order() -> None:
    """With their names, as people say them."""
    found = parse_objectives(" assigned=60s, answered=2m ,")
    assert [(one.kind, one.within) for one in found] == [
        ("assigned", timedelta(seconds=60)),
        ("answered", timedelta(minutes=2)),
    ]
    assert found[1].name == "answered within 2 m"


@pytest.mark.parametrize("text", ["opened=60s", "assigned", "assigned=0s", "assigned=1s,assigned=2s"])
def test_invalid_objective_is_refused(text: str) -> None:
    """By the parser, and by the setting at start-up."""
    with pytest.raises(ObjectiveError, match="not a valid objective"):
        parse_objectives(text)
    with pytest.raises(ValueError, match="not a valid objective"):
        QuerySettings(chat_objectives=text)
