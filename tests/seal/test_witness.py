"""Witnesses: what is cosigned, what is refused, and that no witness ever takes back what it saw."""

import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from audit_local.ports import free_port
from audit_seal import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Note,
    SigningKey,
    VerifierKey,
)
from audit_seal.errors import FormatError, HistoryError, SealError, WitnessError
from audit_seal.merkle import EMPTY_ROOT, HashAt, consistency_proof, leaf_hash, root_hash
from audit_seal.tiles import hashes_from_tiles
from audit_seal.witness_client import WitnessClient, ask_witnesses
from audit_seal.witness_request import AddCheckpoint
from audit_seal.witness_server import MAX_BODY_BYTES, MAX_CONNECTIONS, WitnessServer
from audit_seal.witness_state import WitnessState, create_witness, origin_hash
from support.command import auditlog, start_auditlog
from support.conditions import wait_until
from support.witness_process import go_witness

LOG = SigningKey.generate("log.example/cluster", ED25519)
NAME = "auditor.example/witness"
EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""  # noqa: E501 - as C2SP tlog-witness has it


class Tree:
    """A log of up to 200 entries, which another one may share the first entries of."""

    def __init__(self, *, changed_from: int = 200) -> None:
        entries = [b"%d" % at if at < changed_from else b"other %d" % at for at in range(200)]
        self._leaves = b"".join(map(leaf_hash, entries))

    def hash_at(self, size: int) -> HashAt:
        """Find hashes of the tree of this size."""
        return hashes_from_tiles(size, lambda tile: self._tile(tile.level, size))

    def _tile(self, level: int, size: int) -> bytes:
        assert level == 0  # of one tile
        return self._leaves[: 32 * size]

    def checkpoint(self, size: int, key: SigningKey = LOG) -> Note:
        """Sign a checkpoint."""
        root = root_hash(size, self.hash_at(size)) if size else EMPTY_ROOT
        return Note(Checkpoint(LOG.name, size, root).text).signed_by(key)

    def request(self, old: int, size: int) -> AddCheckpoint:
        """Ask for a checkpoint's cosignature."""
        proof = consistency_proof(old, size, self.hash_at(size)) if 0 < old <= size else []
        return AddCheckpoint(old, tuple(proof), self.checkpoint(size))


