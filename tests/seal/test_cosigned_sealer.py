"""The sealer and its witnesses: checkpoints are cosigned, and nobody waits for one that is away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import pytest
from audit_local.ports import free_port
from audit_seal import ED25519, Checkpoint, Note, SigningKey
from audit_seal.cosigning import Cosigner
from audit_seal.errors import HistoryError, SealError, SignatureError, WitnessError
from audit_seal.keys import KeyFolder
from audit_seal.policy import Policy
from audit_seal.service import initialize
from audit_seal.witness_client import WitnessClient
from audit_seal.witness_metrics import WitnessMetrics
from audit_seal.witness_server import WitnessServer
from audit_seal.witness_state import WitnessState, create_witness, take_over_logs
from audit_secrets import Secrets
from seal.sealed_log import SealedLog
from support.command import start_auditlog
from support.conditions import wait_until
from support.events import chat_opened
from support.metrics_endpoint import get, samples
from support.servers import Deployment


@contextmanager
def witness(folder: Path, port: int = 0) -> Iterator[int]:
    """Run a witness; give its port."""
    with WitnessState.open(folder) as state, WitnessServer("127.0.0.1", port, state) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.servers
def test_checkpoints_are_cosigned_while_the_witness_is_there(
    deployment: Deployment, tmp_path: Path
) -> None:
    """The auditor's policy accepts them; one from a time without the witness it does not."""
    sealed = SealedLog.make(deployment, tmp_path / "seal")
    log_key = KeyFolder(sealed.folder).log_key().verifier
    key = create_witness(tmp_path / "witness", "auditor.example/witness", (log_key,))
    with witness(tmp_path / "witness") as port:
        text = f"log {log_key}\nwitness auditor {key} http://127.0.0.1:{port}\nquorum auditor\n"
        (sealed.folder / "policy").write_text(text)
        policy = Policy.parse(text)
        for number in range(2):
            deployment.publish_raw(chat_opened(number))
            note = sealed.seal()
            assert ["auditor"] == [each.witness for each in policy.verify(note).cosigned]
        assert sealed.published()[-1] == note
        assert str(note) == (sealed.folder / "log" / "checkpoint").read_text()
        copytree(sealed.folder, tmp_path / "copy")
    alone = sealed.seal()
    assert sealed.published()[-1] == alone
    with pytest.raises(SignatureError, match="Not enough witnesses"):
        policy.verify(alone)
    with witness(tmp_path / "witness", port):
        policy.verify(sealed.seal())
        copy = Cosigner(tmp_path / "copy")  # which would sign a second history
        with pytest.raises(HistoryError, match="restored from an old copy"):
            copy.compare(log_key, policy.verify(note).checkpoint.size)


@pytest.mark.servers
def test_a_log_and_a_witness_of_one_deployment_find_each_other(
    deployment: Deployment, tmp_path: Path
) -> None:
    """By `auditlog secrets`: the log's policy has the witness's key, and it takes over the log's."""
    Secrets(tmp_path / "secrets", lambda _: None).create()
    key_file = tmp_path / "secrets" / "witness" / "witness.key"
    assert not list((tmp_path / "secrets" / "sealer").glob("*.key"))
    state = tmp_path / "witness"
    with pytest.raises(SealError, match="is the sealed log made"):
        take_over_logs(state, tmp_path / "seal" / "policy")
    port = free_port()
    sealed = SealedLog(deployment, tmp_path / "seal")
    sealed.more = {
        "seal_witness_url": f"http://127.0.0.1:{port}",
        "seal_witness_key_file": tmp_path / "secrets" / "sealer" / "witness.pub",
    }
    initialize(sealed.settings)
    variables = {
        "AUDITLOG_WITNESS_FOLDER": str(state),
        "AUDITLOG_WITNESS_KEY_FILE": str(key_file),
        "AUDITLOG_WITNESS_LOGS_FILE": str(sealed.folder / "policy"),
        "AUDITLOG_WITNESS_PORT": str(port),
        "AUDITLOG_METRICS_PORT": str(free_port()),
    }
    metrics = int(variables["AUDITLOG_METRICS_PORT"])
    process = start_auditlog("witness", "run", output=tmp_path / "witness.log", **variables)
    try:
        wait_until(lambda: is_ready(metrics) or process.poll() is not None, what="the witness is ready")
        note = sealed.seal()
        policy = Policy.parse((sealed.folder / "policy").read_text())
        assert ["witness"] == [each.witness for each in policy.verify(note).cosigned]
        assert samples(metrics)["auditlog_witness_last_cosigned_timestamp_seconds"] > 0
        assert 0 == samples(metrics)["auditlog_witness_refused_total{history}"]
        known = (state / "policy").read_text()
        other = SigningKey.generate("other.example/log", ED25519).verifier
        take_over_logs(state, write(tmp_path / "other", f"log {other}\nquorum none\n"))
        assert known == (state / "policy").read_text()
    finally:
        process.terminate()
        assert 0 == process.wait(120), (tmp_path / "witness.log").read_text()


def write(path: Path, text: str) -> Path:
    """Write a file."""
    path.write_text(text)
    return path


def is_ready(port: int) -> bool:
    """Tell whether a process's monitor says so."""
    try:
        return get(port, "/readyz")[0] == 200
    except OSError:
        return False


def test_a_contradiction_is_counted_apart(tmp_path: Path) -> None:
    """An alert goes by it; what is merely asked wrongly is nobody's manipulation."""
    log = SigningKey.generate("log.example/cluster", ED25519)
    create_witness(tmp_path / "witness", "auditor.example/witness", (log.verifier,))
    metrics = WitnessMetrics()

    def refused(reason: str) -> float | None:
        return metrics.registry.get_sample_value("auditlog_witness_refused_total", {"reason": reason})

    with (
        WitnessState.open(tmp_path / "witness") as state,
        WitnessServer("127.0.0.1", 0, state, metrics) as server,
    ):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            client = WitnessClient(f"http://127.0.0.1:{server.server_port}", state.key.verifier)
            for root in (b"1", b"2"):
                note = Note(Checkpoint(log.name, 1, root * 32).text).signed_by(log)
                if root == b"1":
                    client.cosign(note, lambda *_: b"")
            with pytest.raises(HistoryError):
                client.cosign(note, lambda *_: b"")
            stranger = SigningKey.generate("other.example/log", ED25519)
            unknown = Note(Checkpoint(stranger.name, 1, bytes(32)).text).signed_by(stranger)
            with pytest.raises(WitnessError, match="answers 404"):
                client.cosign(unknown, lambda *_: b"")
        finally:
            server.shutdown()
    assert (1, 1) == (refused("history"), refused("other"))


def test_a_policy_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    """The sealer does not go on without witnesses because of a slip in a file."""
    (tmp_path / "policy").write_text("quorum somebody\n")
    with pytest.raises(SealError, match="policy can't be used: Line 1"):
        Cosigner(tmp_path)
