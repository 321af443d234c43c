"""What the rules found, as tables, and put into the docs between their markers."""

import os
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path

from audit_alerts.times import as_time
from audit_schemas import Catalogue
from rich.console import Console, Group

from benchmarks.detection import Detection, detect, quiet_alerts, shipped_rules
from benchmarks.errors import BenchError
from benchmarks.figures import table
from benchmarks.labelled import Finding, LabelledLog, Verdict, labels_of, verdict_of

FULL_SEEDS = 20
"""What the figures have to rest on to be published."""

_ROOT = Path(__file__).parents[1]
_WIDE = 1000
_WEEKS = ((1, 47_000), (2, 47_000))
"""Seeds and events of weeks without an attack; `auditlog generate` makes 47,000 in seven days."""


def detection_tables(
    seeds: int, real: Path | None, *, say: Callable[[str], None]
) -> Iterator[tuple[str, Group]]:
    """Yield names and tables: generated attacks, quiet weeks, and the real log if it is there.

    A table without a name is for the terminal.
    """
    rules = shipped_rules()
    found = detect(rules, range(1, seeds + 1), jobs=os.cpu_count() or 2, say=say)
    for line in (*found.missed, *found.wrong):
        say(line)
    yield "generated", generated_table(found, [rule.name for rule in rules], seeds)
    catalogue = Catalogue.load()
    rows = []
    for seed, count in _WEEKS:
        fired = list(quiet_alerts(rules, seed, count, catalogue))
        which = "; ".join(f"{episode.rule} {episode.key}" for episode in fired)
        rows.append([f"{count:,}, seed {seed}", str(len(fired)), which])
    yield "quiet", table("Weeks without an attack", ("Events and seed", "alerts", "which"), rows)
    if real is not None:
        log = linux_log(real / "linux-auth.ndjson")
        verdict = verdict_of(labels_of(log.labels), log.findings())
        yield "real", labelled_table(verdict)
        headings = ("Attacker", "rule", "alerts", "events", "first")
        everybody = (*verdict.addresses, *verdict.hosts)
        fired_on = [_fired(name, verdict.found.get(name, ())) for name in everybody]
        yield "", table("What fired on whom", headings, fired_on)


def linux_log(events: Path) -> LabelledLog:
    """Return the public log of a Linux host, with its labels, catalogue and rules."""
    return LabelledLog(
        events,
        _ROOT / "tests" / "alerts" / "labels" / "linux-auth.yml",
        _ROOT / "deploy" / "catalogue" / "linux-host.toml",
        _ROOT / "deploy" / "alerts" / "linux-host",
    )


def generated_table(found: Detection, rules: Sequence[str], seeds: int) -> Group:
    """Return a row for each rule: attacks to be found, those that were, and its alerts."""
    counts = {
        rule: (found.attacks[rule], found.found[rule], found.alerts[rule], found.right[rule])
        for rule in rules
    }
    sums = [sum(column) for column in zip(*counts.values(), strict=True)]
    counts["all"] = (sums[0], sums[1], sums[2], sums[3])
    rows = [
        [
            name,
            *map(str, (attacks, seen)),
            f"{seen / max(1, attacks):.2f}",
            *map(str, (alerts, alerts - right)),
        ]
        for name, (attacks, seen, alerts, right) in counts.items()
    ]
    return table(
        f"{seeds} seeds of generated attacks: precision {found.precision:.3f}",
        ("Rule", "attacks", "found", "recall", "alerts", "of them wrong"),
        rows,
    )


def labelled_table(verdict: Verdict) -> Group:
    """Return how many of a real log's attackers were found."""
    groups = {"addresses": verdict.addresses, "host names, no address": verdict.hosts}
    groups["all"] = [*verdict.addresses, *verdict.hosts]
    rows = [
        [
            name,
            str(len(who)),
            str(sum(one in verdict.found for one in who)),
            f"{verdict.recall(who):.2f}",
        ]
        for name, who in groups.items()
    ]
    return table(
        f"{verdict.alerts} alerts on the real log: precision {verdict.precision:.3f}",
        ("Attackers", "labelled", "found", "recall"),
        rows,
        f"Alerts about nobody who was labelled as an attacker: {len(verdict.wrong)}.",
    )


def put(file: Path, name: str, result: Group) -> None:
    """Write a table between the file's markers of that name. Raises BenchError if it has none."""
    begin, end = f"<!-- {name}: written by make bench-detection -->", f"<!-- end of {name} -->"
    before, found, rest = file.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise BenchError(f"{file.name} has no place for {name}: {begin} ... {end}")
    console = Console(file=StringIO(), width=_WIDE, emoji=False)
    with console.capture() as captured:
        console.print(result)
    text = "\n".join(line.rstrip() for line in captured.get().strip().splitlines())
    file.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", "utf-8")


def _fired(name: str, findings: Sequence[Finding]) -> list[str]:
    episodes = [finding.episode for finding in findings]
    if not episodes:
        return [name, "nothing", "0", "", ""]
    rules = ", ".join(dict.fromkeys(episode.rule for episode in episodes))
    first = as_time(min(episode.since for episode in episodes))
    events = str(sum(episode.count for episode in episodes))
    return [name, rules, str(len(episodes)), events, f"{first:%Y-%m-%d %H:%M:%S}"]
