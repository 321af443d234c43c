"""GitHub's workflow: valid, with least privileges, and calling the commands that a person calls."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from support.actionlint import actionlint
from support.servers import ROOT

_FILE = ROOT / ".github" / "workflows" / "ci.yml"
_WORKFLOW: dict[Any, Any] = yaml.safe_load(_FILE.read_text())
_JOBS: dict[str, dict[str, Any]] = _WORKFLOW["jobs"]


def commands(job: str) -> list[str]:
    """Return the commands of a job's steps."""
    return [line for step in _JOBS[job]["steps"] for line in step.get("run", "").splitlines()]


def test_actionlint_finds_nothing() -> None:
    """Syntax, contexts, and the inputs of each action."""
    assert actionlint(_FILE) == ""


def test_actionlint_finds_a_mistake(tmp_path: Path) -> None:
    """The check above checks something."""
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(_FILE.read_text().replace("matrix.python }}", "matrix.pyhton }}", 1))
    assert 'property "pyhton" is not defined' in actionlint(wrong)


def test_test_job_runs_ci_on_each_supported_python() -> None:
    """From the oldest that pyproject.toml allows to the newest."""
    versions = _JOBS["test"]["strategy"]["matrix"]["python"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert versions == ["3.11", "3.12", "3.13", "3.14"]
    assert oldest == f">={versions[0]}"
    assert ".ci/run" in commands("test")


def test_containers_run_on_demand_alone() -> None:
    """Their images are large, so nobody waits for them on each change."""
    assert _JOBS["containers"]["if"] == "github.event_name == 'workflow_dispatch'"
    assert "make test-containers KIBANA=1" in commands("containers")


def test_jobs_may_only_read_and_end_in_time() -> None:
    """A broken dependency gets no token that could write, and no runner for six hours."""
    assert _WORKFLOW["permissions"] == {"contents": "read"}
    for job in _JOBS.values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 60
        (checkout,) = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"]["persist-credentials"] is False


def test_actions_are_pinned_by_commit() -> None:
    """A tag can be moved; the comment says which version the commit is."""
    uses = re.findall(r"uses: (.+)", _FILE.read_text())
    assert len(uses) == 6
    for action in uses:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
