"""Documents against the sealed log, without a server: what is proven, and what is found."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_consumer import Decoder, Places, Prepared, Record
from audit_schemas import Catalogue, IndexNaming, Origin, TimeBounds, former_document
from audit_seal import Kind
from audit_seal.document_check import StoredDocument
from audit_seal.reconciliation import Reconciliation
from audit_seal.sealed_log import TimeRange
from audit_seal.statement import (
    GapStatement,
    OffsetRange,
    Place,
    RetiredStatement,
    SettledOffset,
    TopicStatement,
)
from audit_seal.verify import DocumentCheck, check_log, documents_in_export, read_keys, verify_documents
from support.events import chat_opened, raw
from support.geo_files import COLOGNE, TELEKOM, geo_file
from support.sealing import Sealed, SealedLogMaker

PLACE = Place("audit.events", "id-1", 0)
NOW_MS = 1_790_000_000_123
NAMING = IndexNaming("audit-events")
CATALOGUE = Catalogue.load()
DECODER = Decoder(CATALOGUE, TimeBounds.unlimited(), NAMING)

Documents = list[dict[str, Any]]


def record(value: bytes) -> Sealed:
    """Return what a record's slot is made of."""
    return Kind.RECORD, NOW_MS, value


def document(
    value: bytes, offset: int, place: Place = PLACE, decoder: Decoder = DECODER
) -> dict[str, Any]:
    """Return what the consumer would write of a record, with `_id` and `_index` beside."""
    received = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    origin = Origin(place.topic, place.partition, offset)
    prepared = decoder.prepare(Record(origin, received, None, value), "2026-11-27T00:00:00.000Z")
    assert isinstance(prepared, Prepared)
    source: dict[str, Any] = json.loads(prepared.document.body)
    return source | {"_id": prepared.document.id, "_index": prepared.index}


def verify(maker: SealedLogMaker, documents: Documents, **more: Any) -> Reconciliation:
    """Check documents against a log whose tree and signatures are right."""
    policy, first_key = read_keys(maker.folder, None, None)
    checked = check_log(maker.folder, policy, first_key, lambda *_: None)
    assert checked.faults == []
    check = DocumentCheck(maker.folder, checked.log, None, NAMING, **more)
    stored = []
    for each in documents:
        source = {name: value for name, value in each.items() if name not in ("_id", "_index")}
        text = json.dumps(source, ensure_ascii=False, separators=(",", ":"))
        stored.append(StoredDocument(text.encode(), each.get("_id", ""), each.get("_index", "")))
    return verify_documents(check, [stored], len(stored), lambda *_: None)


@pytest.fixture
def maker(tmp_path: Path) -> SealedLogMaker:
    """Give a log that has a topic."""
    made = SealedLogMaker(tmp_path)
    made.say(TopicStatement(PLACE.topic, PLACE.topic_id, 1, "delete"))
    return made


VALUES = [chat_opened(1), raw(), chat_opened(3, session="s-1")]


@pytest.fixture
def three(maker: SealedLogMaker) -> tuple[SealedLogMaker, Documents]:
    """Give a log of three records, and their documents."""
    maker.seal(PLACE, 0, [record(value) for value in VALUES])
    maker.checkpoint()
    return maker, [document(value, offset) for offset, value in enumerate(VALUES)]


def found(result: Reconciliation) -> list[tuple[str, int]]:
    """Return what is wrong, and at which offsets."""
    return [(finding.kind, finding.offset) for finding in result.findings]


def test_what_the_consumer_wrote_is_proven(three: tuple[SealedLogMaker, Documents]) -> None:
    """Whoever published it, in canonical form or another one."""
    result = verify(*three)
    assert result.is_sound
    assert (3, {"indexed": 3}) == (result.sealed, +result.classes)


Change = Callable[[dict[str, Any]], None]

