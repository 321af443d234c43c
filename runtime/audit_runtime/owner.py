"""Who holds a lease: a process, by a name that tells others of the same machine whether it is dead."""

import os
import socket
import uuid
from pathlib import Path

__all__ = ["is_dead", "owner_name"]

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_PARTS = 4


def owner_name() -> str:
    """Return a name that no other process has, or ever had."""
    return f"{socket.gethostname()}|{_place()}|{os.getpid()}|{uuid.uuid4().hex[:8]}"


def is_dead(name: str) -> bool:
    """Tell whether the process of that name has certainly ended.

    Only of one whose process numbers are ours: the same boot of the same kernel, and the same
    namespace. So a container that was started again can't tell, nor can systems without /proc.
    """
    parts = name.split("|")
    place = _place()
    if len(parts) != _PARTS or not place or parts[1] != place or not parts[2].isdigit():
        return False
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:  # there is one, which is not ours
        return False
    return False


def _place() -> str:
    """Return what process numbers are counted in; nothing where that can't be known."""
    try:
        return f"{_BOOT.read_text().strip()}/{_NAMESPACE.readlink()}"
    except OSError:
        return ""
