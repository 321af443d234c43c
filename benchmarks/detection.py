"""How many of the generator's attacks the rules find, and how many of their alerts are about one.

The truth is the generator's: it knows no rule. Events go the way of the consumer, without its
servers: settled by the catalogue, stored as documents, or refused as dead letters.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, lru_cache, partial
from io import BytesIO
from multiprocessing import get_context
from typing import Any

import maxminddb
from audit_alerts import Episode, Rule, evaluate, plan
from audit_alerts.condition import AllOf, AnyOf, Equals
from audit_alerts.plan import bases_read
from audit_alerts.rule_lists import with_lists
from audit_alerts.rules import read_rules, shipped_folder
from audit_alerts.times import as_time
from audit_generator.attacks import Attacks, Label
from audit_generator.places import place_database
from audit_generator.story import LISTS
from audit_generator.traffic import Traffic
from audit_runtime import ReferenceLists, parse_list
from audit_schemas import AuditEvent, Catalogue, Document, EventRefusedError, Origin, Place

EXPECTED: Mapping[str, tuple[str, ...]] = {
    "brute-force": ("brute-force",),
    "password-spraying": ("password-spraying",),
    "credential-stuffing": ("credential-stuffing-network",),
    "guessed-password": ("success-after-failures", "brute-force"),
    "shared-account": ("user-from-several-networks",),
    "account-takeover": ("new-address-then-sensitive",),
    "denied-login": ("login-from-denied-range",),
    "settings-burst": ("settings-burst",),
    "chat-wiping": ("inhuman-chat-closing",),
    "night-visit": ("unusual-hours",),
    "log-switched-off": ("log-fell-silent",),
    "log-searched": ("log-searched-in-bulk",),
    "log-exported": ("log-exported-in-bulk",),
    "hidden-in-rubbish": ("dead-letter-flood",),
    "overwriting": ("id-conflict",),
    "guessing-behind-gateway": ("brute-force-unknown-address",),
    "low-and-slow": ("endless-guessing",),
    "patient-guessing": ("slow-guessing",),
    "distributed-guessing": ("account-from-many-networks",),
    "botnet-stuffing": ("refused-logins-surge",),
    "guessing-from-inside": ("brute-force-known-address",),
    "spraying-from-inside": ("unknown-names-shared-address",),
    "impossible-journey": ("impossible-travel",),
    "foreign-visit": ("new-country",),
    "hosted-visit": ("login-from-hosting",),
    "known-visitor": ("login-from-known-bad-address",),
    "acting-as-others": ("acting-as-another",),
}
"""A kind of attack -> the rules whose descriptions promise to find it."""

_END = datetime(2026, 11, 23, tzinfo=UTC)
_DAYS = 28
_A_DAY = 2400
_TOPIC = "audit.events"


@dataclass(frozen=True)
class Log:
    """What the consumer would have stored, and what it would have refused."""

    documents: Sequence[Mapping[str, Any]]
    dead_letters: Sequence[Mapping[str, Any]]

    def of(self, rule: Rule) -> Iterable[Mapping[str, Any]]:
        """Return what a rule evaluates, and perhaps more, in no order."""
        if rule.log_source is plan.LogSource.DEAD_LETTERS:
            return self.dead_letters
        asked = [actions_of(base.condition) for base in bases_read(rule.root)]
        if any(actions is None for actions in asked):
            return self.documents
        names = {name for actions in asked for name in actions or ()}
        return (document for name in sorted(names) for document in self._by_action.get(name, ()))

    def document(self, event_id: str) -> Mapping[str, Any]:
        """Return a document; empty for what is none, such as a dead letter."""
        return self._by_id.get(event_id, {})

    @cached_property
    def _by_id(self) -> Mapping[str, Mapping[str, Any]]:
        return {document["event"]["id"]: document for document in self.documents}

    @cached_property
    def _by_action(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for document in self.documents:
            found.setdefault(document["event"]["action"], []).append(document)
        return found


@dataclass(slots=True)
class Detection:
    """Counts over seeds: by rule, what was to be found and was; and whose alerts are about nothing."""

    attacks: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def recall(self, rule: str) -> float:
        """Return the part of a rule's attacks that it found; 1 if there were none."""
        return self.found[rule] / self.attacks[rule] if self.attacks[rule] else 1.0

    @property
    def precision(self) -> float:
        """The part of all alerts that are about an attack."""
        return self.right.total() / self.alerts.total() if self.alerts else 1.0

    def count(self, seed: int, labels: Sequence[Label], episodes: Sequence[Episode]) -> None:
        """Add a seed's alerts, held to its labels."""
        for label in labels:
            self._count_label(seed, label, episodes)
        attacks = [label for label in labels if label.is_attack]
        announced = [label for label in labels if label.is_announced]
        for episode in episodes:
            if any(_is_excepted(episode, label) for label in announced):
                continue
            self.alerts[episode.rule] += 1
            if any(is_about(episode, label) for label in attacks):
                self.right[episode.rule] += 1
            else:
                near = [label.kind for label in labels if is_about(episode, label)]
                at = as_time(episode.fired)
                self.wrong.append(f"seed {seed}: {episode.rule}, {episode.key}, {at:%d %H:%M} {near}")

    def _count_label(self, seed: int, label: Label, episodes: Sequence[Episode]) -> None:
        by = {episode.rule for episode in episodes if is_about(episode, label)}
        for rule in EXPECTED.get(label.kind, ()):
            self.attacks[rule] += 1
            if rule in by:
                self.found[rule] += 1
            else:
                at = f"{label.start:%d %H:%M}"
                self.missed.append(f"seed {seed}: {rule}, {label.kind} at {at}: {label.says}")


