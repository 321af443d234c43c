"""What became of records that have no document, judged again by the consumer's own code.

A dead letter excuses a record only if the record, as Kafka has it, is refused: by the decoder, with
the consumers' catalogue and time limits; since its id is another event's; or by the index. A copy of a
valid record excuses nothing: anybody who may write to the dead-letter topic can make one.
"""

from collections.abc import Mapping, Sequence

from audit_consumer import (
    ConsumerSettings,
    Decoder,
    EventIndex,
    Outcome,
    Prepared,
    Record,
    Refusal,
    Stored,
    compare,
    resolve_strays,
)
from audit_schemas import IndexNaming, TimeBounds

from audit_admin.verification.copies import Copies

__all__ = ["Judge", "Verdict"]

_INDICES = 1000

Verdict = Outcome | Refusal | None
"""A refusal: it would be refused now, but has no dead letter. None: it is valid, and nowhere."""


class Judge:
    """Judges records. Raises the errors of `EventIndex`."""

    def __init__(self, settings: ConsumerSettings, index: EventIndex, naming: IndexNaming) -> None:
        catalogue = settings.load_catalogue()
        self._index = index
        self._decoder = Decoder(catalogue, settings.time_bounds(), naming)
        # What was accepted once is not refused in hindsight, because a limit has changed.
        self._unlimited = Decoder(catalogue, TimeBounds.unlimited(), naming)

    def judge(self, records: Sequence[Record], copies: Copies) -> list[Verdict]:
        """Return what became of each record, by its id looked up in real time."""
        copied = [copies.have(record) for record in records]
        found = [
            (self._decoder if has_copy else self._unlimited).prepare(record)
            for record, has_copy in zip(records, copied, strict=True)
        ]
        items = [item for item in found if isinstance(item, Prepared)]
        stored = self._index.stored(items) if items else {}
        return [
            self._with_dead_letter(item, stored) if has_copy else _without_dead_letter(item, stored)
            for item, has_copy in zip(found, copied, strict=True)
        ]

    def _with_dead_letter(
        self, item: Prepared | Refusal, stored: Mapping[tuple[str, str], Stored]
    ) -> Verdict:
        result = item if isinstance(item, Refusal) else _compared(item, stored)
        if result is Outcome.INDEXED:
            return result
        if result is Outcome.DUPLICATE:  # replayed since then
            return Outcome.DEAD_LETTERED
        is_refused = isinstance(result, Refusal) or (
            isinstance(item, Prepared) and (self._has_stray_id(item) or self._index.rejects(item))
        )
        return Outcome.DEAD_LETTERED if is_refused else None

    def _has_stray_id(self, item: Prepared) -> bool:
        """Tell whether another index holds the event's id for an earlier event."""
        if item.index == item.home:
            return False
        return bool(resolve_strays({0: item}, self._index.elsewhere([item], _INDICES)))


def _without_dead_letter(item: Prepared | Refusal, stored: Mapping[tuple[str, str], Stored]) -> Verdict:
    if isinstance(item, Refusal):
        return item
    result = _compared(item, stored)
    return result if isinstance(result, Outcome) else None


def _compared(item: Prepared, stored: Mapping[tuple[str, str], Stored]) -> Outcome | Refusal | None:
    return compare(item, stored.get((item.index, item.document.id)))
