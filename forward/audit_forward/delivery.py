"""Items to a receiver, and the ones that it refuses told from all others."""

from collections.abc import Sequence

from audit_forward.errors import NotDeliveredError, RefusedError
from audit_forward.item import Item
from audit_forward.receivers import Receiver

__all__ = ["FIRST_SUSPECTS", "Refused", "RefusesAllError", "deliver"]

FIRST_SUSPECTS = 8

Refused = tuple[Item, str]
"""What was refused for good, and the receiver's answer."""


class RefusesAllError(NotDeliveredError):
    """A receiver refuses whatever was tried: that is hardly the events' fault."""


def deliver(receiver: Receiver, items: Sequence[Item], suspects: int) -> list[Refused]:
    """Send items; return those that were refused for good, while others beside them were taken.

    After a refusal, halves are sent, down to single items. If as many as `suspects` are refused and
    none is taken, or all are, the receiver is not set up as it should be: RefusesAllError, and nothing
    is a dead letter. Raises NotDeliveredError, after which any item may have been delivered.
    """
    search = _Search(receiver, suspects)
    search.send(items)
    if search.refused and not search.taken:
        search.give_up()
    return search.refused


class _Search:
    def __init__(self, receiver: Receiver, suspects: int) -> None:
        self._receiver = receiver
        self._suspects = suspects
        self.taken = 0
        self.refused: list[Refused] = []

    def send(self, items: Sequence[Item]) -> None:
        try:
            self._receiver.send(items)
        except RefusedError as refusal:
            if len(items) > 1:
                half = len(items) // 2
                self.send(items[:half])
                self.send(items[half:])
                return
            self.refused.append((items[0], str(refusal)))
            if not self.taken and len(self.refused) >= self._suspects:
                self.give_up()
        else:
            self.taken += len(items)

    def give_up(self) -> None:
        raise RefusesAllError(f"refuses every event that was tried: {self.refused[0][1]}")
