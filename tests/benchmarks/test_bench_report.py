"""The results: kept, shown, put into the README, drawn."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from support.servers import ROOT

from benchmarks.errors import BenchError
from benchmarks.picture import draw
from benchmarks.report import BEGIN, END, Sheet, rewrite, sheets, to_markdown, to_table
from benchmarks.results import Results

SVG = "{http://www.w3.org/2000/svg}"


def spread(median: float) -> dict[str, float]:
    """Return a figure with a range around it."""
    return {"median": median, "low": median * 0.9, "high": median * 1.1}


def contestant(title: str, rate: float) -> dict[str, Any]:
    """Return a contestant's section."""
    names = ("contestant_cpu_per_million", "elastic_cpu_per_million", "broker_cpu_per_million")
    costs = {name: spread(10.0) for name in names}
    ratios = {"ratio_to_ceiling": spread(rate / 50_000), "expected_ratio": spread(0.9)}
    more = {"peak_mib": spread(90.0), "start_seconds": spread(1.5)}
    summary = {"documents_per_second": spread(rate), **costs, **ratios, **more}
    return {"title": title, "runs": [{"others_share": 0.02}], "summary": summary}


@pytest.fixture
def speed() -> dict[str, Any]:
    """Give a section as the bench writes it."""
    return {
        "machine": {"cores": 2, "processor": "A & B"},
        "events": 1_000_000,
        "rounds": 3,
        "event_bytes": 349.6,
        "document_bytes": 790.2,
        "shape": {"connections": 3, "documents": 2000},
        "sweep": [
            {"connections": c, "documents": d, "documents_per_second": 1000.0 * c + d}
            for c in (1, 2)
            for d in (1000, 2000)
        ],
        "contestants": {
            "ceiling": contestant("ready-made bodies: the ceiling", 50_000),
            "one": contestant("auditlog consume", 40_000),
            "by_hand": contestant("written by hand <in a day>", 8_000),
        },
        "disk": {"bytes_per_million": 300 * 1024 * 1024},
    }


def test_sections_of_other_commands_are_kept(tmp_path: Path) -> None:
    """A part that is measured again takes the place of its own figures alone."""
    results = Results(tmp_path / "new", quick=False)
    results.put("speed", {"cores": 2}, {"rate": 1.0})
    results.put("latency", {"cores": 4}, {"p99": 1.23456789})
    results.put("speed", {"cores": 2}, {"rate": 41_234.56})
    found = json.loads((tmp_path / "new" / "latest.json").read_text())
    assert found["speed"] == {"machine": {"cores": 2}, "rate": 41_235}
    assert found["latency"]["p99"] == 1.235


def test_quick_results_never_take_the_place_of_the_published(tmp_path: Path) -> None:
    """They have files of their own, which git does not keep."""
    Results(tmp_path, quick=True).put("speed", {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["quick.json"]
    assert Results(tmp_path, quick=True).picture.name == "quick.svg"


def test_damaged_results_are_named(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "latest.json").write_text("{")
    with pytest.raises(BenchError, match="damaged"):
        Results(tmp_path, quick=False).sections()


def test_speed_is_shown_with_range_ratio_and_doubt(speed: dict[str, Any]) -> None:
    """The row of a contestant, and the note below."""
    side_by_side, tried = sheets({"speed": speed})
    row = side_by_side.rows[1]
    assert row[:3] == ["auditlog consume", "40,000 (36,000 to 44,000)", "0.80 (0.72 to 0.88)"]
    assert "300 MiB after a merge" in side_by_side.note
    assert "2% of the machine went to others" in side_by_side.note
    assert tried.rows == [["1", "2,000", "3,000"], ["2", "3,000", "4,000"]]


def test_table_is_shown_whole(speed: dict[str, Any]) -> None:
    """Every cell reaches the terminal."""
    console = Console(emoji=False, width=200)
    with console.capture() as captured:
        for sheet in sheets({"speed": speed}):
            console.print(to_table(sheet))
    assert "36,000 to 44,000" in captured.get()


def test_markdown_has_a_cell_for_each_heading() -> None:
    """As GitHub wants it."""
    lines = to_markdown(Sheet("T", ("", "a"), [["x", "1"]], "note")).splitlines()
    assert lines == ["### T", "", "|  | a |", "| --- | ---: |", "| x | 1 |", "", "note"]


def test_readme_is_rewritten_between_its_markers(tmp_path: Path, speed: dict[str, Any]) -> None:
    """What stands around them stays, also after the second time."""
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rewrite(readme, {"speed": speed})
    rewrite(readme, {"speed": speed})
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert text.count("| auditlog consume |") == 1


def test_readme_without_markers_is_left_alone(tmp_path: Path) -> None:
    """Nothing is guessed."""
    readme = tmp_path / "README.md"
    readme.write_text("mine")
    with pytest.raises(BenchError, match="no place"):
        rewrite(readme, {})
    assert readme.read_text() == "mine"


def test_our_readme_has_a_place_for_results_and_for_the_profile() -> None:
    """The bench writes into the one, people into the other."""
    text = (ROOT / "benchmarks" / "README.md").read_text()
    assert text.index(BEGIN) < text.index(END) < text.index("## Where the time goes")


def test_every_command_of_the_readme_exists() -> None:
    """What it says can be typed."""
    from benchmarks.commands import app  # noqa: PLC0415 - it takes what only the bench needs

    known = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    named = set(
        re.findall(r"python -m benchmarks ([a-z]+)", (ROOT / "benchmarks" / "README.md").read_text())
    )
    targets = set(re.findall(r"python -m benchmarks ([a-z]+)", (ROOT / "Makefile").read_text()))
    assert named | targets <= known
    assert len(named) >= 4


def test_bars_are_as_long_as_their_figures(speed: dict[str, Any]) -> None:
    """In each panel by its own scale; the ceiling's own CPU says nothing, and is left out."""
    speed["contestants"]["one"]["summary"]["documents_per_second"]["high"] = 49_000
    bars = [
        (bar.get("class"), float(bar.get("width", "0")))
        for bar in ET.fromstring(draw(speed)).iter(f"{SVG}rect")  # noqa: S314 - our own
    ]
    assert [kind for kind, _ in bars] == ["bar", "ours", "bar", "ours", "bar"]
    rates = [width for _, width in bars[:3]]
    assert rates[1] / rates[0] == pytest.approx(0.8, abs=0.01)
    assert rates[2] / rates[0] == pytest.approx(0.16, abs=0.01)


def test_picture_stays_inside_its_frame_and_is_described(speed: dict[str, Any]) -> None:
    """Also for who can't see it, and on dark pages."""
    picture = ET.fromstring(draw(speed))  # noqa: S314 - our own
    width = float(picture.get("width", "0"))
    for bar in picture.iter(f"{SVG}rect"):
        assert float(bar.get("x", "0")) + float(bar.get("width", "0")) < width - 60
    said = "".join(picture.itertext())
    assert "auditlog consume: 40,000 events a second" in said
    assert "prefers-color-scheme: dark" in said


def test_titles_are_escaped(speed: dict[str, Any]) -> None:
    """The picture is XML whatever stands in the results."""
    speed["contestants"]["other"] = contestant("<b> & co", 1000)
    said = "".join(ET.fromstring(draw(speed)).itertext())  # noqa: S314 - our own
    assert "<b> & co" in said