TREE = Tree()
FORK = Tree(changed_from=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a witness for our log."""
    create_witness(tmp_path / "witness", NAME, (LOG.verifier,))
    return tmp_path / "witness"


@pytest.fixture
def server(folder: Path) -> Iterator[WitnessServer]:
    """Run the witness in this process."""
    with WitnessState.open(folder) as state, WitnessServer("127.0.0.1", 0, state) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield server
        server.shutdown()


def url_of(server: WitnessServer) -> str:
    """Return the witness's address."""
    return f"http://127.0.0.1:{server.server_port}"


def key_of(server: WitnessServer) -> VerifierKey:
    """Return the witness's key."""
    return server.state.key.verifier


def post(url: str, body: bytes, path: str = "/add-checkpoint") -> tuple[int, str, str]:
    """Return status, type and text of the answer."""
    return exchange(url, "POST", path, body)


def exchange(url: str, method: str, path: str, body: bytes | None = None) -> tuple[int, str, str]:
    """Ask a server once."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"] or "", response.read().decode()
    finally:
        connection.close()


def test_the_example_of_the_standard_is_written_as_it_was_read() -> None:
    """Old size, four hashes, and a checkpoint with a signature of a kind that we don't know."""
    request = AddCheckpoint.decode(EXAMPLE.encode())
    assert (20852014, 4) == (request.old_size, len(request.proof))
    assert EXAMPLE == request.encode().decode()


@pytest.mark.parametrize(
    ("find", "replace"),
    [
        ("old 20852014", "old 020852014"),
        ("old 20852014", "old -1"),
        ("old 20852014\n", ""),
        ("\n\nexample", "\nexample"),
        ("PlRN", "P"),
        ("old 20852014\n", "old 20852014\n" + "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n" * 60),
    ],
)
def test_what_is_no_request_is_refused(find: str, replace: str) -> None:
    """Whatever the standard does not have."""
    with pytest.raises(FormatError):
        AddCheckpoint.decode(EXAMPLE.replace(find, replace).encode())


def test_a_growing_log_is_cosigned(server: WitnessServer) -> None:
    """Each checkpoint that extends the last; the client learns where the witness is by asking."""
    client = WitnessClient(url_of(server), key_of(server))
    for size in (0, 1, 5, 5, 64, 200):
        note = TREE.checkpoint(size)
        signature = client.cosign(note, TREE.hash_at(size))
        assert key_of(server).verify(note.text, signature) > 1_700_000_000
    late = WitnessClient(f"{url_of(server)}/", key_of(server))  # it knows of no size
    late.cosign(TREE.checkpoint(200), TREE.hash_at(200))


def test_the_last_checkpoint_is_served_to_everybody(server: WitnessServer) -> None:
    """With the log's signature and the witness's, and without what others added."""
    path = f"/{sha256(LOG.name.encode()).hexdigest()}/checkpoint"
    assert exchange(url_of(server), "GET", path)[0] == 404
    note = TREE.checkpoint(5).signed_by(SigningKey.generate("stranger", ED25519))
    answer = post(url_of(server), AddCheckpoint(0, (), note).encode())
    assert (200, "text/plain; charset=utf-8") == answer[:2]
    status, _, text = exchange(url_of(server), "GET", path)
    assert (200, f"{TREE.checkpoint(5)}{answer[2]}") == (status, text)
    for unknown in ("/", "/checkpoint", f"/{origin_hash('other')}/checkpoint", "/../key", "/key"):
        assert exchange(url_of(server), "GET", unknown)[0] == 404
    assert (200, "ok\n") == exchange(url_of(server), "GET", "/healthz")[::2]


def test_each_refusal_has_the_status_of_the_standard(server: WitnessServer, folder: Path) -> None:
    """And changes nothing of what the witness has seen."""
    url = url_of(server)
    assert post(url, TREE.request(0, 100).encode())[0] == 200
    stored = folder / "logs" / origin_hash(LOG.name) / "checkpoint"
    before = stored.read_bytes()
    note = TREE.checkpoint(150)
    proof = TREE.request(100, 150).proof
    stranger = SigningKey.generate(LOG.name, ED25519)
    elsewhere = SigningKey.generate("other.example/log", ED25519)
    other_log = Note(Checkpoint("other.example/log", 150, bytes(32)).text).signed_by(elsewhere)
    forged = Note(note.text, TREE.checkpoint(151).signatures)

    def status(old: int, hashes: tuple[bytes, ...], note: Note) -> int:
        return post(url, AddCheckpoint(old, hashes, note).encode())[0]

    assert post(url, b"nonsense")[0] == 400
    assert status(151, (), note) == 400
    assert status(100, proof, TREE.checkpoint(150, stranger)) == 403
    assert status(100, proof, forged) == 403
    assert status(100, proof, other_log) == 404
    assert (409, "text/x.tlog.size", "100\n") == post(url, TREE.request(99, 150).encode())
    assert (409, "text/x.tlog.size", "100\n") == post(url, TREE.request(0, 50).encode())
    assert status(100, proof[:-1], note) == 422
    assert status(100, (*proof, proof[0]), note) == 422
    assert status(100, (), FORK.checkpoint(150)) == 422
    assert status(100, FORK.request(100, 150).proof, FORK.checkpoint(150)) == 422
    assert status(100, (), FORK.checkpoint(100)) == 422
    assert post(url, b"", "/other")[0] == 404
    assert post(url, bytes(MAX_BODY_BYTES + 1))[0] == 413
    assert before == stored.read_bytes()
    assert status(100, proof, note) == 200


def test_an_empty_log_has_one_root_and_needs_no_proof(server: WitnessServer) -> None:
    """The hash of nothing; every tree begins with it."""
    url = url_of(server)
    wrong = Note(Checkpoint(LOG.name, 0, bytes(32)).text).signed_by(LOG)
    assert post(url, AddCheckpoint(0, (), wrong).encode())[0] == 422
    assert post(url, AddCheckpoint(0, (bytes(32),), TREE.checkpoint(3)).encode())[0] == 422
    assert post(url, TREE.request(0, 0).encode())[0] == 200
    assert post(url, TREE.request(0, 3).encode())[0] == 200


def test_a_split_view_is_found_and_kept_as_proof(server: WitnessServer, folder: Path) -> None:
    """Two checkpoints of one size, both signed by the log."""
    client = WitnessClient(url_of(server), key_of(server))
    client.cosign(TREE.checkpoint(100), TREE.hash_at(100))
    with pytest.raises(HistoryError, match=r"another history of this log: .* two trees of 100"):
        client.cosign(FORK.checkpoint(100), FORK.hash_at(100))
    with pytest.raises(HistoryError, match="another history of this log"):
        client.cosign(FORK.checkpoint(120), FORK.hash_at(120))
    kept = folder / "logs" / origin_hash(LOG.name) / "split-view-100"
    note = Note.parse(kept.read_bytes())
    assert note.verify(LOG.verifier) == 0
    assert FORK.checkpoint(100).text == note.text


def test_a_log_restored_from_an_old_copy_is_told(server: WitnessServer) -> None:
    """By the size that the witness has seen, whether the client remembers it or not."""
    known = WitnessClient(url_of(server), key_of(server))
    known.cosign(TREE.checkpoint(100), TREE.hash_at(100))
    said = "has cosigned 100 entries of this log, which has 50"
    for client in (known, known, WitnessClient(url_of(server), key_of(server))):
        with pytest.raises(HistoryError, match=said):
            client.cosign(TREE.checkpoint(50), TREE.hash_at(50))
    fresh = WitnessClient(url_of(server), key_of(server))
    fresh.compare(LOG.verifier, 100)
    with pytest.raises(HistoryError, match=said):
        fresh.compare(LOG.verifier, 50)
    other = SigningKey.generate(LOG.name, ED25519).verifier
    with pytest.raises(WitnessError, match="does not serve a signed checkpoint"):
        fresh.compare(other, 50)


def test_of_two_requests_at_once_one_is_first(server: WitnessServer) -> None:
    """The other meets a conflict: the witness never goes back to the shorter tree."""
    url = url_of(server)
    assert post(url, TREE.request(0, 10).encode())[0] == 200
    bodies = [TREE.request(10, size).encode() for size in range(11, 43)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: post(url, body), bodies))
    assert [200] + [409] * 31 == sorted(status for status, _, _ in answers)
    winner = 11 + [status for status, _, _ in answers].index(200)
    assert {f"{winner}\n"} == {text for status, _, text in answers if status == 409}


