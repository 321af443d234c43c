"""Attacks laid over traffic: repeatable, in order, and with labels that say what is there."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from audit_generator.attacks import Attacks
from audit_generator.everyday import EVERYDAY
from audit_generator.intrusions import INTRUSIONS
from audit_generator.traffic import Traffic
from audit_schemas import AuditEvent, encode, parse_timestamp
from support.command import auditlog

END = datetime(2026, 11, 23, tzinfo=UTC)


def attacks_of(seed: int) -> Attacks:
    """Return attacks over a little traffic."""
    return Attacks(Traffic(4000, END, seed=seed, days=10))


def story_events(events: list[AuditEvent]) -> list[AuditEvent]:
    """Return what no normal traffic has: ids of a story's."""
    return [event for event in events if not _is_uuid(event.event.id)]


def in_one_line(text: str) -> str:
    """Return what a box says."""
    return " ".join(text.replace("│", " ").split())


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4


def test_same_seed_gives_the_same_bytes_and_another_one_other_attacks() -> None:
    """Events and labels."""
    first, again, other = attacks_of(1), attacks_of(1), attacks_of(2)
    assert list(map(encode, first)) == list(map(encode, again))
    assert first.labels == again.labels
    strangers = [
        {ip for label in each.labels for ip in label.addresses if not ip.startswith("192.0.2.")}
        for each in (first, other)
    ]
    assert len(strangers[0] & strangers[1]) < 5  # the ranges that are denied are always the same


@pytest.mark.parametrize("seed", range(1, 6))
def test_every_kind_is_laid_over_the_last_week(seed: int) -> None:
    """Attacks once or twice, near misses once, all within the seven days; each says which it is."""
    attacks = attacks_of(seed)
    kinds = [label.kind for label in attacks.labels]
    assert {*INTRUSIONS, *EVERYDAY} == set(kinds)
    assert all(1 <= kinds.count(kind) <= 2 for kind in INTRUSIONS)
    for label in attacks.labels:
        assert END - timedelta(days=7) <= label.start <= label.end < END
        assert (label.kind in EVERYDAY) == (not label.is_attack)


def test_events_come_in_order_and_are_those_of_the_labels() -> None:
    """As many as the labels say, each within its label's time and from one of its addresses."""
    attacks = attacks_of(3)
    events = list(attacks)
    assert all(one.timestamp <= two.timestamp for one, two in pairwise(events))
    told = story_events(events)
    assert sum(label.events for label in attacks.labels) == len(told)
    for event in told:
        at = parse_timestamp(event.timestamp)
        near = [
            label
            for label in attacks.labels
            if label.start <= at + timedelta(milliseconds=1) and at <= label.end
        ]
        assert near, event
        if event.source is not None:
            assert any(event.source.ip in label.addresses for label in near)


def test_silenced_service_publishes_nothing_and_all_else_stays() -> None:
    """What is missing of the normal traffic is what the labels say was not published."""
    attacks = attacks_of(4)
    quiet = [label for label in attacks.labels if label.services]
    assert quiet
    kept = {event.event.id for event in attacks}
    lost = 0
    for event in Traffic(4000, END, seed=4, days=10, attack=False):
        at = parse_timestamp(event.timestamp)
        is_quiet = any(label.start <= at < label.end for label in quiet)
        assert is_quiet == (event.event.id not in kept)
        lost += is_quiet
    assert lost > 10


def test_generate_writes_events_and_labels(tmp_path: Path) -> None:
    """`auditlog generate --labels FILE`, for whoever tries rules of their own."""
    arguments = ["generate", "--count", "2000", "--days", "8", "--end", "2026-11-23"]
    labels, events = tmp_path / "labels.ndjson", tmp_path / "events.ndjson"
    done = auditlog(*arguments, "--labels", str(labels), "--out", str(events))
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in labels.read_text().splitlines()]
    expected = Attacks(Traffic(2000, END, days=8))
    assert [label.kind for label in expected.labels] == [label["kind"] for label in found]
    assert sum(1 for _ in expected) == len(events.read_text().splitlines())


@pytest.mark.parametrize("arguments", [["--days", "7"], ["--days", "9", "--rate", "5"]])
def test_labels_are_refused_where_they_would_not_be_true(tmp_path: Path, arguments: list[str]) -> None:
    """In too short a time, or where every event is dated anew."""
    done = auditlog("generate", "--labels", str(tmp_path / "x"), "--out", "-", *arguments)
    assert done.returncode == 2
    assert "at least --days 8, and no --rate" in in_one_line(done.stderr)


def test_labels_that_can_not_be_written_are_a_sentence(tmp_path: Path) -> None:
    """That says which file."""
    labels = tmp_path / "no" / "x"
    done = auditlog("generate", "--days", "8", "--labels", str(labels), "--out", "-")
    assert (done.returncode, done.stderr) == (1, f"auditlog: {labels}: No such file or directory\n")
