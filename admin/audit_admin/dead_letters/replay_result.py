"""What a replay did, or would do."""

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Result"]

_NAMED = 20


@dataclass(slots=True)
class Result:
    """Counts of records, without copies."""

    run: str
    replayed: Counter[str] = field(default_factory=Counter)
    """By reason: published and acknowledged, or in a dry run, what would be published."""
    before: int = 0
    """Replayed by an earlier run, and left alone."""
    recovered: int = 0
    """Of those, the ones that a run published that was interrupted; that is noted now."""
    busy: int = 0
    """Another run has them just now, or had them less than two minutes ago, when it was killed."""
    incomplete: int = 0
    """Only their beginning is left."""
    sentences: list[str] = field(default_factory=list)
    """What is to be said about the first of those."""
    failed: Counter[str] = field(default_factory=Counter)
    """Not acknowledged, by Kafka's reason."""
    unnoted: int = 0
    """Published, but the note was not acknowledged; the next run finds them."""
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Dead letters of other source topics, which are left alone."""
    halted: str = ""
    """Why the run ended before it was through."""

    @property
    def is_whole(self) -> bool:
        """Tell whether all that was asked for is done."""
        return not (self.busy or self.incomplete or self.failed.total() or self.unnoted or self.halted)

    def refuse(self, sentence: str) -> None:
        """Note a record that can't be published, and what to say about it."""
        self.incomplete += 1
        if len(self.sentences) < _NAMED:
            self.sentences.append(sentence)
