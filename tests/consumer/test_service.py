"""The consumer, put together."""

from typing import Any

import pytest
from audit_consumer import service
from audit_consumer.settings import ConsumerSettings
from audit_schemas import IndexNaming


class Stub:
    """Stands for a part; does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def naming(self) -> IndexNaming:
        """Return the naming of new indices."""
        return IndexNaming("audit-events")

    def run(self) -> None:
        """End at once."""

    def close(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize(("drain", "seconds"), [(0, 1), (0.01, 1), (1, 1), (30, 30)])
def test_quick_stop_leaves_dead_letters_their_time(
    drain: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else no letter is acknowledged in time, and each try writes another copy, for ever."""
    given: list[Any] = []

    def settler(*_: object, send_seconds: float) -> None:
        given.append(send_seconds)

    for name in ("EventIndex", "DeadLetters", "ConsumerLoop"):
        monkeypatch.setattr(service, name, Stub)
    monkeypatch.setattr(service, "Settler", settler)
    monkeypatch.setattr(service, "_rarely_collect_garbage", lambda: None)
    service.run_consumer(ConsumerSettings(drain_seconds=drain))
    assert given == [seconds]
