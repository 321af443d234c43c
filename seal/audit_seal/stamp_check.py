"""Time stamps held to the log: each is of a checkpoint of this log, by an authority that is trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from audit_seal.errors import SealError
from audit_seal.stamp_folder import StampFolder
from audit_seal.time_stamp import Roots

__all__ = ["CheckedStamp", "check_stamps"]


@dataclass(frozen=True, slots=True)
class CheckedStamp:
    """A checkpoint that existed at a time, as an authority says."""

    size: int
    time: datetime
    authority: str


def check_stamps(
    stamps: StampFolder, logs_roots: Mapping[int, bytes], trusted: Roots
) -> tuple[list[CheckedStamp], list[str]]:
    """Check all stamps; return those that hold, the oldest first, and what is wrong with others.

    `logs_roots` has the roots of the log by its sizes. Without `trusted` certificates whose stamps
    they are is not asked, and none holds.
    """
    held: list[CheckedStamp] = []
    faults: list[str] = []
    for size in stamps.sizes:
        try:
            stamp = stamps.read(size)
            root = logs_roots.get(size)
            if root is None:
                faults.append(f"a checkpoint of {size} entries is time-stamped, and the log has fewer")
            elif root != stamp.checkpoint.root:
                faults.append(
                    f"the log was rewritten: it does not have the root of the checkpoint of size "
                    f"{size}, time-stamped at {stamp.time:%Y-%m-%d %H:%M:%S} UTC"
                )
            elif trusted:
                stamp.verify(trusted)
                held.append(CheckedStamp(size, stamp.time, stamp.authority))
        except SealError as error:
            faults.append(f"time stamp of the checkpoint of size {size}: {error}")
    return held, faults
