"""The tools of the fault tests: a proof that can't fail, or a fault that is none, proves nothing."""

import http.client
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from faults.fleet import Fleet
from faults.flow import Flow
from faults.proof import assert_exactly_once
from support.conditions import wait_until
from support.consumers import settle
from support.events import chat_opened
from support.proxy import Network, Proxy, proxied
from support.servers import Deployment

pytestmark = pytest.mark.servers


def test_proof_fails_for_what_is_missing_or_too_much(deployment: Deployment, log: Path) -> None:
    """One document more or less, or one dead letter, is found."""
    values = [chat_opened(number) for number in range(20)]
    ids = [json.loads(value)["event"]["id"] for value in values]
    deployment.publish_raw(*values, values[0], b"refused")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    assert_exactly_once(deployment, ids, refused=[b"refused"], repeated=1)
    for wrong, refused, repeated, message in (
        ([*ids, "another"], [b"refused"], 1, "1 documents are missing, such as .'another'"),
        (ids[1:], [b"refused"], 1, "0 documents are missing.* 1 are too many"),
        (ids, [], 1, "0 dead letters are missing.* 1 are too many"),
        (ids, [b"refused", b"more"], 1, "1 dead letters are missing"),
        (ids, [b"refused"], 0, "duplicates 1"),
    ):
        with pytest.raises(AssertionError, match=message):
            assert_exactly_once(deployment, wrong, refused=refused, repeated=repeated)


def test_flow_keeps_its_rate(deployment: Deployment) -> None:
    """Events flow for as long as a fault lasts, and do not pile up beyond their rate."""
    with Flow(deployment, per_second=200) as flow:
        begun = time.monotonic()
        flow.start()
        wait_until(lambda: flow.records >= 300, what="a second and a half have passed")
        assert time.monotonic() - begun >= 1.4
    published = [record.value for record in deployment.records(f"{deployment.name}.events")]
    assert len(published) == flow.records
    assert len(set(published)) == len(flow.ids) + len(flow.refused)


def test_frozen_server_does_not_answer_until_it_thaws(fleet: Fleet) -> None:
    """Its process is there, and its port takes connections, but nothing comes back."""
    fleet.search.freeze()
    assert fleet.search.is_alive()
    assert not fleet.search.is_ready()
    fleet.search.thaw()
    wait_until(fleet.search.is_ready, what="it answers again")


def ask(proxy: Proxy, body: bytes = b"{}") -> bytes:
    """Search through the proxy, and return the answer's body."""
    where = urlsplit(proxy.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    try:
        connection.request("POST", "/_search", body, {"content-type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


def test_slow_network_is_slow(fleet: Fleet) -> None:
    """A round trip takes its time, and so does every byte."""
    network = Network(round_trip_seconds=0.2, bytes_per_second=1_000_000)
    with proxied(fleet.search.url, network) as proxy:
        begun = time.monotonic()
        ask(proxy)
        assert time.monotonic() - begun >= 0.2
        begun = time.monotonic()
        ask(proxy, b"{}" + b" " * 500_000)
        assert time.monotonic() - begun >= 0.7


def test_answer_is_cut_in_the_middle_and_the_next_is_whole(fleet: Fleet) -> None:
    """Only answers to the path are cut, so many as were asked for."""
    with proxied(fleet.search.url) as proxy:
        proxy.cut_answers(b"/_bulk", [0.5])
        assert ask(proxy)
        proxy.cut_answers(b"/_search", [0.0, 0.9])
        for _ in range(2):
            with pytest.raises((http.client.HTTPException, ConnectionError)):
                ask(proxy)
        assert json.loads(ask(proxy))
        assert proxy.answers_cut == 2
