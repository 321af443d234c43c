"""The command `auditlog`."""

import atexit
import gc
import os
import sys

from audit_cli.deferred_modules import defer_modules

__all__ = ["main"]


def main() -> None:
    """Run the command; end with one sentence, not a traceback, for whatever can be expected."""
    gc.disable()  # what is imported stays; looking through it again and again was a tenth of the time
    atexit.register(gc.freeze)  # so was looking through all of it once more at the end
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would read all packages for some
    defer_modules()
    try:
        from audit_cli.app import run  # noqa: PLC0415 - its libraries are an extra

        sys.exit(run())
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("audit_"):
            raise
        sys.exit(
            f"auditlog: {error.name} is not installed. This command needs an extra, "
            "such as: pip install '.[all]' in a clone of the repository"
        )
