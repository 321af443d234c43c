"""What the log says of its own use, and that nobody ever waits for it."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from audit_producer import new_event
from audit_schemas import LABEL_MAX, LABELS_MAX, Catalogue
from audit_server.account import account_name
from audit_server.query_labels import labels_of
from audit_server.self_audit import Identity, SelfAudit
from support.api_client import NOW, Published
from support.conditions import wait_until

ADA = Identity("ada", "acme", "192.0.2.7")
BEN = Identity("ben", None, None)


class Clock:
    """A clock that a test sets."""

    now = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def published() -> Published:
    """Give what is published."""
    return Published()


@pytest.fixture
def audit(published: Published, clock: Clock) -> Iterator[SelfAudit]:
    """Give the log's own audit."""
    found = SelfAudit(published, clock=clock)
    yield found
    found.close()


def test_one_event_a_person_question_and_ten_minutes(
    audit: SelfAudit, published: Published, clock: Clock
) -> None:
    """So that a page that asks every few seconds does not fill the log."""
    login = [("activity", "login")]
    for minute in (0, 1, 9.99):
        clock.now = NOW + timedelta(minutes=minute)
        audit.searched(ADA, login, 1)
    assert len(published.wait_for(1)) == 1
    audit.searched(BEN, login, 1)
    audit.searched(ADA, [("activity", "logout")], 1)
    audit.exported(ADA, login, "csv")
    audit.exported(ADA, login, "ndjson")
    assert len(published.wait_for(5)) == 5
    clock.now = NOW + timedelta(minutes=10)
    audit.searched(ADA, login, 1)
    audit.close()
    assert len(published.events) == 6


def test_clock_that_is_put_back_keeps_nothing_off_the_record(
    audit: SelfAudit, published: Published, clock: Clock
) -> None:
    """What was asked by a clock that was an hour fast is recorded again, not only an hour later."""
    clock.now = NOW + timedelta(hours=1)
    audit.searched(ADA, [], 1)
    clock.now = NOW
    audit.searched(ADA, [], 1)
    audit.searched(ADA, [], 1)
    audit.close()
    assert len(published.events) == 2


def test_refusals_are_one_an_address_and_reason(audit: SelfAudit, published: Published) -> None:
    """Whoever tries a million tokens fills nothing."""
    for _ in range(1000):
        audit.refused(ADA, "the token is unknown")
    audit.refused(ADA, "the token has expired")
    audit.refused(Identity("ada", "acme", "192.0.2.8"), "the token is unknown")
    audit.close()
    assert len(published.events) == 3


def test_memory_is_bounded(audit: SelfAudit, published: Published) -> None:
    """By 10,000 questions; the oldest is forgotten."""
    for number in range(10_001):
        audit._is_due(b"%d" % number)  # noqa: SLF001 - no events for so many
    assert len(audit._noted) == 10_000  # noqa: SLF001
    assert audit._is_due(b"0")  # noqa: SLF001
    assert not audit._is_due(b"10000")  # noqa: SLF001
    assert not published.events


def test_question_that_could_not_be_published_is_tried_again() -> None:
    """When it comes again: a Kafka that was away hides nobody's reading for ten minutes."""
    answers, asked = [False, True], []

    def publish(*_: Any, **__: Any) -> bool:
        asked.append(1)
        return answers[len(asked) - 1]

    audit = SelfAudit(publish)
    for count in (1, 2, 2):
        audit.searched(ADA, [("user", "Carla")], 1)
        wait_until(lambda: audit._waiting == 0, what="it was tried")  # noqa: SLF001
        assert len(asked) == count
    audit.close()


def test_many_questions_are_published_without_counting() -> None:
    """Else whoever asks for much could keep what they ask for next off the record."""
    go_on, counted, published = threading.Event(), [], Published()

    def count() -> int:
        counted.append(1)
        return int(go_on.wait(10))

    audit = SelfAudit(published)
    for number in range(300):
        audit.searched(ADA, [("chat", str(number))], count)
    go_on.set()
    audit.close()
    assert len(published.events) == 300
    assert len(counted) <= 101


