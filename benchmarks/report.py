"""The results as tables: on the terminal, and in the README between its markers. Pure, but for that."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.alerts_report import alerts_sheets
from benchmarks.errors import BenchError
from benchmarks.query_report import query_sheets
from benchmarks.sheet import Sheet

__all__ = ["Sheet", "rewrite", "sheets", "to_markdown", "to_table"]

BEGIN, END = "<!-- results: written by the bench -->", "<!-- end of results -->"

_MIB = 1024 * 1024


def sheets(results: Mapping[str, Any]) -> Iterator[Sheet]:
    """Yield a table for each section that there is, in the order of the README."""
    for name, make in (
        ("speed", _speed),
        ("scaling", _scaling),
        ("latency", _latency),
        ("producer", _producer),
        ("adaptive", _adaptive),
        ("fields", _fields),
    ):
        if name in results:
            yield from make(results[name])
    if "query" in results:
        yield from query_sheets(results["query"], results.get("query_tenth"))
    if "alerts" in results:
        yield from alerts_sheets(results["alerts"])


def to_table(sheet: Sheet) -> Table:
    """Return it for the terminal."""
    table = Table(title=sheet.title, caption=sheet.note or None, box=None)
    table.title_justify = table.caption_justify = "left"
    for number, heading in enumerate(sheet.headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in sheet.rows:
        table.add_row(*row)
    return table


def to_markdown(sheet: Sheet) -> str:
    """Return it for a README."""
    rule = ["---", *("---:" for _ in sheet.headings[1:])]
    rows = [sheet.headings, rule, *sheet.rows]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"### {sheet.title}", "", *lines, *(["", sheet.note] if sheet.note else [])])


def rewrite(readme: Path, results: Mapping[str, Any]) -> None:
    """Put all tables between the README's markers. Raises BenchError if it has none."""
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{readme.name} has no place for results: {BEGIN} … {END}")
    tables = "\n\n".join(map(to_markdown, sheets(results)))
    readme.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


def _speed(section: Mapping[str, Any]) -> Iterator[Sheet]:
    rows = []
    for contestant in section["contestants"].values():
        found = contestant["summary"]
        rows.append(
            [
                contestant["title"],
                _range(found["documents_per_second"], ",.0f"),
                _range(found.get("ratio_to_ceiling"), ".2f"),
                _median(found.get("expected_ratio"), ".2f"),
                _range(found["contestant_cpu_per_million"], ".1f"),
                _median(found["elastic_cpu_per_million"], ".1f"),
                _median(found["broker_cpu_per_million"], ".1f"),
                _range(found["peak_mib"], ".0f"),
                _median(found["start_seconds"], ".1f s"),
            ]
        )
    yield Sheet(
        f"Side by side: {section['events']:,} events of {section['event_bytes']:.0f} bytes",
        (
            "",
            "docs/s",
            "of the ceiling",
            "by CPU",
            "own CPU",
            "Elasticsearch",
            "broker",
            "peak MiB",
            "start",
        ),
        rows,
        _speed_note(section),
    )
    if section["sweep"]:
        yield _sweep(section["sweep"])


def _speed_note(section: Mapping[str, Any]) -> str:
    shape, machine = section["shape"], section["machine"]
    others = max(
        (run["others_share"] for c in section["contestants"].values() for run in c["runs"]), default=0
    )
    note = (
        f"Median (range) of {_rounds(section)}, {machine['cores']} cores "
        f"({machine['processor']}), all on one machine. CPU is in seconds for a million events, "
        f"memory that of one process; by CPU is the ratio that the CPU times alone allow. "
        f"The ceiling: {shape['connections']} connections, {shape['documents']:,} documents a body. "
        f"A document has {section['document_bytes']:.0f} bytes. Up to {others:.0%} of the machine "
        "went to others."
    )
    one = section["contestants"].get("one", {}).get("summary", {})
    if by_hand := one.get("ratio_to_by_hand"):
        note += (
            f" `auditlog consume` is {_range(by_hand, '.2f')} times as fast as what is written by hand."
        )
    if disk := section.get("disk"):
        note += (
            f" On disk, a million events take {disk['bytes_per_million'] / _MIB:,.0f} MiB after a "
            "merge to one segment."
        )
    return note


def _sweep(tried: Sequence[Mapping[str, Any]]) -> Sheet:
    sizes = sorted({found["documents"] for found in tried})
    rates = {(f["connections"], f["documents"]): f["documents_per_second"] for f in tried}
    rows = [
        [str(connections), *(f"{rates[connections, size]:,.0f}" for size in sizes)]
        for connections in sorted({found["connections"] for found in tried})
    ]
    headings = ["connections", *(f"{size:,} documents a body" for size in sizes)]
    return Sheet("The ceiling, in docs/s", headings, rows)


