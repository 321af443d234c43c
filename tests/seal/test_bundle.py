"""The evidence of one event: what is in it, and what it is not given for."""

import io
import json
import sqlite3
import zipfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from audit_consumer import Decoder, Prepared, Record
from audit_schemas import Catalogue, IndexNaming, Origin, TimeBounds
from audit_seal import Kind, LogProof, ProofError, SealError
from audit_seal.bundle import prove
from audit_seal.place_index import PlaceIndex
from audit_seal.statement import Place
from support.events import chat_opened, raw
from support.sealing import SealedLogMaker

PLACE = Place("audit.events", "id-1", 3)
TIME_MS = 1_790_000_000_123
DECODER = Decoder(Catalogue.load(), TimeBounds.unlimited(), IndexNaming("audit-events"))
VALUES = [chat_opened(1), raw(), chat_opened(3)]
FIRST = 1000


@pytest.fixture
def maker(tmp_path: Path) -> SealedLogMaker:
    """Give a log of three records."""
    made = SealedLogMaker(tmp_path)
    made.seal(PLACE, FIRST, [(Kind.RECORD, TIME_MS, value) for value in VALUES])
    made.checkpoint()
    return made


def source(value: bytes, offset: int) -> dict[str, Any]:
    """Return a record's document."""
    received = datetime.fromtimestamp(TIME_MS / 1000, UTC)
    record = Record(Origin(PLACE.topic, PLACE.partition, offset), received, None, value)
    prepared = DECODER.prepare(record, "2026-11-27T00:00:00.000Z")
    assert isinstance(prepared, Prepared)
    found: dict[str, Any] = json.loads(prepared.document.body)
    return found


@pytest.mark.parametrize("at", range(3))
def test_a_bundle_proves_an_event_by_itself(maker: SealedLogMaker, at: int) -> None:
    """The published bytes, with what the proof has beside it, have a slot in the block."""
    archive = prove(maker.folder, source(VALUES[at], FIRST + at)).zip()
    assert len(archive) < 12_000
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert ["event.json", "block.bin", "block.tlog-proof", "place.txt"] == files.namelist()
        event, block, proof, place = map(files.read, files.namelist())
    assert VALUES[at] == event
    parsed = LogProof.parse(proof.decode())
    checkpoint = parsed.verify(block)
    parsed.checkpoint.verify(maker.log_key.verifier)
    assert maker.origin == checkpoint.origin
    kind, time, salt = parsed.extra[:1], parsed.extra[1:9], parsed.extra[9:]
    slots = block.partition(b"\n\n")[2]
    assert sha256(salt + kind + time + event).digest() == slots[32 * at : 32 * at + 32]
    assert f"partition 3, offset {FIRST + at}\n" in place.decode()


def test_no_evidence_is_given_for_a_changed_event(maker: SealedLogMaker) -> None:
    """Nor for one that is not sealed, or says nothing of its record."""
    changed = source(VALUES[0], FIRST)
    changed["user"]["id"] = "someone-else"
    for given, why in (
        (changed, "not what was sealed"),
        (source(VALUES[0], FIRST + 3), "is not sealed"),
        ({"event": {}}, "which record"),
    ):
        with pytest.raises(ProofError, match=why):
            prove(maker.folder, given)


def test_the_index_of_places_follows_the_log(maker: SealedLogMaker) -> None:
    """What is new is read at the next proof; an index of another log is made again."""
    prove(maker.folder, source(VALUES[0], FIRST))
    assert (maker.folder / "places.sqlite").exists()
    value = chat_opened(9)
    maker.seal(PLACE, FIRST + 3, [(Kind.ADOPTED, TIME_MS, value)])
    maker.checkpoint()
    bundle = prove(maker.folder, source(value, FIRST + 3))
    assert Kind.ADOPTED is bundle.kind
    assert "proven from then on" in bundle.files()["place.txt"].decode()

    other = SealedLogMaker(maker.folder.parent / "other")
    other.seal(PLACE, 0, [(Kind.RECORD, TIME_MS, value)])
    other.checkpoint()
    (maker.folder / "places.sqlite").rename(other.folder / "places.sqlite")
    assert 0 == prove(other.folder, source(value, 0)).offset
    with pytest.raises(ProofError, match="is not sealed"):
        prove(other.folder, source(VALUES[0], FIRST))


def test_a_page_keeps_the_index_open(maker: SealedLogMaker) -> None:
    """And it works where the folder can't be written."""
    (maker.folder / "places.sqlite").mkdir()
    with PlaceIndex(maker.folder) as places:
        for at, value in enumerate(VALUES):
            assert value == prove(maker.folder, source(value, FIRST + at), places).published


def test_an_index_that_can_only_be_read_is_passed_over(
    maker: SealedLogMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where whoever may write the folder made it, and a page has the folder read-only."""
    prove(maker.folder, source(VALUES[0], FIRST))
    value = chat_opened(9)
    maker.seal(PLACE, FIRST + 3, [(Kind.RECORD, TIME_MS, value)])
    maker.checkpoint()
    connect: Any = sqlite3.connect

    def connect_read_only(path: Path | str, **more: Any) -> Any:
        return connect(f"file:{path}?mode=ro" if isinstance(path, Path) else path, uri=True, **more)

    monkeypatch.setattr(sqlite3, "connect", connect_read_only)
    assert value == prove(maker.folder, source(value, FIRST + 3)).published


def test_a_damaged_index_is_told_or_passed_over(maker: SealedLogMaker) -> None:
    """One that was damaged before is not used; one that is damaged meanwhile says what to do."""
    path = maker.folder / "places.sqlite"
    with PlaceIndex(maker.folder) as places:
        prove(maker.folder, source(VALUES[0], FIRST), places)
        path.write_bytes(b"damaged" * 10_000)
        maker.seal(PLACE, FIRST + 3, [(Kind.RECORD, TIME_MS, VALUES[0])])
        maker.checkpoint()
        with pytest.raises(SealError, match="Remove it: it is made again"):
            prove(maker.folder, source(VALUES[0], FIRST), places)
    assert VALUES[0] == prove(maker.folder, source(VALUES[0], FIRST)).published
