"""`auditlog seal adopt` and `retire`: what an operator asks the sealer to append to the log."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
import typer
from audit_query import AuditLog, Filter, from_partition
from audit_runtime.terminal import print_lines, report_progress

from audit_seal.adoption import adopted_blocks, unproven_ranges
from audit_seal.block import EMPTY_SLOT
from audit_seal.index_retirement import IndexRetirement
from audit_seal.requests import Request, Requests, salted
from audit_seal.sealed_log import SealedPartition
from audit_seal.settings import SealSettings
from audit_seal.verify import read_sound_log

__all__ = ["adopt", "retire"]

_BLOCKS = 200
"""So many are in one request: about 2 MiB."""
_SECONDS = 60.0
_NEXT = "The sealer takes this in with its next checkpoint; if none runs: auditlog seal run --once"


def adopt() -> None:
    """Seal the documents whose records Kafka had deleted before they were sealed.

    Nobody can say whether they are what was published; from then on they can't be changed unnoticed,
    and verify says how many they are.
    """
    settings = SealSettings()
    requests = Requests(settings.folder)
    with requests.alone():
        count = _request_adoption(settings, requests)
    if not count:
        print_lines("There is nothing to adopt: every document in a gap is sealed, or there is none")
        return
    print_lines(f"Asked the sealer to adopt {count:,} documents", _NEXT)


def retire(
    index: Annotated[str, typer.Argument(help="The index that is going to be deleted.")],
) -> None:
    """State that an index may be deleted, before retention deletes it; its events are retired then.

    Only documents that are proven are stated, and none is if one is not. What is deleted without this
    is missing: an administrator of Elasticsearch alone can't excuse it.
    """
    with report_progress() as report:
        total = IndexRetirement(SealSettings(), report).request(index)
    print_lines(
        f"Asked the sealer to state that {index} is retired, with {total:,} events",
        _NEXT,
        "Then: auditlog retention --delete",
    )


def _request_adoption(settings: SealSettings, requests: Requests) -> int:
    """Ask the sealer to adopt what is in no block; return how many documents that is."""
    with report_progress() as report:
        log = read_sound_log(settings.folder, report).log
    count = 0
    with AuditLog(settings, seconds=_SECONDS) as events:
        for partition in log.partitions.values():
            waiting: list[Request] = []
            for span in unproven_ranges(partition):
                sources = _sources(events, partition, span)
                for block, salts in adopted_blocks(partition, span, sources):
                    count += sum(
                        block.slot(offset) != EMPTY_SLOT for offset in range(block.first, block.end)
                    )
                    waiting.append(salted(block, salts))
                    if len(waiting) == _BLOCKS:
                        requests.write(waiting)
                        waiting = []
            if waiting:
                requests.write(waiting)
    return count


def _sources(
    events: AuditLog, partition: SealedPartition, span: tuple[int, int]
) -> Iterator[Mapping[str, Any]]:
    """Yield a range's documents in the order of their offsets."""
    where = from_partition(partition.place.topic, partition.place.partition, span)
    sort = [{"audit.kafka.offset": "asc"}]
    with events.scan(Filter(), query=where, sort=sort) as pages:
        for hits in pages:
            yield from (msgspec.json.decode(hit.source) for hit in hits)
