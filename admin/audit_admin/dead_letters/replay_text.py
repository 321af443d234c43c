"""The result of a replay as text and as JSON, and notes about what else the topic holds."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from audit_admin.dead_letters.replay_result import ReplayResult
from audit_admin.dead_letters.summary import Summary
from audit_admin.dead_letters.text import shown

__all__ = ["count_of_records", "no_match", "other_records", "problems", "result_json", "result_lines"]


def result_lines(result: ReplayResult, summary: Summary, topic: str, *, dry_run: bool) -> Iterator[str]:
    """Yield what was done, or would be, by reason."""
    total = result.replayed.total()
    if not summary.records:
        yield no_match(summary)
    elif dry_run:
        yield f"Would publish {count_of_records(total)} to {shown(topic)} again; nothing was published"
    else:
        yield f"Published {count_of_records(total)} to {shown(topic)} again"
    for reason, number in result.replayed.most_common():
        yield f"  {number:>9,}  {shown(reason)}"
    if result.already_replayed:
        skipped = count_of_records(result.already_replayed)
        yield f"{skipped} skipped, already replayed; --again replays them too"
    if result.recovered:
        yield f"  {result.recovered:,} of them by a replay that was interrupted"
    yield from other_records(result.other_topics, 0)


def problems(result: ReplayResult) -> Iterator[str]:
    """Yield a sentence for each kind of record that was selected but not published."""
    if result.stopped_because:
        yield f"the replay ended early: {result.stopped_because}"
    for why, number in result.failed.most_common():
        yield (
            f"{count_of_records(number)} not acknowledged by Kafka ({why}): run it again in two minutes"
        )
    yield from result.details
    if (more := result.incomplete - len(result.details)) > 0:
        yield f"{count_of_records(more)} more that are truncated and no longer in the source topic"
    if result.unrecorded:
        yield (
            f"{count_of_records(result.unrecorded)} published but not added to the replay journal yet: "
            "run it again"
        )
    if result.claimed_elsewhere:
        yield (
            f"{count_of_records(result.claimed_elsewhere)} claimed by another replay, which is running "
            "or was interrupted less than two minutes ago: run it again in two minutes"
        )


def result_json(result: ReplayResult, *, dry_run: bool) -> dict[str, Any]:
    """Return what was done, or would be, and what was not."""
    return {
        "dry_run": dry_run,
        "run": result.run,
        "replayed": result.replayed.total(),
        "replayed_by_reason": dict(result.replayed),
        "already_replayed": result.already_replayed,
        "claimed_elsewhere": result.claimed_elsewhere,
        "incomplete": result.incomplete,
        "not_acknowledged": result.failed.total(),
        "unrecorded": result.unrecorded,
        "other_topics": result.other_topics.total(),
        "problems": list(problems(result)),
    }


def no_match(summary: Summary) -> str:
    """Say why nothing is selected: there are no dead letters, or none that match."""
    if not summary.reasons:
        return "There are no dead letters"
    reasons = ", ".join(sorted(map(shown, summary.reasons)))
    return f"No dead letter matches; there are some with reason {reasons}"


def other_records(other_topics: Counter[str], unrecognized: int) -> Iterator[str]:
    """Yield what else is in the dead-letter topic."""
    for topic, number in other_topics.most_common(5):
        yield f"{number:,} more dead letters are of topic {shown(topic)}: set AUDITLOG_TOPIC to it"
    if unrecognized:
        yield f"{count_of_records(unrecognized)} skipped that auditlog did not write"


def count_of_records(number: int) -> str:
    """Return a number of records in words."""
    return f"{number:,} record" + ("" if number == 1 else "s")
