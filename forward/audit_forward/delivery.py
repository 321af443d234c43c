"""Items to a receiver, and the ones that it refuses told from all others."""

from collections.abc import Callable, Sequence

from audit_forward.errors import NotDeliveredError, RefusedError
from audit_forward.item import Item, Limits, first_part
from audit_forward.receivers import Receiver

__all__ = ["FIRST_SUSPECTS", "MOST_SUSPECTS", "Refused", "RefusesAllError", "deliver", "window"]

FIRST_SUSPECTS = 8
MOST_SUSPECTS = 1024

_WINDOW_BYTES = 8 * 1024 * 1024

Refused = tuple[Item, str]
"""What was refused for good, and the receiver's answer."""


class RefusesAllError(NotDeliveredError):
    """A receiver refuses whatever was tried: that is hardly the events' fault."""


def window(limits: Limits, suspects: int) -> Limits:
    """Return how much to deliver at once: one request, and more where all of that was refused.

    A request may be of a single event, which alone can't show whether the receiver takes others.
    """
    if suspects <= FIRST_SUSPECTS:
        return limits
    return Limits(limits.events + suspects, limits.bytes + _WINDOW_BYTES, limits.seconds)


def deliver(
    receiver: Receiver,
    items: Sequence[Item],
    suspects: int,
    before_each: Callable[[], object] = lambda: None,
) -> list[Refused]:
    """Send items; return those that were refused for good, while others beside them were taken.

    After a refusal, halves are sent, down to single items. If as many as `suspects` are refused and
    none is taken, or all are, the receiver is not set up as it should be: RefusesAllError, and nothing
    is a dead letter. What was refused before anything was taken is sent once more, since the receiver
    may have been put right meanwhile. `before_each` is called before each request, of which a search
    has many. Raises NotDeliveredError, after which any item may have been delivered.
    """
    search = _Search(receiver, suspects, before_each)
    done = 0
    while done < len(items):
        part = first_part(items, done, receiver.limits)
        search.send(part)
        done += len(part)
    if search.refused and not search.taken:
        search.give_up()
    search.confirm()
    return search.refused


class _Search:
    def __init__(self, receiver: Receiver, suspects: int, before_each: Callable[[], object]) -> None:
        self._receiver = receiver
        self._suspects = suspects
        self._before_each = before_each
        self.taken = 0
        self.refused: list[Refused] = []
        self._doubtful = 0

    def send(self, items: Sequence[Item]) -> None:
        self._before_each()
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
            if not self.taken:
                self._doubtful = len(self.refused)
            self.taken += len(items)

    def confirm(self) -> None:
        """Send again what was refused before anything was taken.

        Raises NotDeliveredError if it is taken now: all are to be sent again, in their order.
        """
        for item, _ in self.refused[: self._doubtful]:
            self._before_each()
            try:
                self._receiver.send([item])
            except RefusedError:
                continue
            raise NotDeliveredError("took an event that it had just refused: all are sent again")

    def give_up(self) -> None:
        raise RefusesAllError(f"refuses every event that was tried: {self.refused[0][1]}")
