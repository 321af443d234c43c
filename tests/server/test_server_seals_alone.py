"""The server's access to a sealed log, on no server: what is wrong with the log, and put right."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from audit_consumer import Decoder, Prepared, Record
from audit_schemas import Catalogue, IndexNaming, Origin, TimeBounds
from audit_seal import Bundle, Kind, SealError, prove
from audit_seal.statement import Place
from audit_server import seals as server_seals
from audit_server.errors import ProblemError
from audit_server.seals import Seals
from support.events import chat_opened
from support.sealing import SealedLogMaker

PLACE = Place("audit.events", "id-1", 0)
TIME_MS = 1_790_000_000_123
VALUES = [chat_opened(0), chat_opened(1)]


@pytest.fixture
def maker(tmp_path: Path) -> SealedLogMaker:
    """Give a log of one event."""
    made = SealedLogMaker(tmp_path)
    made.seal(PLACE, 0, [(Kind.RECORD, TIME_MS, VALUES[0])])
    made.checkpoint()
    return made


def source(number: int) -> dict[str, Any]:
    """Return what the consumer stores of an event."""
    decoder = Decoder(Catalogue.load(), TimeBounds.unlimited(), IndexNaming("audit-events"))
    received = datetime.fromtimestamp(TIME_MS / 1000, UTC)
    record = Record(Origin(PLACE.topic, 0, number), received, None, VALUES[number])
    prepared = decoder.prepare(record, "2026-11-27T00:00:00.000Z")
    assert isinstance(prepared, Prepared)
    body: dict[str, Any] = json.loads(prepared.document.body)
    return body


def test_damaged_index_of_places_is_made_again_once_it_is_removed(maker: SealedLogMaker) -> None:
    """As the error says, and without a restart."""
    seals = Seals(maker.folder)
    seals.sealed(source(0))
    index = maker.folder / "places.sqlite"
    index.write_bytes(b"damaged" * 10_000)
    maker.seal(PLACE, 1, [(Kind.RECORD, TIME_MS, VALUES[1])])
    maker.checkpoint()
    with pytest.raises(SealError, match="Remove it: it is made again"):
        seals.sealed(source(1))
    index.unlink()
    assert seals.sealed(source(1)).bundle.offset == 1


@pytest.mark.parametrize("path", ["salts/000", "log/tile/entries/000.p/4", "log/checkpoint"])
def test_file_that_can_not_be_read_is_a_problem(maker: SealedLogMaker, path: str) -> None:
    """As the salts, if the server has another account than the sealer and no right to read them."""
    file = maker.folder / path
    file.unlink()
    file.mkdir()  # which nobody can read, whatever their rights
    with pytest.raises(ProblemError) as caught:
        Seals(maker.folder).evidence(source(0))
    assert caught.value.status == HTTPStatus.SERVICE_UNAVAILABLE


def test_nobody_waits_while_the_whole_log_is_read(
    maker: SealedLogMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the first proof of a large log: the page goes on without it, and is not full of readers."""
    monkeypatch.setattr(server_seals, "_WAIT_SECONDS", 0.05)
    reads, goes_on = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Bundle:
        reads.set()
        goes_on.wait(30)
        return prove(*arguments)

    monkeypatch.setattr(server_seals, "prove", slow)
    seals = Seals(maker.folder)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(seals.sealed, source(0))
        try:
            assert reads.wait(30)
            with pytest.raises(SealError, match="being made"):
                seals.sealed(source(0))
        finally:
            goes_on.set()
        assert first.result(30).bundle.offset == 0
    assert seals.sealed(source(0)).bundle.offset == 0
