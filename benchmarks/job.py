"""Run one of the bench's functions as a process of its own, and print what it returns as JSON."""

import json
import sys
from importlib import import_module


def main(module: str, function: str, arguments: str) -> None:
    """Call the function; `benchmarks.children.job` makes the command that leads here."""
    positional, named = json.loads(arguments)
    found = getattr(import_module(module), function)(*positional, **named)
    if found is not None:
        sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
