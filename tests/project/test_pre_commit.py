"""The pre-commit hooks are the commands of `make lint`."""

import re
from typing import Any

import yaml
from support.servers import ROOT


def hooks() -> list[dict[str, Any]]:
    """Return the hooks of all repositories of the configuration."""
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    return [hook for repository in configuration["repos"] for hook in repository["hooks"]]


def lint_commands() -> list[str]:
    """Return the recipe of the Makefile's target `lint`."""
    makefile = (ROOT / "Makefile").read_text()
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    return [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]


def test_hooks_call_what_make_lint_calls() -> None:
    """In the same order; a tool that is added to one is added to the other."""
    assert lint_commands() == [hook["entry"] for hook in hooks()]


def test_hooks_download_nothing() -> None:
    """Each is a program of the environment, run on the whole project as `make lint` does."""
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in configuration["repos"]] == ["local"]
    for hook in hooks():
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False
