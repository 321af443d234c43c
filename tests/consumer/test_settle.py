"""One attempt at a batch: whose fault a rejection is."""

from collections.abc import Sequence
from typing import Any

from audit_consumer.batch import Batch
from audit_consumer.decode import Decoder
from audit_consumer.errors import SetupFaultError, UnreachableError
from audit_consumer.record import Outcome, Refusal
from audit_consumer.settle import Settler
from audit_schemas import Catalogue, IndexNaming, Reason, TimeBounds
from support.events import chat_opened
from support.messages import message

CREATED = {"create": {"status": 201}}
REJECTED = {"create": {"status": 400, "error": {"type": "illegal_argument_exception", "reason": "no"}}}


class Index:
    """Answers each bulk request, and each question whether it is sound, as it was told to."""

    def __init__(self, answers: Sequence[Sequence[Any]], sound: Sequence[bool]) -> None:
        self.answers = list(answers)
        self.sound = list(sound)
        self.sent: list[int] = []

    def check(self, _: str) -> None:
        """Be one of ours."""

    def create(self, lines: Sequence[bytes]) -> Any:
        """Answer the next request."""
        self.sent.append(len(lines))
        return {"errors": True, "items": self.answers.pop(0)}

    def is_sound(self, _: str) -> bool:
        """Answer the next question."""
        return self.sound.pop(0)


class Letters:
    """Takes all dead letters."""

    def __init__(self) -> None:
        self.taken: list[Refusal] = []

    def send(self, refusals: Sequence[Refusal], _: float) -> list[Refusal]:
        """Take them."""
        self.taken += refusals
        return []


def settler_of(index: Index, letters: Letters, count: int = 3) -> tuple[Settler, Batch]:
    """Return what settles a batch of so many events, and the batch."""
    decoder = Decoder(Catalogue.load(), TimeBounds.unlimited(), IndexNaming("audit-events"))
    batch = Batch()
    for offset in range(count):
        record = message(chat_opened(offset), offset=offset)
        batch.add(record, decoder.read(record, "2026-11-23T09:30:00.000Z"))
    some: Any = index
    kept: Any = letters
    return Settler(decoder, some, kept, send_seconds=1), batch


def test_event_that_a_sound_index_rejects_twice_is_refused() -> None:
    """It alone is sent again; the others are in the index already."""
    index = Index([[CREATED, REJECTED, CREATED], [REJECTED]], [True, True])
    letters = Letters()
    settler, batch = settler_of(index, letters)
    progress = settler.advance(batch)
    assert progress.blocking_error is None
    assert {Outcome.INDEXED: 2, Outcome.DEAD_LETTERED: 1} == dict(progress.outcomes)
    (refusal,) = letters.taken
    assert (refusal.reason, refusal.record.origin.offset) == (Reason.REJECTED_BY_INDEX, 1)
    assert (index.sent, len(batch)) == ([3, 1], 0)


def test_index_put_right_after_it_rejected_events_makes_no_dead_letters() -> None:
    """A closed one is opened, a field is added by `auditlog setup`, before anyone looks at it."""
    index = Index([[REJECTED] * 3, [CREATED] * 3], [True])
    letters = Letters()
    settler, batch = settler_of(index, letters)
    progress = settler.advance(batch)
    assert isinstance(progress.blocking_error, UnreachableError)
    assert letters.taken == []
    assert len(batch) == 3, "sent at the next try, which meets what was just created"


def test_index_that_is_closed_before_events_are_sent_again_makes_no_dead_letters() -> None:
    """What it rejects then is no event's fault, either."""
    index = Index([[CREATED, CREATED, REJECTED], [REJECTED]], [True, False])
    letters = Letters()
    settler, batch = settler_of(index, letters)
    progress = settler.advance(batch)
    assert isinstance(progress.blocking_error, SetupFaultError)
    assert (letters.taken, len(batch)) == ([], 1)


def test_index_that_is_not_sound_is_not_asked_again() -> None:
    """An operator has to see to it first."""
    index = Index([[REJECTED] * 3], [False])
    letters = Letters()
    settler, batch = settler_of(index, letters)
    progress = settler.advance(batch)
    assert isinstance(progress.blocking_error, SetupFaultError)
    assert (letters.taken, index.sent) == ([], [3])
