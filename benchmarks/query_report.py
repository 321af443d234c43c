"""What asking costs, as tables. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.sheet import Sheet

__all__ = ["query_sheets"]

_MIB = 1024 * 1024
_TITLES = {"bare": "bare PIT scan", "ndjson": "export as NDJSON", "csv": "export as CSV"}


def query_sheets(whole: Mapping[str, Any], tenth: Mapping[str, Any] | None) -> Iterator[Sheet]:
    """Yield the answers' times, beside those of a tenth of the events, and the exports' rates."""
    small = tenth["kinds"] if tenth else {}
    yield Sheet(
        f"Asking {whole['events']:,} events of 90 days, in ms",
        ("", "module p50", "by hand p50", "more", "module p95", "p50 of a tenth"),
        [[name, *_times(found, small.get(name))] for name, found in whole["kinds"].items()],
        "By hand: the same requests through the bare client. Both in turn, each time with other "
        "values, so that no cache of Elasticsearch answers; after a merge to one segment a month.",
    )
    yield Sheet(
        f"Exporting all {whole['events']:,} events",
        ("", "rows/s", "of the bare scan", "peak MiB"),
        [
            [
                _TITLES[form],
                _range(found["rows_per_second"], ",.0f"),
                _range(found["of_bare"], ".2f"),
                f"{found['peak_bytes'] / _MIB:.0f}",
            ]
            for form, found in whole["export"].items()
        ],
        f"Median (range) of {whole['rounds']}. The bare scan pages in the cheapest order with the "
        "client as it comes, and writes nothing; an export is in order of time.",
    )


def _times(found: Mapping[str, Any], small: Mapping[str, Any] | None) -> list[str]:
    ours, hand = found["module"], found["by_hand"]
    return [
        f"{ours['p50']:.1f}",
        f"{hand['p50']:.1f}",
        f"{ours['p50'] - hand['p50']:+.1f}",
        f"{ours['p95']:.1f}",
        f"{small['module']['p50']:.1f}" if small else "",
    ]


def _range(spread: Mapping[str, float], form: str) -> str:
    low, high = (format(spread[end], form) for end in ("low", "high"))
    middle = format(spread["median"], form)
    return middle if low == high else f"{middle} ({low} to {high})"
