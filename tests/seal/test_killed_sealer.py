"""A sealer that is killed loses nothing, and never signs two histories."""

import subprocess
import sys
from pathlib import Path

import pytest
from audit_seal.block import SALT_BYTES, Block, Kind, slot_of
from audit_seal.checkpoint import Checkpoint
from audit_seal.log_folder import LogReader
from audit_seal.note import Note
from audit_seal.policy import Policy
from audit_seal.statement import PeriodStatement, decode_entry

from seal import kill_trial

_KILLS = 200


@pytest.mark.slow
def test_log_is_whole_after_a_kill_at_every_write(tmp_path: Path) -> None:
    """All that was ever published is a part of the last log, which has each record once."""
    done = subprocess.run(
        [sys.executable, kill_trial.__file__, str(tmp_path), str(_KILLS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reader = LogReader(tmp_path / "seal")
    policy = Policy.parse((tmp_path / "seal/policy").read_text())
    notes = [Note.parse(text) for text in (tmp_path / "published").read_text().split("\f")[:-1]]
    published = [policy.verify(note).checkpoint for note in notes]
    assert [each.root for each in published] == [reader.root(each.size) for each in published]
    assert len(published) > _KILLS // 4
    last = reader.checkpoint()
    assert last is not None
    ends = {0: 0, 1: 0}
    keys = {}
    for each in reader.entries(0, Checkpoint.parse(last.text).size):
        entry = decode_entry(each.entry)
        if isinstance(entry, PeriodStatement):
            keys[entry.number] = entry.key
        if isinstance(entry, Block):
            assert entry.first == ends[entry.partition]
            ends[entry.partition] = entry.end
            for at, offset in enumerate(range(entry.first, entry.end)):
                salt = each.salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
                value = kill_trial.value_at(entry.partition, offset)
                assert entry.slot(offset) == slot_of(salt, Kind.RECORD, offset, value)
    assert min(ends.values()) > 10_000
    kept = tmp_path / "seal/log/periods"
    for number in sorted(keys)[:-1]:
        assert Note.parse((kept / str(number)).read_text()).verify(keys[number]) > 0
