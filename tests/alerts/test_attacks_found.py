"""What the shipped rules find: of generated attacks, of near misses, of nothing, of a real log."""

import itertools
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_alerts import Episode
from audit_alerts.backfill import backfill_rule
from audit_alerts.plan import LogSource
from audit_generator.attacks import Attacks, Label
from audit_generator.everyday import EVERYDAY
from audit_generator.intrusions import INTRUSIONS
from audit_generator.traffic import Traffic
from audit_producer.build import new_event
from audit_query import AuditLog
from audit_schemas import Catalogue, encode, parse_timestamp
from support.servers import ROOT, Deployment
from support.stored_events import store

from benchmarks.detection import (
    EXPECTED,
    Detection,
    attacks_of,
    detect,
    found_by,
    is_about,
    place_of,
    quiet_alerts,
    shipped_rules,
    stored,
)
from benchmarks.detection_report import linux_log
from benchmarks.labelled import Finding, LabelledLog, labels_of, verdict_of

pytestmark = pytest.mark.slow

RULES = shipped_rules()
CATALOGUE = Catalogue.load()
ONE = "0123456789abcdef"
LINUX = ROOT.parent / "shared" / "data" / "linux-auth.ndjson"


@pytest.fixture(scope="module")
def found() -> Detection:
    """Give what is found of one seed, half the traffic; all of twenty: make bench-detection."""
    return detect(RULES, (1,), a_day=1200)


def test_every_rule_has_attacks_that_it_promises_to_find() -> None:
    """And every kind of attack a rule."""
    assert set(INTRUSIONS) == set(EXPECTED)
    assert {rule.name for rule in RULES} == {name for names in EXPECTED.values() for name in names}


def test_nine_in_ten_attacks_are_found_by_each_rule(found: Detection) -> None:
    """Of kinds, paces and addresses that the rules were not made for."""
    for rule in RULES:
        assert found.attacks[rule.name] > 0, rule.name
        assert found.recall(rule.name) >= 0.9, found.missed


def test_nine_in_ten_alerts_are_about_an_attack(found: Detection) -> None:
    """Near misses of every kind lie beside them."""
    assert found.alerts.total() > 40
    assert found.precision >= 0.9, found.wrong


@pytest.mark.parametrize("seed", [1, 2])
def test_a_week_without_an_attack_fires_at_most_once(seed: int) -> None:
    """Mistyped passwords, shifts and administration are everyday."""
    assert len(list(quiet_alerts(RULES, seed, 10_000, CATALOGUE))) <= 1


def label(**changes: Any) -> Label:
    """Return a label of ten minutes from noon."""
    start = attacks_of(1).start + timedelta(hours=12)
    known: dict[str, Any] = {
        "kind": "brute-force",
        "is_attack": True,
        "is_announced": False,
        "says": "",
        "start": start,
        "end": start + timedelta(minutes=10),
        "events": 9,
        "addresses": ("240.0.0.1",),
        "networks": ("240.0.0.0/24",),
        "users": (),
        "services": (),
        "attacked": (),
        "reasons": (),
    }
    return Label(**known | changes)


def alert(minute: int, ip: str = "240.0.0.1") -> Episode:
    """Return an alert about an address, so many minutes after the label's beginning."""
    at = round(label().start.timestamp() * 1000) + minute * 60_000
    return Episode("brute-force", ("source.ip",), (ip,), at, at, at, 5, 5, ())


@pytest.mark.parametrize(
    ("minute", "ip", "expected"),
    [
        (5, "240.0.0.1", True),
        (11, "240.0.0.1", False),
        (-1, "240.0.0.1", False),
        (5, "240.0.0.2", False),
    ],
)
def test_an_alert_is_about_a_label_at_its_time_and_of_who_was_in_it(
    minute: int,
    ip: str,
    expected: bool,  # noqa: FBT001
) -> None:
    """A right alert by luck is none."""
    assert expected == is_about(alert(minute, ip), label())


def test_what_is_missed_and_what_is_wrong_counts() -> None:
    """The judge himself: an attack without an alert, and alerts about a near miss and nobody."""
    judge = Detection()
    trap = label(kind=next(iter(EVERYDAY)), is_attack=False, addresses=("240.0.0.9",), networks=())
    judge.count(1, [label(), label(addresses=("240.0.0.2",)), trap], [alert(1), alert(1, "240.0.0.9")])
    assert judge.recall("brute-force") == 0.5
    assert judge.precision == 0.5
    assert [1, 1] == [len(judge.missed), len(judge.wrong)]


def finding(group: dict[str, str], *sources: str) -> Finding:
    """Return an alert with an event of each of these sources."""
    episode = Episode("some-rule", tuple(group), tuple(group.values()), 0, 9, 9, len(sources), 5, ())
    return Finding(episode, [{"source": {"ip": address}} for address in sources])