def test_counting_is_left_out_where_no_event_is_due(audit: SelfAudit, published: Published) -> None:
    """It costs a question to Elasticsearch."""
    counted = []

    def count() -> int:
        counted.append(1)
        return 7

    audit.searched(ADA, [], count)
    audit.searched(ADA, [], count)
    audit.close()
    assert (published.events[0]["labels"], len(counted)) == ({"results": "7"}, 1)


def test_what_can_not_be_counted_is_on_record(audit: SelfAudit, published: Published) -> None:
    """Elasticsearch may be away by then."""

    def count() -> int:
        raise ConnectionError

    audit.searched(ADA, [], count)
    audit.close()
    assert published.events[0]["labels"] == {"results": "unknown"}


@pytest.mark.parametrize("outcome", [False, RuntimeError("the catalogue is gone")])
def test_publisher_that_fails_is_logged_and_no_more(outcome: Any, capsys: Any) -> None:
    """The search was answered long ago."""

    def publish(*_: Any, **__: Any) -> bool:
        if isinstance(outcome, Exception):
            raise outcome
        return False

    audit = SelfAudit(publish)
    audit.searched(ADA, [("user", "Carla")], 1)
    audit.close()
    logged = "".join(capsys.readouterr())
    assert "self-audit not published" in logged
    assert "Carla" not in logged


def test_publisher_that_hangs_delays_nobody(capsys: Any) -> None:
    """What waits is bounded, and what is dropped is told."""
    go_on = threading.Event()
    audit = SelfAudit(lambda *_, **__: go_on.wait(30))
    for number in range(1100):
        audit.searched(ADA, [("chat", str(number))], 1)
    assert "self-audit dropped" in "".join(capsys.readouterr())
    go_on.set()
    audit.close()


@pytest.mark.parametrize(
    "spec",
    [
        [("text", "\x1b[2J" + "x" * 1024)],
        [("user", f"u-{number}" * 100) for number in range(200)],
        [("not_user", "<script>"), ("from", "-24h")],
    ],
)
def test_what_is_published_is_a_valid_event(spec: list[tuple[str, str]]) -> None:
    """Whatever was asked: it is softened, as any free text."""
    events = []

    def record(action: str, **fields: Any) -> bool:
        events.append(Catalogue.load().settle(new_event(action, **fields)))
        return True

    audit = SelfAudit(record)
    audit.searched(ADA, spec, 3)
    audit.exported(BEN, spec, "csv")
    audit.refused(BEN, "the token is unknown")
    audit.close()
    assert [event.event.outcome for event in events] == ["success", "success", "failure"]
    assert events[0].organization is not None
    assert events[0].organization.id == "acme"


def test_padding_hides_no_value() -> None:
    """What one label can't hold goes on in the next; the user who is looked for is always named."""
    padded = [("user", "A" * 1000), ("user", "Ada"), ("user", "B" * 500)]
    assert labels_of(padded) == {"user": "A" * 1000 + ", Ada", "user-2": "B" * 500}


def test_too_many_long_values_are_named_by_their_hashes() -> None:
    """Each by its own, with its length; short ones stay as they are."""
    values = [f"{number:0999}" for number in range(199)]
    labels = labels_of([("user", value) for value in [*values, "Ada"]])
    text = ", ".join(labels.values())
    assert "Ada" in text.split(", ")
    for value in values:
        assert f"sha256:{sha256(value.encode()).hexdigest()} (999 characters)" in text
    assert len(labels) <= LABELS_MAX - 4
    assert max(map(len, labels.values())) <= LABEL_MAX


def test_value_that_is_escaped_into_a_long_one_is_hashed() -> None:
    """The label would be cut else."""
    value = "\x1b" * 900
    (label,) = labels_of([("text", value)]).values()
    assert label == f"sha256:{sha256(value.encode()).hexdigest()} (900 characters)"


def test_one_value_is_told_from_two() -> None:
    """A comma in it is no separator, and a hash that was typed is no hash."""
    values = ["Ada, Ben", "sha256:0", '"Ada"']
    labels = [labels_of([("user", value)])["user"] for value in values]
    assert labels == ['"Ada, Ben"', '"sha256:0"', '"\\"Ada\\""']


def test_account_has_a_name() -> None:
    """Also where the system knows none."""
    assert account_name()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found")))
        assert account_name().startswith("uid-")
