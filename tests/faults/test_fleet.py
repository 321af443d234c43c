"""The servers of the fault tests: they die, come back with their data, stand still and go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import elasticsearch
import pytest
from events import chat_opened
from faults.fleet import Fleet, Search, User, running_search
from servers import Deployment
from waiting import wait_until

pytestmark = pytest.mark.servers

ADMIN = User("admin", "admin-password", "superuser")
WRITER = User("writer", "old-password", "{cluster: [monitor]}")


def test_servers_come_back_on_their_ports_with_their_data(fleet: Fleet, deployment: Deployment) -> None:
    """What was acknowledged before kill -9 is there after the next start."""
    deployment.publish_raw(*(chat_opened(n) for n in range(100)))
    with deployment.client() as client:
        client.index(index=f"{deployment.name}-x", document={}, id="kept")
    for server in (fleet.broker, fleet.search):
        server.kill()
        assert not server.is_ready()
        server.launch()
    fleet.heal()
    assert len(deployment.records(f"{deployment.name}.events")) == 100
    with deployment.client() as client:
        assert client.exists(index=f"{deployment.name}-x", id="kept")


def test_frozen_server_does_not_answer_until_it_thaws(fleet: Fleet) -> None:
    """Its process is there, and its port takes connections, but nothing comes back."""
    fleet.search.freeze()
    assert fleet.search.is_alive()
    assert not fleet.search.is_ready()
    fleet.search.thaw()
    wait_until(fleet.search.is_ready, what="it answers again")


@contextmanager
def logged_in(search: Search, name: str, password: str) -> Iterator[elasticsearch.Elasticsearch]:
    """Give a client of a secured server."""
    with elasticsearch.Elasticsearch(search.url, basic_auth=(name, password), max_retries=0) as client:
        yield client


def accepts(search: Search, name: str, password: str) -> bool:
    """Tell whether the server takes a password."""
    with logged_in(search, name, password) as client:
        try:
            client.cluster.health()
        except elasticsearch.AuthenticationException:
            return False
    return True


def test_secured_server_knows_its_users_and_their_new_passwords() -> None:
    """A password that is rotated while the server runs holds soon; a role's limits hold."""
    with running_search({"thread_pool.write.queue_size": "7"}, (ADMIN, WRITER)) as search:
        assert accepts(search, "admin", "admin-password")
        assert accepts(search, "writer", "old-password")
        with logged_in(search, "writer", "old-password") as client:
            with pytest.raises(elasticsearch.AuthorizationException):
                client.index(index="x", document={})
            settings = client.nodes.info(metric="settings", flat_settings=True)
        (node,) = settings["nodes"].values()
        assert node["settings"]["thread_pool.write.queue_size"] == "7"
        search.set_password("writer", "new-password")
        wait_until(lambda: accepts(search, "writer", "new-password"), what="the new one is taken")
        assert not accepts(search, "writer", "old-password")
