"""The operating-system account that runs us."""

import getpass
import os

__all__ = ["account_name"]


def account_name() -> str:
    """Return its name, or its number where it has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