def attacks_of(seed: int, *, days: int = _DAYS, a_day: int = _A_DAY) -> Attacks:
    """Return a week of attacks over traffic that has a history of three weeks before."""
    return Attacks(Traffic(count=days * a_day, end=_END, seed=seed, days=days))


def shipped_rules() -> tuple[Rule, ...]:
    """Return the rules that come with the product, with the lists that the stories know."""
    lists = {name: parse_list(name, "\n".join(entries), name) for name, entries in LISTS.items()}
    rules = read_rules([shipped_folder()], Catalogue.load())
    return tuple(with_lists(rule, ReferenceLists(lists), _END) for rule in rules)


def quiet_alerts(
    rules: Iterable[Rule], seed: int, count: int, catalogue: Catalogue
) -> Iterator[Episode]:
    """Yield what the rules fire in a week of so many events without any attack."""
    traffic = Traffic(count=count, end=_END, seed=seed, days=7, attack=False)
    return found_by(rules, stored(traffic, catalogue), _END - timedelta(days=7), _END)


def detect(
    rules: Iterable[Rule],
    seeds: Iterable[int],
    *,
    jobs: int = 1,
    a_day: int = _A_DAY,
    say: Callable[[str], None] = lambda _: None,
) -> Detection:
    """Return what the rules find of each seed's attacks; `jobs` seeds at a time, in processes.

    `a_day`: events of everyday traffic around the attacks.
    """
    found, judged = Detection(), partial(_judged, list(rules), a_day)
    if jobs == 1:
        for seed, labels, episodes in map(judged, seeds):
            found.count(seed, labels, episodes)
        return found
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for seed, labels, episodes in pool.map(judged, seeds):
            say(f"seed {seed}: {len(labels)} stories, {len(episodes)} alerts")
            found.count(seed, labels, episodes)
    return found


def _judged(rules: Sequence[Rule], a_day: int, seed: int) -> tuple[int, list[Label], list[Episode]]:
    attacks = attacks_of(seed, a_day=a_day)
    log = stored(attacks, Catalogue.load())
    return seed, attacks.labels, list(found_by(rules, log, attacks.start, _END))


