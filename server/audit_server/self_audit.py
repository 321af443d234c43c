"""The log's own use as audit events: who searched, exported, or was refused."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

__all__ = ["SelfAudit", "Who"]

_log = structlog.get_logger()

_SPAN = timedelta(minutes=10)
_REMEMBERED = 10_000
_WAITING_MAX = 1000

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks, and from where."""

    name: str
    organization: str | None
    ip: str | None


class SelfAudit:
    """Publishes what was asked of the log: one event a person, question and ten minutes.

    Never raises and never waits: a thread of its own counts and publishes, and where it can't keep
    up, events are dropped and that is logged. `publish` is `AuditProducer.record`; None: nothing is.
    """

    def __init__(
        self,
        publish: Callable[..., object] | None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._noted: OrderedDict[tuple[object, ...], datetime] = OrderedDict()
        self._waiting = 0
        self._is_closing = False
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "self-audit")

    def searched(self, who: Who, question: Pairs, found: int | Callable[[], int]) -> None:
        """Note a search; `found` is the number of events, or how to count them if that is needed."""
        self._note("audit-log-searched", who, dict_of(question), found=found)

    def exported(self, who: Who, question: Pairs, form: str) -> None:
        """Note an export."""
        self._note("audit-log-exported", who, {**dict_of(question), "format": form})

    def refused(self, who: Who, why: str) -> None:
        """Note that somebody was not let in."""
        self._note("audit-log-refused", who, {}, reason=why)

    def close(self) -> None:
        """Publish what waits, uncounted so that it takes no time, and end."""
        self._is_closing = True
        self._pool.shutdown(wait=True)

    def _note(
        self,
        action: str,
        who: Who,
        labels: dict[str, str],
        *,
        found: int | Callable[[], int] | None = None,
        reason: str | None = None,
    ) -> None:
        if self._publish is None or not self._is_due((action, who, tuple(labels.items()), reason)):
            return
        with self._lock:
            if self._waiting >= _WAITING_MAX:
                _log.warning("self-audit dropped", action=action, why="too many wait")
                return
            self._waiting += 1
        at = self._clock()
        try:
            self._pool.submit(self._send, action, who, labels, found, reason, at)
        except RuntimeError:  # it is closing
            _log.warning("self-audit dropped", action=action, why="the server ends")

    def _is_due(self, key: tuple[object, ...]) -> bool:
        now = self._clock()
        with self._lock:
            before = self._noted.get(key)
            if before is not None and now - before < _SPAN:
                return False
            self._noted[key] = now
            self._noted.move_to_end(key)
            while len(self._noted) > _REMEMBERED:
                self._noted.popitem(last=False)
        return True

    def _send(
        self,
        action: str,
        who: Who,
        labels: dict[str, str],
        found: int | Callable[[], int] | None,
        reason: str | None,
        at: datetime,
    ) -> None:
        try:
            if found is not None:
                labels = {**labels, "found": self._number(found)}
            done = self._publish is not None and self._publish(
                action,
                user={"name": who.name},
                ip=who.ip,
                organization=who.organization,
                labels=labels,
                reason=reason,
                at=at,
            )
            if done is False:
                _log.warning("self-audit not published", action=action)
        except Exception as error:  # noqa: BLE001 - by contract nothing of this reaches a reader
            _log.warning("self-audit not published", action=action, why=type(error).__name__)
        finally:
            with self._lock:
                self._waiting -= 1

    def _number(self, found: int | Callable[[], int]) -> str:
        """Return the number, or that there is none: the search is on record all the same."""
        if not callable(found):
            return str(found)
        if self._is_closing:
            return "unknown"
        try:
            return str(found())
        except Exception:  # noqa: BLE001 - Elasticsearch may be away by now
            return "unknown"


def dict_of(question: Pairs) -> dict[str, str]:
    """Return each parameter with its values, joined where there are several."""
    found: dict[str, list[str]] = {}
    for name, value in question:
        found.setdefault(name, []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}
