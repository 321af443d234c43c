"""One sealer a folder: a lock that ends with its process."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_seal.errors import SealError

__all__ = ["locked"]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises SealError if another process has it, or there is no folder."""
    try:
        file = (folder / "lock").open("a")
    except OSError as error:
        raise SealError(
            f"{folder} can't be written ({error.strerror}); make it with: auditlog seal init"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SealError(f"Another sealer runs in {folder}") from None
        yield
