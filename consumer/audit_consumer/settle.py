"""One try at settling a pack: the one place where a record's fate is decided."""

from collections import Counter
from dataclasses import dataclass, field

from audit_schemas import Reason
from confluent_kafka import Message

from audit_consumer.batch import Pack
from audit_consumer.bulk import Answers, compare, sort_out
from audit_consumer.dead_letters import DeadLetters
from audit_consumer.decode import Decoder
from audit_consumer.elastic import EventIndex
from audit_consumer.errors import ConsumerError, SetupFaultError, UnreachableError
from audit_consumer.record import Outcome, Prepared, Record, Refusal

__all__ = ["Progress", "Settler"]

_LOOKED_UP = 1000


@dataclass(slots=True)
class Progress:
    """What one try settled, and what stood in the way of the rest."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    hindrance: ConsumerError | None = None


class Settler:
    """Indexes and dead-letters. Safe to use from several threads, each with a pack of its own."""

    def __init__(
        self, decoder: Decoder, index: EventIndex, dead_letters: DeadLetters, *, send_seconds: float
    ) -> None:
        self._decoder = decoder
        self._index = index
        self._dead_letters = dead_letters
        self._send_seconds = send_seconds
        self._checked: set[str] = set()

    def advance(self, pack: Pack) -> Progress:
        """Try to settle all of the pack; what is left in it has to be tried again.

        Blocks while the servers work. Never raises what waiting or an operator can mend: that is
        the progress's hindrance.
        """
        progress = Progress()
        try:
            if pack.messages:
                self._index_all(pack, progress)
        except (UnreachableError, SetupFaultError) as hindrance:
            progress.hindrance = hindrance
        if pack.refusals:
            self._dead_letter_all(pack, progress)
        return progress

    def _index_all(self, pack: Pack, progress: Progress) -> None:
        answers = self._create(pack)
        progress.outcomes[Outcome.INDEXED] += answers.indexed
        left = {*answers.retry, *answers.conflicts}
        left.update(position for position, _ in (*answers.rejected, *answers.faults))
        try:
            self._resolve_conflicts(pack, answers, left, progress)
            self._resolve_rejections(pack, answers, left)
        finally:
            pack.keep(sorted(left))  # whatever went wrong, what is settled is not sent again
        if left:
            raise UnreachableError(f"Elasticsearch did not take {len(left)} events of a bulk yet")

    def _create(self, pack: Pack) -> Answers:
        for index in self._decoder.indices - self._checked:
            self._index.check(index)
            self._checked.add(index)
        response = self._index.create(pack.lines)
        try:
            return sort_out(len(pack.lines), response)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # A proxy's page, a cut answer: nothing is known of any item, so all are tried again.
            raise UnreachableError("Elasticsearch's answer to a bulk request is not one") from error

    def _resolve_conflicts(
        self, pack: Pack, answers: Answers, left: set[int], progress: Progress
    ) -> None:
        for start in range(0, len(answers.conflicts), _LOOKED_UP):
            positions = answers.conflicts[start : start + _LOOKED_UP]
            items = [self._prepared(pack.messages[position]) for position in positions]
            stored = self._index.stored(items)
            for position, item in zip(positions, items, strict=True):
                match compare(item, stored.get((item.index, item.document.id))):
                    case Outcome() as outcome:
                        progress.outcomes[outcome] += 1
                    case Refusal() as refusal:
                        pack.refusals.append(refusal)
                    case None:
                        continue  # deleted in between: it is created at the next try
                left.remove(position)

    def _resolve_rejections(self, pack: Pack, answers: Answers, left: set[int]) -> None:
        """Refuse what is the event's own fault. Raises SetupFaultError for what is not."""
        faults = list(answers.faults)
        sound: dict[str, bool] = {}
        for position, why in answers.rejected:
            item = self._prepared(pack.messages[position])
            if item.index not in sound:
                sound[item.index] = self._index.is_sound(item.index)
            if sound[item.index]:
                pack.refusals.append(Refusal(item.record, Reason.REJECTED_BY_INDEX, "", why))
                left.remove(position)
            else:
                faults.append((position, why))
        if faults:
            position, why = faults[0]
            raise SetupFaultError(
                f"Elasticsearch does not let {len(faults)} events into "
                f"{self._prepared(pack.messages[position]).index}: {why}. "
                "See what to mend with: auditlog doctor"
            )

    def _prepared(self, message: Message) -> Prepared:
        """Make the document again: the quick way keeps no more of it than its text."""
        found = self._decoder.prepare(Record.of(message), "")
        assert isinstance(found, Prepared)  # noqa: S101 - the verdict depends on the record alone
        return found

    def _dead_letter_all(self, pack: Pack, progress: Progress) -> None:
        left = self._dead_letters.send(pack.refusals, self._send_seconds)
        progress.outcomes[Outcome.DEAD_LETTERED] += len(pack.refusals) - len(left)
        pack.refusals = left
        if left and progress.hindrance is None:
            progress.hindrance = UnreachableError(
                f"Kafka did not take {len(left)} dead letters. Is the dead-letter topic there? "
                "See: auditlog doctor"
            )
