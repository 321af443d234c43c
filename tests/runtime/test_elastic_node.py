"""The connection to one node: bounds hold whatever it sends, and however slowly."""

import socket
import time
from collections.abc import Callable

import elastic_transport
import pytest
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from support.fake_elasticsearch import answering

HEAD = b"HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\nContent-Type: application/json\r\n"
BODY = b'{"a":' + b" " * 50 + b"1}"

Answer = Callable[[socket.socket, bytes], None]


def with_length(pause: float, sent: int = len(BODY)) -> Answer:
    """Answer byte by byte, after a head that says how many there are."""

    def answer(end: socket.socket, _: bytes) -> None:
        end.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY))
        _drip(end, BODY[:sent], pause)
        if sent < len(BODY):
            end.shutdown(socket.SHUT_RDWR)

    return answer


def in_a_chunk(pause: float, sent: int = len(BODY)) -> Answer:
    """Answer byte by byte, in one chunk."""

    def answer(end: socket.socket, _: bytes) -> None:
        end.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY))
        _drip(end, BODY[:sent], pause)
        if sent < len(BODY):
            end.shutdown(socket.SHUT_RDWR)
        else:
            end.sendall(b"\r\n0\r\n\r\n")

    return answer


def _drip(end: socket.socket, data: bytes, pause: float) -> None:
    for byte in data:
        time.sleep(pause)
        end.sendall(bytes([byte]))


@pytest.mark.parametrize("answer", [with_length(0.1), in_a_chunk(0.1)], ids=["length", "chunk"])
def test_answer_that_drips_is_over_when_its_time_is(answer: Answer) -> None:
    """A socket's time-out begins anew with each byte; it would take the six seconds of all."""
    began = time.monotonic()
    with (
        answering(answer) as url,
        connect(ElasticsearchSettings(elasticsearch_url=url), seconds=0.5) as client,
        pytest.raises(elastic_transport.ConnectionTimeout),
    ):
        client.info()
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("answer", [with_length(0), in_a_chunk(0)], ids=["length", "chunk"])
def test_answer_that_comes_in_parts_is_read_whole(answer: Answer) -> None:
    """Over one connection, which is kept for the next request."""
    ends: set[int] = set()

    def noted(end: socket.socket, request: bytes) -> None:
        ends.add(id(end))
        answer(end, request)

    with (
        answering(noted) as url,
        connect(ElasticsearchSettings(elasticsearch_url=url), seconds=10) as client,
    ):
        assert [client.info().body for _ in range(3)] == [{"a": 1}] * 3
    assert len(ends) == 1


@pytest.mark.parametrize("answer", [with_length(0, 55), in_a_chunk(0, 55)], ids=["length", "chunk"])
def test_answer_that_is_cut_off_is_none(answer: Answer) -> None:
    """It could be whole JSON all the same."""
    with (
        answering(answer) as url,
        connect(ElasticsearchSettings(elasticsearch_url=url), seconds=10) as client,
        pytest.raises(elastic_transport.ConnectionError),
    ):
        client.info()
