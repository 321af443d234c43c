"""Servers that these tests may break, in place of those that the other tests share.

One worker runs all of this folder (`support.scheduling`), and each test begins with sound servers.
"""

from collections.abc import Iterator

import pytest
from faults.fleet import Fleet, running_fleet
from support.run_folder import RunFolder
from support.servers import Deployment, Servers, new_deployment, tear_down

NARROW = {
    f"thread_pool.{pool}.{what}": "1"
    for pool in ("write", "write_coordination")
    for what in ("size", "queue_size")
} | {"indexing_pressure.memory.limit": "2mb"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests with the same settings of Elasticsearch side by side: a restart takes long."""
    items.sort(key=lambda item: "narrow" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def both(run_folder: RunFolder) -> Iterator[Fleet]:
    """Give the servers as the test before left them."""
    with running_fleet(run_folder.new("fleet")) as fleet:
        yield fleet


@pytest.fixture
def fleet(both: Fleet) -> Fleet:
    """Give both, sound and with the usual settings."""
    both.configure({})
    return both


@pytest.fixture
def narrow(both: Fleet) -> Fleet:
    """Give an Elasticsearch that does one thing at a time, lets one wait, and holds 2 MiB."""
    both.configure(NARROW)
    return both


@pytest.fixture
def servers(fleet: Fleet) -> Servers:
    """Give where they answer."""
    return fleet.servers


@pytest.fixture
def bare(fleet: Fleet) -> Iterator[Deployment]:
    """Give a deployment that is not set up; servers that the test broke are healed in the end."""
    deployment = new_deployment(fleet.servers)
    yield deployment
    fleet.heal()
    deployment.servers = fleet.servers
    tear_down(deployment)
