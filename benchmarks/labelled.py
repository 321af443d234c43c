"""A real log whose attackers were labelled before any rule ran: what the rules find of them.

The labels' file says who did what, and when each of their bursts began; its form is that of
`tests/alerts/labels/linux-auth.yml`. Events go the way of the consumer, without its servers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from audit_alerts import Episode, Rule
from audit_alerts.hits import in_millis
from audit_alerts.rules import read_rules, shipped_folder
from audit_producer.lines import read_lines
from audit_schemas import Catalogue

from benchmarks.detection import found_by, stored

_SLACK = timedelta(minutes=15) // timedelta(milliseconds=1)
"""Nobody labelled the ends of bursts; none of them has a pause of ten minutes."""

_BY_NAME = "brute-force-unknown-address"


@dataclass(frozen=True, slots=True)
class LabelledLog:
    """Where a log, its labels, its catalogue and rules of its own are."""

    events: Path
    labels: Path
    catalogue: Path | None = None
    rules: Path | None = None

    def episodes(self) -> list[Episode]:
        """Return what the shipped rules, and the log's own, fire on it."""
        catalogue = Catalogue.load(self.catalogue)
        folders = [shipped_folder(), *([self.rules] if self.rules else [])]
        with self.events.open("rb") as lines:
            events = [line.event for line in read_lines(lines) if line.event is not None]
        start, end = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
        last = datetime.fromisoformat(max(event.timestamp for event in events))
        end = min(end, last + timedelta(milliseconds=1))
        rules: Sequence[Rule] = read_rules(folders, catalogue)
        return list(found_by(rules, stored(events, catalogue), start, end))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules found of a log's attackers, by address and by host name."""

    addresses: Sequence[str]
    """Every address that was labelled as an attacker."""
    hosts: Sequence[str]
    """The attackers of whom only a name is known."""
    found: Mapping[str, Sequence[Episode]]
    """Attacker -> alerts about it."""
    wrong: Sequence[Episode]
    """Alerts about nobody who was labelled as an attacker."""
    alerts: int

    @property
    def precision(self) -> float:
        """The part of the alerts that are about an attacker."""
        return 1 - len(self.wrong) / self.alerts if self.alerts else 1.0

    def recall(self, who: Sequence[str]) -> float:
        """Return the part of these attackers that were found."""
        return sum(name in self.found for name in who) / len(who) if who else 1.0


def verdict_of(labels: Mapping[str, Any], episodes: Sequence[Episode]) -> Verdict:
    """Hold alerts to labels.

    An alert by address is about that address, at any time of its bursts. One by name, which knows
    no address, is about the hosts that had a burst while it lasted.
    """
    attackers = {
        kind: {name: label for name, label in labels.get(kind, {}).items() if _attacks(label)}
        for kind in ("addresses", "hosts")
    }
    found: dict[str, list[Episode]] = {}
    wrong: list[Episode] = []
    for episode in episodes:
        about = list(_about(episode, attackers))
        for name in about:
            found.setdefault(name, []).append(episode)
        if not about:
            wrong.append(episode)
    return Verdict(
        tuple(attackers["addresses"]), tuple(attackers["hosts"]), found, wrong, len(episodes)
    )


def labels_of(file: Path) -> Mapping[str, Any]:
    """Return a labels' file."""
    found: Mapping[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return found


def _attacks(label: Mapping[str, Any]) -> bool:
    return bool(label["verdict"] == "attack")


def _about(episode: Episode, attackers: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    group = dict(zip(episode.group_by, episode.group, strict=True))
    if "source.ip" in group:
        address = str(group["source.ip"])
        if _has_burst(attackers["addresses"].get(address), episode):
            yield address
    elif episode.rule == _BY_NAME:
        yield from (name for name, label in attackers["hosts"].items() if _has_burst(label, episode))


def _has_burst(label: Mapping[str, Any] | None, episode: Episode) -> bool:
    bursts = (in_millis(str(burst["at"])) for burst in label["bursts"]) if label else ()
    return any(episode.since - _SLACK <= at <= episode.last for at in bursts)
