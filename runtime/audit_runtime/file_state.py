"""Whether a file is still the one that was read."""

from pathlib import Path
from typing import NamedTuple

__all__ = ["FileState"]

_OTHERS_WRITE = 0o022


class FileState(NamedTuple):
    """What tells two states of a file apart: equal states have equal contents, but for a forger."""

    modified: int
    """In nanoseconds."""
    size: int
    inode: int
    mode: int

    @classmethod
    def of(cls, path: Path) -> "FileState":
        """Return the file's state, of a link that of the file behind it. Raises OSError."""
        found = path.stat()
        return cls(found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)

    @property
    def is_writable_by_others(self) -> bool:
        """Whether more accounts than its owner's may change it."""
        return bool(self.mode & _OTHERS_WRITE)