def test_a_witness_that_was_killed_remembers_what_it_cosigned(tmp_path: Path) -> None:
    """With SIGKILL while requests come in: nothing that was answered is forgotten."""
    settings = {
        "AUDITLOG_WITNESS_FOLDER": str(tmp_path / "witness"),
        "AUDITLOG_WITNESS_PORT": str(free_port()),
    }
    made = auditlog("witness", "init", NAME, str(LOG.verifier), **settings)
    assert (0, "") == (made.returncode, made.stderr)
    key = VerifierKey.parse(made.stdout.split("witness witness ")[1].split(" ")[0])
    assert (tmp_path / "witness" / "key").stat().st_mode & 0o777 == 0o600
    url = f"http://127.0.0.1:{settings['AUDITLOG_WITNESS_PORT']}"
    cosigned = 0
    for _ in range(2):
        process = start_auditlog("witness", "run", output=tmp_path / "output", **settings)
        wait_until(lambda: is_up(url), what="the witness listens")
        assert cosigned == last_size(url)
        killer = threading.Timer(0.2, process.kill)
        killer.start()
        client = WitnessClient(url, key)
        with suppress(WitnessError):  # which comes once it is dead
            while True:
                size = min(cosigned + 1, 200)
                client.cosign(TREE.checkpoint(size), TREE.hash_at(size))
                cosigned = size
        killer.join()
        process.wait(60)
        with WitnessState.open(tmp_path / "witness") as state:
            raw = state.checkpoint(origin_hash(LOG.name))
        assert raw is not None
        found = Checkpoint.parse(Note.parse(raw).text).size
        assert cosigned <= found <= cosigned + 1  # written, and killed before it answered
        cosigned = found
    assert cosigned > 0


