"""All faults of a cluster in random order, for as long as one likes; in the end, the proof.

Run by `make soak CLUSTER=1`. The same seed gives the same faults in the same order.
"""

import argparse
import random
import sys
import time
from functools import partial
from itertools import chain, groupby, repeat
from pathlib import Path
from statistics import median

from clusters.cluster import running_cluster
from clusters.fault import ALL, interleaved
from clusters.trial import Recovery, Trial
from rich.console import Console
from support.run_folder import RunFolder
from support.soaking import soak_parser, soaked

__all__ = ["main"]

_CONSUMERS = 3


def main() -> int:
    """Run, and return the exit status: 1 if anything is missing, or there twice, or ended by itself."""
    parser = soak_parser(__doc__)
    parser.add_argument("--rate", type=int, default=200, help="Events a second of each publisher.")
    arguments = parser.parse_args()
    again = f"make soak CLUSTER=1 RATE={arguments.rate}"
    return soaked(arguments, again, partial(_soak, arguments))


def _soak(arguments: argparse.Namespace, folder: Path, chance: random.Random, console: Console) -> None:
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
