"""What is measured with: bodies on disk, renewed records, mappings with less in them, the yardstick."""

import ast
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from audit_consumer.home_index import HomeIndex
from audit_generator.traffic import Traffic
from audit_producer import new_event
from audit_schemas import IndexNaming, decode, encode
from audit_schemas.template import mapping
from support.messages import message
from support.servers import ROOT

from benchmarks.bodies import STEP, Bodies, Writer
from benchmarks.fields import variants
from benchmarks.mapping_variants import group_leaves, leaves, pruned, turned_off
from benchmarks.producer import arguments_of
from benchmarks.records import Moment, in_order_of_time, random_id, record_of

END = datetime(2026, 11, 1, tzinfo=UTC)
BENCH = ROOT / "benchmarks"
YARDSTICK = "ffa5c5feeff928a50b778688d451e3b75ce3401fafdbce94a12ee9923ad53aa8"


@pytest.fixture
def bodies(tmp_path: Path) -> Bodies:
    """Give 1,050 documents."""
    writer = Writer(tmp_path)
    for number in range(1050):
        writer.write(b'{"create":{}}', b'{"n":%d}' % number)
    writer.close()
    return Bodies(tmp_path)


@pytest.mark.parametrize(
    ("size", "limit", "expected"), [(500, 9999, 1050), (200, 1000, 1000), (100, 150, 100)]
)
def test_bodies_hold_each_document_once(bodies: Bodies, size: int, limit: int, expected: int) -> None:
    """In order, whole, and no more of them than asked for."""
    content = bodies.file.read_bytes()
    found, counts = [], []
    for body in bodies.of(size, limit):
        lines = content[body.start : body.start + body.size].splitlines()
        found += [json.loads(line)["n"] for line in lines[1::2]]
        counts.append(len(lines) // 2)
        assert counts[-1] == body.documents
    assert found == list(range(expected))
    assert max(counts) <= size


def test_bodies_are_counted_and_read_back(bodies: Bodies) -> None:
    """By pairs, without line ends."""
    assert bodies.documents == 1050
    assert list(bodies.pairs(2)) == [(b'{"create":{}}', b'{"n":0}'), (b'{"create":{}}', b'{"n":1}')]
    assert bodies.mean_bytes == bodies.file.stat().st_size / 1050
    assert STEP == 100


def test_renewed_record_is_the_same_event_with_another_id() -> None:
    """Cut as bytes, and still what the contract wants."""
    for event in Traffic(200, END):
        record = record_of(message(encode(event)))
        one, other = decode(record.renewed(7)), decode(record.renewed(8))
        assert len({one.event.id, other.event.id, event.event.id}) == 3
        assert len(one.event.id) == len(event.event.id)
        assert one.model_copy(update={"event": event.event}) == event


def test_moved_record_is_the_same_event_at_another_time() -> None:
    """Its id is of that time too: otherwise each would be looked up in the index of the old one."""
    home = HomeIndex(IndexNaming("bench"))
    then = datetime(2031, 11, 20, 5, 0, 0, 250_000, UTC)
    for event in Traffic(200, END):
        event_id, value = record_of(message(encode(event))).moved(7, Moment.of(then))
        moved = decode(value)
        assert moved.event.id == event_id
        assert moved.timestamp == "2031-11-20T05:00:00.250Z"
        assert home.of(event_id, "2020-01-01T00:00:00.000Z") == "bench-2031.11"
        assert moved.model_copy(update={"event": event.event, "timestamp": event.timestamp}) == event


def test_ids_are_in_order_of_time_and_unique() -> None:
    """As the SDK's own; and random ones, to compare."""
    events = list(Traffic(300, END))
    ids = [in_order_of_time(e.event.id, e.timestamp) for e in events]
    assert [i[:13] for i in ids] == sorted(i[:13] for i in ids)
    assert len(set(ids)) == len(ids) == len({random_id(i) for i in ids})
    assert {i[14] for i in ids} == {"7"}


def test_service_publishes_what_the_traffic_has() -> None:
    """`record` is measured with all that the events of the traffic have, id and time apart."""
    for event in Traffic(500, END):
        made = new_event(**arguments_of(event))
        same = {"event": event.event, "timestamp": event.timestamp}
        assert made.model_copy(update=same) == event


def test_every_field_of_the_mapping_is_in_one_group() -> None:
    """Also those that the model gains: they are the rest."""
    properties = mapping()["properties"]
    grouped = [path for paths in group_leaves(properties).values() for path in paths]
    assert sorted(grouped) == sorted(path for path, _ in leaves(properties))
    assert "new" in group_leaves({**properties, "new": {"type": "keyword"}})["the rest"]


def test_turning_off_changes_these_fields_alone() -> None:
    """And says where there is nothing to turn off."""
    before = mapping()
    after = turned_off(before, ["user.id"], ("index",))
    assert after is not None
    changed = {
        p
        for (p, a), (_, b) in zip(
            leaves(after["properties"]), leaves(before["properties"]), strict=True
        )
        if a != b
    }
    assert changed == {"user.id"}
    assert turned_off(before, ["event.id"], ("index", "doc_values")) is None, "it has neither"
    assert before == mapping(), "the mapping as it is stays so"


def test_pruning_takes_a_field_and_the_objects_that_it_empties() -> None:
    """But no value that was empty before."""
    document = {"a": {"b": 1}, "c": {"d": 1, "e": []}, "f": {}}
    assert pruned(document, ["a.b", "c.d"]) == {"c": {"e": []}, "f": {}}


def test_variants_begin_and_end_as_it_is() -> None:
    """The difference of the two is the noise."""
    template = {"settings": {"index": {"codec": "default"}}, "mappings": mapping()}
    sample = [{"event": {"id": "x", "hash": "y"}, "user": {"id": "u"}}]
    found = list(variants(template, sample))
    names = [variant.name for variant in found]
    assert [names[0], names[-1]] == ["baseline: as it is", "baseline again: as it is"]
    assert len(set(names)) == len(names)
    user = [name for name in names if name.startswith("user: ")]
    assert user == [f"user: {what}" for what in ("no index", "no doc values", "neither", "gone")]
    assert [n for n in names if n.startswith("event.hash")] == ["event.hash: gone"], "it has neither"
    assert not [n for n in names if n.startswith("source.ip")], "no event of the sample has it"


def test_yardstick_is_what_it_was() -> None:
    """Figures of different days are compared by it: see the rule in its first lines."""
    written = (BENCH / "by_hand.py").read_bytes()
    assert hashlib.sha256(written).hexdigest() == YARDSTICK


@pytest.mark.parametrize("module", sorted(BENCH.glob("*.py")), ids=lambda path: path.stem)
def test_modules_of_the_bench_are_readable_and_look_from_outside(module: Path) -> None:
    """Of the consumer, they know what everybody may: never its engine."""
    text = module.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    assert len(text.splitlines()) <= 350
    sources = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not {s for s in sources if s.startswith("audit_consumer.")}
