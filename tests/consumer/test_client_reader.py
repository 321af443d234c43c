"""Records that were taken of a partition, and the partition is given up before they are handed on."""

from collections.abc import Callable

from audit_consumer.client_reader import ClientReader
from confluent_kafka import Message, TopicPartition
from support.messages import message

TOPIC = "audit.events"

Step = Callable[[], list[Message]]


class ScriptedClient:
    """Returns records as scripted; a step may call the reader, as a callback of the client does."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.unassigned: list[tuple[int, int]] = []
        self.assigned: list[tuple[int, int]] = []

    def consume(self, num_messages: int, timeout: float) -> list[Message]:  # noqa: ARG002
        """Take the next step."""
        return self.steps.pop(0)() if self.steps else []

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Note what is assigned."""
        self.assigned += [(place.partition, place.offset) for place in partitions]

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Note what is no longer assigned."""
        self.unassigned += [(place.partition, place.offset) for place in partitions]


def places(messages: list[Message]) -> list[tuple[int | None, int | None]]:
    """Return where records stand."""
    return [(each.partition(), each.offset()) for each in messages]


def records(partition: int, *offsets: int) -> list[Message]:
    """Make records of one partition."""
    return [message(b"{}", partition=partition, offset=offset) for offset in offsets]


def test_records_of_a_partition_that_is_given_up_meanwhile_are_left_out() -> None:
    """The read ends at once, and holds the other partitions' records alone."""
    client = ScriptedClient()
    reader = ClientReader(client, TOPIC)
    reader.assign({0: 5, 1: 7})

    def revoked() -> list[Message]:
        reader.drop([0])
        return records(0, 7) + records(1, 8)

    client.steps = [lambda: records(0, 5, 6) + records(1, 7), revoked, lambda: records(1, 9)]
    assert places(reader.read(100, 1.0)) == [(1, 7), (1, 8)]
    assert client.assigned == []
    assert places(reader.read(100, 1.0)) == [(1, 9)]


def test_partition_that_comes_back_in_the_same_read_begins_where_it_was_assigned() -> None:
    """Its records are left out, and read again from there: none is passed over."""
    client = ScriptedClient()
    reader = ClientReader(client, TOPIC)
    reader.assign({0: 5})

    def lost_and_assigned() -> list[Message]:
        reader.drop([0])
        reader.assign({0: 4})
        return records(0, 4)

    client.steps = [lambda: records(0, 5, 6), lost_and_assigned]
    assert reader.read(100, 1.0) == []
    assert client.unassigned == client.assigned == [(0, 4)]
