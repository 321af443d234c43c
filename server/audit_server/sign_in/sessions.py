"""Sessions as the server uses them: begun at a sign-in, looked up at each request, and ended."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import elasticsearch
import structlog
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from audit_server.sign_in.session import Session, new_secret, session_id
from audit_server.sign_in.session_store import SessionStore

__all__ = ["Sessions"]

_log = structlog.get_logger()

_TRUSTED = timedelta(seconds=2)
"""A session that was looked up is not looked up again so soon: a page asks several times at once.
One that is revoked elsewhere goes on for so long."""
_NOTED = timedelta(minutes=1)
"""When it was last used is stored once in so long."""
_CLEANED = timedelta(hours=1)
_REMEMBERED = 10_000
_SEALED = {"alg": "dir", "enc": "A256GCM"}
_TOKEN_MAX = 16 * 1024


class Sessions:
    """Begins, finds and ends them. Threads may share it; the store's errors pass through."""

    def __init__(
        self,
        store: SessionStore,
        *,
        idle: timedelta,
        lifetime: timedelta,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._idle = idle
        self._lifetime = lifetime
        self._clock = clock
        self._checked: OrderedDict[str, tuple[Session, datetime]] = OrderedDict()
        self._cleaned = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def begin(
        self, subject: str, name: str, groups: tuple[str, ...], id_token: str
    ) -> tuple[str, Session]:
        """Store a new session; return its secret, which can't be had again, and itself."""
        secret, now = new_secret(), self._clock()
        session = Session(
            id=session_id(secret),
            subject=subject,
            name=name,
            groups=groups,
            created=now,
            last_used=now,
            expires=now + self._lifetime,
            sealed_token=_sealed(secret, id_token),
        )
        self._store.add(session)
        self._remember(session, now)
        self._clean(now)
        return secret, session

    def find(self, secret: str) -> Session | None:
        """Return the session with this secret; None if it is unknown, over, or was ended."""
        found_id, now = session_id(secret), self._clock()
        kept = self._checked.get(found_id)
        if kept is not None and timedelta(0) <= now - kept[1] < _TRUSTED:
            return kept[0] if self._is_valid(kept[0], now) else None
        session = self._store.get(found_id)
        if session is None or not self._is_valid(session, now):
            self._forget(found_id)
            return None
        if now - session.last_used >= min(_NOTED, self._idle / 2) and self._touch(found_id, now):
            session = session.model_copy(update={"last_used": now})
        self._remember(session, now)
        return session

    def _touch(self, found_id: str, now: datetime) -> bool:
        """Store that a session was used; tell whether that worked: it is not refused for that.

        A full disk takes no writes, and whoever looks after it has to be let in.
        """
        try:
            self._store.touch(found_id, now)
        except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
            _log.warning("use of a session not stored", reason=type(error).__name__)
            return False
        return True

    def end(self, secret: str) -> tuple[Session | None, str | None]:
        """End a session; return it, and its ID token if that can be had."""
        session = self._store.get(session_id(secret))
        self._forget(session_id(secret))
        if session is None:
            return None, None
        self._store.remove(session.id)
        return session, _opened(secret, session.sealed_token)

    def remembers(self, secret: str) -> bool:
        """Tell whether this replica has met the session; asks nobody, and so may be wrong."""
        kept = self._checked.get(session_id(secret))
        return kept is not None and self._is_valid(kept[0], self._clock())

    def _is_valid(self, session: Session, now: datetime) -> bool:
        return now < session.expires and now - session.last_used < self._idle

    def _remember(self, session: Session, now: datetime) -> None:
        with self._lock:
            self._checked[session.id] = session, now
            self._checked.move_to_end(session.id)
            while len(self._checked) > _REMEMBERED:
                self._checked.popitem(last=False)

    def _forget(self, found_id: str) -> None:
        with self._lock:
            self._checked.pop(found_id, None)

    def _clean(self, now: datetime) -> None:
        """Delete what is over, once in a while."""
        if now - self._cleaned >= _CLEANED:
            self._cleaned = now
            try:
                self._store.remove_old(now, now - self._idle)
            except (elasticsearch.ApiError, elasticsearch.TransportError) as error:
                _log.warning("old sessions not deleted", reason=type(error).__name__)


def _sealed(secret: str, id_token: str) -> str | None:
    """Return the token such that only the session's secret opens it; a very long one is not kept."""
    if len(id_token) > _TOKEN_MAX:
        return None
    return jwe.encrypt_compact(_SEALED, id_token, _sealing_key(secret))


def _opened(secret: str, sealed: str | None) -> str | None:
    if sealed is None:
        return None
    try:
        opened = jwe.decrypt_compact(sealed, _sealing_key(secret)).plaintext
    except JoseError:
        return None
    return opened.decode() if opened is not None else None


def _sealing_key(secret: str) -> OctKey:
    """Return a key of its own: what the session is looked up by is another digest."""
    return OctKey.import_key(bytes.fromhex(session_id(f"sealing:{secret}")))
