"""One attempt to sign in, from the way to the provider until the way back. Pure.

Everything secret about it is derived from one random value, which only the browser keeps: the state
that the callback must bring, the nonce that the ID token must hold, and the verifier (PKCE) without
which the provider gives no token for a code. Neither of them tells the value or another of them.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Self

__all__ = ["Attempt"]

_COOKIE_MAX = 3072


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the browser keeps meanwhile, as a cookie: a random value, and where to go afterwards."""

    secret: str
    after: str

    @classmethod
    def begin(cls, after: str) -> Self:
        """Return a new one."""
        return cls(secrets.token_urlsafe(32), after)

    @classmethod
    def from_cookie(cls, text: str) -> Self | None:
        """Return the one that a browser kept; None if it is none. `after` is not to be trusted."""
        secret, _, after = text.partition(".")
        try:
            found = cls(secret, urlsafe_b64decode(after.encode()).decode())
        except ValueError:
            return None
        return found if secret else None

    def to_cookie(self) -> str:
        """Return what the browser keeps; a long address is left out."""
        after = urlsafe_b64encode(self.after.encode()).decode()
        if len(after) > _COOKIE_MAX:
            after = urlsafe_b64encode(b"/").decode()
        return f"{self.secret}.{after}"

    @property
    def state(self) -> str:
        """What the callback has to bring."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the ID token has to hold."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What the code is exchanged with."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier: its SHA-256 (S256)."""
        return _unpadded(hashlib.sha256(self.verifier.encode()).digest())

    def matches(self, state: str) -> bool:
        """Tell whether a callback is of this attempt."""
        return hmac.compare_digest(self.state.encode(), state.encode("utf-8", "replace"))

    def _derived(self, purpose: str) -> str:
        return _unpadded(hmac.digest(self.secret.encode(), purpose.encode(), "sha256"))


def _unpadded(digest: bytes) -> str:
    return urlsafe_b64encode(digest).decode().rstrip("=")
