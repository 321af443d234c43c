"""Every process that keeps running writes its log as AUDITLOG_LOG_FORMAT says."""

import json

import pytest
import structlog
from support.in_process import auditlog_in_process

PROCESSES = {
    "consume": (("consume",), "audit_consumer.commands.run_consumer"),
    "alerts": (("alerts", "run"), "audit_alerts.runner.commands.run_alerts"),
    "serve": (("serve",), "audit_server.serve.serve"),
}


def logs_a_line(*_: object, **__: object) -> None:
    """Stand in for the process itself."""
    structlog.get_logger().info("started", records=1)


@pytest.mark.parametrize(("command", "runs"), PROCESSES.values(), ids=PROCESSES)
def test_log_lines_have_the_format_that_is_set(
    command: tuple[str, ...], runs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector of JSON that meets other lines drops them, or splits them."""
    monkeypatch.setattr(runs, logs_a_line)
    (line,) = auditlog_in_process(*command, AUDITLOG_LOG_FORMAT="json").stderr.splitlines()
    assert ("started", 1) == (json.loads(line)["event"], json.loads(line)["records"])
    told = auditlog_in_process(*command, AUDITLOG_LOG_FORMAT="console").stderr
    assert "started" in told
    assert "{" not in told
