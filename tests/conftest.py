"""Fixtures: real servers, shared by all tests, and a deployment of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_admin import set_up
from support.servers import Deployment, Servers, new_deployment, running_servers, tear_down


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Give a real Kafka and a real Elasticsearch."""
    with running_servers() as found:
        yield found


@pytest.fixture
def bare(servers: Servers) -> Iterator[Deployment]:
    """Give a deployment that is not set up."""
    deployment = new_deployment(servers)
    yield deployment
    tear_down(deployment)


@pytest.fixture
def deployment(bare: Deployment) -> Deployment:
    """Give a deployment with topics and template."""
    list(set_up(bare.setup))
    return bare


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give the file that a consumer's log goes to."""
    return tmp_path / "consumer.log"
