"""What stops the consumer, or makes it wait.

::

    ConsumerError
    ├── SetupFaultError       an operator must fix something; nothing is dead-lettered for it
    ├── UnreachableError      a server is away or overloaded: wait and retry
    │   └── OverloadedError   the request was too much for it: wait, and retry with less
    ├── StartUnknownError     the group has no offset, and nobody said where to start
    ├── OffsetsExpiredError   records were deleted before they were read
    ├── TopicRecreatedError   the topic was deleted, and another created under its name
    └── NotDrainedError       the stop came while records were still waiting; they are not lost
"""

__all__ = [
    "ConsumerError",
    "NotDrainedError",
    "OffsetsExpiredError",
    "OverloadedError",
    "SetupFaultError",
    "StartUnknownError",
    "TopicRecreatedError",
    "UnreachableError",
]


class ConsumerError(Exception):
    """Base of all that `audit_consumer` raises."""


class SetupFaultError(ConsumerError):
    """The set-up is at fault, not the events: credentials, template, a write block, a limit."""


class UnreachableError(ConsumerError):
    """A server did not answer, or did not take everything. Waiting helps."""


class OverloadedError(UnreachableError):
    """Elasticsearch has no room for a request of this size: now, or ever."""

    def __init__(self, message: str, *, is_limit: bool = False) -> None:
        super().__init__(message)
        self.is_limit = is_limit
        """Whether a limit of a request's size was passed, and waiting alone does not help."""


class StartUnknownError(ConsumerError):
    """The first start of a group has to say where it starts."""

    def __init__(self, group: str, topic: str) -> None:
        super().__init__(
            f"Group {group} has never read {topic}. Say where to start, once: "
            "auditlog consume --start earliest (all that is retained) or --start latest"
        )


class OffsetsExpiredError(ConsumerError):
    """Records expired unread; `first` and `last` are the lost range."""

    def __init__(self, topic: str, partition: int, first: int, last: int) -> None:
        super().__init__(
            f"{topic} [{partition}]: offsets {first} to {last} are gone: Kafka deleted them before "
            "they were read. Restore them from elsewhere if you can, then go on with what is left: "
            "auditlog consume --skip-expired"
        )
        self.partition, self.first, self.last = partition, first, last


class TopicRecreatedError(ConsumerError):
    """The topic does not have the offsets that the group had read: it is another one of that name."""

    def __init__(self, topic: str, partition: int, group: str, committed: int, high: int) -> None:
        if committed < 0:
            fix = (
                "Kafka forgot the group's offsets with the old topic. Say where to start in the new "
                "one: auditlog consume --start earliest (all that it has) or --start latest"
            )
        else:
            fix = (
                f"The group had read up to offset {committed}, and the topic ends at {high}. Delete "
                "the group's offsets with Kafka's kafka-consumer-groups.sh --delete-offsets "
                f"--group {group} --topic {topic}, then: auditlog consume --start earliest"
            )
        super().__init__(f"{topic} [{partition}] was deleted and created again. {fix}")


class NotDrainedError(ConsumerError):
    """Records were read, but neither indexed nor dead-lettered when the time to stop was over."""
