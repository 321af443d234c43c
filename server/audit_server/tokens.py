"""Tokens: who may query the log over HTTP, of which organization, and for how long.

A token is 256 random bits; the file holds its SHA-256. A fast hash is right here: a slow one makes
guessing words expensive, and 2^256 values need no help. And since what is looked up is the hash,
the time that takes tells nothing of any token.
"""

import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from audit_runtime import FileState
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from audit_server.errors import TokenError, TokenFileError
from audit_server.roles import Role

__all__ = ["NAME_PATTERN", "Token", "TokenCheck", "TokenFile"]

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}$"
_PREFIX = "auditlog_"  # so that a scanner for leaked secrets knows one when it sees it


class Token(BaseModel):
    """What is known of a token: all but itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    organization: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    roles: Annotated[tuple[Role, ...], Field(min_length=1)] | None = None
    created: AwareDatetime
    expires: AwareDatetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires is not None and self.expires <= now


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tokens: list[Token] = []


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Whether a token is valid, and whose it is; one that has expired is still somebody's."""

    token: Token | None
    is_valid: bool


class TokenFile:
    """The file of tokens; read again whenever it has changed. Raises TokenFileError."""

    def __init__(
        self, path: str | Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.path = Path(path)
        self._clock = clock
        self._state: FileState | None = None
        self._by_hash: dict[str, Token] = {}

    def check(self, secret: str) -> TokenCheck:
        """Return what a token is good for now."""
        self._read_if_changed()
        token = self._by_hash.get(_hash(secret))
        return TokenCheck(token, token is not None and not token.has_expired(self._clock()))

    def tokens(self) -> Sequence[Token]:
        """Return all tokens, in the order they were made; of a file that is not there, none."""
        if not self.path.exists():
            return ()
        self._read_if_changed()
        return tuple(self._by_hash.values())

    def create(
        self,
        name: str,
        *,
        organization: str | None = None,
        roles: Sequence[Role] | None = None,
        expires: datetime | None = None,
    ) -> str:
        """Add a token and return it; it can't be had again. Raises TokenError for a name taken."""
        secret = _PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
        try:
            token = Token(
                name=name,
                sha256=_hash(secret),
                organization=organization,
                roles=tuple(dict.fromkeys(roles)) if roles else None,
                created=now.replace(microsecond=0),
                expires=expires,
            )
        except ValidationError as error:
            raise TokenError(_why_not(error)) from None
        if token.has_expired(now):
            raise TokenError("The expiry is in the past; give a later one, such as 90d")
        with self._changing() as tokens:
            if any(other.name == name for other in tokens):
                raise TokenError(f"There is a token {name} already; revoke it, or take another name")
            self._write([*tokens, token])
        return secret

    def revoke(self, name: str) -> None:
        """Remove a token. Raises TokenError if there is none of that name."""
        with self._changing() as tokens:
            left = [token for token in tokens if token.name != name]
            if len(left) == len(tokens):
                raise TokenError(f"There is no token {name}; see: auditlog tokens list")
            self._write(left)

    @contextmanager
    def _changing(self) -> Iterator[Sequence[Token]]:
        """Give the tokens, while nobody else changes them: the folder is what is locked."""
        try:
            folder = os.open(self._resolved().parent, os.O_RDONLY)
        except OSError as error:
            raise self._broken(error.strerror or "") from None
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield self.tokens()
        finally:
            os.close(folder)

    def _read_if_changed(self) -> None:
        try:
            state = FileState.of(self.path)
            if state == self._state:
                return
            if state.is_writable_by_others:
                raise self._broken("others may write to it, and give themselves access; chmod 600 it")
            read = _File.model_validate_json(self.path.read_bytes())
        except OSError as error:
            raise self._broken(error.strerror or "") from None
        except ValidationError as error:
            raise self._broken(f"is not a valid tokens file ({_why_not(error)})") from None
        self._by_hash = {token.sha256: token for token in read.tokens}
        self._state = state

    def _write(self, tokens: Sequence[Token]) -> None:
        """Put a whole new file, which nobody else may read, in the old one's place."""
        path = self._resolved()
        try:
            number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
            try:
                with os.fdopen(number, "w", encoding="utf-8") as file:
                    file.write(_File(tokens=list(tokens)).model_dump_json(indent=2) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._broken(error.strerror or "") from None

    def _resolved(self) -> Path:
        """Follow a link, unless another account than ours and root made it: it could lead anywhere."""
        if self.path.is_symlink() and self.path.lstat().st_uid not in (0, os.geteuid()):
            raise self._broken("is a link that another account made, and is not followed; delete it")
        return self.path.resolve()

    def _broken(self, why: str) -> TokenFileError:
        return TokenFileError(f"The tokens file {self.path}: {why}")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _why_not(error: ValidationError) -> str:
    """Say what is wrong, and no value: one may be a secret in the wrong place."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "string_pattern_mismatch" and where.endswith("name"):
        return "A name is up to 64 letters, digits, spaces and . _ @ + -, a letter or digit first"
    return f"{where}: {first['msg']}"