CHANGES: dict[str, Change] = {
    "user": lambda d: d["user"].update(name="Eve"),
    "time of the event": lambda d: d.update({"@timestamp": "2026-09-01T00:00:00.000Z"}),
    "time of the record, which UTC does not have": lambda d: d["event"].update(
        created="0001-01-01T00:00:00+23:59"
    ),
    "time of the record": lambda d: d["event"].update(created="2026-09-21T12:53:20.124Z"),
    "hash": lambda d: d["event"].update(hash="0" * 64),
    "category": lambda d: d["event"].update(category=["file"]),
    "user that is shown": lambda d: d["audit"].pop("user"),
    "related users": lambda d: d.setdefault("related", {}).update(user=["nobody"]),
    "kind": lambda d: d["event"].update(kind="alert"),
    "id": lambda d: d.update(_id="another-id-of-the-document"),
    "index": lambda d: d.update(_index="audit-events-2020.01"),
    "a field more": lambda d: d.update(message="hidden"),
    "no time of ingestion": lambda d: d["event"].pop("ingested"),
    "a quote in the time of ingestion": lambda d: d["event"].update(ingested='"'),
    "fields in the time of ingestion": lambda d: d["event"].update(
        category=["file"], ingested='","category":["file"],"ingested":"'
    ),
}


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_document_is_found(
    three: tuple[SealedLogMaker, Documents], what: str, which: int
) -> None:
    """Whatever was changed, published or added by the consumer."""
    maker, documents = three
    CHANGES[what](documents[which])
    result = verify(maker, documents)
    assert [("changed", which)] == found(result)
    assert (3, 2, 1) == (result.sealed, result.classes["indexed"], result.classes["changed"])
    assert not result.is_sound


