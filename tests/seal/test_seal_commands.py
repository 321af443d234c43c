"""The commands of the seal, as the handbook has them."""

from pathlib import Path

from support.consumed import consume_all
from support.events import chats
from support.in_process import auditlog_in_process
from support.servers import Deployment


def test_commands_seal_a_log_and_verify_it(deployment: Deployment, tmp_path: Path) -> None:
    """From no folder to a verified log and an event's evidence; a second log is not made there."""
    variables = deployment.environment | {"AUDITLOG_SEAL_FOLDER": str(tmp_path / "seal")}

    def run(*arguments: str, status: int = 0) -> str:
        done = auditlog_in_process("seal", *arguments, **variables)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "make it with: auditlog seal init" in run("run", "--once", status=1)
    assert "Give an auditor" in run("init")
    assert "has a sealed log already" in run("init", status=1)
    events = chats(3)
    deployment.publish_raw(*events.values())
    consume_all(deployment)
    assert "entries" in run("run", "--init", "--once")  # there is one already
    assert deployment.name in run("status")
    assert "sealed 3 = indexed 3 + " in run("verify")
    evidence = tmp_path / "evidence.zip"
    run("prove", next(iter(events)), "-o", str(evidence))
    assert evidence.read_bytes().startswith(b"PK")
