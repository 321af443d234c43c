"""A folder of secrets: each file is readable by its owner only, and written atomically."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_secrets.errors import SecretsError

__all__ = ["Folder"]


class Folder:
    """Secret files; with a uid, owned by that account. Every method raises SecretsError."""

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
        try:
            number = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise self._error(self.path, error) from None
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)

    def has(self, name: str) -> bool:
        """Tell whether a file exists."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """Return the contents of a file."""
        try:
            return (self.path / name).read_bytes()
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
        """Replace a file atomically."""
        path = self.path / name
        try:
            number, temporary = tempfile.mkstemp(dir=self.path, prefix=f".{name}.")  # mode 0600
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                    if self._uid is not None:
                        os.fchown(file.fileno(), self._uid, self._uid)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._error(path, error) from None
        self._announce(str(path))

    def change_owner(self, path: Path) -> None:
        """Make the account the owner of a file or folder that was created by other means."""
        if self._uid is None:
            return
        try:
            os.chown(path, self._uid, self._uid)
        except OSError as error:
            raise self._error(path, error) from None

    def _error(self, path: Path, error: OSError) -> SecretsError:
        hint = (
            ". --owners needs root"
            if self._uid is not None and isinstance(error, PermissionError)
            else ""
        )
        return SecretsError(f"{path}: {error.strerror or 'unknown error'}{hint}")
