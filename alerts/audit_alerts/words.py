"""Plans in words: what `auditlog alerts explain` says of them. Pure."""

from audit_alerts.plan import (
    Absence,
    Base,
    Correlation,
    HistoryCondition,
    ImpossibleTravel,
    Kind,
    LogSource,
    NewTerms,
    SeenBefore,
    UnusualHours,
)

__all__ = ["grouping", "in_words", "span_words"]

_UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second"))


def span_words(millis: int) -> str:
    """Return a time span, such as `10 minutes`."""
    for length, unit in _UNITS:
        if millis >= length and millis % length == 0:
            number = millis // length
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{millis} milliseconds"


def grouping(names: tuple[str, ...]) -> str:
    """Return what is grouped by."""
    return f"for each {' and '.join(names)}" if names else "over all events"


def in_words(node: Base | Correlation | Absence) -> list[str]:
    """Return a sentence a part, parts first."""
    if isinstance(node, Base):
        return [f"{node.name}: {_base(node)}"]
    if isinstance(node, Absence):
        fires = (
            f"Fires {grouping(node.group_by)} that has none for {span_words(node.after)}, though the "
            f"same time {_days(node)} had at least {node.least}."
        )
        return [f"{node.name}: {_base(node.base)}", fires]
    parts = [line for part in node.parts for line in in_words(part)]
    return [*parts, f"{node.name}: {_correlation(node)}"]


def _days(node: Absence) -> str:
    if node.compared == tuple(range(1, node.days + 1)):
        return f"of each of the last {node.days} days"
    return f"{' and '.join(map(str, node.compared))} days before"


def _base(node: Base) -> str:
    what = (
        "records of the dead-letter topic whose headers fit"
        if node.log_source is LogSource.DEAD_LETTERS
        else f"events that fit {node.lucene}"
    )
    return (
        what + _history_condition(node.history_condition) + "".join(map(_seen_before, node.seen_before))
    )


def _seen_before(seen: SeenBefore) -> str:
    lag = f", longer than {span_words(seen.lag)} ago" if seen.lag else ""
    many = f"{seen.least} values of {seen.counted} in " if seen.counted else ""
    return (
        f"; {'only' if seen.is_wanted else 'not'} {grouping(seen.by)} that had {many}events that fit "
        f"{seen.base.lucene} in the {span_words(seen.history)} before{lag}"
    )


def _history_condition(condition: HistoryCondition | None) -> str:
    match condition:
        case NewTerms(field, group_by, history):
            return (
                f", if {field} is new {grouping(group_by)}: not seen in the {span_words(history)} "
                "before, while another was"
            )
        case UnusualHours(group_by, history, days, margin, shift):
            return (
                f", if further than {span_words(margin)} from every time of day at which there was one "
                f"in the {span_words(history)} before, on at least {days} days, {grouping(group_by)}; "
                f"what lies between two within {span_words(shift)} counts as active"
            )
        case ImpossibleTravel(group_by, speed, distance):
            return (
                f", if more than {distance:,} km from the one before, {grouping(group_by)}, and "
                f"further than {speed:,} km/h get in the time between"
            )
        case None:
            return ""


def _correlation(node: Correlation) -> str:
    return _count(node) + _beyond_sigma(node)


def _beyond_sigma(node: Correlation) -> str:
    surge = ""
    if node.surge is not None:
        surge = (
            f", if that is at least {node.surge.factor} times the most at the same time of any of the "
            f"{node.surge.days} days before"
        )
    return f"{surge}; counted by steps of {span_words(node.cell)}" if node.cell else surge


def _count(node: Correlation) -> str:
    names = [part.name for part in node.parts]
    within = f"within {span_words(node.span)}, {grouping(node.group_by)}"
    match node.kind:
        case Kind.EVENT_COUNT:
            return f"at least {node.at_least} of {' or '.join(names)} {within}"
        case Kind.VALUE_COUNT:
            return f"at least {node.at_least} values of {node.counted} in {' or '.join(names)} {within}"
        case Kind.TEMPORAL:
            return f"at least {node.at_least} of {', '.join(names)} together {within}"
        case Kind.TEMPORAL_ORDERED:
            return f"{', then '.join(names)} {within}"
