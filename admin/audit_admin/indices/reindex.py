"""`auditlog reindex`: rebuild an index with the current mapping while events keep arriving.

What readers and consumers see at each step:

1. A copy is made under a name that matches neither the log's alias nor its pattern, so nobody sees it.
   Consumers keep writing to the source; the copy catches up in passes, by sequence number, each of
   which is compared, until one is small or they get no smaller.
2. Writes to the source are blocked. Consumers wait, as for any write block, and lose nothing. The last
   events are copied, and counts and hashes of both indices are compared.
3. The log's alias moves from the source to the copy atomically. Searches still running on the source
   may finish.
4. The name that consumers write to moves, too, atomically: it becomes an alias of the copy. Consumers
   continue. The source is kept under another name until `--delete-old`.

Killed at any point, it is resumed by running it again. Its state is in Elasticsearch alone.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from audit_consumer import SetupFaultError
from audit_runtime.terminal import Report
from audit_schemas import IndexNaming

from audit_admin.indices.inventory import IndexInfo, take_inventory
from audit_admin.indices.reindex_job import PROGRESS, ReindexJob, is_unfinished
from audit_admin.indices.shard_reader import ShardReader

__all__ = ["Reindexer", "old_copies", "outdated"]

_SMALL_PASS = 2_000
"""After a pass of so few events, the last one is quick enough to block writes for."""
_SMALLER = 0.7
"""A pass of more than this part of the one before means that events come about as fast as they are
copied: further passes would not make the last one shorter."""
_POLL_SECONDS = 0.1
_CLONE_OF = "clone_of"
"""The key in `_meta` of a clone: the uuid of the index that it was cloned from."""


def outdated(indices: Sequence[IndexInfo], body: Mapping[str, Any]) -> list[IndexInfo]:
    """Return the live indices whose mapping is not the wanted one, or whose rebuild is unfinished."""
    unfinished = {info.name for info in indices if is_unfinished(info)}
    wanted = body["mappings"]["properties"]
    return [
        info
        for info in indices
        if info.is_live and (info.mappings.get("properties") != wanted or info.name in unfinished)
    ]


def old_copies(indices: Sequence[IndexInfo]) -> list[IndexInfo]:
    """Return the old indices that were kept when a rebuilt one replaced them."""
    live = {info.name for info in indices if info.is_live}
    return [
        info for info in indices if not info.is_live and not is_unfinished(info) and info.name in live
    ]


class Reindexer:
    """Rebuilds indices. `body` is the `template` part of the index template.

    Raises SetupFaultError, UnreachableError or an error of the Elasticsearch client; running it again
    resumes from there.
    """

    def __init__(
        self,
        reader: ShardReader,
        naming: IndexNaming,
        body: Mapping[str, Any],
        report: Report,
        *,
        grace: float,
        announce: Callable[[str], None],
    ) -> None:
        self._reader = reader
        self._client = reader.client
        self._naming = naming
        self._body = body
        self._report = report
        self._grace = grace
        self._announce = announce

    def reindex(self, name: str) -> None:
        """Replace the index that events are written to under `name` by a rebuilt one."""
        source = self._live(name)
        if is_unfinished(source):  # an earlier run was killed just before its last step
            ReindexJob(self._reader, source, source.index, self._body).finish()
            return
        job = ReindexJob(self._reader, source, self._target(source), self._body)
        job.begin()
        self._catch_up(job)
        blocked_at = time.monotonic()
        old = self._complete(job)
        self._move_readers(source, job.target)
        self._move_writers(source, job.target)
        job.finish()
        seconds = time.monotonic() - blocked_at
        self._announce(
            f"{name}: replaced by {job.target}, which holds the same events; "
            f"consumers waited for {seconds:.1f} s; {old} is kept until --delete-old"
        )

    def _catch_up(self, job: ReindexJob) -> None:
        """Copy and compare what has come meanwhile, until that is little or gets no less."""
        before = math.inf
        while True:
            copied = job.copy(self._report)
            job.check(self._report)
            if copied <= _SMALL_PASS:
                return
            if copied > _SMALLER * before:
                self._announce(
                    f"{job.source.name}: events come about as fast as they are copied, so consumers "
                    f"wait now until the last {copied:,} or so are copied and compared"
                )
                return
            before = copied

    def _complete(self, job: ReindexJob) -> str:
        """Block writes, copy and compare the rest, keep the source; return the name it is kept by."""
        source = job.source
        self._check_is_live(source)
        try:
            self._client.indices.add_block(index=source.index, block="write")
            job.copy(self._report, complete=True)
            job.check(self._report)
            if (difference := job.difference()) is not None:
                raise SetupFaultError(
                    f"The copy of {source.index} is not identical ({difference}), so it was not put "
                    "into use. Undo the unfinished reindex with: auditlog reindex --abandon"
                )
            return self._keep(source)
        except (Exception, KeyboardInterrupt):
            if not job.was_blocked:
                with suppress(Exception):  # consumers need not wait until somebody has investigated
                    self._unblock(source.index)
            raise

    def abandon(self) -> Iterator[str]:
        """Undo every unfinished reindex; yield what was done."""
        for copy in [info for info in self._inventory() if is_unfinished(info)]:
            if copy.is_live:
                self.reindex(copy.name)
                yield f"{copy.index} was already in use, so it was finished"
                continue
            source = self._live(copy.name)
            prefix = self._naming.prefix
            if prefix in copy.aliases:
                self._alias(_removed(copy.index, prefix), _added(source.index, prefix))
            if copy.mappings["_meta"][PROGRESS]["was_blocked"] is False:
                self._unblock(source.index)
            clone = self._naming.copy_of(source.name, 1)
            if source.version == 1 and self._is_clone(clone, source):
                self._client.indices.delete(index=clone)
            self._client.indices.delete(index=copy.index)
            yield f"deleted {copy.index}; {source.index} accepts events again"

    def _target(self, source: IndexInfo) -> str:
        """Return the name of the copy: that of an unfinished one, otherwise an unused one."""
        same = [info for info in self._inventory() if info.name == source.name and info != source]
        for info in same:
            if is_unfinished(info) and not info.is_live:
                return info.index
        version = max([source.version, *(info.version for info in same)])
        return self._naming.copy_of(source.name, version + 1)

    def _keep(self, source: IndexInfo) -> str:
        """Keep the old index under a name that nobody reads or writes; return that name.

        Only an index whose own name is to become the alias has to be cloned, which takes hard links.
        """
        if source.version > 1:
            return source.index
        clone = self._naming.copy_of(source.name, 1)
        if self._is_clone(clone, source):  # of an earlier run; events may have arrived since
            self._check_is_live(source)
            self._client.indices.delete(index=clone)
        meta = {**source.mappings["_meta"], _CLONE_OF: source.settings["index.uuid"]}
        self._client.indices.put_mapping(index=source.index, meta=meta)  # the clone inherits it
        self._client.indices.clone(index=source.index, target=clone, wait_for_active_shards="1")
        self._client.indices.refresh(index=clone)
        cloned, wanted = (self._client.count(index=one)["count"] for one in (clone, source.index))
        if cloned != wanted:
            raise SetupFaultError(
                f"Index {clone}, the clone to keep, has {cloned:,} events instead of {wanted:,}. Run "
                "auditlog reindex again"
            )
        return clone

    def _check_is_live(self, source: IndexInfo) -> None:
        """Raise SetupFaultError if another run has replaced an index: its name is the copy's now."""
        if self._live(source.name).settings["index.uuid"] != source.settings["index.uuid"]:
            raise SetupFaultError(
                f"Another reindex has replaced {source.name} in the meantime, so nothing is left to do"
            )

    def _is_clone(self, index: str, source: IndexInfo) -> bool:
        """Tell whether an index exists, as a clone of this very source.

        Raises SetupFaultError if it is something else: it may hold the only copy of its events.
        """
        answer = self._client.indices.get_mapping(
            index=index, ignore_unavailable=True, allow_no_indices=True
        )
        if index not in answer:
            return False
        meta = answer[index]["mappings"].get("_meta", {})
        if meta.get(_CLONE_OF) != source.settings["index.uuid"]:
            raise SetupFaultError(
                f"Index {index} already exists, and is not a clone of {source.index}. Check what it "
                "holds, then delete it, or run: auditlog reindex --delete-old"
            )
        return True

    def _unblock(self, index: str) -> None:
        self._client.indices.put_settings(index=index, settings={"index.blocks.write": None})

    def _move_readers(self, source: IndexInfo, target: str) -> None:
        prefix = self._naming.prefix
        self._client.cluster.health(index=target, wait_for_status="yellow", timeout="60s")
        self._alias(_removed(source.index, prefix), _added(target, prefix))
        deadline = time.monotonic() + self._grace
        while time.monotonic() < deadline and self._is_searched(source.index):
            time.sleep(_POLL_SECONDS)

    def _move_writers(self, source: IndexInfo, target: str) -> None:
        remove = (
            {"remove_index": {"index": source.index}}
            if source.version == 1
            else _removed(source.index, source.name)
        )
        self._alias(remove, _added(target, source.name))

    def _alias(self, *actions: dict[str, Any]) -> None:
        """Apply all actions atomically."""
        self._client.indices.update_aliases(actions=list(actions))

    def _is_searched(self, index: str) -> bool:
        stats = self._client.indices.stats(index=index, metric="search")["_all"]["total"]["search"]
        return bool(stats["open_contexts"] or stats["query_current"] or stats["fetch_current"])

    def _live(self, name: str) -> IndexInfo:
        for info in self._inventory():
            if info.is_live and name in (info.name, info.index):
                return info
        raise SetupFaultError(f"There is no index {name}. List the indices with: auditlog retention")

    def _inventory(self) -> Sequence[IndexInfo]:
        return take_inventory(self._client, self._naming).indices


def _added(index: str, alias: str) -> dict[str, Any]:
    return {"add": {"index": index, "alias": alias}}


def _removed(index: str, alias: str) -> dict[str, Any]:
    return {"remove": {"index": index, "alias": alias, "must_exist": False}}
