"""How many hits a page asks for: as many as fit into some megabytes."""

import elasticsearch
import pytest
from audit_runtime.elastic import AnswerTooLargeError
from audit_runtime.hits import HitPage, HitSerializer, PageSize
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, SerializationError

MB = 1024**2


def refused(status: int, kind: str) -> elasticsearch.ApiError:
    """Return what the client raises for an answer of this status."""
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "es", 9200))
    return elasticsearch.ApiError(kind, meta, {"error": {"root_cause": [{"type": kind}]}})


def test_page_follows_the_bytes_of_the_one_before() -> None:
    """Many small events or few large ones; it grows step by step."""
    size = PageSize(5000)
    asked = []
    for hits, length in ((100, 80_000), (1000, 800_000), (5000, 200 * MB), (104, 4 * MB), (1, 9 * MB)):
        asked.append(size.fetch(lambda count: count)[1])
        size.learn(hits, length)
    asked.append(size.fetch(lambda count: count)[1])
    assert asked == [100, 1000, 5000, 100, 104, 1]


@pytest.mark.parametrize(
    "error",
    [
        refused(429, "circuit_breaking_exception"),
        refused(413, "content_too_long_exception"),
        AnswerTooLargeError("more than 8 MB"),
    ],
    ids=["circuit breaker", "content length", "our own bound"],
)
def test_less_is_asked_for_until_it_is_not_too_much(error: Exception) -> None:
    """Down to one event; what is too much even so is raised."""
    asked = []

    def ask(count: int, most: int) -> int:
        asked.append(count)
        if count > most:
            raise error
        return count

    size = PageSize(5000)
    assert size.fetch(lambda count: ask(count, 6)) == (6, 6)
    assert asked == [100, 25, 6]
    with pytest.raises(type(error)):
        size.fetch(lambda count: ask(count, 0))
    assert asked[-1] == 1


def test_overload_is_no_reason_to_ask_again() -> None:
    """A full queue is the caller's to wait for."""
    error = refused(429, "es_rejected_execution_exception")
    asked = []

    def ask(count: int) -> None:
        asked.append(count)
        raise error

    with pytest.raises(elasticsearch.ApiError):
        PageSize(5000).fetch(ask)
    assert asked == [100]


@pytest.mark.parametrize(
    "data",
    [b"<html>", b'{"hits":{"hits":[', b'{"timed_out":"\xff"}', b"{} {}"],
    ids=["a proxy's page", "cut off", "not UTF-8", "more than one"],
)
def test_answer_that_is_no_json_is_an_error_of_the_client(data: bytes) -> None:
    """Whoever asks knows that one, and tells of it in a sentence or tries again."""
    with pytest.raises(SerializationError):
        HitSerializer().loads(data)


def test_answer_that_is_no_page_is_given_as_objects() -> None:
    """An error, or an answer to another question than a search."""
    assert HitSerializer().loads(b'{"error":{"type":"x"}}') == {"error": {"type": "x"}}
    page = HitSerializer().loads(b'{"hits":{"hits":[]},"timed_out":false,"_shards":{"failed":0}}')
    assert isinstance(page, HitPage)
    assert (page.hits, page.is_whole, page.length) == ([], True, 61)
