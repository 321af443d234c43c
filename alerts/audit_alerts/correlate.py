"""Sigma's correlations as plans; what is no growing count of something is refused. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sigma.correlations import (
    SigmaCorrelationCondition,
    SigmaCorrelationConditionOperator,
    SigmaCorrelationRule,
)

from audit_alerts.attributes import SurgeSpec, milliseconds
from audit_alerts.fields import check_group
from audit_alerts.plan import (
    Base,
    Correlation,
    Kind,
    LogSource,
    Node,
    Surge,
    bases_of,
    field_below,
)
from audit_alerts.translate import UntranslatableError

__all__ = ["correlation_of", "with_counting"]

_TEMPORAL = (Kind.TEMPORAL, Kind.TEMPORAL_ORDERED)


def correlation_of(
    parsed: SigmaCorrelationRule, name: str, parts: Sequence[Node], names: Mapping[str, Node]
) -> Correlation:
    """Return the plan. `names` are the parts by the names that aliases call them.

    Raises UntranslatableError, whose text says what can't be evaluated exactly.
    """
    kind = _kind(parsed)
    found = Correlation(
        name=name,
        kind=kind,
        parts=tuple(parts),
        group_by=tuple(parsed.group_by or ()),
        span=_span(parsed.timespan.spec),
        at_least=_at_least(parsed, kind, len(parts)),
        counted=_counted(parsed, kind),
        aliases=_aliases(parsed, names),
    )
    _check_parts(found)
    for field in {*found.group_by, *([found.counted] if found.counted else ())}:
        _check_field(found, field)
    return found


def with_counting(found: Correlation, cell: str | None, surge: SurgeSpec | None) -> Correlation:
    """Return the plan, counted by cells, and held to the days before. Raises UntranslatableError."""
    if cell is None and surge is None:
        return found
    if found.kind in _TEMPORAL or not all(isinstance(part, Base) for part in found.parts):
        raise UntranslatableError("cell and surge belong to a count of events, not to an order of them")
    if any(base.history_condition for base in bases_of(found)):
        raise UntranslatableError("cells have no usual hours, and no new terms")
    if any(base.log_source is LogSource.DEAD_LETTERS for base in bases_of(found)):
        raise UntranslatableError("cell and surge are about events alone")
    if cell is None or found.span < 2 * milliseconds(cell):
        raise UntranslatableError("counts by a cell no longer than half the timespan; write a cell")
    if surge is not None and found.counted in found.aliases:
        raise UntranslatableError(
            f"a surge counts one field on all days, so {found.counted} can't be an alias; name a field"
        )
    counted = Surge(surge.days, surge.factor) if surge is not None else None
    return replace(found, cell=milliseconds(cell), surge=counted)


def _span(spec: str) -> int:
    try:
        return milliseconds(spec)
    except ValueError as error:
        if spec[-1] in "My":
            raise UntranslatableError(
                f"a timespan of {spec} has no one length; write it in days"
            ) from None
        raise UntranslatableError(f"timespan: {error}") from None


def _kind(parsed: SigmaCorrelationRule) -> Kind:
    name = parsed.type.name.lower()
    if name not in set(Kind):
        raise UntranslatableError(f"{name} is not evaluated here; there are {', '.join(Kind)}")
    return Kind(name)


def _at_least(parsed: SigmaCorrelationRule, kind: Kind, parts: int) -> int:
    condition = parsed.condition
    if not isinstance(condition, SigmaCorrelationCondition):
        raise UntranslatableError("a condition in words is not evaluated here; write a number: gte: 2")
    if condition.percentile is not None:
        raise UntranslatableError("percentile belongs to value_percentile, which is not evaluated here")
    least = {
        SigmaCorrelationConditionOperator.GTE: condition.count,
        SigmaCorrelationConditionOperator.GT: condition.count + 1,
    }.get(condition.op)
    if least is None:
        raise UntranslatableError(
            f"{condition.op.name.lower()} would be true before all events have arrived, and false "
            "after; use gte or gt, or auditlog.absence for what is missing"
        )
    if least < 1:
        raise UntranslatableError("a count of nothing is always reached")
    if kind in _TEMPORAL and least > parts:
        raise UntranslatableError(f"there are {parts} parts, so {least} of them never come together")
    if kind is Kind.TEMPORAL_ORDERED and least != parts:
        raise UntranslatableError("temporal_ordered is about all of its parts; leave the condition out")
    return least


def _counted(parsed: SigmaCorrelationRule, kind: Kind) -> str | None:
    field = getattr(parsed.condition, "fieldref", None)
    if kind is not Kind.VALUE_COUNT:
        if field is not None:
            raise UntranslatableError("only value_count counts the values of a field")
        return None
    if not isinstance(field, str):
        raise UntranslatableError("value_count counts the values of one field")
    return field


def _aliases(
    parsed: SigmaCorrelationRule, names: Mapping[str, Node]
) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for alias in parsed.aliases:
        for reference, field in alias.mapping.items():
            if reference.reference not in names:
                raise UntranslatableError(
                    f"alias {alias.alias}: {reference.reference} is not one of its rules"
                )
            found.setdefault(alias.alias, {})[names[reference.reference].name] = field
    return found


def _check_parts(found: Correlation) -> None:
    if not found.parts:
        raise UntranslatableError("has no parts")
    if len({part.name for part in found.parts}) < len(found.parts):
        raise UntranslatableError("names a part twice")
    unused = set(found.aliases) - {*found.group_by, found.counted}
    if unused:
        raise UntranslatableError(f"alias {min(unused)} is neither grouped by nor counted")


def _check_field(found: Correlation, field: str) -> None:
    """Hold that every part has the field: as its event's, or among what it groups by itself."""
    for part in found.parts:
        below = found.below(field, part)
        if isinstance(part, Correlation) and below not in part.group_by:
            raise UntranslatableError(f"{part.name} does not group by {below}, so its hits have none")
        for base in bases_of(part):
            path = field_below(part, below, base)
            is_letter = base.log_source is LogSource.DEAD_LETTERS
            if path is not None and (wrong := check_group(path, dead_letter=is_letter)):
                raise UntranslatableError(wrong)
            if isinstance(part, Base):
                break
