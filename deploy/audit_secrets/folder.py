"""A folder of secrets: each file for its owner's eyes, and there whole or not at all."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audit_secrets.errors import SecretsError

__all__ = ["Folder"]


class Folder:
    """Files of secrets; with a uid, given to that account. Every method raises SecretsError."""

    def __init__(self, path: Path, tell: Callable[[str], object], *, uid: int | None = None) -> None:
        """Make it where it is missing. `tell` gets the path of each file that is written."""
        self.path = path
        self._tell = tell
        self._uid = uid
        try:
            path.mkdir(mode=0o700 if uid is None else 0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise self._broken(path, error) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold it, waiting for whoever else does."""
        try:
            number = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise self._broken(self.path, error) from None
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise self._broken(self.path / name, error) from None

    def kept(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return what the file holds; where it is missing, make it."""
        if not self.has(name):
            self.write(name, make())
        return self.read(name)

    def follow(self, name: str, content: bytes) -> None:
        """See to it that the file holds this: for what comes from other files."""
        if not self.has(name) or self.read(name) != content:
            self.write(name, content)

    def write(self, name: str, content: bytes) -> None:
        """Put a whole new file in the place of what is there."""
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
            raise self._broken(path, error) from None
        self._tell(str(path))

    def give(self, path: Path) -> None:
        """Give a file or folder that somebody else made to the account."""
        if self._uid is None:
            return
        try:
            os.chown(path, self._uid, self._uid)
        except OSError as error:
            raise self._broken(path, error) from None

    def _broken(self, path: Path, error: OSError) -> SecretsError:
        hint = (
            ". --owners takes root"
            if self._uid is not None and isinstance(error, PermissionError)
            else ""
        )
        return SecretsError(f"{path}: {error.strerror or 'it cannot be'}{hint}")
