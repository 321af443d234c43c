"""One attempt at settling a batch: the one place that decides what becomes of a record."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from audit_schemas import Reason
from confluent_kafka import Message

from audit_consumer.batch import Batch
from audit_consumer.bulk import ItemResults, classify_items, compare
from audit_consumer.dead_letters import DeadLetters
from audit_consumer.decode import Decoder
from audit_consumer.elastic import EventIndex
from audit_consumer.errors import (
    ConsumerError,
    OverloadedError,
    SetupFaultError,
    UnreachableError,
)
from audit_consumer.record import Outcome, Prepared, Record, Refusal
from audit_consumer.strays import positions_of_strays, resolve_strays

__all__ = ["Progress", "Settler"]

_LOOKED_UP = 1000

_LOOKED_UP_ELSEWHERE = 2000
"""At most so many in one batch, unless it has more strays. It takes about 0.1 s; see `elsewhere`."""

_Rejection = tuple[int, str]
"""A position in a batch, and Elasticsearch's reason."""


@dataclass(slots=True)
class Progress:
    """What one attempt settled, and the error that blocks the rest."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    blocking_error: ConsumerError | None = None


class Settler:
    """Indexes and dead-letters. Safe to use from several threads, each with a batch of its own."""

    def __init__(
        self, decoder: Decoder, index: EventIndex, dead_letters: DeadLetters, *, send_seconds: float
    ) -> None:
        self._decoder = decoder
        self._index = index
        self._dead_letters = dead_letters
        self._send_seconds = send_seconds
        self._checked: set[str] = set()

    def advance(self, batch: Batch) -> Progress:
        """Try to settle the whole batch; what is left in it has to be retried.

        Blocks while the servers work. An error that time or an operator can fix is not raised, but
        returned as the progress's `blocking_error`.
        """
        progress = Progress()
        try:
            self._resolve_strays(batch, progress)
            if batch.messages:
                self._index_all(batch, progress)
        except (UnreachableError, SetupFaultError) as error:
            progress.blocking_error = error
        if batch.refusals:
            self._dead_letter_all(batch, progress)
        return progress

    def _resolve_strays(self, batch: Batch, progress: Progress) -> None:
        """Settle events whose id another index holds: the create of a bulk request can't tell."""
        positions = positions_of_strays(batch.lines)
        if not positions:
            return
        items = {position: self._prepared(batch.messages[position]) for position in positions}
        strays = [item for item in items.values() if item.index != item.home]
        resolved = resolve_strays(items, self._index.elsewhere(strays, _LOOKED_UP_ELSEWHERE))
        for result in resolved.values():
            if isinstance(result, Refusal):
                batch.refusals.append(result)
            else:
                progress.outcomes[result] += 1
        batch.keep([n for n in range(len(batch.messages)) if n not in resolved])

    def _index_all(self, batch: Batch, progress: Progress) -> None:
        answers = self._create(batch)
        progress.outcomes[Outcome.INDEXED] += answers.indexed
        left = {*answers.retry, *answers.conflicts}
        left.update(position for position, _ in (*answers.rejected, *answers.faults))
        try:
            self._resolve_conflicts(batch, answers, left, progress)
            self._resolve_rejections(batch, answers, left)
        finally:
            batch.keep(sorted(left))  # whatever went wrong, what is settled is not sent again
        if left:
            raise UnreachableError(f"Elasticsearch did not take {len(left)} events of a bulk yet")

    def _create(self, batch: Batch) -> ItemResults:
        for index in self._decoder.indices - self._checked:
            self._index.check(index)
            self._checked.add(index)
        try:
            response = self._index.create(batch.lines)
        except OverloadedError as error:
            if error.is_limit and len(batch.lines) == 1:
                raise self._too_large(batch) from error
            raise
        try:
            return classify_items(len(batch.lines), response)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # A proxy's page, a cut answer: nothing is known of any item, so all are tried again.
            raise UnreachableError(
                "Elasticsearch returned an unexpected response to a bulk request"
            ) from error

    def _too_large(self, batch: Batch) -> OverloadedError:
        """Say which event is the one that no request can be made smaller for."""
        item = self._prepared(batch.messages[0])
        origin = item.record.origin
        return OverloadedError(
            f"Event {item.document.id} ({origin.topic} [{origin.partition}] at offset {origin.offset}) "
            f"takes a request of {len(batch.lines[0])} bytes, which is not accepted (HTTP 413). Raise "
            "http.max_content_length of Elasticsearch, or the limit of the proxy in front of it",
            is_limit=True,
        )

    def _resolve_conflicts(
        self, batch: Batch, answers: ItemResults, left: set[int], progress: Progress
    ) -> None:
        for start in range(0, len(answers.conflicts), _LOOKED_UP):
            positions = answers.conflicts[start : start + _LOOKED_UP]
            items = [self._prepared(batch.messages[position]) for position in positions]
            stored = self._index.stored(items)
            for position, item in zip(positions, items, strict=True):
                match compare(item, stored.get((item.index, item.document.id))):
                    case Outcome() as outcome:
                        progress.outcomes[outcome] += 1
                    case Refusal() as refusal:
                        batch.refusals.append(refusal)
                    case None:
                        continue  # deleted in between: it is created at the next try
                left.remove(position)

    def _resolve_rejections(self, batch: Batch, answers: ItemResults, left: set[int]) -> None:
        """Refuse what is the event's own fault. Raises SetupFaultError for anything else.

        An index that is sound now may have been put right since it rejected events. So these are sent
        once more, and refused only if it rejects them again, and is sound before and after.
        """
        rejected, faults = self._by_index(batch, answers.rejected)
        if rejected:
            positions = [position for position, _ in rejected]
            again = Batch(
                [batch.messages[position] for position in positions],
                [batch.lines[position] for position in positions],
            )
            still = [(positions[number], why) for number, why in self._create(again).rejected]
            rejected, more = self._by_index(batch, still)
            for position, why in rejected:
                record = Record.of(batch.messages[position])
                batch.refusals.append(Refusal(record, Reason.REJECTED_BY_INDEX, "", why))
                left.remove(position)
            faults += more
        faults = [*answers.faults, *faults]
        if faults:
            position, why = faults[0]
            raise SetupFaultError(
                f"Elasticsearch rejected {len(faults)} events for index "
                f"{self._prepared(batch.messages[position]).index}: {why}. "
                "See what to fix with: auditlog doctor"
            )

    def _by_index(
        self, batch: Batch, rejected: Sequence[_Rejection]
    ) -> tuple[list[_Rejection], list[_Rejection]]:
        """Return the rejections by indices that are sound, and apart, those by others."""
        sound: dict[str, bool] = {}
        by_sound: list[_Rejection] = []
        by_others: list[_Rejection] = []
        for position, why in rejected:
            index = self._prepared(batch.messages[position]).index
            if index not in sound:
                sound[index] = self._index.is_sound(index)
            (by_sound if sound[index] else by_others).append((position, why))
        return by_sound, by_others

    def _prepared(self, message: Message) -> Prepared:
        """Build the document again: the fast path keeps no more of it than its text."""
        found = self._decoder.prepare(Record.of(message))
        assert isinstance(found, Prepared)  # noqa: S101 - the verdict depends on the record alone
        return found

    def _dead_letter_all(self, batch: Batch, progress: Progress) -> None:
        left = self._dead_letters.send(batch.refusals, self._send_seconds)
        progress.outcomes[Outcome.DEAD_LETTERED] += len(batch.refusals) - len(left)
        batch.refusals = left
        if left and progress.blocking_error is None:
            progress.blocking_error = UnreachableError(
                f"Kafka did not take {len(left)} dead letters. Is the dead-letter topic there? "
                "See: auditlog doctor"
            )
