"""An index in the making: a copy under today's mapping, whose progress is noted in its own `_meta`.

Documents are copied as they are, under their own ids, by `create`: doing it twice does no harm. What
is noted is a range of sequence numbers that is copied whole, with the tally of what was in it; so a
run that was killed at any moment is gone on with from there.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import elasticsearch
from audit_consumer import RESPONSE_FIELDS, SetupFaultError, UnreachableError, classify_items
from audit_runtime.terminal import Report

from audit_admin.indices.inventory import Held
from audit_admin.indices.shard_reader import Hit, Sweep, Tally

__all__ = ["NOTE", "Making", "is_making"]

NOTE = "reindex"
"""The key in `_meta` of an index that is not finished."""

_NOTE_EVERY = 10
"""Pages between two notes; each note is a change of the cluster's state."""
_BULK_BYTES = 8 * 1024 * 1024
_TRIES = 60
_LATER = (429, 502, 503, 504)


def is_making(held: Held) -> bool:
    """Tell whether an index is one that was begun and is not finished."""
    return NOTE in held.mappings.get("_meta", {})


class Making:
    """Makes `target` of `source`. Errors of the Elasticsearch client pass through."""

    def __init__(self, sweep: Sweep, source: Held, target: str, body: Mapping[str, Any]) -> None:
        self.source = source
        self.target = target
        self._sweep = sweep
        self._client = sweep.client
        self._body = body
        self._copied: dict[int, tuple[int, Tally]] = {}
        self._checked: dict[int, tuple[int, Tally]] = {}
        note = source.mappings.get("_meta", {}).get(NOTE)
        self.was_blocked: bool = (
            note["was_blocked"] if note else source.settings.get("index.blocks.write") == "true"
        )

    def begin(self) -> None:
        """Make the new index, or go on with the one that a run before has begun.

        Raises SetupFaultError if an index of that name was made of something else.
        """
        uuid = self.source.settings["index.uuid"]
        try:
            found = self._client.indices.get_mapping(index=self.target)[self.target]["mappings"]
        except elasticsearch.NotFoundError:
            self._client.indices.create(
                index=self.target,
                settings=self._settings(),
                mappings={**self._body["mappings"], "_meta": self._meta()},
            )
            return
        note = found.get("_meta", {}).get(NOTE)
        if note is None or note["uuid"] != uuid:
            raise SetupFaultError(
                f"Index {self.target} is in the way: it was not made of {self.source.index} as it is "
                "now. Delete it, or take back what was begun with: auditlog reindex --abandon"
            )
        self.was_blocked = note["was_blocked"]
        self._copied = {
            int(shard): (at, Tally(documents, int(digest, 16)))
            for shard, (at, documents, digest) in note["copied"].items()
        }

    def copy(self, report: Report, *, whole: bool = False) -> int:
        """Copy what was settled and is not copied yet; return how many documents that were.

        `whole` waits until nothing is under way: the source must take no writes then.
        """
        settled = self._sweep.settled(self.source.index, whole=whole)
        before = self._total(self._copied).documents
        for shard, upto in settled.items():
            after, tally = self._copied.get(shard, (-1, Tally()))
            for number, hits in enumerate(self._sweep.pages(self.source.index, shard, after, upto), 1):
                self._create(hits)
                after, tally = hits[-1].sort[0], tally.plus(hits)
                self._copied[shard] = (after, tally)
                if number % _NOTE_EVERY == 0:
                    self.note()
                done = self._total(self._copied).documents
                report(f"Copying {self.source.name}", done, self.source.documents or done)
            self._copied[shard] = (max(after, upto), tally)
        self.note()
        return self._total(self._copied).documents - before

    def check(self, report: Report) -> None:
        """Read what was written to the new index since the last look, and tally it."""
        total = self._total(self._copied).documents
        for shard, upto in self._sweep.settled(self.target, whole=True).items():
            after, tally = self._checked.get(shard, (-1, Tally()))
            for hits in self._sweep.pages(self.target, shard, after, upto):
                tally = tally.plus(hits)
                self._checked[shard] = (hits[-1].sort[0], tally)
                report(f"Comparing {self.source.name}", self._total(self._checked).documents, total)
            self._checked[shard] = (upto, tally)

    def differs(self) -> str | None:
        """Say in what both differ, as far as they were copied and checked; None if in nothing."""
        copied, checked = self._total(self._copied), self._total(self._checked)
        if copied.documents != checked.documents:
            return f"{copied.documents:,} events were copied, and {checked.documents:,} are there"
        return None if copied == checked else "some events are not what they were"

    def note(self) -> None:
        """Note what is copied."""
        self._client.indices.put_mapping(index=self.target, meta=self._meta())

    def finish(self) -> None:
        """Take the note away, and block writes where they were blocked before: it is an index now."""
        if self.was_blocked:
            self._client.indices.add_block(index=self.target, block="write")
        self._client.indices.put_mapping(index=self.target, meta=self._body["mappings"]["_meta"])

    def _meta(self) -> dict[str, Any]:
        copied = {
            str(shard): [at, tally.documents, f"{tally.digest:x}"]
            for shard, (at, tally) in self._copied.items()
        }
        note = {
            "source": self.source.index,
            "uuid": self.source.settings["index.uuid"],
            "was_blocked": self.was_blocked,
            "copied": copied,
        }
        return {**self._body["mappings"]["_meta"], NOTE: note}

    def _settings(self) -> dict[str, Any]:
        """Return the template's settings; ILM goes on counting from when the source was made."""
        index = dict(self._body["settings"]["index"])
        if "lifecycle" in index:
            born = self.source.settings["index.creation_date"]
            index["lifecycle"] = {"origination_date": born, **index["lifecycle"]}
        return {"index": index}

    def _create(self, hits: Sequence[Hit]) -> None:
        """Write documents; those that are there already, from a run before, are as they should be."""
        lines: list[bytes] = []
        size = 0
        for hit in hits:
            action = f'{{"create":{{"_index":"{self.target}","_id":"{hit.id}"}}}}\n'.encode()
            lines.append(action + hit.line)
            size += len(lines[-1])
            if size >= _BULK_BYTES:
                self._bulk(lines)
                lines, size = [], 0
        if lines:
            self._bulk(lines)

    def _bulk(self, lines: Sequence[bytes]) -> None:
        left, pause = list(lines), 0.1
        for _ in range(_TRIES):
            try:
                answer = self._client.bulk(
                    operations=[b"\n".join(left)],  # type: ignore[list-item]  # sent as it is
                    filter_path=RESPONSE_FIELDS,
                )
                answers = classify_items(len(left), answer.body)
            except elasticsearch.ApiError as error:
                if error.meta.status not in _LATER:
                    raise
            except (elasticsearch.ConnectionTimeout, elasticsearch.ConnectionError):
                pass  # what it did of it, the next try finds
            else:
                for _, why in (*answers.rejected, *answers.faults):
                    raise SetupFaultError(f"Index {self.target} does not take an event: {why}")
                if not answers.retry:
                    return
                left = [left[position] for position in answers.retry]
            time.sleep(pause)
            pause = min(10.0, pause * 2)
        raise UnreachableError(f"Elasticsearch does not take what is copied to {self.target}")

    def _total(self, tallies: Mapping[int, tuple[int, Tally]]) -> Tally:
        return sum((tally for _, tally in tallies.values()), Tally())
