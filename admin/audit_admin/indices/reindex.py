"""`auditlog reindex`: an index is made anew under today's mapping, while events keep coming.

What readers and consumers see of it, at each step:

1. A copy is made under a name that neither the alias nor the pattern of the log matches: nobody sees
   it. Consumers write to the index meanwhile; pass after pass, by sequence number, the copy catches up.
2. Writes to the index are blocked. Consumers wait, as they do for every write block, and lose nothing.
   The last events are copied; counts and hashes of both are compared.
3. The alias of the log moves from the index to the copy in one step. Searches that run on the index
   are let come to their end.
4. The name that consumers write under moves, too, in one step: from now on it is an alias of the copy.
   Consumers go on. The index is kept under another name, until `--forget`.

Killed at any moment, it is gone on with by running it again. Its state is in Elasticsearch alone.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from audit_consumer import SetupFaultError
from audit_runtime.terminal import Report
from audit_schemas import IndexNaming

from audit_admin.indices.inventory import Held, take_inventory
from audit_admin.indices.reindex_job import NOTE, Making, is_making
from audit_admin.indices.shard_reader import Sweep

__all__ = ["Reindexing", "kept", "outdated"]

_PASSES = 20
_SMALL = 2_000
"""With so few events in a pass, the last one takes no time to speak of."""
_POLL_SECONDS = 0.1
_CLONED = "kept_of"
"""The key in `_meta` that says which index one was cloned of, by uuid."""


def outdated(indices: Sequence[Held], body: Mapping[str, Any]) -> list[Held]:
    """Return the indices whose mapping is not the wanted one, and those that were begun with."""
    begun = {one.name for one in indices if is_making(one)}
    wanted = body["mappings"]["properties"]
    return [
        one
        for one in indices
        if one.is_live and (one.mappings.get("properties") != wanted or one.name in begun)
    ]


def kept(indices: Sequence[Held]) -> list[Held]:
    """Return the old indices that were kept when a new one took their place."""
    live = {one.name for one in indices if one.is_live}
    return [one for one in indices if not one.is_live and not is_making(one) and one.name in live]


class Reindexing:
    """Makes indices anew. `body` is the `template` part of the index template.

    Raises SetupFaultError, UnreachableError or an error of the Elasticsearch client; running it again
    goes on from there.
    """

    def __init__(
        self,
        sweep: Sweep,
        naming: IndexNaming,
        body: Mapping[str, Any],
        report: Report,
        *,
        grace: float,
        say: Callable[[str], None],
    ) -> None:
        self._sweep = sweep
        self._client = sweep.client
        self._naming = naming
        self._body = body
        self._report = report
        self._grace = grace
        self._say = say

    def make_anew(self, name: str) -> None:
        """Put a new index in the place of the one that events are written to under `name`."""
        source = self._live(name)
        if is_making(source):  # a run before got as far as the last step but one
            Making(self._sweep, source, source.index, self._body).finish()
            return
        making = Making(self._sweep, source, self._target(source), self._body)
        making.begin()
        for _ in range(_PASSES):
            if making.copy(self._report) <= _SMALL:
                break
        making.check(self._report)
        began = time.monotonic()
        try:
            self._client.indices.add_block(index=source.index, block="write")
            making.copy(self._report, whole=True)
            making.check(self._report)
            if (why := making.differs()) is not None:
                raise SetupFaultError(
                    f"The copy of {source.index} is not the same ({why}), so it does not take its "
                    "place. Take back what was begun with: auditlog reindex --abandon"
                )
            old = self._keep(source)
        except (Exception, KeyboardInterrupt):
            if not making.was_blocked:
                with suppress(Exception):  # consumers need not wait until someone has looked
                    self._unblock(source.index)
            raise
        self._move_readers(source, making.target)
        self._move_writers(source, making.target)
        making.finish()
        seconds = time.monotonic() - began
        self._say(
            f"{name}: {making.target} took its place, the same in all events; "
            f"consumers waited for {seconds:.1f} s; {old} is kept until --forget"
        )

    def abandon(self) -> Iterator[str]:
        """Take back what was begun and not finished; yield what was done."""
        for making in [one for one in self._inventory() if is_making(one)]:
            if making.is_live:
                self.make_anew(making.name)
                yield f"{making.index} was in its place already, and is finished"
                continue
            source = self._live(making.name)
            prefix = self._naming.prefix
            if prefix in making.aliases:
                self._alias(_removed(making.index, prefix), _added(source.index, prefix))
            if making.mappings["_meta"][NOTE]["was_blocked"] is False:
                self._unblock(source.index)
            clone = self._naming.copy_of(source.name, 1)
            if source.version == 1 and self._is_clone(clone, source):
                self._client.indices.delete(index=clone)
            self._client.indices.delete(index=making.index)
            yield f"{making.index} is deleted; {source.index} takes events again"

    def _target(self, source: Held) -> str:
        """Return the name of the copy: that of one that was begun, else one that nothing has."""
        same = [one for one in self._inventory() if one.name == source.name and one != source]
        for one in same:
            if is_making(one) and not one.is_live:
                return one.index
        version = max([source.version, *(one.version for one in same)])
        return self._naming.copy_of(source.name, version + 1)

    def _keep(self, source: Held) -> str:
        """See to it that the old index stays, under a name that nobody asks; return that.

        Only an index whose own name is to become the alias has to be cloned: by links, no copy.
        """
        if source.version > 1:
            return source.index
        clone = self._naming.copy_of(source.name, 1)
        if self._is_clone(clone, source):  # of a run before; events may have come since
            self._client.indices.delete(index=clone)
        meta = {**source.mappings["_meta"], _CLONED: source.settings["index.uuid"]}
        self._client.indices.put_mapping(index=source.index, meta=meta)  # the clone inherits it
        self._client.indices.clone(index=source.index, target=clone, wait_for_active_shards="1")
        self._client.indices.refresh(index=clone)
        found, wanted = (self._client.count(index=one)["count"] for one in (clone, source.index))
        if found != wanted:
            raise SetupFaultError(
                f"Index {clone}, the copy to keep, holds {found:,} events and not {wanted:,}. Run "
                "auditlog reindex again"
            )
        return clone

    def _is_clone(self, index: str, source: Held) -> bool:
        """Tell whether an index is there, and was cloned of this source and nothing else.

        Raises SetupFaultError if it is another one, whose events may be nowhere else.
        """
        found = self._client.indices.get_mapping(
            index=index, ignore_unavailable=True, allow_no_indices=True
        )
        if index not in found:
            return False
        meta = found[index]["mappings"].get("_meta", {})
        if meta.get(_CLONED) != source.settings["index.uuid"]:
            raise SetupFaultError(
                f"Index {index} is in the way, and is no copy of {source.index}. See what it holds, "
                "then delete it, or: auditlog reindex --forget"
            )
        return True

    def _unblock(self, index: str) -> None:
        self._client.indices.put_settings(index=index, settings={"index.blocks.write": None})

    def _move_readers(self, source: Held, target: str) -> None:
        prefix = self._naming.prefix
        self._client.cluster.health(index=target, wait_for_status="yellow", timeout="60s")
        self._alias(_removed(source.index, prefix), _added(target, prefix))
        deadline = time.monotonic() + self._grace
        while time.monotonic() < deadline and self._is_searched(source.index):
            time.sleep(_POLL_SECONDS)

    def _move_writers(self, source: Held, target: str) -> None:
        gone = (
            {"remove_index": {"index": source.index}}
            if source.version == 1
            else _removed(source.index, source.name)
        )
        self._alias(gone, _added(target, source.name))

    def _alias(self, *actions: dict[str, Any]) -> None:
        """Do all of it in one step, which every node sees as one."""
        self._client.indices.update_aliases(actions=list(actions))

    def _is_searched(self, index: str) -> bool:
        stats = self._client.indices.stats(index=index, metric="search")["_all"]["total"]["search"]
        return bool(stats["open_contexts"] or stats["query_current"] or stats["fetch_current"])

    def _live(self, name: str) -> Held:
        for one in self._inventory():
            if one.is_live and name in (one.name, one.index):
                return one
        raise SetupFaultError(
            f"There is no index {name} that events are written to. See those that there are with: "
            "auditlog retention"
        )

    def _inventory(self) -> Sequence[Held]:
        return take_inventory(self._client, self._naming).held


def _added(index: str, alias: str) -> dict[str, Any]:
    return {"add": {"index": index, "alias": alias}}


def _removed(index: str, alias: str) -> dict[str, Any]:
    return {"remove": {"index": index, "alias": alias, "must_exist": False}}
