"""Each receiver by what reaches it: byte by byte, and rsyslog itself where it is installed."""

import gzip
import hashlib
import hmac
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from audit_forward import ForwardError, ForwardSettings, load_stream
from audit_forward.delivery import RefusesAllError, deliver, window
from audit_forward.errors import NotDeliveredError, RefusedError
from audit_forward.item import Item, Limits, first_part
from audit_forward.receivers import Answer, Receiver, files, receiver_of
from audit_forward.service import encoder_of
from audit_runtime import CredentialsError
from pyarrow import parquet
from support.certificates import loopback_certificate
from support.conditions import wait_until
from support.debian import found_or_installed
from support.http_receiver import http_receiver

RSYSLOGD_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin"


def item(number: int, **more: Any) -> Item:
    """Return an event."""
    document = {
        "event": {"id": f"event-{number}", "action": "login", "outcome": "failure"},
        "@timestamp": "2026-11-27T09:30:00.250+03:00",
        **more,
    }
    text = json.dumps(document).encode()
    return Item(f"event-{number}", text, "2026-11-27T09:30:00.250+03:00", "login", 4, 0, number)


def receiver(folder: Path, table: str, before: str = "") -> Receiver:
    """Return the receiver of a stream's file."""
    file = folder / "siem.toml"
    file.write_text(f"{before}[to]\n{table}")
    settings = ForwardSettings(stream_attempt_seconds=10)
    return receiver_of(load_stream(file), settings)


def test_splunk_gets_envelopes_with_times_and_ids(tmp_path: Path) -> None:
    """As its HTTP Event Collector reads them: objects one behind the other, and the token."""
    (tmp_path / "token").write_text("t0ken\n")
    with http_receiver() as splunk:
        splunk.answer = lambda _: 200
        splunk.said = b'{"text":"Success","code":0}'
        text = f'type = "splunk"\nurl = "{splunk.url}"\ntoken_file = "token"\nindex = "audit"'
        splunk.posts.clear()
        assert receiver(tmp_path, text).send([item(1), item(2)]) == Answer(
            f"200 {splunk.said.decode()}"
        )
        (post,) = splunk.posts
    assert post.path == "/services/collector/event"
    assert post.headers["Authorization"] == "Splunk t0ken"
    expected = b"".join(
        b'{"source":"auditlog","index":"audit","fields":{"auditlog_id":"event-%d"},"event":%s,'
        b'"time":1795761000.25}' % (number, item(number).body)
        for number in (1, 2)
    )
    assert post.body == expected


