"""The provider's keys (JWKS): kept for an hour, and fetched again for one that is not known yet."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from joserfc import jwk
from joserfc.errors import JoseError

from audit_server.sign_in.errors import ProviderError, SignInError

__all__ = ["SigningKeys", "VerifyingKey"]

VerifyingKey = jwk.RSAKey | jwk.ECKey | jwk.OKPKey

_KEPT_SECONDS = 3600.0
_AGAIN_SECONDS = 30.0
"""An unknown id leads to one request in so long: nobody makes us ask the provider at will."""
_KEYS_MAX = 100


class SigningKeys:
    """Finds keys by their id. Threads may share one; one of them fetches at a time."""

    def __init__(
        self,
        fetch: Callable[[], Mapping[str, Any]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: Sequence[VerifyingKey] = ()
        self._fetched: float | None = None
        self._lock = threading.Lock()

    def find(self, key_id: str | None) -> VerifyingKey:
        """Return a key; without an id the only one. Raises SignInError, or ProviderError."""
        with self._lock:
            if self._age() > _KEPT_SECONDS:
                self._refresh()
            key = self._known(key_id)
            if key is None and self._age() >= _AGAIN_SECONDS:
                self._refresh()
                key = self._known(key_id)
        if key is None:
            raise SignInError(
                "The identity provider's token is signed with a key that it does not name"
            )
        return key

    def _known(self, key_id: str | None) -> VerifyingKey | None:
        found = [key for key in self._keys if key_id is None or key.kid == key_id]
        return found[0] if len(found) == 1 else None

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._monotonic() - self._fetched

    def _refresh(self) -> None:
        self._keys = _usable(self._fetch())
        self._fetched = self._monotonic()


def _usable(found: Mapping[str, Any]) -> Sequence[VerifyingKey]:
    """Return the keys that verify signatures; what is of another kind, or broken, is left out."""
    entries = found.get("keys")
    if not isinstance(entries, list):
        raise ProviderError("its jwks_uri does not answer with keys")
    return [key for entry in entries[:_KEYS_MAX] if (key := _key_of(entry)) is not None]


def _key_of(entry: Any) -> VerifyingKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    try:
        key = jwk.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, jwk.RSAKey | jwk.ECKey | jwk.OKPKey) else None
