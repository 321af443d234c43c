"""All faults of a cluster in random order, for as long as one likes; in the end, the proof.

Run by `make soak CLUSTER=1`. The same seed gives the same faults in the same order.
"""

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from itertools import chain, groupby, repeat
from pathlib import Path
from statistics import median

from clusters.cluster import running_cluster
from clusters.fault import ALL, interleaved
from clusters.trial import Recovery, Trial
from rich.console import Console
from support.run_folder import RunFolder

__all__ = ["main"]

_CONSUMERS = 3


def main() -> int:
    """Run, and return the exit status: 1 if anything is missing, or there twice, or ended by itself."""
    arguments = _arguments()
    logging.getLogger().addHandler(logging.NullHandler())  # the clients' complaints are expected
    console = Console(emoji=False)
    console.print(f"seed {arguments.seed}", highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="auditlog-soak-"))
    try:
        _soak(folder, arguments, console)
    except AssertionError as failure:
        console.print(f"FAILED: {failure}", highlight=False, markup=False, soft_wrap=True)
        console.print(
            f"The logs are in {folder}. The same faults again: make soak CLUSTER=1 "
            f"SEED={arguments.seed} SECONDS={arguments.seconds:g}",
            highlight=False,
            soft_wrap=True,
        )
        return 1
    shutil.rmtree(folder)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--rate", type=int, default=200, help="Events a second of each publisher.")
    return parser.parse_args()


def _soak(folder: Path, arguments: argparse.Namespace, console: Console) -> None:
    chance = random.Random(arguments.seed)
    with (
        running_cluster(RunFolder.create().new("cluster"), {}, can_be_cut=True) as cluster,
        Trial.begun(
            cluster, folder, chance, console, consumers=_CONSUMERS, per_second=arguments.rate
        ) as trial,
    ):
        begun = time.monotonic()
        for fault in chain.from_iterable(interleaved(ALL, chance) for _ in repeat(None)):
            trial.endure(fault)
            if time.monotonic() - begun > arguments.seconds:
                break
        trial.finish()
        minutes = (time.monotonic() - begun) / 60
    _show(trial.recoveries, console)
    console.print(
        f"{trial.records:,} records in {minutes:.0f} minutes; each event is there exactly once, and "
        f"each of {len(trial.attacks)} attacks fired one alert",
        highlight=False,
        soft_wrap=True,
    )


def _show(recoveries: list[Recovery], console: Console) -> None:
    """Print a table, as the documents have it."""
    console.print("| fault | times | seconds until searchable, median | most | slowest answer |")
    console.print("| --- | --- | --- | --- | --- |")
    for fault, group in groupby(sorted(recoveries, key=_fault), key=_fault):
        found = list(group)
        seconds = [each.seconds for each in found]
        slowest = max(each.longest_answer for each in found)
        console.print(
            f"| {fault} | {len(found)} | {median(seconds):.1f} | {max(seconds):.1f} | {slowest:.1f} |",
            highlight=False,
            soft_wrap=True,
        )


def _fault(recovery: Recovery) -> str:
    return recovery.fault


if __name__ == "__main__":
    sys.exit(main())
