"""Fixtures of the fault tests: servers of their own, which they may kill; whole again after each."""

import os
import random
from collections.abc import Iterator

import pytest
from faults.fleet import Fleet, running_fleet
from support.servers import Deployment, Servers, new_deployment, tear_down


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Give the servers that all fault tests share, started by the first that asks."""
    with running_fleet() as fleet:
        yield fleet


@pytest.fixture(scope="session")
def servers(fleet: Fleet) -> Servers:
    """Give where they answer, in place of the servers that the other tests share."""
    return fleet.servers


@pytest.fixture
def bare(fleet: Fleet) -> Iterator[Deployment]:
    """Give a deployment that is not set up; servers that the test broke are mended in the end."""
    deployment = new_deployment(fleet.servers)
    yield deployment
    fleet.heal()
    deployment.servers = fleet.servers
    tear_down(deployment)


@pytest.fixture
def chance() -> random.Random:
    """Give the test's own chance. Its seed is printed; FAULTS_SEED repeats it."""
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1_000_000))
    print(f"FAULTS_SEED={seed}")  # noqa: T201 - shown where the test fails
    return random.Random(seed)
