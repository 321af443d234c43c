"""What follows from looking at a run: rates, costs, shares, medians and ranges."""

from typing import Any

import psutil
import pytest
from rich.console import Console, Group

from benchmarks.adaptive import settled_rate
from benchmarks.figures import Spread, quantile, ratio, table
from benchmarks.run import Sample, figures
from benchmarks.speed import speed_table

CORES = psutil.cpu_count() or 1


def sample(at: float, documents: int, cpu: float = 0.0, **more: float) -> Sample:
    """Return a sample; what is not named was not used."""
    used: dict[str, Any] = {"elastic": 0.0, "broker": 0.0, "bench": 0.0, "machine": 0.0}
    return Sample(at=at, documents=documents, contestant=cpu, **(used | more))


def text_of(shown: Group) -> str:
    """Return what a table looks like in a file."""
    console = Console(width=200)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def test_rate_is_from_the_first_document_to_the_last() -> None:
    """The start is a figure of its own."""
    run = figures([sample(0, 0), sample(3, 1000), sample(13, 101_000)], 1, 2.0, 0.5)
    assert run.documents_per_second == 10_000
    assert run.start_seconds == 3


def test_cpu_for_a_million_is_less_the_start_and_of_all_documents() -> None:
    """What was decoded before the first document was indexed counts, what an import takes does not."""
    run = figures([sample(0, 0), sample(3, 1000, 1.0), sample(13, 100_000, 1.9)], 1, 2.0, 0.5)
    assert run.contestant_cpu_per_million == pytest.approx(15)
    assert (run.start_cpu_seconds, run.total_cpu_seconds) == (0.5, 2.0)


def test_servers_are_counted_from_the_start() -> None:
    """The broker has sent much before the first document is indexed."""
    first = sample(3, 1, elastic=1.0, broker=0.3)
    last = sample(13, 100_000, elastic=4.0, broker=0.5)
    run = figures([sample(0, 0), first, last], 1, 1.0, 0.0)
    assert run.elastic_cpu_per_million == pytest.approx(40)
    assert run.broker_cpu_per_million == pytest.approx(5)


def test_start_counts_where_it_is_half_of_all() -> None:
    """One bulk takes a small topic: between first look and last there is no rate."""
    run = figures([sample(0, 0), sample(4, 900), sample(5, 1000)], 1, 2.0, 0.5)
    assert run.documents_per_second == 200
    assert run.contestant_cpu_per_million == pytest.approx(2000)


def test_what_went_to_others_is_a_share_of_the_machine() -> None:
    """All that worked, less what was ours."""
    last = sample(11, 1000, 1.0, elastic=2.0, broker=0.5, bench=0.5, machine=4.0 + CORES)
    run = figures([sample(1, 0), sample(2, 10), last], 1, 1.0, 0.0)
    assert run.others_share == pytest.approx(0.1)


def test_rounds_are_compared_with_the_same_round_of_the_other() -> None:
    """A machine that slows down slows both."""
    assert ratio([50_000, 25_000], [50_000, 25_000]) == Spread(1, 1, 1)
    assert ratio([50_000, 50_000], [25_000, 25_000]).median == 2


def test_table_has_rates_ratios_and_costs() -> None:
    """By CPU is what a document costs all in the ceiling's run, by what it costs in this one."""
    start = [sample(0, 0), sample(1, 1)]
    ceiling = [figures([*start, sample(1 + t, 100_001, elastic=30.0)], 1, 0.0, 0.0) for t in (2.0, 4.0)]
    ours = [
        figures([*start, sample(1 + 2 * t, 100_001, elastic=30.0)], 1, 10.0, 0.0) for t in (2.0, 4.0)
    ]
    shown = text_of(speed_table({"ceiling": ceiling, "one": ours}, {}, "note"))
    row = next(line for line in shown.splitlines() if "auditlog consume" in line)
    cells = [cell.strip() for cell in row.strip("| ").split("|")]
    assert cells[:5] == ["auditlog consume", "18,750 (12,500 to 25,000)", "0.50", "0.75", "100.0"]
    assert "note" in shown


def test_table_is_markdown_and_shown_whole() -> None:
    """In a document as in a terminal; no cell is cut or read as markup."""
    lines = text_of(table("T", ("", "a"), [["[x]", "1,000 (900 to 1,100)"]], "note")).splitlines()
    assert [line.strip() for line in lines if line.strip()] == [
        "### T",
        "|     |                    a |",
        "|-----|----------------------|",
        "| [x] | 1,000 (900 to 1,100) |",
        "note",
    ]


def test_spread_is_median_and_range() -> None:
    """Of an even number, the middle of the two middle ones."""
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3)
    assert Spread.of([4, 1]).median == 2.5
    assert f"{Spread.of([4, 1]):.1f}" == "2.5 (1.0 to 4.0)"
    assert f"{Spread.of([1.01, 1.02]):.1f}" == "1.0", "no range where none shows"


@pytest.mark.parametrize(("share", "expected"), [(0.5, 51), (0.99, 100), (0.0, 1)])
def test_quantile_errs_to_the_higher_figure(share: float, expected: float) -> None:
    """A latency is never made smaller than one that was seen."""
    assert quantile([*range(100, 0, -1)], share) == expected


def test_settled_rate_leaves_out_the_time_to_settle() -> None:
    """Slow at first, fast after that."""
    samples = [sample(0, 0), sample(1, 1), sample(11, 1000), sample(21, 101_000)]
    assert settled_rate(samples, 10) == 10_000
    assert settled_rate(samples, 1000) == 10_000, "the second half of a run that is too short"
