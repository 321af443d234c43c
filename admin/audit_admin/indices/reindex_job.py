"""Copying one index into a new one with the current mapping; progress is saved in the copy's `_meta`.

Documents are copied as they are, under their own ids, by `create`, so copying them twice does no harm.
What is saved is the range of sequence numbers that is completely copied, and its checksum: a run that
was killed at any point is resumed from there.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import elasticsearch
from audit_consumer import RESPONSE_FIELDS, SetupFaultError, UnreachableError, classify_items
from audit_runtime.hits import Hit
from audit_runtime.terminal import Report

from audit_admin.indices.inventory import IndexInfo
from audit_admin.indices.shard_reader import Checksum, ShardReader

__all__ = ["PROGRESS", "ReindexJob", "is_unfinished"]

PROGRESS = "reindex"
"""The key in `_meta` of a copy that is not finished."""

_SAVE_EVERY_PAGES = 10
"""Each save changes the cluster state."""
_BULK_BYTES = 8 * 1024 * 1024
_ATTEMPTS = 60
_RETRYABLE = (429, 502, 503, 504)


def is_unfinished(info: IndexInfo) -> bool:
    """Tell whether an index is a copy that was begun and is not finished."""
    return PROGRESS in info.mappings.get("_meta", {})


class ReindexJob:
    """Copies `source` to `target`. Raises the errors of the Elasticsearch client."""

    def __init__(
        self, reader: ShardReader, source: IndexInfo, target: str, body: Mapping[str, Any]
    ) -> None:
        self.source = source
        self.target = target
        self._reader = reader
        self._client = reader.client
        self._body = body
        self._copied: dict[int, tuple[int, Checksum]] = {}
        self._checked: dict[int, tuple[int, Checksum]] = {}
        progress = source.mappings.get("_meta", {}).get(PROGRESS)
        self.was_blocked: bool = (
            progress["was_blocked"] if progress else source.settings.get("index.blocks.write") == "true"
        )

    def begin(self) -> None:
        """Create the target, or resume the one that an earlier run began.

        Raises SetupFaultError if an index of that name is a copy of something else.
        """
        uuid = self.source.settings["index.uuid"]
        try:
            mappings = self._client.indices.get_mapping(index=self.target)[self.target]["mappings"]
        except elasticsearch.NotFoundError:
            self._client.indices.create(
                index=self.target,
                settings=self._settings(),
                mappings={**self._body["mappings"], "_meta": self._meta()},
            )
            return
        progress = mappings.get("_meta", {}).get(PROGRESS)
        if progress is None or progress["uuid"] != uuid:
            raise SetupFaultError(
                f"Index {self.target} already exists, and is not a copy of the current "
                f"{self.source.index}. Delete it, or undo the unfinished reindex with: "
                "auditlog reindex --abandon"
            )
        self.was_blocked = progress["was_blocked"]
        self._copied = {
            int(shard): (upto, Checksum(documents, int(digest, 16)))
            for shard, (upto, documents, digest) in progress["copied"].items()
        }

    def copy(self, report: Report, *, complete: bool = False) -> int:
        """Copy what is below the checkpoints and not copied yet; return how many documents that was.

        With `complete`, wait until no write is in flight; the source must be blocked for writes.
        """
        checkpoints = self._reader.checkpoints(self.source.index, complete=complete)
        before = self._total(self._copied).documents
        for shard, upto in checkpoints.items():
            after, checksum = self._copied.get(shard, (-1, Checksum()))
            pages = self._reader.pages(self.source.index, shard, after, upto)
            for number, documents in enumerate(pages, 1):
                self._create(documents)
                after, checksum = documents[-1].sort[0], checksum.plus(documents)
                self._copied[shard] = (after, checksum)
                if number % _SAVE_EVERY_PAGES == 0:
                    self.save_progress()
                done = self._total(self._copied).documents
                report(f"Copying {self.source.name}", done, self.source.documents or done)
            self._copied[shard] = (max(after, upto), checksum)
        self.save_progress()
        return self._total(self._copied).documents - before

    def check(self, report: Report) -> None:
        """Read back what was written to the target since the last check."""
        total = self._total(self._copied).documents
        for shard, upto in self._reader.checkpoints(self.target, complete=True).items():
            after, checksum = self._checked.get(shard, (-1, Checksum()))
            for documents in self._reader.pages(self.target, shard, after, upto):
                checksum = checksum.plus(documents)
                self._checked[shard] = (documents[-1].sort[0], checksum)
                report(f"Comparing {self.source.name}", self._total(self._checked).documents, total)
            self._checked[shard] = (upto, checksum)

    def difference(self) -> str | None:
        """Say how the two indices differ, as far as copied and checked; None if they don't."""
        copied, checked = self._total(self._copied), self._total(self._checked)
        if copied.documents != checked.documents:
            return f"{copied.documents:,} events were copied, but it has {checked.documents:,}"
        return None if copied == checked else "some events have changed"

    def save_progress(self) -> None:
        """Save what has been copied so far."""
        self._client.indices.put_mapping(index=self.target, meta=self._meta())

    def finish(self) -> None:
        """Remove the saved progress; block writes to the target if the source was blocked before."""
        if self.was_blocked:
            self._client.indices.add_block(index=self.target, block="write")
        self._client.indices.put_mapping(index=self.target, meta=self._body["mappings"]["_meta"])

    def _meta(self) -> dict[str, Any]:
        copied = {
            str(shard): [upto, checksum.documents, f"{checksum.digest:x}"]
            for shard, (upto, checksum) in self._copied.items()
        }
        progress = {
            "source": self.source.index,
            "uuid": self.source.settings["index.uuid"],
            "was_blocked": self.was_blocked,
            "copied": copied,
        }
        return {**self._body["mappings"]["_meta"], PROGRESS: progress}

    def _settings(self) -> dict[str, Any]:
        """Return the template's settings; ILM keeps counting from the creation of the first index."""
        index = dict(self._body["settings"]["index"])
        if "lifecycle" in index:
            given = self.source.settings
            created = given.get("index.lifecycle.origination_date") or given["index.creation_date"]
            index["lifecycle"] = {"origination_date": created, **index["lifecycle"]}
        return {"index": index}

    def _create(self, documents: Sequence[Hit]) -> None:
        """Write documents; those that an earlier run has already written are left as they are."""
        lines: list[bytes] = []
        size = 0
        for one in documents:
            action = f'{{"create":{{"_index":"{self.target}","_id":"{one.id}"}}}}\n'.encode()
            lines.append(action + one.line)
            size += len(lines[-1])
            if size >= _BULK_BYTES:
                self._bulk(lines)
                lines, size = [], 0
        if lines:
            self._bulk(lines)

    def _bulk(self, lines: Sequence[bytes]) -> None:
        left, pause = list(lines), 0.1
        for _ in range(_ATTEMPTS):
            try:
                answer = self._client.bulk(
                    operations=[b"\n".join(left)],  # type: ignore[list-item]  # sent as it is
                    filter_path=RESPONSE_FIELDS,
                )
                items = classify_items(len(left), answer.body)
            except elasticsearch.ApiError as error:
                if error.meta.status not in _RETRYABLE:
                    raise
            except (elasticsearch.ConnectionTimeout, elasticsearch.ConnectionError):
                pass  # the next attempt finds out what this one wrote
            else:
                for _, why in (*items.rejected, *items.faults):
                    raise SetupFaultError(f"Index {self.target} rejects an event: {why}")
                if not items.retry:
                    return
                left = [left[position] for position in items.retry]
            time.sleep(pause)
            pause = min(10.0, pause * 2)
        raise UnreachableError(
            f"Elasticsearch did not accept the events copied to {self.target} after many attempts"
        )

    def _total(self, checksums: Mapping[int, tuple[int, Checksum]]) -> Checksum:
        return sum((checksum for _, checksum in checksums.values()), Checksum())
