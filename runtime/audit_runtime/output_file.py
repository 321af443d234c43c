"""Files that appear whole or not at all."""

import errno
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["output_file"]

_PRIVATE, _SHARED = 0o600, 0o666


@contextmanager
def output_file(path: Path, *, private: bool = True) -> Iterator[BinaryIO]:
    """Give a file that appears under its name when it is whole and on the disk.

    If anything is raised, nothing is left of it, and what was there before stays. It is the owner's
    alone if `private`, else as the umask has it. Until then it is `.auditlog-….part` beside its name,
    made anew and never through a link. A pipe or a device is just written to.

    Raises OSError, which names `path`: the folder is missing, the disk is full, or it is a link.
    """
    if path.exists() and not path.is_file():
        with _blamed_on(path):
            number = os.open(path, os.O_WRONLY)
        with io.BufferedWriter(_Output(number, path)) as out:
            yield out
        return
    if path.is_symlink():
        raise FileExistsError(errno.EEXIST, "is a link; name the file that it leads to", str(path))
    part = path.with_name(f".auditlog-{secrets.token_hex(8)}.part")
    with _blamed_on(path):
        number = os.open(
            part,
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0),
            _PRIVATE if private else _SHARED,
        )
    try:
        with io.BufferedWriter(_Output(number, path)) as out:
            yield out
            out.flush()
            with _blamed_on(path):
                os.fsync(number)  # a full disk may show only then
        with _blamed_on(path):
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class _Output(io.FileIO):
    """A file whose errors name where it will be, not where it is until then."""

    def __init__(self, number: int, path: Path) -> None:
        super().__init__(number, "wb")
        self._path = path

    def write(self, data: object, /) -> int:
        with _blamed_on(self._path):
            return super().write(data)  # type: ignore[arg-type]


@contextmanager
def _blamed_on(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
