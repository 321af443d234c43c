"""What `seal verify` says of hostile signatures and documents, without a server."""

import json
from pathlib import Path

import pytest
from audit_seal import COSIGNATURE, Note, Signature, SigningKey
from audit_seal.settings import SealSettings
from audit_seal.verification_text import report_lines
from audit_seal.verify import verify_log
from support.sealing import SealedLogMaker


def report(folder: Path, *documents: str) -> list[str]:
    """Return the lines about an export."""
    export = folder / "export.ndjson"
    export.write_text("".join(f"{document}\n" for document in documents))
    found = verify_log(SealSettings(seal_folder=folder), lambda *_: None, export=export)
    return list(report_lines(found))


@pytest.fixture
def maker(tmp_path: Path) -> SealedLogMaker:
    """Give a log."""
    return SealedLogMaker(tmp_path)


def test_a_witness_with_a_mad_clock_is_a_fault(maker: SealedLogMaker) -> None:
    """Its signature is right, and of a time that nobody can show: that is said, and all else, too."""
    witness = SigningKey.generate("w.example/w", COSIGNATURE)
    policy = f"log {maker.log_key.verifier}\nwitness w {witness.verifier}\nquorum none\n"
    (maker.folder / "policy").write_text(policy)
    note = maker.checkpoint()
    time = 2**50
    message = f"cosignature/v1\ntime {time}\n{note.text}".encode()
    value = time.to_bytes(8, "big") + witness.private.sign(message)
    signature = Signature(witness.name, witness.verifier.key_id, value)
    maker.writer.publish(Note(note.text, (*note.signatures, signature)))
    lines = report(maker.folder)
    assert "log: The signature of w.example/w has no time" in lines
    assert lines[-1].startswith("sealed 0 = ")


def test_a_document_can_not_write_on_the_terminal(maker: SealedLogMaker) -> None:
    """Its topic is shown, as whatever it says, and escape sequences of it are not obeyed."""
    maker.checkpoint()
    origin = {"topic": "\x1b[2Jevil", "partition": 0, "offset": 1}
    lines = report(maker.folder, json.dumps({"audit": {"kafka": origin}}))
    assert "added: \\u001b[2Jevil [0], offset 1" in lines[0]
    assert all(line.isprintable() for line in lines)