def test_files_are_whole_and_named_by_time(tmp_path: Path) -> None:
    """NDJSON, compressed where it is asked for; nothing half-written stays beside it."""
    to = receiver(tmp_path, 'type = "files"\nfolder = "out"\ncompress = true')
    to.send([item(1), item(2)])
    (file,) = (path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert file.name.startswith("siem-")
    assert file.name.endswith(".ndjson.gz")
    assert len(file.relative_to(tmp_path / "out").parts) == 4
    assert gzip.decompress(file.read_bytes()) == item(1).body + b"\n" + item(2).body + b"\n"
    (tmp_path / "blocked").write_text("")
    with pytest.raises(NotDeliveredError, match="blocked"):
        receiver(tmp_path, 'type = "files"\nfolder = "blocked"').send([item(1)])


def test_names_of_new_folders_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a whole day's files, all acknowledged, could be gone after a power cut."""
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync", synced.append)
    to = receiver(tmp_path, 'type = "files"\nfolder = "new/out"')
    to.send([item(1)])
    (file,) = (path for path in tmp_path.rglob("*.ndjson"))
    assert set(synced) == {each for each in file.parents if each.is_relative_to(tmp_path)}
    synced.clear()
    to.send([item(2)])
    assert synced == [file.parent]
    shutil.rmtree(tmp_path / "new")
    to.send([item(3)])
    assert file.parent.parent in synced, "whoever collects files may remove their folders"


def test_parquet_has_columns_to_filter_by_and_the_event(tmp_path: Path) -> None:
    """Types are the same where all values are missing; rules for fields hold for columns too."""
    (tmp_path / "key").write_text("k")
    rules = 'form = "ocsf"\nleave_out = ["source.ip"]\npseudonymise = ["user.id"]\nkey_file = "key"\n'
    to = receiver(tmp_path, 'type = "files"\nfolder = "out"\nformat = "parquet"', rules)
    encoder = encoder_of(load_stream(tmp_path / "siem.toml"))
    document = json.loads(item(1).body) | {
        "user": {"id": "u-1"},
        "source": {"ip": "192.0.2.7"},
        "organization": {"id": "acme"},
    }
    made = encoder.event(json.dumps(document).encode())
    to.send([made, item(2)])
    to.send([item(3)])
    paths = sorted((tmp_path / "out").rglob("*.*"))
    assert {path.suffix for path in paths} == {".parquet"}
    tables = [parquet.read_table(path) for path in paths]
    tables.sort(key=lambda table: -table.num_rows)
    assert tables[0].schema.equals(tables[1].schema)
    first, second = tables[0].to_pylist()
    pseudonym = hmac.new(b"k", b"u-1", hashlib.sha256).hexdigest()
    time = datetime(2026, 11, 27, 6, 30, 0, 250_000, UTC)
    assert first == {
        "id": "event-1",
        "time": time,
        "action": "login",
        "organization": "acme",
        "user": pseudonym,
        "ip": None,
        "event": made.body.decode(),
    }
    assert json.loads(first["event"])["time"] == int(time.timestamp() * 1000)
    assert (second["id"], second["user"], second["event"]) == ("event-2", None, item(2).body.decode())


def test_missing_library_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install, before anything is forwarded."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ForwardError, match=r"needs pyarrow: pip install .*\[forward-parquet\]"):
        receiver(tmp_path, 'type = "files"\nfolder = "out"\nformat = "parquet"')


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 429, 500, 503])
def test_status_that_is_not_about_the_events_is_tried_again(tmp_path: Path, status: int) -> None:
    """A wrong address or token, a receiver that is busy: no event is a dead letter for that."""
    with http_receiver() as hook:
        hook.answer = lambda _: status
        with pytest.raises(NotDeliveredError, match=str(status)):
            receiver(tmp_path, f'type = "webhook"\nurl = "{hook.url}"').send([item(1)])


def test_single_events_are_json(tmp_path: Path) -> None:
    """For receivers that know no NDJSON."""
    with http_receiver() as hook:
        text = f'type = "webhook"\nurl = "{hook.url}"\nevents_per_request = 1'
        receiver(tmp_path, text).send([item(1)])
        (post,) = hook.posts
    assert post.headers["Content-Type"] == "application/json"
    assert post.body == item(1).body


def test_events_cross_no_network_in_plain_text(tmp_path: Path) -> None:
    """Unless AUDITLOG_ALLOW_PLAIN_TEXT says that it is one's own."""
    with pytest.raises(CredentialsError, match="The receiver would get events in plain text"):
        receiver(tmp_path, 'type = "webhook"\nurl = "http://192.0.2.1/"')


class Picky:
    """Refuses some ids, and notes what it took."""

    limits = Limits(100, 10_000)

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.taken: list[str] = []
        self.requests = 0

    def send(self, items: Any) -> Answer:
        """Take all or nothing."""
        self.requests += 1
        if any(each.id in self.refused for each in items):
            raise RefusedError("400 no")
        self.taken += [each.id for each in items]
        return Answer("200")

    def close(self) -> None:
        """Do nothing."""


def test_refused_event_is_found_among_others() -> None:
    """By halves, in order, with few requests; all others are delivered once."""
    items = [item(number) for number in range(100)]
    picky = Picky("event-3", "event-64")
    refused = deliver(picky, items, 8)
    assert [each.id for each, _ in refused] == ["event-3", "event-64"]
    assert picky.taken == [each.id for each in items if each.id not in picky.refused]
    assert picky.requests < 30


def test_receiver_that_refuses_everything_makes_no_dead_letters() -> None:
    """An operator's mistake is never a dead letter, and costs a bounded number of requests."""
    items = [item(number) for number in range(100)]
    picky = Picky(*(each.id for each in items))
    with pytest.raises(RefusesAllError, match="refuses every event that was tried: 400 no"):
        deliver(picky, items, 8)
    assert picky.requests < 30


