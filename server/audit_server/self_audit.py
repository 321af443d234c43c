"""Use of the log as audit events: who searched, exported, or was refused."""

import hashlib
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from audit_server.query_labels import Pairs, labels_of

__all__ = ["Identity", "SelfAudit"]

_log = structlog.get_logger()

_SPAN = timedelta(minutes=10)
_REMEMBERED = 10_000
_WAITING_MAX = 1000
_COUNTED_MAX = 100
"""So many wait at most while results are counted: nobody keeps questions off the record by many."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request, and from where."""

    name: str
    organization: str | None
    ip: str | None
    id: str | None = None
    """The identity provider's, of somebody who signed in there."""


class SelfAudit:
    """Publishes what was read: one event a caller, query and ten minutes, whatever route it came by.

    Never raises and never waits: a thread of its own counts and publishes. Where it can't keep up,
    events are dropped, which is logged, and tried again when their question comes again. `publish` is
    `AuditProducer.record`; None: nothing is.
    """

    def __init__(
        self,
        publish: Callable[..., object] | None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._noted: OrderedDict[bytes, datetime] = OrderedDict()
        self._waiting = 0
        self._changes = itertools.count()
        self._is_closing = False
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "self-audit")

    def searched(self, identity: Identity, spec: Pairs, results: int | Callable[[], int]) -> None:
        """Record a search; `results` is the number of events, or counts them if that is needed."""
        self._note("audit-log-searched", identity, labels_of(spec), results=results)

    def exported(self, identity: Identity, spec: Pairs, kind: str) -> None:
        """Record an export."""
        self._note("audit-log-exported", identity, {**labels_of(spec), "format": kind})

    def refused(self, identity: Identity, reason: str) -> None:
        """Record a refused request."""
        self._note("audit-log-refused", identity, {}, reason=reason)

    def signed_in(self, identity: Identity, session: str, roles: str) -> None:
        """Record that somebody signed in; `session` tells one sign-in from another."""
        self._note("audit-log-signed-in", identity, {"session": session, "roles": roles})

    def signed_out(self, identity: Identity, session: str) -> None:
        """Record that somebody signed out."""
        self._note("audit-log-signed-out", identity, {"session": session})

    def changed(self, action: str, identity: Identity, said: Pairs) -> None:
        """Record a change that somebody made; each one, however soon after another."""
        self._note(action, identity, labels_of(said), is_change=True)

    def close(self) -> None:
        """Publish what is queued, without counting results, and end."""
        self._is_closing = True
        self._pool.shutdown(wait=True)

    def _note(
        self,
        action: str,
        identity: Identity,
        labels: dict[str, str],
        *,
        results: int | Callable[[], int] | None = None,
        reason: str | None = None,
        is_change: bool = False,
    ) -> None:
        if self._publish is None:
            return
        once = next(self._changes) if is_change else None
        key = (action, identity, tuple(labels.items()), reason, once)
        digest = hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).digest()
        if not self._is_due(digest):
            return
        with self._lock:
            if self._waiting >= _WAITING_MAX:
                self._noted.pop(digest, None)
                _log.warning("self-audit dropped", action=action, reason="too many wait")
                return
            self._waiting += 1
        at = self._clock()
        try:
            self._pool.submit(self._send, action, identity, labels, results, reason, at, digest)
        except RuntimeError:  # it is closing
            _log.warning("self-audit dropped", action=action, reason="the server ends")

    def _is_due(self, digest: bytes) -> bool:
        now = self._clock()
        with self._lock:
            before = self._noted.get(digest)
            if before is not None and timedelta(0) <= now - before < _SPAN:  # clocks are put back, too
                return False
            self._noted[digest] = now
            self._noted.move_to_end(digest)
            while len(self._noted) > _REMEMBERED:
                self._noted.popitem(last=False)
        return True

    def _send(
        self,
        action: str,
        identity: Identity,
        labels: dict[str, str],
        results: int | Callable[[], int] | None,
        reason: str | None,
        at: datetime,
        digest: bytes,
    ) -> None:
        done = False
        try:
            if results is not None:
                labels = {**labels, "results": self._number(results)}
            answer = self._publish is not None and self._publish(
                action,
                user={"name": identity.name} | ({"id": identity.id} if identity.id else {}),
                ip=identity.ip,
                organization=identity.organization,
                labels=labels,
                reason=reason,
                at=at,
            )
            done = answer is not False
            if not done:
                _log.warning("self-audit not published", action=action)
        except Exception as error:  # noqa: BLE001 - by contract nothing of this reaches a reader
            _log.warning("self-audit not published", action=action, reason=type(error).__name__)
        finally:
            with self._lock:
                self._waiting -= 1
                if not done:
                    self._noted.pop(digest, None)

    def _number(self, results: int | Callable[[], int]) -> str:
        """Return the number, or that there is none: the search is on record all the same."""
        if not callable(results):
            return str(results)
        if self._is_closing or self._waiting > _COUNTED_MAX:
            return "unknown"
        try:
            return str(results())
        except Exception:  # noqa: BLE001 - Elasticsearch may be away by now
            return "unknown"
