"""What the rules found, as tables, and put into the docs between their markers."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from audit_alerts.episodes import Episode
from audit_alerts.times import as_time
from audit_schemas import Catalogue

from benchmarks.detection import Detection, detect, quiet_alerts, shipped_rules
from benchmarks.errors import BenchError
from benchmarks.labelled import LabelledLog, Verdict, labels_of, verdict_of
from benchmarks.report import to_markdown
from benchmarks.sheet import Sheet

__all__ = [
    "FULL_SEEDS",
    "detection_tables",
    "generated_sheet",
    "labelled_sheets",
    "linux_log",
    "put",
    "quiet_sheet",
]


FULL_SEEDS = 20
"""What the figures have to rest on to be published."""

_ROOT = Path(__file__).parents[1]
_WEEKS = ((1, 47_000), (2, 47_000))
"""Seeds and events of weeks without an attack; `auditlog generate` makes 47,000 in seven days."""


def detection_tables(
    seeds: int, real: Path | None, *, say: Callable[[str], None]
) -> Iterator[tuple[str, list[Sheet]]]:
    """Yield names and tables: generated attacks, quiet weeks, and the real log if it is there.

    A table without a name is for the terminal.
    """
    rules = shipped_rules()
    found = detect(rules, range(1, seeds + 1), jobs=os.cpu_count() or 2, say=say)
    for line in (*found.missed, *found.wrong):
        say(line)
    yield "generated", [generated_sheet(found, [rule.name for rule in rules], seeds)]
    catalogue = Catalogue.load()
    weeks = {
        f"{count:,}, seed {seed}": list(quiet_alerts(rules, seed, count, catalogue))
        for seed, count in _WEEKS
    }
    yield "quiet", [quiet_sheet(weeks)]
    if real is not None:
        log = linux_log(real / "linux-auth.ndjson")
        summary, fired = labelled_sheets(verdict_of(labels_of(log.labels), log.episodes()))
        yield "real", [summary]
        yield "", [fired]


def linux_log(events: Path) -> LabelledLog:
    """Return the public log of a Linux host, with its labels, catalogue and rules."""
    return LabelledLog(
        events,
        _ROOT / "tests" / "alerts" / "labels" / "linux-auth.yml",
        _ROOT / "deploy" / "catalogue" / "linux-host.toml",
        _ROOT / "deploy" / "alerts" / "linux-host",
    )


def generated_sheet(found: Detection, rules: Sequence[str], seeds: int) -> Sheet:
    """Return a row a rule: attacks that were to be found, those that were, and its alerts."""
    rows = [
        [
            rule,
            str(found.attacks[rule]),
            str(found.found[rule]),
            f"{found.recall(rule):.2f}",
            str(found.alerts[rule]),
            str(found.alerts[rule] - found.right[rule]),
        ]
        for rule in rules
    ]
    total = [found.attacks.total(), sum(found.found[rule] for rule in rules)]
    wrong = found.alerts.total() - found.right.total()
    recall = f"{total[1] / max(1, total[0]):.2f}"
    rows.append(["all", *map(str, total), recall, str(found.alerts.total()), str(wrong)])
    unseen = "; ".join(
        f"{kind}: {found.found[kind]} of {number}" for kind, number in found.unseen.items()
    )
    return Sheet(
        f"{seeds} seeds of generated attacks: precision {found.precision:.3f}",
        ("Rule", "attacks", "found", "recall", "alerts", "of them wrong"),
        rows,
        f"Attacks that are no burst, seen by any rule: {unseen}.",
    )


def quiet_sheet(found: Mapping[str, Sequence[Episode]]) -> Sheet:
    """Return a row a simulated week without any attack."""
    rows = [
        [week, str(len(episodes)), "; ".join(f"{e.rule} {e.key}" for e in episodes)]
        for week, episodes in found.items()
    ]
    return Sheet("Weeks without an attack", ("Events and seed", "alerts", "which"), rows)


def labelled_sheets(verdict: Verdict) -> Iterator[Sheet]:
    """Yield recall and precision, and every attacker with what fired on them."""
    everybody = [*verdict.addresses, *verdict.hosts]
    rows = [
        [
            name,
            str(len(who)),
            str(sum(each in verdict.found for each in who)),
            f"{verdict.recall(who):.2f}",
        ]
        for name, who in (
            ("addresses", verdict.addresses),
            ("host names, no address", verdict.hosts),
            ("all", everybody),
        )
    ]
    yield Sheet(
        f"{verdict.alerts} alerts on the real log: precision {verdict.precision:.3f}",
        ("Attackers", "labelled", "found", "recall"),
        rows,
        f"Alerts about nobody who was labelled as an attacker: {len(verdict.wrong)}.",
    )
    yield Sheet(
        "What fired on whom",
        ("Attacker", "rule", "alerts", "events", "first"),
        [_fired(name, verdict.found.get(name, ())) for name in everybody],
    )


def put(file: Path, name: str, sheets: Sequence[Sheet]) -> None:
    """Write tables between the file's markers of that name. Raises BenchError if it has none."""
    begin, end = f"<!-- {name}: written by make bench-detection -->", f"<!-- end of {name} -->"
    before, found, rest = file.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise BenchError(f"{file.name} has no place for {name}: {begin} ... {end}")
    tables = "\n\n".join(map(to_markdown, sheets))
    file.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{after}", "utf-8")


def _fired(name: str, episodes: Sequence[Episode]) -> list[str]:
    if not episodes:
        return [name, "nothing", "0", "", ""]
    rules = ", ".join(dict.fromkeys(episode.rule for episode in episodes))
    first = as_time(min(episode.since for episode in episodes))
    events = str(sum(episode.count for episode in episodes))
    return [name, rules, str(len(episodes)), events, f"{first:%Y-%m-%d %H:%M:%S}"]
