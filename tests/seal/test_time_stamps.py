"""Time stamps of a real authority: asked for, kept, carried, checked; and none stops anybody."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from audit_seal import COSIGNATURE, Checkpoint, Kind, Note, SealSettings, SigningKey
from audit_seal.bundle import prove
from audit_seal.errors import SealError, StampError
from audit_seal.log_check import CheckedLog, check_log, read_keys
from audit_seal.reconciliation import Reconciliation
from audit_seal.sealed_log import EVERY_TIME
from audit_seal.stamp_folder import StampFolder
from audit_seal.stamping import StampAuthority, Stamper, stamp_now, stamp_problem
from audit_seal.status import seal_status
from audit_seal.time_stamp import MAX_STAMP_BYTES, TimeStamp, read_roots, stamp_request
from audit_seal.verification_text import as_json, report_lines
from audit_seal.verify import Verification
from handbook.block import blocks_of
from seal.test_bundle import FIRST, PLACE, TIME_MS, VALUES, source
from support.certificates import loopback_certificate
from support.in_process import auditlog_in_process
from support.sealing import SealedLogMaker
from support.servers import ROOT
from support.stamp_authority import StampAuthorityFiles, openssl, serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> StampAuthorityFiles:
    """Give an authority's files."""
    return StampAuthorityFiles.make(tmp_path_factory.mktemp("tsa") / "tsa", "Example Time")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> StampAuthorityFiles:
    """Give another one's."""
    return StampAuthorityFiles.make(tmp_path_factory.mktemp("other") / "tsa", "Somebody Else")


@pytest.fixture
def maker(tmp_path: Path) -> SealedLogMaker:
    """Give a log with some events."""
    made = SealedLogMaker(tmp_path / "seal")
    made.seal(PLACE, FIRST, [(Kind.RECORD, TIME_MS, value) for value in VALUES])
    made.checkpoint()
    return made


def settings(maker: SealedLogMaker, url: str, authority: StampAuthorityFiles) -> SealSettings:
    """Return settings of a sealer that has an authority."""
    return SealSettings(seal_folder=maker.folder, stamp_url=url, stamp_ca_file=authority.root)


def stamp(maker: SealedLogMaker, authority: StampAuthorityFiles) -> TimeStamp:
    """Have the log's checkpoint stamped."""
    with serving(authority) as url:
        return stamp_now(maker.folder, StampAuthority(settings(maker, url, authority)))


def checked(maker: SealedLogMaker, authority: StampAuthorityFiles | None = None) -> CheckedLog:
    """Check the log as `seal verify` does, with an authority's root."""
    roots = read_roots(authority.root) if authority else ()
    keys = read_keys(maker.folder, None, None)
    return check_log(maker.folder, *keys, lambda *_: None, roots)


def test_openssl_accepts_the_stored_stamp(
    maker: SealedLogMaker, authority: StampAuthorityFiles, stranger: StampAuthorityFiles
) -> None:
    """Of the file beside it, byte for byte; not of another one, nor by another authority."""
    size = stamp(maker, authority).checkpoint.size
    folder = maker.folder / "log" / "stamps" / str(size)
    assert (folder / "checkpoint").read_bytes() == (maker.folder / "log" / "checkpoint").read_bytes()

    def verified(data: Path, root: Path) -> bool:
        done = openssl(
            "ts", "-verify", "-data", data, "-in", folder / "checkpoint.tsr", "-CAfile", root
        )
        assert (done.returncode == 0) == ("Verification: OK" in done.stdout)
        return done.returncode == 0

    assert verified(folder / "checkpoint", authority.root)
    assert not verified(maker.folder / "policy", authority.root)
    assert not verified(folder / "checkpoint", stranger.root)


