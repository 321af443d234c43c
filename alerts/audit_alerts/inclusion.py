"""Which rules' alerts include those of others. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from audit_alerts.episodes import Episode
from audit_alerts.errors import RuleRefusedError
from audit_alerts.plan import LEVELS, Rule

__all__ = ["alerts_of", "linked"]


def linked(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return the rules, each with all that it includes, and that include it, by name.

    Raises RuleRefusedError for a rule that includes itself, one of another group, which would not be
    the same case, one of a higher level, which would be hidden, or one that there is not.
    """
    for rule in rules.values():
        for name in rule.includes:
            _check(rule, rules.get(name), name)
    includes = {name: tuple(dict.fromkeys(_below(rule, rules, ()))) for name, rule in rules.items()}
    return {
        name: replace(
            rule,
            includes=includes[name],
            included_by=tuple(other for other in rules if name in includes[other]),
        )
        for name, rule in rules.items()
    }


def alerts_of(rules: Mapping[str, Rule], episodes: Iterable[Episode]) -> list[list[Episode]]:
    """Return the alerts that episodes make in the end: each with its own episodes, and none included.

    The runner comes to the same, step by step.
    """
    found: dict[tuple[str, object], list[list[Episode]]] = {}
    for episode in sorted(episodes, key=lambda each: each.fired):
        alerts = found.setdefault((episode.rule, episode.group), [])
        span = rules[episode.rule].alert_span
        if alerts and episode.fired <= max(each.last for each in alerts[-1]) + span:
            alerts[-1].append(episode)
        else:
            alerts.append([episode])
    return [
        alert
        for (name, group), alerts in found.items()
        for alert in alerts
        if not any(
            _is_near(alert, other, rules[name].alert_span)
            for above in rules[name].included_by
            for other in found.get((above, group), ())
        )
    ]


def _is_near(alert: list[Episode], other: list[Episode], span: int) -> bool:
    last, others_last = (max(each.last for each in some) for some in (alert, other))
    return alert[0].fired <= others_last + span and last + span >= other[0].fired


def _check(rule: Rule, other: Rule | None, name: str) -> None:
    if other is None:
        raise RuleRefusedError(rule.file, f"includes: there is no rule {name}")
    if other.root.group_by != rule.root.group_by:
        raise RuleRefusedError(rule.file, f"includes: {name} groups by other fields")
    if LEVELS.index(other.level) < LEVELS.index(rule.level):
        raise RuleRefusedError(rule.file, f"includes: {name} has a higher level, which would be hidden")


def _below(rule: Rule, rules: Mapping[str, Rule], above: tuple[str, ...]) -> Iterator[str]:
    if rule.name in above:
        raise RuleRefusedError(rule.file, f"includes: {rule.name} would include itself")
    for name in rule.includes:
        yield name
        yield from _below(rules[name], rules, (*above, rule.name))
