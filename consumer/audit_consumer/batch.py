"""What was read and is not settled yet, and one try at settling it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from audit_schemas import Origin, Reason

from audit_consumer.bulk import Answers, compare, packs, sort_out
from audit_consumer.dead_letters import DeadLetters
from audit_consumer.elastic import EventIndex
from audit_consumer.errors import ConsumerError, SetupFaultError, UnreachableError
from audit_consumer.record import Outcome, Prepared, Refusal

__all__ = ["Batch", "Progress", "Settler"]


@dataclass(slots=True)
class Batch:
    """Records that wait: to be indexed, or to be dead-lettered."""

    prepared: list[Prepared] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.prepared) + len(self.refusals)

    def add(self, item: Prepared | Refusal) -> None:
        """Take one more."""
        if isinstance(item, Prepared):
            self.prepared.append(item)
        else:
            self.refusals.append(item)

    def settle(self, items: Sequence[Prepared]) -> None:
        """Take out what is indexed or a duplicate."""
        done = {item.record.origin for item in items}
        self.prepared = [item for item in self.prepared if item.record.origin not in done]

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Move what can't be indexed to what is to be dead-lettered."""
        gone = {refusal.record.origin for refusal in refusals}
        self.prepared = [item for item in self.prepared if item.record.origin not in gone]
        self.refusals += refusals

    def drop(self, partitions: Iterable[int]) -> int:
        """Forget the records of partitions that were taken away; return how many."""
        gone, before = set(partitions), len(self)
        self.prepared = [p for p in self.prepared if p.record.origin.partition not in gone]
        self.refusals = [r for r in self.refusals if r.record.origin.partition not in gone]
        return before - len(self)


@dataclass(slots=True)
class Progress:
    """What one try settled, and what stood in the way of the rest."""

    settled: list[tuple[Origin, Outcome]] = field(default_factory=list)
    hindrance: ConsumerError | None = None


class Settler:
    """Indexes and dead-letters: the one place where a record's fate is decided."""

    def __init__(
        self, index: EventIndex, dead_letters: DeadLetters, *, bulk_bytes: int, send_seconds: float
    ) -> None:
        self._index = index
        self._dead_letters = dead_letters
        self._bulk_bytes = bulk_bytes
        self._send_seconds = send_seconds

    def advance(self, batch: Batch) -> Progress:
        """Try to settle all of the batch; what is left in it has to be tried again.

        Never raises what waiting or an operator can mend: that is the progress's hindrance.
        """
        progress = Progress()
        try:
            self._index_all(batch, progress)
        except (UnreachableError, SetupFaultError) as hindrance:
            progress.hindrance = hindrance
        self._dead_letter_all(batch, progress)
        return progress

    def _index_all(self, batch: Batch, progress: Progress) -> None:
        """Index pack by pack; an item leaves the batch only when its fate is known."""
        for pack in list(packs(batch.prepared, self._bulk_bytes)):
            answers = self._create(pack)
            progress.settled += [(item.record.origin, Outcome.INDEXED) for item in answers.indexed]
            batch.settle(answers.indexed)
            self._resolve_conflicts(answers.conflicts, batch, progress)
            self._resolve_rejections(answers, batch)
        if batch.prepared:
            raise UnreachableError(
                f"Elasticsearch did not take {len(batch.prepared)} events of the batch yet"
            )

    def _create(self, pack: Sequence[Prepared]) -> Answers:
        response = self._index.create(pack)
        try:
            return sort_out(pack, response)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # A proxy's page, a cut answer: nothing is known of any item, so all are tried again.
            raise UnreachableError("Elasticsearch's answer to a bulk request is not one") from error

    def _resolve_conflicts(
        self, conflicts: Sequence[Prepared], batch: Batch, progress: Progress
    ) -> None:
        if not conflicts:
            return
        stored = self._index.stored(conflicts)
        for item in conflicts:
            match compare(item, stored.get((item.index, item.document.id))):
                case Outcome() as outcome:
                    progress.settled.append((item.record.origin, outcome))
                    batch.settle([item])
                case Refusal() as refusal:
                    batch.refuse([refusal])
                case None:
                    continue  # deleted in between: it is created at the next try

    def _resolve_rejections(self, answers: Answers, batch: Batch) -> None:
        """Refuse what is the event's own fault. Raises SetupFaultError for what is not."""
        sound = {index: self._index.is_sound(index) for index in {p.index for p, _ in answers.rejected}}
        faults = list(answers.faults)
        for item, why in answers.rejected:
            if sound[item.index]:
                batch.refuse([Refusal(item.record, Reason.REJECTED_BY_INDEX, "", why)])
            else:
                faults.append((item, why))
        if faults:
            item, why = faults[0]
            raise SetupFaultError(
                f"Elasticsearch does not let {len(faults)} events into {item.index}: {why}. "
                "See what to mend with: auditlog doctor"
            )

    def _dead_letter_all(self, batch: Batch, progress: Progress) -> None:
        if not batch.refusals:
            return
        left = self._dead_letters.send(batch.refusals, self._send_seconds)
        kept = {refusal.record.origin for refusal in left}
        progress.settled += [
            (refusal.record.origin, Outcome.DEAD_LETTERED)
            for refusal in batch.refusals
            if refusal.record.origin not in kept
        ]
        batch.refusals = left
        if left and progress.hindrance is None:
            progress.hindrance = UnreachableError(
                f"Kafka did not take {len(left)} dead letters. Is the dead-letter topic there? "
                "See: auditlog doctor"
            )