class Repaired(Picky):
    """Refuses whatever comes, until it is put right in the middle of a search."""

    def __init__(self, refusals: int, *refused: str) -> None:
        super().__init__(*refused)
        self.refusals = refusals

    def send(self, items: Any) -> Answer:
        """Take all or nothing."""
        if self.requests < self.refusals:
            self.requests += 1
            raise RefusedError("400 no")
        return super().send(items)


@pytest.mark.parametrize("refusals", range(7, 14))
def test_receiver_put_right_amid_a_search_makes_no_dead_letters(refusals: int) -> None:
    """What it refused before that is no fault of the events; they are sent again, in order."""
    items = [item(number) for number in range(40)]
    repaired = Repaired(refusals)
    with pytest.raises(NotDeliveredError, match="took an event that it had just refused"):
        deliver(repaired, items, 8)
    repaired.taken.clear()
    assert not deliver(repaired, items, 8)
    assert repaired.taken == [each.id for each in items]


def test_first_event_is_refused_for_good_though_others_are_taken() -> None:
    """It is asked for once more, and nothing is sent twice for it."""
    items = [item(number) for number in range(40)]
    picky = Picky("event-0", "event-1")
    refused = deliver(picky, items, 8)
    assert [each.id for each, _ in refused] == ["event-0", "event-1"]
    assert picky.taken == [each.id for each in items[2:]]


def test_requests_are_within_limits_where_more_is_delivered_at_once() -> None:
    """A window of several requests tells one refused event from a receiver that refuses all."""
    items = [item(number) for number in range(20)]
    picky = Picky("event-0")
    picky.limits = Limits(1, 10_000)
    with pytest.raises(RefusesAllError):
        deliver(picky, first_part(items, 0, window(picky.limits, 8)), 8)
    beside = first_part(items, 0, window(picky.limits, 16))
    assert len(beside) == 17
    assert [each.id for each, _ in deliver(picky, beside, 16)] == ["event-0"]
    assert picky.taken == [each.id for each in beside[1:]]
    assert picky.requests == 1 + 17 + 1


def test_parts_are_within_limits() -> None:
    """By number and by bytes; an event that is larger than the limit goes alone."""
    items = [Item(str(n), b"x" * size) for n, size in enumerate((4, 4, 50, 4))]
    found, done = [], 0
    while done < len(items):
        part = first_part(items, done, Limits(2, 12))
        found.append([each.id for each in part])
        done += len(part)
    assert found == [["0", "1"], ["2"], ["3"]]


def rsyslogd_with_tls() -> str | None:
    """Return where rsyslog is, if it has the module of TLS, which is a package of its own."""
    found = shutil.which("rsyslogd", path=RSYSLOGD_PATH)
    folders = ("lib/*/rsyslog", "lib*/rsyslog", "local/lib*/rsyslog")
    return found if any(any(Path("/usr").glob(f"{each}/lmnsd_gtls.so")) for each in folders) else None


