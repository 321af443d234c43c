"""Colours: stable, distinct, and with contrast enough, computed from the style itself."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from audit_schemas import Catalogue
from audit_server.page import palette
from audit_server.page.palette import COLOURS, FAILURE, colours_of, usual_colour

TOKENS = Path(palette.__file__).parent / "static" / "tokens.css"


def test_activities_of_the_seed_have_colours_of_their_own() -> None:
    """Each page draws them alike, whatever else it shows."""
    seed = ["chat-opened", "chat-closed", "chat-assigned-to-user", "user-joined-to-chat", "login"]
    assert len(set(colours_of(seed).values())) == len(seed)
    for name in seed:
        assert usual_colour(name) == colours_of([name, "anything-else"])[name]


def test_first_ten_are_told_apart() -> None:
    """Whatever a deployment's own catalogue has; more than ten have to share."""
    names = [f"own-activity-{number}" for number in range(COLOURS)]
    assert sorted(colours_of(names).values()) == list(range(COLOURS))
    catalogue = sorted(Catalogue.load())[:9]
    assert len(set(colours_of(catalogue).values())) == len(catalogue)
    assert len(colours_of([*names, "one-more"])) == COLOURS + 1


@pytest.mark.parametrize("name", ["login-failed", "payment-refused", "access-denied"])
def test_red_is_for_what_failed(name: str) -> None:
    """And for nothing else, while there is another colour."""
    others = [f"own-activity-{number}" for number in range(8)]
    assert colours_of([*others, name])[name] == FAILURE
    assert FAILURE not in colours_of(others).values()


def schemes() -> dict[str, dict[str, str]]:
    """Return the colours that the style names, for light and for dark."""
    light, dark = TOKENS.read_text().split("@media (prefers-color-scheme: dark)")
    pattern = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]{6});")
    return {"light": dict(pattern.findall(light)), "dark": dict(pattern.findall(dark))}


def channels(colour: str) -> list[float]:
    """Return red, green and blue, linear, as WCAG has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG has it."""
    lights = [
        sum(
            share * part for share, part in zip((0.2126, 0.7152, 0.0722), channels(colour), strict=True)
        )
        for colour in (one, other)
    ]
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme: str) -> None:
    """4.5:1 or more on each ground that it stands on."""
    colours = schemes()[scheme]
    grounds = ("ground", "surface", "raised", "accent-soft", "mark-soft")
    pairs = [(text, ground) for text in ("ink", "muted") for ground in grounds]
    pairs += [("accent", ground) for ground in ("ground", "surface", "raised")]
    pairs += [("accent-ink", "accent"), ("bad", "bad-soft"), ("ink", "bad-soft"), ("ink", "good-soft")]
    for text, ground in pairs:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_graphics_can_be_seen(scheme: str) -> None:
    """3:1 or more on the cards: bars, borders of fields, the focus."""
    colours = schemes()[scheme]
    for name in (*(f"c{number}" for number in range(COLOURS)), "rest", "edge", "accent"):
        assert contrast(colours[name], colours["surface"]) >= 3, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_activity_colours_are_distinguishable(scheme: str) -> None:
    """No two of the ten are near each other."""
    colours = schemes()[scheme]
    for one, other in combinations([colours[f"c{number}"] for number in range(COLOURS)], 2):
        parts = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
        assert sum((a - b) ** 2 for a, b in parts) ** 0.5 > 45, (one, other)


def test_light_and_dark_have_the_same_names() -> None:
    """A colour that dark forgets would be the light one."""
    light, dark = schemes()["light"], schemes()["dark"]
    assert set(dark) == set(light)
