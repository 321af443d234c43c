"""Fixtures: real servers, shared by all tests, and a deployment of its own for each test."""

import gc
import os
import random
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_admin import set_up
from support.run_folder import RunFolder
from support.secured_servers import launch_secured
from support.servers import Deployment, Servers, new_deployment, tear_down
from support.shared_servers import (
    KEYCLOAK_PORT,
    launch_identity_provider,
    launch_servers,
    shared_identity_provider,
    shared_servers,
)

pytest_plugins = ["support.scheduling"]

_RUN = pytest.StashKey[RunFolder]()
_HANDED = "run_folder"
_KEYCLOAK = "keycloak"
_SERVERS = {"servers", "secured", "both"}
"""The fixtures that stand for the three pairs of servers."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of this run, or take the controller's."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in `make test &` of a script. What a process ignores its children ignore too, and some of
        # ours are to be interrupted; what it handles, they don't inherit.
        signal.signal(signal.SIGINT, lambda *_: None)
    handed = getattr(config, "workerinput", {}).get(_HANDED)
    config.stash[_RUN] = RunFolder(Path(handed)) if handed else RunFolder.create()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the folder to a worker."""
    node.workerinput[_HANDED] = str(node.config.stash[_RUN].path)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Kill the servers of this run."""
    if not hasattr(config, "workerinput"):
        config.stash[_RUN].clean()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector away from what collecting makes: all of it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test that needs servers, by whichever fixture, or takes long with many examples."""
    if _SERVERS & set(getattr(item, "fixturenames", ())):
        item.add_marker("servers")
    if getattr(getattr(item, "function", None), "is_hypothesis_test", False):
        item.add_marker("slow")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Launch the servers that tests will need, so that they start while the first tests run."""
    config = session.config
    if config.option.collectonly:
        return
    needed = [_SERVERS & set(getattr(item, "fixturenames", ())) for item in session.items]
    if {"servers"} in needed:
        launch_servers(config.stash[_RUN])
    if {"secured"} in needed:
        launch_secured(config.stash[_RUN])
    is_needed = any(_KEYCLOAK in getattr(item, "fixturenames", ()) for item in session.items)
    if is_needed and not os.environ.get(KEYCLOAK_PORT):
        launch_identity_provider(config.stash[_RUN])


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> RunFolder:
    """Give the folder of this run, which all workers share."""
    return pytestconfig.stash[_RUN]


@pytest.fixture(scope="session")
def servers(run_folder: RunFolder) -> Servers:
    """Give a real Kafka and a real Elasticsearch."""
    return shared_servers(run_folder)


@pytest.fixture(scope="session")
def keycloak(run_folder: RunFolder) -> int:
    """Give the port of a real Keycloak, with a realm and its people."""
    return shared_identity_provider(run_folder)


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


@pytest.fixture
def chance() -> random.Random:
    """Give the test's own chance. Its seed is printed; FAULTS_SEED repeats it."""
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1_000_000))
    print(f"FAULTS_SEED={seed}")  # noqa: T201 - shown where the test fails
    return random.Random(seed)