@contextmanager
def rsyslog(folder: Path) -> Iterator[tuple[int, Path, str]]:
    """Run rsyslog with TLS; give its port, the file that it writes, and its authority's certificate."""
    program = found_or_installed(rsyslogd_with_tls, "rsyslog", "rsyslog-gnutls")
    if program is None:
        pytest.skip("rsyslog with TLS is not here, and can't be installed")
    made = loopback_certificate()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    output = folder / "messages"
    config = folder / "rsyslog.conf"
    config.write_text(
        f"""
        global(workDirectory="{folder}" maxMessageSize="64k" DefaultNetstreamDriver="gtls"
          DefaultNetstreamDriverCAFile="{made.authority}"
          DefaultNetstreamDriverCertFile="{made.cert}" DefaultNetstreamDriverKeyFile="{made.key}")
        module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1"
          StreamDriver.Authmode="anon")
        template(name="all" type="string" string="%rawmsg%\\n")
        ruleset(name="in") {{ action(type="omfile" file="{output}" template="all") }}
        input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="in")
        """
    )
    pid = folder / "pid"
    process = subprocess.Popen(
        [program, "-n", "-f", str(config), "-i", str(pid), "-C"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: listens(port), seconds=60, what="rsyslog listens")
        yield port, output, str(made.authority)
    finally:
        process.kill()
        process.wait(60)


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_rsyslog_takes_messages_over_tls(tmp_path: Path) -> None:
    """Every message whole, in order: octet counting lets a message have line ends and any length."""
    with rsyslog(tmp_path) as (port, output, authority):
        table = f'type = "syslog"\nhost = "127.0.0.1"\nport = {port}\nca_file = "{authority}"'
        to = receiver(tmp_path, f'{table}\nhostname = "logs"')
        items = [item(number, message="x" * 3000) for number in range(200)]
        for first in range(0, 200, 50):
            to.send(items[first : first + 50])
        wait_until(
            lambda: output.exists() and len(output.read_bytes().splitlines()) == 200,
            seconds=60,
            what="rsyslog has written all",
        )
        lines = output.read_bytes().splitlines()
    for number, line in enumerate(lines):
        head, _, body = line.partition(b"] ")
        assert head.startswith(b"<108>1 2026-11-27T06:30:00.250Z logs auditlog ")
        assert head.endswith(b' login [auditlog@32473 id="event-%d"' % number)
        assert body == items[number].body
    strange = receiver(tmp_path, f'type = "syslog"\nhost = "127.0.0.1"\nport = {port}')
    with pytest.raises(NotDeliveredError):
        strange.send([item(1)])


@pytest.mark.parametrize("is_reset", [False, True])
def test_syslog_receiver_that_does_not_end_in_order_has_taken_nothing(
    tmp_path: Path, *, is_reset: bool
) -> None:
    """It hangs, or it is killed with bytes unread: what was sent is sent again."""
    made = loopback_certificate()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.cert, made.key)
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        plain, _ = server.accept()
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(10)
            if not is_reset:
                over.wait(60)
            # Bytes that were not read make the kernel send a reset.

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        port = server.getsockname()[1]
        file = tmp_path / "siem.toml"
        file.write_text(
            f'to = {{type = "syslog", host = "127.0.0.1", port = {port}, ca_file = "{made.authority}"}}'
        )
        to = receiver_of(load_stream(file), ForwardSettings(stream_attempt_seconds=2))
        with pytest.raises(NotDeliveredError):
            to.send([item(number, message="x" * 20_000) for number in range(20)])
        over.set()
        thread.join()


def test_syslog_certificate_is_read_again_for_each_connection(tmp_path: Path) -> None:
    """Certificates that live for days are replaced under a stream that runs for months."""
    made, authority = loopback_certificate(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.cert, made.key)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    shown: list[Any] = []

    def serve(server: socket.socket) -> None:
        for _ in range(2):
            plain, _ = server.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                shown.append(connection.getpeercert())
                while connection.recv(1000):
                    pass

    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"

    def replace_certificate(name: str) -> None:
        issued = authority.issue_cert(f"{name}.example")
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)

    replace_certificate("first")
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        to = receiver(
            tmp_path,
            f'type = "syslog"\nhost = "127.0.0.1"\nport = {server.getsockname()[1]}\n'
            f'ca_file = "{made.authority}"\ncertificate_file = "own.pem"\nkey_file = "own.key"',
        )
        to.send([item(1)])
        replace_certificate("second")
        to.send([item(2)])
        thread.join(60)
    names = [each["subjectAltName"] for each in shown]
    assert names == [(("DNS", "first.example"),), (("DNS", "second.example"),)]
    certificate.write_text("half a file")
    with pytest.raises(CredentialsError, match="can't be used"):
        to.send([item(3)])


def test_syslog_message_that_is_too_long_is_refused(tmp_path: Path) -> None:
    """It would be cut: the receiver's limit is told, and the event is a dead letter."""
    table = 'type = "syslog"\nhost = "127.0.0.1"\nmax_message_bytes = 4096'
    with pytest.raises(RefusedError, match="max_message_bytes is 4096"):
        receiver(tmp_path, table).send([item(1, message="x" * 5000)])
