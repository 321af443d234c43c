"""Fixtures of signing in: a fake provider for all tests, and an application for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_query import AuditLog
from server.sign_in.people import Clock, Desk, desk
from support.fake_provider import FakeProvider, fake_provider
from support.servers import Deployment


@pytest.fixture
def clock() -> Clock:
    """Give the clock of provider and application."""
    return Clock()


@pytest.fixture
def provider(clock: Clock) -> Iterator[FakeProvider]:
    """Give a provider."""
    with fake_provider(clock) as found:
        yield found


@pytest.fixture(scope="session")
def sessions_index(two: Deployment) -> Iterator[str]:
    """Give an index of sessions for all tests: nobody's secret is anybody else's."""
    name = f"sessions-{two.name}"
    yield name
    with two.client() as client:
        client.indices.delete(index=name, ignore_unavailable=True)


@pytest.fixture
def at_desk(
    two: Deployment,
    sessions_index: str,
    audit_log: AuditLog,
    provider: FakeProvider,
    tmp_path: Path,
    clock: Clock,
) -> Iterator[Desk]:
    """Give an application that has no tokens, and a browser that nobody has signed in with."""
    with desk(two.query, sessions_index, audit_log, provider, tmp_path, clock) as found:
        yield found