def in_former_form(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document as an older version wrote it."""
    source = {name: value for name, value in document.items() if name not in ("_id", "_index")}
    return former_document(source) | {name: document[name] for name in ("_id", "_index")}


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("what", CHANGES)
def test_a_document_of_an_older_version_is_held_to_the_log(
    three: tuple[SealedLogMaker, Documents], what: str, which: int
) -> None:
    """In its own form, with all that was added to it then."""
    maker, documents = three
    former = list(map(in_former_form, documents))
    assert verify(maker, former).is_sound
    CHANGES[what](former[which])
    assert [("changed", which)] == found(verify(maker, former))


def test_the_quick_way_proves_only_what_the_whole_one_does(
    three: tuple[SealedLogMaker, Documents],
) -> None:
    """And it does prove what the SDK published; anything else it leaves to the whole one."""
    maker, documents = three
    policy, first_key = read_keys(maker.folder, None, None)
    log = check_log(maker.folder, policy, first_key, lambda *_: None).log
    checker = DocumentCheck(maker.folder, log, None, NAMING).checker()
    proven = []
    for which, each in enumerate(documents):
        for change in (lambda _: None, *CHANGES.values()):
            changed = json.loads(json.dumps(each))
            change(changed)
            event_id, index = changed.pop("_id"), changed.pop("_index")
            text = json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode()
            stored = StoredDocument(text, event_id, index)
            quick = checker.check_quickly(stored)
            assert quick in (None, checker.check_fully(stored))
            proven += [which] if quick else []
    assert [0, 2] == proven


@pytest.fixture
def located(maker: SealedLogMaker, tmp_path: Path) -> tuple[SealedLogMaker, Documents]:
    """Give a log of three records, and their documents with what a database said of their addresses."""
    maker.seal(PLACE, 0, [record(value) for value in VALUES])
    maker.checkpoint()
    path = geo_file(tmp_path / "all.mmdb", {"0.0.0.0/0": COLOGNE | TELEKOM})
    decoder = Decoder(CATALOGUE, TimeBounds.unlimited(), NAMING, Places([path]))
    return maker, [document(value, offset, decoder=decoder) for offset, value in enumerate(VALUES)]


def test_the_place_of_an_address_is_set_apart(located: tuple[SealedLogMaker, Documents]) -> None:
    """It hangs on the databases of that day: nobody can prove it, and all beside it still is proven."""
    maker, documents = located
    assert verify(maker, documents).is_sound
    assert "DE" == documents[0]["source"]["geo"]["country_iso_code"]
    documents[0]["source"]["geo"]["country_iso_code"] = "FR"
    documents[0]["source"].pop("as")
    assert verify(maker, documents).is_sound
    assert list(map(quickly(maker), documents)) == [True, False, True]


def quickly(maker: SealedLogMaker) -> Callable[[dict[str, Any]], bool]:
    """Return what tells whether a document is proven without parsing it."""
    policy, first_key = read_keys(maker.folder, None, None)
    log = check_log(maker.folder, policy, first_key, lambda *_: None).log
    checker = DocumentCheck(maker.folder, log, None, NAMING).checker()

    def is_proven(given: dict[str, Any]) -> bool:
        source = {name: value for name, value in given.items() if name not in ("_id", "_index")}
        text = json.dumps(source, ensure_ascii=False, separators=(",", ":")).encode()
        return checker.check_quickly(StoredDocument(text, given["_id"], given["_index"])) is not None

    return is_proven


HIDDEN: dict[str, Change] = {
    "another address": lambda d: d["source"].update(ip="192.0.2.8"),
    "a field of no database": lambda d: d["source"].update(domain="example.org"),
    "a field inside": lambda d: d["source"]["geo"].update(name="x"),
    "no address": lambda d: d["source"].pop("ip"),
    "a place elsewhere": lambda d: d["audit"].update(geo=d["source"]["geo"]),
    "no object": lambda d: d["source"].update(geo="DE"),
    **CHANGES,
}


@pytest.mark.parametrize("what", HIDDEN)
def test_nothing_hides_behind_a_place(located: tuple[SealedLogMaker, Documents], what: str) -> None:
    """Any other change of a document that has one is found."""
    maker, documents = located
    HIDDEN[what](documents[0])
    assert not quickly(maker)(documents[0])
    assert [("changed", 0)] == found(verify(maker, documents))


def test_an_event_without_an_address_is_in_no_place(
    three: tuple[SealedLogMaker, Documents],
) -> None:
    """A place that was written there is a change."""
    maker, documents = three
    (at,) = (n for n, each in enumerate(documents) if "source" not in each)
    documents[at]["source"] = {"geo": {"country_iso_code": "DE"}}
    assert [("changed", at)] == found(verify(maker, documents))


def test_a_document_that_claims_another_offset_is_found(
    three: tuple[SealedLogMaker, Documents],
) -> None:
    """Its own offset has no document then, and the other one has two."""
    maker, documents = three
    documents[0]["audit"]["kafka"]["offset"] = 2
    assert {("missing", 0), ("added", 2)} == set(found(verify(maker, documents)))


def test_a_deleted_document_is_missing(three: tuple[SealedLogMaker, Documents]) -> None:
    """By its offset."""
    maker, documents = three
    assert [("missing", 1)] == found(verify(maker, [documents[0], documents[2]]))


def test_a_second_document_of_a_record_was_added(three: tuple[SealedLogMaker, Documents]) -> None:
    """As in another index."""
    maker, documents = three
    assert [("added", 0)] == found(verify(maker, [*documents, documents[0]]))


@pytest.mark.parametrize(
    ("place", "offset"),
    [
        (Place("audit.events", "", 7), 5),
        (Place("audit.events", "", -1), 5),
        (Place("another", "", 0), 5),
        (PLACE, -1),
    ],
)
def test_a_document_of_what_was_never_sealed_was_added(
    three: tuple[SealedLogMaker, Documents], place: Place, offset: int
) -> None:
    """Of a partition that the topic does not have, or another topic."""
    maker, documents = three
    result = verify(maker, [*documents, document(chat_opened(9), offset, place)])
    assert [("added", offset)] == found(result)


HOSTILE = {
    "not UTF-8": b'{"message":"\xff"}',
    "nested too deeply": b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_parser_takes_was_added(
    three: tuple[SealedLogMaker, Documents], what: str, tmp_path: Path
) -> None:
    """One line of an export does not keep the others from being checked."""
    maker, documents = three
    path = tmp_path / "export.ndjson"
    sources = [{k: v for k, v in each.items() if k not in ("_id", "_index")} for each in documents]
    lines = [json.dumps(each, ensure_ascii=False, separators=(",", ":")).encode() for each in sources]
    path.write_bytes(b"\n".join([*lines, HOSTILE[what], b""]))
    policy, first_key = read_keys(maker.folder, None, None)
    log = check_log(maker.folder, policy, first_key, lambda *_: None).log
    batches, total = documents_in_export(path)
    result = verify_documents(
        DocumentCheck(maker.folder, log, None, NAMING), batches, total, lambda *_: None
    )
    assert (3, 1) == (result.classes["indexed"], result.added)


def test_what_came_after_the_checkpoint_is_not_yet_sealed(
    three: tuple[SealedLogMaker, Documents],
) -> None:
    """It is counted, and nothing is wrong."""
    maker, documents = three
    result = verify(maker, [*documents, document(chat_opened(4), 3)])
    assert (1, True) == (result.not_sealed, result.is_sound)


def test_each_sealed_offset_is_one_thing(maker: SealedLogMaker) -> None:
    """The equation, with everything that a record can become."""
    maker.say(GapStatement(OffsetRange(PLACE, 0, 5)))
    values = [chat_opened(number) for number in range(7)]
    slots = [*map(record, values), None]
    maker.seal(PLACE, 5, slots, settled=False)
    duplicate = SettledOffset(6, "duplicate", "0:5")
    dead, missing = SettledOffset(7, "dead-letter", "invalid"), SettledOffset(8, "missing")
    maker.settle(PLACE, 5, 11, duplicate, dead, missing)
    maker.say(RetiredStatement("audit-events-2020.01", (OffsetRange(PLACE, 9, 10),)))
    maker.seal(PLACE, 1, [(Kind.ADOPTED, NOW_MS, chat_opened(1)), None], settled=False)
    maker.checkpoint()
    result = verify(maker, [document(values[0], 5)])
    assert {
        "indexed": 1,
        "duplicates": 1,
        "dead-lettered": 1,
        "missing": 3,
        "retired": 1,
        "not settled": 1,
        "no record": 1,
        "gap": 4,
    } == dict(result.classes)
    assert [("missing", 1), ("missing", 8), ("missing", 10)] == found(result)
    assert 13 == result.sealed == sum(result.classes.values())


def test_a_document_excuses_what_was_said_of_its_offset(maker: SealedLogMaker) -> None:
    """A missing one that was repaired is indexed."""
    value = chat_opened(1)
    maker.seal(PLACE, 0, [record(value)], settled=False)
    maker.settle(PLACE, 0, 1, SettledOffset(0, "missing"))
    maker.checkpoint()
    assert verify(maker, [document(value, 0)]).is_sound


def test_a_document_at_a_dead_letters_offset_was_added(maker: SealedLogMaker) -> None:
    """The log says that no document is of its record."""
    maker.seal(PLACE, 0, [record(b"not an event")], settled=False)
    maker.settle(PLACE, 0, 1, SettledOffset(0, "dead-letter", "malformed"))
    maker.checkpoint()
    result = verify(maker, [document(chat_opened(1), 0)])
    assert ([("added", 0)], 1) == (found(result), result.classes["dead-lettered"])


def test_a_topic_that_was_created_again_has_its_own_records(maker: SealedLogMaker) -> None:
    """Documents of both are told apart by what their slots say."""
    again = Place(PLACE.topic, "id-2", 0)
    old, new = chat_opened(1), chat_opened(2)
    maker.seal(PLACE, 0, [record(old)])
    maker.seal(again, 0, [record(new)])
    maker.checkpoint()
    assert verify(maker, [document(old, 0), document(new, 0)]).is_sound
    assert [("missing", 0)] == found(verify(maker, [document(new, 0)]))


def test_without_its_salt_a_document_is_unverifiable(
    three: tuple[SealedLogMaker, Documents],
) -> None:
    """Neither proven nor said to be changed."""
    maker, documents = three
    for path in (maker.folder / "salts").rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(16) + path.read_bytes()[16:])
    assert [("unverifiable", 0)] == found(verify(maker, documents))


def test_an_export_says_the_same(three: tuple[SealedLogMaker, Documents], tmp_path: Path) -> None:
    """It has neither ids nor indices beside the documents, in whatever order."""
    maker, documents = three
    for each in documents:
        del each["_id"], each["_index"]
    file = tmp_path / "export.ndjson"
    file.write_text("".join(json.dumps(each) + "\n" for each in reversed(documents)))
    batches, _ = documents_in_export(file)
    stored = [json.loads(each.source) for batch in batches for each in batch]
    assert verify(maker, stored).is_sound
    stored[2]["user"]["name"] = "Eve"
    assert [("changed", 0)] == found(verify(maker, stored))


def test_other_processes_find_the_same(three: tuple[SealedLogMaker, Documents]) -> None:
    """A log of many documents is checked by several."""
    maker, documents = three
    policy, first_key = read_keys(maker.folder, None, None)
    log = check_log(maker.folder, policy, first_key, lambda *_: None).log
    stored = [
        StoredDocument(json.dumps({k: v for k, v in each.items() if k[0] != "_"}).encode())
        for each in documents[1:]
    ]
    check = DocumentCheck(maker.folder, log, None, NAMING)
    result = verify_documents(check, [stored, stored[:1]], 1_000_000, lambda *_: None)
    assert {("missing", 0), ("added", 1)} == set(found(result))


def test_a_time_range_takes_the_blocks_that_have_it(maker: SealedLogMaker) -> None:
    """Documents of other times are not looked at, and other offsets not counted."""
    values = [chat_opened(number) for number in range(2)]
    maker.seal(PLACE, 0, [(Kind.RECORD, NOW_MS - 60_000, values[0])])
    maker.seal(PLACE, 1, [record(values[1])])
    maker.checkpoint()
    documents = [document(values[0], 0), document(values[1], 1)]
    since = TimeRange(first_ms=NOW_MS)
    result = verify(maker, documents, times=since)
    assert (1, 1, True) == (result.sealed, result.classes["indexed"], result.is_sound)
    assert [("missing", 1)] == found(verify(maker, documents[:1], times=since))
    assert [("missing", 0)] == found(verify(maker, [], times=TimeRange(end_ms=NOW_MS)))


def test_what_the_consumer_would_refuse_now_is_unverifiable(
    three: tuple[SealedLogMaker, Documents],
) -> None:
    """Its bytes are proven; without its activity nobody can say what the consumer made of it."""
    maker, documents = three
    value = chat_opened(5)
    danced = document(value, 3)
    maker.seal(PLACE, 3, [record(value.replace(b"chat-opened", b"dance-danced"))])
    maker.checkpoint()
    danced["event"]["action"] = "dance-danced"
    result = verify(maker, [*documents, danced])
    assert [("unverifiable", 3)] == found(result)
    assert "AUDITLOG_CATALOGUE" in result.findings[0].detail


def test_a_record_that_was_changed_before_the_consumer_read_it_is_found(maker: SealedLogMaker) -> None:
    """Kafka's administrator gave the sealer one record, and the consumer another one in its place."""
    maker.seal(PLACE, 0, [record(VALUES[0])])
    maker.checkpoint()
    result = verify(maker, [document(chat_opened(1, session="another"), 0)])
    assert [("changed", 0)] == found(result)
