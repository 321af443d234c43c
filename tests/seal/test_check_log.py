"""The log itself: its tree, its signatures, its periods, and that its blocks leave nothing out."""

from pathlib import Path

import pytest
from audit_seal import ED25519, Kind, SealError, SigningKey, VerifierKey
from audit_seal.log_folder import LogReader
from audit_seal.place import OffsetRange
from audit_seal.sealed_log import RootBuilder, read_log
from audit_seal.statement import GapStatement, Place, TopicStatement
from audit_seal.verify import CheckedLog, check_log, read_keys
from support.sealing import SealedLogMaker

PLACE = Place("audit.events", "id-1", 0)
RECORDS = [(Kind.RECORD, 1_790_000_000_000, b"one"), None]


def check(maker: SealedLogMaker, first_key: VerifierKey | None = None) -> CheckedLog:
    """Check a log by the keys beside it, or the first period's as it was given."""
    policy, beside = read_keys(maker.folder, None, None)
    return check_log(maker.folder, policy, first_key or beside, lambda *_: None)


@pytest.fixture
def maker(tmp_path: Path) -> SealedLogMaker:
    """Give a log in its third period, with a block in each."""
    made = SealedLogMaker(tmp_path / "log")
    made.say(TopicStatement(PLACE.topic, PLACE.topic_id, 1, "delete"))
    for number in range(3):
        made.seal(PLACE, 2 * number, RECORDS)
        made.checkpoint()
        if number < 2:
            made.end_period()
    return made


def test_a_log_is_sound_through_its_periods(maker: SealedLogMaker) -> None:
    """Each period's key is vouched for by the one before it."""
    checked = check(maker)
    assert [] == checked.faults
    assert [(1, True), (2, True), (3, False)] == [(p.number, p.is_last) for p in checked.periods]
    assert 6 == checked.log.partitions[PLACE].end
    maker.end_period()  # and where the next key is named, and has not signed yet
    assert ([], 3) == (check(maker).faults, len(check(maker).periods))


def test_the_root_is_that_of_the_tiles(maker: SealedLogMaker) -> None:
    """At every size, by a way of its own."""
    reader, tree = LogReader(maker.folder), RootBuilder()
    size = maker.writer.size
    for entry in reader.entries(0, size):
        tree.add(LogReader(maker.folder).hash_at(size)(0, entry.index))
        assert reader.root(entry.index + 1) == tree.root


def rewritten(maker: SealedLogMaker, folder: Path) -> SealedLogMaker:
    """Return a log with another past, by somebody who has the keys of today and the old checkpoints.

    The keys of the periods that ended were destroyed.
    """
    other = SealedLogMaker(folder)
    other.log_key, other.periods[0] = maker.log_key, maker.periods[0]
    other.writer = type(other.writer)(folder)
    for entry in LogReader(maker.folder).entries(0, maker.writer.size - 1):
        changed = entry.entry.replace(b"times 1790000000000", b"times 1600000000000")
        other.writer.append(changed, entry.salts)
    other.periods = maker.periods
    other.checkpoint()
    for name in ("policy", "period-1.pub"):
        (folder / name).write_bytes((maker.folder / name).read_bytes())
    return other


def test_yesterday_cannot_be_rewritten_with_the_keys_of_today(
    maker: SealedLogMaker, tmp_path: Path
) -> None:
    """Neither with the old checkpoints, nor without them; and no witness is needed to see it."""
    other = rewritten(maker, tmp_path / "other")
    assert any("the last checkpoint of period 1" in fault for fault in check(other).faults)
    (other.folder / "log" / "periods").mkdir()
    for number in "12":
        kept = (maker.folder / "log" / "periods" / number).read_bytes()
        (other.folder / "log" / "periods" / number).write_bytes(kept)
    assert any("was rewritten" in fault for fault in check(other).faults)


def test_a_log_that_began_anew_has_not_the_key_that_was_given(
    maker: SealedLogMaker, tmp_path: Path
) -> None:
    """With the log's own key, and periods of its own."""
    other = SealedLogMaker(tmp_path / "other")
    other.log_key = maker.log_key
    other.checkpoint()
    (other.folder / "policy").write_bytes((maker.folder / "policy").read_bytes())
    assert [] == check(other).faults
    faults = check(other, first_key=maker.periods[0].verifier).faults
    assert ["the first period's key is not the one that was given"] == faults


def test_a_changed_entry_is_not_what_was_signed(maker: SealedLogMaker) -> None:
    """On the disk of the log."""
    for bundle in (maker.folder / "log" / "tile" / "entries").rglob("*.p/*"):
        bundle.write_bytes(bundle.read_bytes().replace(b"offsets 2 4", b"offsets 3 5"))
    faults = check(maker).faults
    assert "the log was changed: its entries do not have the root that was signed" in faults
    assert any("offsets 2 to 2 are in no block and no gap" in fault for fault in faults)


def test_another_logs_signature_is_none(maker: SealedLogMaker) -> None:
    """The policy says whose it has to be."""
    stranger = SigningKey.generate(maker.origin, ED25519).verifier
    (maker.folder / "policy").write_text(f"log {stranger}\nquorum none\n")
    assert [f"The checkpoint is not signed by {maker.origin}"] == check(maker).faults


def test_blocks_leave_nothing_out_and_seal_nothing_twice(tmp_path: Path) -> None:
    """But what was adopted, and that once."""
    maker = SealedLogMaker(tmp_path)
    maker.say(GapStatement(OffsetRange(PLACE, 0, 10)))
    maker.seal(PLACE, 10, RECORDS)
    maker.seal(PLACE, 4, RECORDS)  # adopted
    maker.seal(PLACE, 4, RECORDS)  # the same, by a sealer that was killed
    maker.seal(PLACE, 5, RECORDS)
    maker.seal(PLACE, 11, RECORDS)
    maker.seal(PLACE, 20, RECORDS)
    maker.checkpoint()
    where = "audit.events [0] of ID id-1: offsets"
    assert [
        f"{where} 5 to 6 are sealed twice",
        f"{where} 11 to 11 are sealed twice",
        f"{where} 13 to 19 are in no block and no gap",
    ] == read_log(LogReader(tmp_path).entries(0, maker.writer.size)).faults


def test_a_log_that_is_incomplete_can_not_be_checked(maker: SealedLogMaker) -> None:
    """That says nothing of the events."""
    for path in (maker.folder / "log" / "tile" / "entries").rglob("*.p/*"):
        path.unlink()
    with pytest.raises(SealError, match="is incomplete"):
        check(maker)