def test_a_stamp_that_holds_is_told_with_its_time_and_authority(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """Also those of earlier checkpoints."""
    first = stamp(maker, authority)
    maker.checkpoint()
    second = stamp(maker, authority)
    found = checked(maker, authority)
    assert [] == found.faults
    assert [first.checkpoint.size, second.checkpoint.size] == [each.size for each in found.stamps]
    assert (first.time, "CN=Example Time") == (found.stamps[0].time, found.stamps[0].authority)


def test_without_the_authoritys_certificates_nothing_is_said_of_it(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """It is counted as not checked."""
    stamp(maker, authority)
    found = checked(maker)
    assert ([], [], 1) == (found.faults, found.stamps, found.unchecked_stamps)


def test_the_report_says_what_the_stamps_prove_and_to_whom(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """None is missing time; the operator's choice of an authority is the operator's word."""

    def lines(log: CheckedLog, *, is_own: bool = False) -> str:
        found = Verification(log, Reconciliation(), [], EVERY_TIME, False, True, is_own)
        assert found.is_sound
        stamps = as_json(found)["time_stamps"]
        assert isinstance(stamps, list)
        assert len(stamps) == len(log.stamps)
        return "\n".join(report_lines(found))

    assert "no time-stamping authority has stamped a checkpoint" in lines(checked(maker, authority))
    stamp(maker, authority)
    assert "1 time stamps were not checked" in lines(checked(maker))
    of_the_operator = lines(checked(maker, authority))
    assert "CN=Example Time; time stamps that hold: 1" in of_the_operator
    assert "of an authority that you trust" in of_the_operator
    assert "not proven: when" not in lines(checked(maker, authority), is_own=True)
    assert "--stamp-ca" not in lines(checked(maker, authority), is_own=True)


def test_a_stamp_of_an_authority_that_is_not_trusted_is_a_finding(
    maker: SealedLogMaker, authority: StampAuthorityFiles, stranger: StampAuthorityFiles
) -> None:
    """Whoever can make a stamp of their own can make one of any time."""
    size = stamp(maker, stranger).checkpoint.size
    found = checked(maker, authority)
    assert [] == found.stamps
    (fault,) = found.faults
    assert fault.startswith(
        f"time stamp of the checkpoint of size {size}: The time stamp is not of an authority whose "
        "certificates were given"
    )


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        ("checkpoint", lambda data: data[:-1], "no signature"),
        ("checkpoint.tsr", lambda data: data[:-1], "not one of RFC 3161"),
        (
            "checkpoint.tsr",
            lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
            "not validly signed",
        ),
        ("checkpoint.tsr", lambda _: bytes(MAX_STAMP_BYTES + 1), "more than"),
        ("checkpoint.tsr", None, "can't be read"),
    ],
    ids=["note cut", "stamp cut", "signature", "too large", "missing"],
)
def test_a_wrong_stamp_is_a_finding(
    maker: SealedLogMaker,
    authority: StampAuthorityFiles,
    file: str,
    change: Callable[[bytes], bytes] | None,
    expected: str,
) -> None:
    """Whatever was done to its files; the rest of the log is checked all the same."""
    size = stamp(maker, authority).checkpoint.size
    path = maker.folder / "log" / "stamps" / str(size) / file
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    found = checked(maker, authority)
    (fault,) = found.faults
    assert expected in fault
    assert found.checkpoint.size == found.log.size


def test_a_stamp_of_another_checkpoint_is_a_finding(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """Of a later state, it would put back what it is put beside."""
    first = stamp(maker, authority).checkpoint.size
    maker.checkpoint()
    later = stamp(maker, authority).checkpoint.size
    stamps = maker.folder / "log" / "stamps"
    shutil.copy(stamps / str(later) / "checkpoint.tsr", stamps / str(first) / "checkpoint.tsr")
    (fault,) = checked(maker, authority).faults
    assert f"size {first}: The time stamp is of something else" in fault


def test_a_log_that_was_rewritten_or_cut_short_contradicts_its_stamps(
    tmp_path: Path, authority: StampAuthorityFiles
) -> None:
    """Even by somebody who has all keys: the stamps' authority is not theirs."""
    maker = SealedLogMaker(tmp_path / "one")
    maker.seal(PLACE, FIRST, [(Kind.RECORD, TIME_MS, value) for value in VALUES])
    maker.checkpoint()
    size = stamp(maker, authority).checkpoint.size
    other = SealedLogMaker(tmp_path / "two", maker.origin)
    other.checkpoint()
    shutil.copytree(maker.folder / "log" / "stamps", other.folder / "log" / "stamps")
    (fault,) = checked(other, authority).faults
    assert fault.startswith(f"a checkpoint of {size} entries is time-stamped, and the log has fewer")
    other.seal(PLACE, FIRST, [(Kind.RECORD, TIME_MS, b"another past") for _ in VALUES])
    other.checkpoint()
    assert any(each.startswith("the log was rewritten") for each in checked(other, authority).faults)


def test_evidence_carries_the_earliest_stamp_that_covers_the_event(
    maker: SealedLogMaker, authority: StampAuthorityFiles, tmp_path: Path
) -> None:
    """And the page's commands check it."""
    before = prove(maker.folder, source(VALUES[0], FIRST))
    assert "checkpoint.tsr" not in before.files()
    early = stamp(maker, authority)
    maker.checkpoint()
    stamp(maker, authority)
    bundle = prove(maker.folder, source(VALUES[0], FIRST))
    assert early.checkpoint == Checkpoint.parse(bundle.proof.checkpoint.text)
    (tmp_path / "evidence.zip").write_bytes(bundle.zip())
    shutil.copy(authority.root, tmp_path / "tsa-root.pem")
    done = run_printed(tmp_path)
    assert "Verification: OK" in done
    assert f"{early.time:%b} {early.time.day:2} {early.time:%H:%M:%S}" in done


def run_printed(folder: Path) -> str:
    """Run the commands of docs/evidence.md for a time stamp, in a folder with the evidence."""
    (commands,) = [
        block.text for block in blocks_of(ROOT / "docs" / "evidence.md") if "ts -verify" in block.text
    ]
    done = subprocess.run(
        ["sh", "-euc", commands], cwd=folder, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_a_stamp_that_no_witness_has_cosigned_is_no_evidence_where_one_must(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """The policy would refuse it, so the last checkpoint proves the event, without a time stamp."""
    stamp(maker, authority)
    witness = SigningKey.generate("auditor.example/witness", COSIGNATURE)
    policy = f"log {maker.log_key.verifier}\nwitness a {witness.verifier}\nquorum a\n"
    (maker.folder / "policy").write_text(policy)
    last = maker.checkpoint()
    maker.writer.publish(last.signed_by(witness, time=1))
    bundle = prove(maker.folder, source(VALUES[0], FIRST))
    assert (None, last.text) == (bundle.time_stamp, bundle.proof.checkpoint.text)


def test_the_end_of_each_period_is_stamped_once(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """Nothing before, and nothing again until the next one."""
    with serving(authority) as url:
        stamper = Stamper(settings(maker, url, authority))
        stamper.stamp_if_due(1)
        assert [] == StampFolder(maker.folder).sizes
        maker.end_period()
        for _ in range(2):
            stamper.stamp_if_due(2)
        (size,) = StampFolder(maker.folder).sizes
        maker.checkpoint()
        stamper.stamp_if_due(2)
        assert [size] == StampFolder(maker.folder).sizes
        maker.end_period()
        Stamper(settings(maker, url, authority)).stamp_if_due(3)  # of another process
        assert 2 == len(StampFolder(maker.folder).sizes)
    assert ("", True) == (stamper.problem, stamper.last_time > 0)


@contextmanager
def answering(answer: Callable[[bytes], bytes], status: int = 200) -> Iterator[str]:
    """Give the address of something that is no authority."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            with suppress(OSError):  # nobody may read it all
                self.wfile.write(answer(query))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()


def test_whatever_an_authority_answers_stops_nothing(
    maker: SealedLogMaker, authority: StampAuthorityFiles, stranger: StampAuthorityFiles
) -> None:
    """It is a sentence, in the metric's place and in the status; and no stamp is kept."""
    other = stamp_request(Note("another\n1\n\n")).as_bytes()
    maker.end_period()
    wrong: list[tuple[Callable[[bytes], bytes], int, str]] = [
        (lambda _: b"rubbish", 200, "not one of RFC 3161"),
        (lambda _: b"", 200, "not one of RFC 3161"),
        (lambda _: bytes(10_000_000), 200, "more than 65536 bytes"),
        (lambda _: b"", 503, "answers 503"),
        (lambda _: authority.reply(b"no query"), 200, "refuses: Bad request format"),
        (lambda _: authority.reply(other), 200, "another request"),
        (stranger.reply, 200, "not of an authority"),
    ]
    for answer, status, expected in wrong:
        with answering(answer, status) as url:
            stamper = Stamper(settings(maker, url, authority))
            stamper.stamp_if_due(2)
        assert expected in stamper.problem
        assert stamper.problem == seal_status(maker.folder).stamp_problem
    Stamper(settings(maker, "http://127.0.0.1:1/tsa", authority)).stamp_if_due(2)
    assert "does not answer (ConnectionRefusedError)" in stamp_problem(maker.folder)
    assert ([], 0) == (StampFolder(maker.folder).sizes, stamper.last_time)
    stamp(maker, authority)
    assert "" == stamp_problem(maker.folder)


def test_an_authority_that_is_slow_is_given_up(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """And not asked again at once: the sealer has other things to do."""
    maker.end_period()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # nobody accepts
        given = settings(maker, f"http://127.0.0.1:{silent.getsockname()[1]}/", authority)
        with pytest.raises(StampError, match="does not answer"):
            StampAuthority(given, seconds=0.2).stamp(Note("a\n1\n\n"))
    asked: list[bytes] = []

    def answer(query: bytes) -> bytes:
        asked.append(query)
        return b""

    with answering(answer) as url:
        stamper = Stamper(settings(maker, url, authority))
        for _ in range(3):
            stamper.stamp_if_due(2)
    assert 1 == len(asked)


def test_an_authority_is_asked_by_tls(maker: SealedLogMaker, authority: StampAuthorityFiles) -> None:
    """With a certificate authority of its own, for the address and not for the stamps."""
    made = loopback_certificate()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.cert, made.key)
    with serving(authority, context) as url:
        assert url.startswith("https:")
        given = settings(maker, url, authority)
        with pytest.raises(StampError, match="SSLCertVerificationError"):
            stamp_now(maker.folder, StampAuthority(given))
        trusting = given.model_copy(update={"stamp_tls_ca_file": Path(made.authority)})
        assert stamp_now(maker.folder, StampAuthority(trusting)).checkpoint.size


def test_settings_that_can_not_be_used_are_told_at_the_start(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """An authority without its certificates could say anything."""
    with pytest.raises(SealError, match="Set AUDITLOG_STAMP_CA_FILE"):
        Stamper(SealSettings(seal_folder=maker.folder, stamp_url="http://tsa.example/"))
    given = settings(maker, "http://tsa.example/", authority)
    wrong = given.model_copy(update={"stamp_ca_file": maker.folder / "policy"})
    with pytest.raises(SealError, match="has no certificates in PEM form"):
        Stamper(wrong)


def test_commands_stamp_a_checkpoint_and_show_it(
    maker: SealedLogMaker, authority: StampAuthorityFiles
) -> None:
    """On demand, and in the status before and after."""
    environment = {"AUDITLOG_SEAL_FOLDER": str(maker.folder)}
    said = auditlog_in_process("seal", "stamp", **environment)
    assert (1, "auditlog: Set AUDITLOG_STAMP_URL" in said.stderr) == (said.returncode, True)
    with serving(authority) as url:
        environment |= {"AUDITLOG_STAMP_URL": url, "AUDITLOG_STAMP_CA_FILE": str(authority.root)}
        assert "time-stamped by nobody" in auditlog_in_process("seal", "status", **environment).stdout
        said = auditlog_in_process("seal", "stamp", **environment)
    assert (0, "") == (said.returncode, said.stderr)
    assert "entries at 20" in said.stdout
    assert "CN=Example Time" in said.stdout
    shown = auditlog_in_process("seal", "status", "--json", **environment).stdout
    assert "CN=Example Time" == json.loads(shown)["time_stamp"]["authority"]
    environment["AUDITLOG_STAMP_URL"] = "http://127.0.0.1:1/"
    assert 1 == auditlog_in_process("seal", "stamp", **environment).returncode
    shown = auditlog_in_process("seal", "status", **environment).stdout
    assert "not time-stamped since: http://127.0.0.1:1/ does not answer" in shown
