"""A real log whose attackers were labelled before any rule ran: what the rules find of them.

The labels' file says who did what, and when each of their bursts began; its form is that of
`tests/alerts/labels/linux-auth.yml`. Events go the way of the consumer, without its servers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from audit_alerts import Episode, Rule
from audit_alerts.condition import values_at
from audit_alerts.matches import group_values, matches_of_base
from audit_alerts.plan import bases_of, group_fields
from audit_alerts.rules import read_rules, shipped_folder
from audit_producer.lines import read_lines
from audit_schemas import Catalogue

from benchmarks.detection import Log, found_by, stored

_NAMES_PLACES = frozenset({"source.ip", "audit.source.network"})


@dataclass(frozen=True, slots=True)
class LabelledLog:
    """Where a log, its labels, its catalogue and rules of its own are."""

    events: Path
    labels: Path
    catalogue: Path | None = None
    rules: Path | None = None

    def findings(self) -> list["Finding"]:
        """Return what the shipped rules, and the log's own, fire on it."""
        catalogue = Catalogue.load(self.catalogue)
        folders = [shipped_folder(), *([self.rules] if self.rules else [])]
        with self.events.open("rb") as lines:
            events = [line.event for line in read_lines(lines) if line.event is not None]
        start, end = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
        last = datetime.fromisoformat(max(event.timestamp for event in events))
        end = min(end, last + timedelta(milliseconds=1))
        log = stored(events, catalogue)
        return [
            finding
            for rule in read_rules(folders, catalogue)
            for finding in findings(rule, found_by([rule], log, start, end), log)
        ]


@dataclass(frozen=True, slots=True)
class Finding:
    """An alert, and the events that it is about."""

    episode: Episode
    events: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules found of a log's attackers, by address and by host name."""

    addresses: Sequence[str]
    """Every address that was labelled as an attacker."""
    hosts: Sequence[str]
    """The attackers of whom only a name is known."""
    found: Mapping[str, Sequence[Finding]]
    """Attacker -> alerts that say where it is; of one without an address, those about its events."""
    wrong: Sequence[Finding]
    """Alerts most of whose events are nobody's who was labelled as an attacker."""
    alerts: int

    @property
    def precision(self) -> float:
        """The part of the alerts that are about an attacker."""
        return 1 - len(self.wrong) / self.alerts if self.alerts else 1.0

    def recall(self, who: Sequence[str]) -> float:
        """Return the part of these attackers that were found."""
        return sum(name in self.found for name in who) / len(who) if who else 1.0


def findings(rule: Rule, episodes: Iterable[Episode], log: Log) -> Iterator[Finding]:
    """Yield each alert with its events: those of its group that the rule looks at, while it lasted."""
    known = [
        (match.at, group_values(match, names), log.document(match.id))
        for base in dict.fromkeys(bases_of(rule.root))
        for names in [group_fields(rule.root, base)]
        for match in matches_of_base(base, names, log.of(rule))
    ]
    for episode in episodes:
        yield Finding(
            episode,
            [
                document
                for at, group, document in known
                if group == episode.group and episode.since <= at <= episode.last
            ],
        )


def verdict_of(labels: Mapping[str, Any], found: Iterable[Finding]) -> Verdict:
    """Hold alerts to labels, by whose events there are while each alert lasts.

    An alert is right if most of its events are attackers'. It finds those whom it names, by address
    or by network; one that names an account or a service says nothing about where they are.
    """
    attackers = {
        kind: [name for name, label in labels.get(kind, {}).items() if label["verdict"] == "attack"]
        for kind in ("addresses", "hosts")
    }
    everybody = frozenset(attackers["addresses"]) | frozenset(attackers["hosts"])
    by_attacker: dict[str, list[Finding]] = {}
    alerts, wrong = 0, []
    for finding in found:
        alerts += 1
        sources = [_source(event) for event in finding.events]
        if 2 * sum(source in everybody for source in sources) <= len(sources):
            wrong.append(finding)
            continue
        says_where = not _NAMES_PLACES.isdisjoint(finding.episode.group_by)
        for name in dict.fromkeys(sources):
            if name in everybody and (says_where or name in attackers["hosts"]):
                by_attacker.setdefault(name, []).append(finding)
    return Verdict(tuple(attackers["addresses"]), tuple(attackers["hosts"]), by_attacker, wrong, alerts)


def labels_of(file: Path) -> Mapping[str, Any]:
    """Return a labels' file."""
    found: Mapping[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return found


def _source(event: Mapping[str, Any]) -> str:
    """Return who an event came from: an address, else the host's name that came with it."""
    return next(iter((*values_at(event, "source.ip"), *values_at(event, "labels.host"))), "")