@pytest.mark.parametrize(
    ("group", "sources", "is_right", "found"),
    [
        ({"source.ip": "240.0.0.1"}, ["240.0.0.1"] * 9, True, ["240.0.0.1"]),
        ({"source.ip": "240.0.0.9"}, ["240.0.0.9"] * 9, False, []),
        ({"audit.source.network": "240.0.0.0/24"}, ["240.0.0.1", "240.0.0.2"], True,
         ["240.0.0.1", "240.0.0.2"]),
        ({"audit.source.network": "240.0.0.0/24"}, ["240.0.0.1", "240.0.0.9"], False, []),
        ({"audit.user": "root"}, ["240.0.0.1", "240.0.0.2", "240.0.0.9"], True, []),
        ({"audit.user": "root"}, ["240.0.0.1", "240.0.0.9"], False, []),
    ],
)  # fmt: skip
def test_an_alert_is_judged_by_whose_events_it_is_about(
    group: dict[str, str],
    sources: list[str],
    is_right: bool,  # noqa: FBT001
    found: list[str],
) -> None:
    """Most have to be attackers'; an account that is attacked does not say from where."""
    labels = {"addresses": {f"240.0.0.{n}": {"verdict": "attack"} for n in (1, 2)}}
    verdict = verdict_of(labels, [finding(group, *sources)])
    assert ([] if is_right else [1], found) == ([1] * len(verdict.wrong), list(verdict.found))


def test_the_second_alert_of_a_long_burst_is_right(tmp_path: Path) -> None:
    """A labelled burst is known by its first event; an alert hours later is about the same one."""
    file = tmp_path / "log.ndjson"
    begin = attacks_of(1).start
    pauses = [timedelta(minutes=9 * number) for number in range(60)]  # one burst, by its pauses
    times = [*(begin + pause for pause in pauses[:50]), *(begin + pauses[49] + timedelta(seconds=n)
             for n in range(1, 9))]  # fmt: skip
    file.write_bytes(
        b"".join(
            encode(new_event("login-failed", user="root", ip="240.0.0.1", at=at)) + b"\n"
            for at in times
        )
    )
    found = [one for one in LabelledLog(file, file).findings() if one.episode.rule == "brute-force"]
    labels = {"addresses": {"240.0.0.1": {"verdict": "attack", "bursts": [{"at": begin}]}}}
    verdict = verdict_of(labels, found)
    assert (1, [], ["240.0.0.1"]) == (verdict.alerts, list(verdict.wrong), list(verdict.found))


def test_refused_records_and_conflicts_become_dead_letters_and_copies_do_not() -> None:
    """As the consumer has it."""
    at = attacks_of(1).start
    events = [
        new_event("logout", user=user, at=at, event_id=name)
        for user, name in (("u-1", ONE), ("u-1", ONE), ("u-2", ONE))
    ]
    odd = new_event("chat-pinned", user=None, at=at, event_id=ONE[::-1])
    log = stored([*events, odd], CATALOGUE)
    assert [ONE] == [document["event"]["id"] for document in log.documents]
    assert ["id-conflict", "unknown-activity"] == [
        letter["audit.errors.reason"] for letter in log.dead_letters
    ]


@pytest.mark.servers
def test_backfill_of_the_real_elasticsearch_finds_the_same(deployment: Deployment) -> None:
    """Every rule that asks it: the same groups, times, counts and samples as in memory."""
    attacks = Attacks(Traffic(9 * 500, attacks_of(1).traffic.end, seed=5, days=9))
    events = list({event.event.id: event for event in reversed(list(attacks))}.values())[::-1]
    known = [event for event in events if event.event.action in CATALOGUE]
    for first in range(0, len(known), 2000):
        store(deployment, *known[first : first + 2000], first=first, place=place_of)
    memory = stored(known, CATALOGUE)
    end = attacks.traffic.end
    fired = 0
    with AuditLog(deployment.query) as log:
        for rule in RULES:
            if rule.log_source is LogSource.EVENTS:
                expected = list(found_by([rule], memory, attacks.start, end))
                assert expected == backfill_rule(log, rule, attacks.start, end), rule.name
                fired += len(expected)
    assert fired > 10


def like_the_real_log(file: Path, labels: Any) -> None:
    """Write a log that has the labels' bursts, an event a second."""
    lines: list[bytes] = []
    for kind in ("addresses", "hosts"):
        for name, found in labels[kind].items():
            for burst in found["bursts"]:
                flood = found["kind"] == "connection-flood"
                user = re.search(r"as (\w+)$", found["reason"])
                for number in range(burst["events"]):
                    event = new_event(
                        "ftp-connected" if flood else "login-failed",
                        user={"name": user[1] if user else "unknown"},
                        ip=name if kind == "addresses" else None,
                        service="sshd",
                        labels={"host": name} if kind == "hosts" else None,
                        at=parse_timestamp(str(burst["at"]))
                        + timedelta(seconds=0 if flood else number),
                        event_id=f"line-{len(lines):016}",
                    )
                    lines.append(encode(event) + b"\n")
    file.write_bytes(b"".join(lines))


def test_real_attackers_are_found_and_nobody_else(tmp_path: Path) -> None:
    """In the public log where it is at hand, else in one with the same bursts."""
    events = LINUX if LINUX.is_file() else tmp_path / "like-linux-auth.ndjson"
    log = linux_log(events)
    labels = labels_of(log.labels)
    if events != LINUX:
        like_the_real_log(events, labels)
    verdict = verdict_of(labels, log.findings())
    assert (60, 20) == (len(verdict.addresses), len(verdict.hosts))
    assert verdict.recall(verdict.addresses) >= 0.9
    assert verdict.recall(verdict.hosts) >= 0.9
    assert verdict.precision >= 0.9, verdict.wrong
    missed = [
        name for name in itertools.chain(verdict.addresses, verdict.hosts) if name not in verdict.found
    ]
    sizes = [
        max(b["events"] for b in (labels["addresses"] | labels["hosts"])[m]["bursts"]) for m in missed
    ]
    assert max(sizes, default=0) < 10
