"""Shell completion of the command."""

from support.command import auditlog


def test_shell_completes_commands() -> None:
    """What the installed script asks for at each Tab."""
    done = auditlog(
        _AUDITLOG_COMPLETE="complete_bash", COMP_WORDS="auditlog dead-letters re", COMP_CWORD="2"
    )
    assert done.stdout.split() == ["replay"]


def test_completion_can_be_installed() -> None:
    """Typer's own option, for bash, zsh, fish and PowerShell."""
    assert "--install-completion" in auditlog("--help").stdout
