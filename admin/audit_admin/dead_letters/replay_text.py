"""What a replay did, as text and as JSON; and what else the dead-letter topic holds."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from audit_admin.dead_letters.replay_result import Result
from audit_admin.dead_letters.survey import Survey
from audit_admin.dead_letters.text import shown

__all__ = ["beside", "counted", "nothing", "problems", "result_json", "result_lines"]


def result_lines(result: Result, found: Survey, topic: str, *, dry_run: bool) -> Iterator[str]:
    """Yield what was done, or would be, by reason."""
    total = result.replayed.total()
    if not found.records:
        yield nothing(found)
    elif dry_run:
        yield f"Would publish {counted(total)} to {shown(topic)} again; nothing was published"
    else:
        yield f"Published {counted(total)} to {shown(topic)} again"
    for reason, number in result.replayed.most_common():
        yield f"  {number:>9,}  {shown(reason)}"
    if result.before:
        yield f"{counted(result.before)} left alone, replayed before; --again replays them too"
    if result.recovered:
        yield f"  {result.recovered:,} of them by a replay that was interrupted"
    yield from beside(result.elsewhere, 0)


def problems(result: Result) -> Iterator[str]:
    """Yield a sentence for each kind of thing that was asked for and not done."""
    if result.halted:
        yield f"the replay ended early: {result.halted}"
    for why, number in result.failed.most_common():
        yield f"{counted(number)} not acknowledged by Kafka ({why}): run it again in two minutes"
    yield from result.sentences
    if (more := result.incomplete - len(result.sentences)) > 0:
        yield f"{counted(more)} more of which only the beginning is left"
    if result.unnoted:
        yield f"{counted(result.unnoted)} published, which is not noted yet: run it again"
    if result.busy:
        yield (
            f"{counted(result.busy)} left to another replay, which runs or was interrupted less than "
            "two minutes ago: run it again then"
        )


def result_json(result: Result, *, dry_run: bool) -> dict[str, Any]:
    """Return what was done, or would be, and what was not."""
    return {
        "dry_run": dry_run,
        "run": result.run,
        "replayed": result.replayed.total(),
        "replayed_by_reason": dict(result.replayed),
        "replayed_before": result.before,
        "left_to_another_replay": result.busy,
        "incomplete": result.incomplete,
        "not_acknowledged": result.failed.total(),
        "not_noted": result.unnoted,
        "of_other_topics": result.elsewhere.total(),
        "problems": list(problems(result)),
    }


def nothing(found: Survey) -> str:
    """Say why no dead letter was chosen: there are none, or none like that."""
    if not found.reasons:
        return "There are no dead letters"
    there = ", ".join(sorted(map(shown, found.reasons)))
    return f"No dead letter matches; there are some with reason {there}"


def beside(elsewhere: Counter[str], strange: int) -> Iterator[str]:
    """Yield what else is in the topic."""
    for topic, number in elsewhere.most_common(5):
        yield f"{number:,} dead letters besides are of topic {shown(topic)}: set AUDITLOG_TOPIC to it"
    if strange:
        yield f"{counted(strange)} in the topic not written by auditlog, passed over"


def counted(number: int) -> str:
    """Return a number of records in words."""
    return f"{number:,} record" + ("" if number == 1 else "s")
