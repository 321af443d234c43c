"""What every soak begins and ends with: a seed, a folder of logs, and how to have the same again."""

import argparse
import logging
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

__all__ = ["soak_parser", "soaked"]


def soak_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the arguments that every soak has: `seconds` and `seed`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    return parser


def soaked(
    arguments: argparse.Namespace, again: str, soak: Callable[[Path, random.Random, Console], None]
) -> int:
    """Run a soak, and return the exit status: 1 if its proof fails; then its logs are kept.

    `again` is the command that begins the same one, without seed and seconds.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # the clients' complaints are expected
    console = Console(emoji=False)
    console.print(f"seed {arguments.seed}", highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="auditlog-soak-"))
    try:
        soak(folder, random.Random(arguments.seed), console)
    except (AssertionError, subprocess.TimeoutExpired) as failure:
        console.print(f"FAILED: {failure}", highlight=False, markup=False, soft_wrap=True)
        console.print(
            f"The logs are in {folder}. The same faults again: {again} "
            f"SEED={arguments.seed} SECONDS={arguments.seconds:g}",
            highlight=False,
            soft_wrap=True,
        )
        return 1
    shutil.rmtree(folder)
    return 0