def is_up(url: str) -> bool:
    """Return whether a witness answers."""
    try:
        return exchange(url, "GET", "/healthz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def last_size(url: str) -> int:
    """Return the size that a witness serves."""
    status, _, text = exchange(url, "GET", f"/{origin_hash(LOG.name)}/checkpoint")
    return Checkpoint.parse(Note.parse(text).text).size if status == 200 else 0


def test_a_witness_in_go_cosigns_our_checkpoints() -> None:
    """Transparency-dev's own, over HTTP; it finds a rollback and a split view as ours does."""
    key = SigningKey.generate("go.example/witness", COSIGNATURE)
    with go_witness(LOG.verifier, key) as url:
        client = WitnessClient(url, key.verifier)
        for size in (1, 64, 65, 200):
            note = TREE.checkpoint(size)
            assert key.verifier.verify(note.text, client.cosign(note, TREE.hash_at(size))) > 0
        WitnessClient(url, key.verifier).cosign(note, TREE.hash_at(200))
        with pytest.raises(HistoryError, match="has cosigned 200 entries"):
            WitnessClient(url, key.verifier).cosign(TREE.checkpoint(64), TREE.hash_at(64))
        with pytest.raises(HistoryError, match="another history"):
            client.cosign(FORK.checkpoint(200), FORK.hash_at(200))


def test_who_answers_too_late_or_with_another_key_is_no_witness(server: WitnessServer) -> None:
    """The others' cosignatures come all the same, in the time that was given."""
    other = SigningKey.generate(NAME, COSIGNATURE).verifier
    with socket.create_server(("127.0.0.1", 0)) as silent:  # nobody accepts
        clients = [
            WitnessClient(url_of(server), key_of(server)),
            WitnessClient(
                f"http://127.0.0.1:{silent.getsockname()[1]}",
                VerifierKey("silent", COSIGNATURE, bytes(32)),
            ),
            WitnessClient(
                f"http://127.0.0.1:{free_port()}", VerifierKey("gone", COSIGNATURE, bytes(32))
            ),
        ]
        answers = ask_witnesses(clients, TREE.checkpoint(9), TREE.hash_at(9), seconds=2)
    assert [key_of(server).key_id] == [signature.key_id for signature in answers.signatures]
    assert {
        "silent": "no answer within 2 s",
        "gone": "gone can't be reached: Connection refused",
    } == {name: str(error) for name, error in answers.errors.items()}
    with pytest.raises(WitnessError, match="does not answer with a signature of its key"):
        WitnessClient(url_of(server), other).cosign(TREE.checkpoint(9), TREE.hash_at(9))


def test_a_witness_without_its_key_does_not_make_another(folder: Path) -> None:
    """It says what is missing; and there is one process a folder."""
    with WitnessState.open(folder), pytest.raises(SealError, match="Another witness runs in"):
        WitnessState.open(folder).__enter__()
    with pytest.raises(SealError, match="has a witness already"):
        create_witness(folder, NAME, (LOG.verifier,))
    (folder / "logs").mkdir()
    (folder / "key").write_text(f"{LOG.encode()}\n")
    with pytest.raises(SealError, match="is not the key of a witness"), WitnessState.open(folder):
        pass
    (folder / "key").unlink()
    with pytest.raises(SealError, match=r"can't be read .*Restore it"), WitnessState.open(folder):
        pass
    with pytest.raises(SealError, match="has a witness already"):
        create_witness(folder, NAME, (LOG.verifier,))


def test_a_damaged_state_is_no_new_beginning(server: WitnessServer, folder: Path) -> None:
    """Whoever can write the witness's disk, but has not its key, can't make it forget."""
    url = url_of(server)
    assert post(url, TREE.request(0, 100).encode())[0] == 200
    stored = folder / "logs" / origin_hash(LOG.name) / "checkpoint"
    stored.write_text(str(TREE.checkpoint(5)))
    assert post(url, TREE.request(5, 101).encode())[0] == 500


def test_idle_connections_lock_nobody_out(
    server: WitnessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are so many and no more, and each ends after its time, whatever it sends."""
    monkeypatch.setattr("audit_seal.witness_server.CONNECTION_SECONDS", 1.0)
    idle = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(MAX_CONNECTIONS)]
    try:
        for connection in idle:
            connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\n")
        wait_until(lambda: is_up(url_of(server)), what="a connection is free again")
        for connection in idle:
            connection.settimeout(60)
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize("kind", [threading.Thread, threading.Timer], ids=["connection", "timer"])
def test_a_lack_of_threads_costs_no_place(
    server: WitnessServer, monkeypatch: pytest.MonkeyPatch, kind: type[threading.Thread]
) -> None:
    """A machine that had none for a while is served as before afterwards."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(kind, "start", refuse)
        for _ in range(MAX_CONNECTIONS):
            with suppress(OSError, http.client.HTTPException):
                exchange(url_of(server), "GET", "/healthz")
    wait_until(lambda: is_up(url_of(server)), what="it serves again")