def found_by(rules: Iterable[Rule], log: Log, start: datetime, end: datetime) -> Iterator[Episode]:
    """Yield what the rules fire between two times, on a log that is complete up to the second."""
    first, last = (round(moment.timestamp() * 1000) for moment in (start, end))
    for rule in rules:
        if not rule.idle:
            for episode in evaluate(rule, log.of(rule), until=last - 1):
                if episode.last >= first:
                    yield episode


def stored(events: Iterable[AuditEvent], catalogue: Catalogue) -> Log:
    """Return what becomes of events, in the order in which they are published."""
    documents: list[Mapping[str, Any]] = []
    dead_letters: list[Mapping[str, Any]] = []
    hashes: dict[str, str] = {}
    for offset, event in enumerate(events):
        try:
            settled = catalogue.settle(event)
            activity = catalogue[settled.event.action]
        except EventRefusedError as refused:
            dead_letters.append(_dead_letter(event, offset, refused.reason))
            continue
        at = event.timestamp
        place = place_of(event)
        origin = Origin(_TOPIC, 0, offset)
        document = Document.of(settled, activity, origin, at, at, place=place)
        if document.id not in hashes:
            hashes[document.id] = document.hash
            documents.append(json.loads(document.body))
        elif hashes[document.id] != document.hash:
            dead_letters.append(_dead_letter(event, offset, "id-conflict"))
    return Log(documents, dead_letters)


def place_of(event: AuditEvent) -> str:
    """Return where an event's made-up address is, as the consumer adds it; nothing of others."""
    return _place_of(event.source.ip) if event.source and event.source.ip else ""


@lru_cache(maxsize=100_000)
def _place_of(ip: str) -> str:
    record: Any = _places().get(ip)
    if record is None:
        return ""
    return Place(
        record["country"]["iso_code"],
        record["city"]["names"]["en"],
        record["location"]["latitude"],
        record["location"]["longitude"],
        record["autonomous_system_number"],
        record["autonomous_system_organization"],
    ).to_json()


@cache
def _places() -> maxminddb.Reader:
    return maxminddb.open_database(BytesIO(place_database(_END)), maxminddb.MODE_FD)


def is_about(episode: Episode, label: Label) -> bool:
    """Tell whether an alert is about what a label says: the same time, and somebody who was in it."""
    at = [label.start.timestamp() * 1000 - 1, label.end.timestamp() * 1000 + 1]
    if episode.since > at[1] or episode.last < at[0]:
        return False
    who = {
        "source.ip": label.addresses,
        "audit.source.network": label.networks,
        "audit.user": label.users,
        "audit.errors.reason": label.reasons,
        "__connect.errors.topic": ("audit.events",) if "id-conflict" in label.reasons else (),
    }
    group = dict(zip(episode.group_by, episode.group, strict=True))
    matches = [value in who[name] for name, value in group.items() if name in who]
    if matches:
        return all(matches)
    is_silence = episode.rule in EXPECTED["log-switched-off"]
    return group.get("service.name") in (label.services if is_silence else label.attacked)


def _is_excepted(episode: Episode, label: Label) -> bool:
    """Tell whether an exception for a label's addresses covers an alert: it has to name one."""
    return "source.ip" in episode.group_by and is_about(episode, label)


def actions_of(condition: Any) -> set[str] | None:
    """Return the only activities that a condition can fit; None if it does not say."""
    match condition:
        case Equals("event.action", name):
            return {name}
        case AllOf(parts):
            known = [actions for part in parts if (actions := actions_of(part)) is not None]
            return set.intersection(*known) if known else None
        case AnyOf(parts):
            some = [actions_of(part) for part in parts]
            return None if None in some else {name for actions in some for name in actions or ()}
        case _:
            return None


def _dead_letter(event: AuditEvent, offset: int, reason: str) -> Mapping[str, Any]:
    return {
        "__connect.errors.topic": _TOPIC,
        "__connect.errors.partition": "0",
        "__connect.errors.offset": str(offset),
        "audit.errors.received": event.timestamp,
        "audit.errors.reason": reason,
    }
