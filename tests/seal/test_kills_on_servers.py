"""A sealer that is killed by kill -9 while it writes, signs and publishes, on real servers."""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from audit_seal.block import EMPTY_SLOT
from audit_seal.log_folder import LogReader
from audit_seal.policy import Policy
from seal.sealed_log import SealedLog
from support.command import clean_environment
from support.conditions import wait_until
from support.events import chat_opened
from support.servers import Deployment

from seal import forked_sealers

KILLS = 6


def read(file: Path) -> bytes:
    """Return what is in a file, if there is one."""
    return file.read_bytes() if file.exists() else b""


def is_new(file: Path, before: bytes) -> bool:
    """Tell whether a file was written anew."""
    return read(file) != before


def test_every_published_checkpoint_is_a_part_of_the_last(
    deployment: Deployment, tmp_path: Path
) -> None:
    """And every record is sealed once, whenever the sealers were killed."""
    sealed = SealedLog.make(deployment, tmp_path / "seal")
    checkpoint = sealed.folder / "log" / "checkpoint"
    moments = random.Random(7)
    environment = deployment.environment | {
        "AUDITLOG_SEAL_FOLDER": str(sealed.folder),
        "AUDITLOG_SEAL_SECONDS": "0.01",
        "AUDITLOG_SEAL_PERIOD_HOURS": "0.0001",
    }
    with subprocess.Popen(
        [sys.executable, forked_sealers.__file__],
        env=clean_environment() | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for number in range(KILLS):
            before = read(checkpoint)
            deployment.publish_raw(*(chat_opened(number * 100 + at) for at in range(100)))
            program.stdin.write("another\n")
            program.stdin.flush()
            sealer = int(program.stdout.readline())
            if number % 2 == 0:
                wait_until(partial(is_new, checkpoint, before), pause=0.05, what="a checkpoint is made")
            time.sleep(moments.uniform(0, 0.3))
            os.kill(sealer, signal.SIGKILL)
        program.stdin.close()
    sealed.seal()
    policy = Policy.parse((sealed.folder / "policy").read_text())
    published = [policy.verify(note).checkpoint for note in sealed.published()]
    reader = LogReader(sealed.folder)
    assert len(published) > KILLS // 2
    assert [each.root for each in published] == [reader.root(each.size) for each in published]
    slots = sealed.slots()
    assert len(slots) == KILLS * 100
    assert EMPTY_SLOT not in {slot for slot, _ in slots.values()}