def _scaling(section: Mapping[str, Any]) -> Iterator[Sheet]:
    rows = [
        [
            processes,
            _range(found["documents_per_second"], ",.0f"),
            _range(found["speedup"], ".2f"),
            _range(found["contestant_cpu_per_million"], ".1f"),
            _median(found["broker_cpu_per_million"], ".1f"),
            _median(found["sink_cpu_per_million"], ".1f"),
            _median(found["documents_a_body"], ",.0f"),
        ]
        for processes, found in section["processes"].items()
    ]
    yield Sheet(
        "Processes against a sink that answers at once",
        (
            "processes",
            "docs/s",
            "speed-up",
            "own CPU",
            "broker",
            "sink",
            "documents a body",
        ),
        rows,
        f"Median (range) of {_rounds(section)} of {section['events']:,} events; CPU in seconds "
        "for a million. Broker and "
        f"sink work on the same {section['machine']['cores']} cores.",
    )


def _latency(section: Mapping[str, Any]) -> Iterator[Sheet]:
    names = ("p50", "p95", "p99", "highest")
    yield Sheet(
        "From publish to searchable",
        ("events/s", *names, "samples"),
        [
            [
                f"{section['events_per_second']:,.0f}",
                *(f"{section[name]:.2f} s" for name in names),
                str(section["samples"]),
            ]
        ],
        f"At a steady pace for {section['seconds']:.0f} s; the index refreshes every second.",
    )


def _producer(section: Mapping[str, Any]) -> Iterator[Sheet]:
    rows = [
        [
            way["title"],
            _range(way["events_per_second"], ",.0f"),
            _range(way["ratio_to_bare"], ".2f"),
            _range(way["cpu_us_per_event"], ".1f"),
            _range(way["caller_cpu_us_per_event"], ".1f"),
        ]
        for way in section["ways"].values()
    ]
    yield Sheet(
        "The producer, to the last delivery report",
        ("", "events/s", "of the bare loop", "CPU us/event", "of it the caller's thread"),
        rows,
        f"Median (range) of {_rounds(section)} of {section['events']:,} events.",
    )


def _adaptive(section: Mapping[str, Any]) -> Iterator[Sheet]:
    rows = [
        [
            ", ".join(f"{name}={value}" for name, value in found["settings"].items()),
            f"{found['documents_per_second']:,.0f}",
        ]
        for found in section["sweep"]
    ]
    yield Sheet(f"Fixed settings, {section['events']:,} events", ("settings", "docs/s"), rows)
    best = ", ".join(f"{k}={v}" for k, v in section["best"]["settings"].items())
    yield Sheet(
        "Adaptive, beside the best fixed setting",
        ("", "docs/s after settling"),
        [
            [best, _range(section["fixed_after_settling"], ",.0f")],
            ["adaptive", _range(section["adaptive_after_settling"], ",.0f")],
            ["ratio", _range(section["ratio_to_fixed"], ".2f")],
        ],
        f"{section['events_long']:,} events, after {section['settle_seconds']:.0f} s to settle; "
        f"median (range) of {_rounds(section)}.",
    )


def _fields(section: Mapping[str, Any]) -> Iterator[Sheet]:
    base = section["rows"][0]
    yield Sheet(
        "Bytes of a document, after a merge to one segment, by field",
        ("", "index", "doc values", "stored", "sum"),
        [
            [name, *(f"{part:.1f}" for part in parts), f"{sum(parts):.1f}"]
            for name, parts in section["disk"].items()
        ],
        "What Elasticsearch's own analysis says of the mapping as it is (`_disk_usage`).",
    )
    yield Sheet(
        "What an answer costs the consumer",
        ("filter_path", "bytes/doc", "us/doc to parse"),
        [
            [a["filter_path"], f"{a['bytes_per_document']:.1f}", f"{a['parse_us_per_document']:.2f}"]
            for a in section["answers"]
        ],
    )
    rows = [
        [
            f"{row['group']}: {row['name']}",
            _median(row["documents_per_second"], ",.0f"),
            _range(row["elastic_us_per_document"], ".1f"),
            _change(row["elastic_us_per_document"], base["elastic_us_per_document"], "+.1f"),
            _median(row["bytes_per_document"], ".1f"),
            _change(row["bytes_per_document"], base["bytes_per_document"], "+.1f"),
        ]
        for row in section["rows"]
    ]
    yield Sheet(
        "What fields, settings, ids, answers and sizes cost",
        ("", "docs/s", "Elasticsearch CPU us/doc", "change", "bytes/doc, merged", "change"),
        rows,
        f"{section['events']:,} ready-made documents, median (range) of {_rounds(section)}. "
        "The difference between the two baselines is noise.",
    )


def _rounds(section: Mapping[str, Any]) -> str:
    count = section["rounds"]
    return f"{count} round{'s' if count != 1 else ''}"


def _range(spread: Mapping[str, float] | None, form: str) -> str:
    if spread is None:
        return ""
    low, high = (format(spread[end], form) for end in ("low", "high"))
    middle = format(spread["median"], form)
    return middle if low == high else f"{middle} ({low} to {high})"


def _median(spread: Mapping[str, float] | None, form: str) -> str:
    number, _, unit = form.partition(" ")
    return "" if spread is None else f"{spread['median']:{number}} {unit}".strip()


def _change(spread: Mapping[str, float], base: Mapping[str, float], form: str) -> str:
    return format(spread["median"] - base["median"], form)
