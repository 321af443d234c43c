"""A bucket, by a server that keeps what is put: each object whole, and its troubles told."""

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from audit_forward import ForwardError, ForwardSettings, load_stream
from audit_forward.errors import NotDeliveredError
from audit_forward.item import Item
from audit_forward.receivers import Receiver, receiver_of
from audit_runtime import CredentialsError
from pyarrow import BufferReader, parquet

ITEMS = [Item(f"event-{n}", b'{"n":%d}' % n, "2026-11-27T09:30:00Z", "login") for n in range(3)]


class Bucket:
    """What was put, by its path; `status` and `said` are its answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.objects: dict[str, bytes] = {}
        self.status = 200
        self.said = b""
        self.is_away = threading.Event()
        """Answers nothing while this is set."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """Give a bucket that takes single requests alone, each signed with the hash of what it holds."""
    for name, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "s3cret"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
            assert "Credential=key/" in self.headers["Authorization"]
            if found.is_away.is_set():
                over.wait(60)
                return
            if found.status == 200:
                found.objects[self.path] = body
            self.send_response(found.status)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(found.said)))
            self.end_headers()
            self.wfile.write(found.said)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found = Bucket(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield found
        over.set()
        server.shutdown()
        thread.join()


def receiver(folder: Path, endpoint: str, more: str = "", *, seconds: float = 20) -> Receiver:
    """Return the receiver of a stream to a bucket."""
    file = folder / "lake.toml"
    text = 'type = "s3"\nbucket = "audit"\nprefix = "logs/app"\nregion = "eu-central-1"'
    file.write_text(f'[to]\n{text}\nendpoint = "{endpoint}"\n{more}')
    return receiver_of(load_stream(file), ForwardSettings(stream_attempt_seconds=seconds))


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_object_is_put_whole_by_one_request(tmp_path: Path, bucket: Bucket, form: str) -> None:
    """Below the prefix, named by time and by what is in it, as files are."""
    answer = receiver(tmp_path, bucket.url, f'format = "{form}"').send(ITEMS)
    ((path, body),) = bucket.objects.items()
    assert path.startswith("/audit/logs/app/20")
    assert path.endswith(f".{form}")
    assert answer.text == f"written to s3:/{path}"
    if form == "parquet":
        texts = parquet.read_table(BufferReader(body)).column("event").to_pylist()
    else:
        texts = body.decode().splitlines()
    assert [json.loads(text)["n"] for text in texts] == [0, 1, 2]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("403 Forbidden", "AccessDenied"),
        ("404 Not Found", "NoSuchBucket"),
        ("400 Bad Request", "ExpiredToken"),
        ("412 Precondition Failed", "PreconditionFailed"),
        ("503 Service Unavailable", "SlowDown"),
    ],
)
def test_refused_object_is_tried_again_and_told_in_few_words(
    tmp_path: Path, bucket: Bucket, status: str, code: str
) -> None:
    """A missing right or bucket is about us: no event is a dead letter. The words stay the same."""
    to = receiver(tmp_path, bucket.url)
    bucket.status = int(status[:3])
    head = f"<?xml?><Error><Code>{code}</Code><Message>Why</Message>".encode()
    for number in (b"1", b"2"):
        bucket.said = head + b"<RequestId>%s</RequestId></Error>" % number
        with pytest.raises(NotDeliveredError) as caught:
            to.send(ITEMS)
        assert str(caught.value) == f"s3://audit/logs/app: {status} {code} Why"
    bucket.status = 200
    to.send(ITEMS)
    assert len(bucket.objects) == 1


def test_bucket_that_never_answers_holds_up_one_attempt(tmp_path: Path, bucket: Bucket) -> None:
    """For as long as AUDITLOG_STREAM_ATTEMPT_SECONDS says, and other threads not at all."""
    bucket.is_away.set()
    with pytest.raises(NotDeliveredError, match=r"s3://audit/logs/app: .*\(TimedOut\)$"):
        receiver(tmp_path, bucket.url, seconds=0.5).send(ITEMS)
    assert not bucket.objects


def test_events_go_to_no_bucket_in_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the stream's file, nor by a variable of the library's own."""
    with pytest.raises(CredentialsError, match="The bucket would get events in plain text"):
        receiver(tmp_path, "http://192.0.2.1")
    for name, value in {
        "ACCESS_KEY_ID": "key",
        "SECRET_ACCESS_KEY": "s3cret",
        "ENDPOINT_URL": "http://192.0.2.1",
        "ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    file = tmp_path / "lake.toml"
    file.write_text('to = {type = "s3", bucket = "audit"}')
    to = receiver_of(load_stream(file), ForwardSettings(stream_attempt_seconds=2))
    with pytest.raises(NotDeliveredError, match="BadScheme"):
        to.send(ITEMS)


def test_missing_library_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install, before anything is forwarded."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ForwardError, match=r"needs obstore: pip install .*\[forward-s3\]"):
        receiver(tmp_path, "https://s3.example")
