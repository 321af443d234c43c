"""The sealer and its witnesses: checkpoints are cosigned, and nobody waits for one that is away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import pytest
from audit_seal.cosigning import Cosigner
from audit_seal.errors import HistoryError, SealError, SignatureError
from audit_seal.keys import KeyFolder
from audit_seal.policy import Policy
from audit_seal.witness_server import WitnessServer
from audit_seal.witness_state import WitnessState, create_witness
from seal.sealed_log import SealedLog
from support.events import chat_opened
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


def test_a_policy_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    """The sealer does not go on without witnesses because of a slip in a file."""
    (tmp_path / "policy").write_text("quorum somebody\n")
    with pytest.raises(SealError, match="policy can't be used: Line 1"):
        Cosigner(tmp_path)
