"""A folder of secrets: each file is readable by its owner only, and written atomically."""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audit_secrets.errors import SecretsError

__all__ = ["Folder"]

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Folder:
    """Secret files; with a uid, owned by that account. Every method raises SecretsError.

    Files are reached by the folder's descriptor. With a uid no link is followed: the folder may be
    that account's, which could put a link to any file of root's there, at any moment.
    """

    def __init__(
        self, path: Path, announce: Callable[[str], object], *, uid: int | None = None
    ) -> None:
        """Create it if it is missing. `announce` gets the path of each file that is written."""
        self.path = path
        self._announce = announce
        self._uid = uid
        try:
            path.mkdir(mode=0o700 if uid is None else 0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise self._error(path, error) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock it, waiting until no other process has."""
        with self._opened() as folder:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield

    def has(self, name: str) -> bool:
        """Tell whether a file exists, or something else of this name."""
        with self._opened() as folder:
            try:
                os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:
                return False
        return True

    def read(self, name: str) -> bytes:
        """Return the contents of a file."""
        with self._opened() as folder, self._file(folder, name) as number:
            try:
                with os.fdopen(number, "rb", closefd=False) as file:
                    return file.read()
            except OSError as error:
                raise self._error(self.path / name, error) from None

    def read_or_create(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return the contents of a file; create it if it is missing."""
        if not self.has(name):
            self.write(name, make())
        return self.read(name)

    def update(self, name: str, content: bytes) -> None:
        """Write the file if its contents differ: for what is derived from other files."""
        if not self.has(name) or self.read(name) != content:
            self.write(name, content)

    def write(self, name: str, content: bytes) -> None:
        """Replace a file, or a link, atomically."""
        temporary = f".{name}.{secrets.token_hex(4)}"
        with self._opened() as folder:
            try:
                number = os.open(temporary, _NEW_FILE, 0o600, dir_fd=folder)
                try:
                    with os.fdopen(number, "wb") as file:
                        file.write(content)
                        file.flush()
                        os.fsync(file.fileno())
                        if self._uid is not None:
                            os.fchown(file.fileno(), self._uid, self._uid)
                    os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                except BaseException:
                    with suppress(FileNotFoundError):
                        os.unlink(temporary, dir_fd=folder)
                    raise
            except OSError as error:
                raise self._error(self.path / name, error) from None
        self._announce(str(self.path / name))

    def change_owner(self, name: str | None = None) -> None:
        """Make the account the only one who may read a file, or the owner of the folder itself."""
        if self._uid is None:
            return
        with self._opened() as folder:
            try:
                if name is None:
                    os.fchown(folder, self._uid, self._uid)
                    return
                with self._file(folder, name) as number:
                    os.fchown(number, self._uid, self._uid)
                    os.fchmod(number, 0o600)
            except OSError as error:
                raise self._error(self.path / (name or ""), error) from None

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            number = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | self._nofollow)
        except OSError as error:
            raise self._error(self.path, error) from None
        try:
            yield number
        finally:
            os.close(number)

    @contextmanager
    def _file(self, folder: int, name: str) -> Iterator[int]:
        """Open a regular file; a second name for it could be that of another's file."""
        try:
            # Without O_NONBLOCK, a named pipe would keep us waiting.
            number = os.open(name, os.O_RDONLY | os.O_NONBLOCK | self._nofollow, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._unusual(name) from None
            raise self._error(self.path / name, error) from None
        try:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode) or (self._uid is not None and found.st_nlink > 1):
                raise self._unusual(name)
            yield number
        finally:
            os.close(number)

    @property
    def _nofollow(self) -> int:
        """Links in our own folder, or to it, are the operator's; those in a service's are not."""
        return 0 if self._uid is None else os.O_NOFOLLOW

    def _unusual(self, name: str) -> SecretsError:
        return SecretsError(
            f"{self.path / name} is a link or no regular file, and is not followed: its service could "
            "have put it there. Look at where it leads, delete it, and run the command again"
        )

    def _error(self, path: Path, error: OSError) -> SecretsError:
        hint = (
            ". --owners needs root"
            if self._uid is not None and isinstance(error, PermissionError)
            else ""
        )
        return SecretsError(f"{path}: {error.strerror or 'unknown error'}{hint}")
