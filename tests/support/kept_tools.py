"""Programs that only tests need: fetched or built once a machine, beside the servers' downloads."""

from pathlib import Path

from audit_local import LocalSettings

__all__ = ["kept_tool"]


def kept_tool(name: str) -> Path:
    """Return where a tool is kept, there or not; its folder is there."""
    folder = LocalSettings().cache / "tools"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
