"""What producers of every version wrote, read by today's consumer: the same documents, to the byte.

A new version may add golden records; it never changes those that are there. Where one of these tests
fails, the format was changed. Either take the change back, or, if records of older versions still give
the same documents and only new ones differ, raise SCHEMA_VERSION's minor (the distribution's version,
where only the document changed), and add a file for it as tests/support/golden_records.py says. Where
nothing but what the consumer adds has changed (ecs.version, say) and every event.hash is the same, a
replay finds duplicates as before: write the files again, and say so in the changelog.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pytest
from audit_consumer.record import Prepared, Record, Refusal
from audit_schemas import (
    Catalogue,
    content_hash,
    encode,
    former_document,
    published_forms,
    publisher_fields,
    stored_hash,
)
from audit_schemas.event import SCHEMA_VERSION
from audit_schemas.wire import decode
from support.golden_records import INGESTED, Kept, decoder, kept_by, main
from support.messages import message

FOLDER = Path(__file__).with_name("golden")
FILES = sorted(FOLDER.glob("*.ndjson"))
KEPT: dict[str, Kept] = {
    f"{path.stem}-{number}": json.loads(line)
    for path in FILES
    for number, line in enumerate(path.read_text().splitlines())
}
INDEXED = [name for name, record in KEPT.items() if "lines" in record]
OURS = [name for name, record in KEPT.items() if record["headers"]]
SHA256 = {
    "0.1.0": "d28696ebb16e978700685e9e9de0ded65036bb1636632bebf371b3b817c056ec",
    "0.2.0": "a12f02666e5e4c65858ca73ca8312752afa4fe15014d47fe2731c2fc34d31979",
    "0.3.0": "be37c79cb342c378e52ec91cfff3cf5ba4cf01adfdb8800dbfe991195ebfa5eb",
    "0.4.0": "2d837fb7dbf0eb052ad5116f903560a2a18b2c20030ddaef3c99e86e960f19a0",
}
"""Of each file: what is golden stays as it is."""
FORMER_FORM = ("0.1.0", "0.2.0", "0.3.0")
"""Their documents have the form of before, which still follows from today's."""


@pytest.mark.parametrize("name", KEPT)
def test_record_of_any_version_is_read_as_ever(name: str) -> None:
    """By the quick way as by the slow one: the same index, id, document and hash, or refusal."""
    record = KEPT[name]
    value, headers = kept_by(record)
    found = message(value, partition=record["partition"], offset=record["offset"], headers=headers)
    judge = decoder()
    read, prepared = judge.read(found, INGESTED), judge.prepare(Record.of(found), INGESTED)
    if "refused" in record:
        assert isinstance(read, Refusal)
        assert isinstance(prepared, Refusal)
        assert (record["refused"], record["path"]) == (read.reason, read.path)
        return
    assert isinstance(prepared, Prepared)
    assert isinstance(read, bytes)
    assert read == prepared.lines
    if not name.startswith(FORMER_FORM):
        assert record["lines"].encode() == read
        return
    (action, golden), (own_action, own) = record["lines"].split("\n"), read.decode().split("\n")
    assert action == own_action
    assert json.loads(golden) == former_document(json.loads(own))


@pytest.mark.parametrize("name", INDEXED)
def test_hash_of_a_stored_document_can_be_recomputed(name: str) -> None:
    """Years later, from what is stored alone."""
    stored = json.loads(KEPT[name]["lines"].split("\n")[1])
    assert stored_hash(stored) == content_hash(publisher_fields(stored))


@pytest.mark.parametrize("name", INDEXED)
def test_published_bytes_come_back_from_a_stored_document(name: str) -> None:
    """Without a copy of them, where a producer of ours wrote them."""
    value, _ = kept_by(KEPT[name])
    stored = json.loads(KEPT[name]["lines"].split("\n")[1])
    assert value in list(published_forms(stored))
    assert (name in OURS) == ("original" not in stored["event"])


@pytest.mark.parametrize("name", OURS)
def test_producers_form_is_written_as_ever(name: str) -> None:
    """What a producer wrote once, it would write again: fields, their order, and their text."""
    written = KEPT[name]["value"].encode()
    assert written == encode(decode(written))


def test_every_activity_and_version_has_golden_records(capsys: pytest.CaptureFixture[str]) -> None:
    """Add them by tests/support/golden_records.py, as it says, if this fails."""
    assert version("chat-auditlog") in SHA256
    kept = [KEPT[name] for name in OURS]
    actions = {json.loads(one["value"])["event"]["action"] for one in kept}
    assert set(Catalogue.load()) <= actions
    newest = max(tuple(map(int, one["headers"]["audit-schema"].split("."))) for one in kept)
    assert newest == SCHEMA_VERSION
    main()
    assert len(capsys.readouterr().out.splitlines()) == len(FILES[-1].read_text().splitlines())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden_records_stay_as_they_are(path: Path) -> None:
    """Whoever changes them changes what lies in Kafka, in dead letters and in the index already."""
    assert SHA256[path.stem] == hashlib.sha256(path.read_bytes()).hexdigest()
