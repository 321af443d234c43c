"""A rule file's documents become a plan. What can't be evaluated exactly is refused. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from audit_schemas import Catalogue
from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from audit_alerts.attributes import Attributes, SeenSpec, milliseconds
from audit_alerts.condition import Condition, Equals, InList, Like, depth_of, leaves_of
from audit_alerts.correlate import correlation_of, with_counting
from audit_alerts.documents import RuleDocument, rule_documents
from audit_alerts.errors import RuleRefusedError
from audit_alerts.fields import check_group
from audit_alerts.plan import (
    OPTIONAL,
    Absence,
    Base,
    Correlation,
    HistoryCondition,
    ImpossibleTravel,
    LogSource,
    NewTerms,
    Node,
    Rule,
    SeenBefore,
    UnusualHours,
    bases_of,
    bases_read,
    fields_below,
)
from audit_alerts.translate import UntranslatableError, translated

__all__ = ["compile_rule"]

_PRODUCT = "auditlog"
_DEPTH_MAX = 12
"""Elasticsearch takes 30 (indices.query.bool.max_nested_depth), and a rule's query is within others."""
_ALERT_SPAN = "1d"
"""Who goes on for days is one case: a real log had 67 alerts of one address in four days."""


def compile_rule(text: str, file: str, catalogue: Catalogue) -> Rule:
    """Return the rule that a file holds. Raises RuleRefusedError for what would not do as it says.

    The lists that it names are empty; see `rule_lists`.
    """
    try:
        return _Compiler(rule_documents(text, file), file, catalogue).rule()
    except SigmaError as error:
        raise RuleRefusedError(file, f"is not a Sigma rule: {error}") from None
    except UntranslatableError as error:
        raise RuleRefusedError(file, str(error)) from None
    except RecursionError:
        raise RuleRefusedError(file, "is nested too deeply, or holds itself") from None


class _Compiler:
    """Compiles the documents of one file, each once."""

    def __init__(self, documents: Sequence[RuleDocument], file: str, catalogue: Catalogue) -> None:
        self._documents = documents
        self._file = file
        self._catalogue = catalogue
        self._parsed = SigmaCollection.from_dicts([part.sigma for part in documents])
        self._made: dict[str, Node] = {}
        self._making: list[str] = []

    def rule(self) -> Rule:
        document = self._outermost()
        parsed = self._parsed_of(document)
        root = self._root(document, parsed)
        if len({base.log_source for base in bases_of(root)}) > 1:
            raise self._refused("its parts have different logsources")
        ours, sigma = document.ours, document.sigma
        for key in ("id", "title", "description", "level", "falsepositives"):
            if not sigma.get(key):
                raise self._refused(f"{document.label} has no {key}")
        if ours.what_to_do is None:
            raise self._refused(f"{document.label} does not say what to do (auditlog.what-to-do)")
        if ours.examples is None:
            raise self._refused(
                f"{document.label} has no examples of what must fire and must not (auditlog.examples)"
            )
        self._check_names(root)
        if any(part.ours.alert_span for part in self._documents if part is not document):
            raise self._refused("alert-span belongs to the rule itself, not to a part of it")
        lists = self._lists(root, ours)
        return Rule(
            id=str(parsed.id),
            name=str(sigma.get("name") or sigma["id"]),
            title=parsed.title,
            description=" ".join(str(sigma["description"]).split()),
            level=parsed.level.name.lower(),
            false_positives=tuple(map(str, sigma["falsepositives"])),
            what_to_do=" ".join(ours.what_to_do.split()),
            reasons={part.label: part.ours.reasons for part in self._documents},
            tags=tuple(map(str, sigma.get("tags") or ())),
            file=self._file,
            root=root,
            alert_span=milliseconds(ours.alert_span or _ALERT_SPAN),
            examples=ours.examples.model_dump(),
            includes=tuple(dict.fromkeys(ours.includes)),
            lists=dict.fromkeys(lists, ""),
            optional_lists=frozenset(ours.optional_lists),
        )

    def _outermost(self) -> RuleDocument:
        """Return the one document that no other builds on."""
        used = {
            str(name)
            for part in self._documents
            for name in (
                *_as_list(part.sigma.get("correlation", {}).get("rules")),
                *(seen.rule for seen in (*part.ours.unless_seen, *part.ours.if_seen)),
            )
        }
        last = [
            part
            for part in self._documents
            if not {str(part.sigma.get("name")), str(part.sigma.get("id"))} & used
        ]
        if len(last) != 1:
            raise self._refused("a file holds one rule: all documents but one are parts of others")
        return last[0]

    def _lists(self, root: Correlation | Absence, ours: Attributes) -> list[str]:
        """Return the lists that the rule names, held to what is said of them."""
        found = sorted(
            {
                leaf.name
                for base in bases_read(root)
                for leaf in leaves_of(base.condition)
                if isinstance(leaf, InList)
            }
        )
        if odd := set(ours.optional_lists) - set(found):
            raise self._refused(f"optional-lists: {min(odd)} is no list that the rule names")
        given = ours.examples.lists if ours.examples else {}
        if odd := set(found) ^ set(given):
            raise self._refused(
                f"examples.lists has to say what is on {min(odd)}, if the rule names it"
            )
        return found

    def _root(self, document: RuleDocument, parsed: Any) -> Correlation | Absence:
        node = self._node(parsed)
        absence = document.ours.absence
        if isinstance(node, Base) and absence is not None:
            by = self._grouping(absence.by, node.log_source)
            days = absence.compared()
            after = milliseconds(absence.after)
            return Absence(node, by, after, max(days), absence.least, days)
        if isinstance(node, Correlation):
            return node
        raise self._refused(
            "a rule without a correlation does not say what belongs to one alert; count its events "
            "(event_count, gte: 1) by a field, over a timespan"
        )

    def _node(self, parsed: Any) -> Node:
        document = self._document_of(parsed)
        if document.label in self._making:
            raise self._refused(f"{document.label} is a part of itself")
        if document.label not in self._made:
            self._making.append(document.label)
            self._check_reasons(document)
            make = self._correlation if isinstance(parsed, SigmaCorrelationRule) else self._base
            self._made[document.label] = make(parsed, document)
            self._making.pop()
        return self._made[document.label]

    def _correlation(self, parsed: Any, document: RuleDocument) -> Correlation:
        ours = document.ours
        if ours.thresholds():
            raise self._refused(f"{document.label}: only a rule with a detection can have that")
        parts = tuple(self._node(reference.rule) for reference in parsed.referenced_rules)
        names = {ref.reference: part for ref, part in zip(parsed.referenced_rules, parts, strict=True)}
        try:
            found = correlation_of(parsed, document.label, parts, names)
            return with_counting(found, ours.cell, ours.surge)
        except UntranslatableError as error:
            raise self._refused(f"{document.label}: {error}") from None

    def _base(self, parsed: Any, document: RuleDocument) -> Base:
        if document.ours.correlation_thresholds():
            raise self._refused(f"{document.label}: only a correlation can have a cell or a surge")
        log_source = self._log_source(document)
        conditions = parsed.detection.parsed_condition
        if len(conditions) != 1:
            raise self._refused(f"{document.label}: one condition, not {len(conditions)}")
        condition = translated(conditions[0].parsed, log_source)
        if depth_of(condition) > _DEPTH_MAX:
            raise self._refused(f"{document.label} is nested too deeply")
        self._check_activities(condition)
        history_condition = self._history_condition(document.ours, log_source)
        lucene = _lucene(document) if log_source is LogSource.EVENTS else ""
        seen = tuple(
            self._seen(spec, log_source, is_wanted=is_wanted)
            for is_wanted, specs in ((False, document.ours.unless_seen), (True, document.ours.if_seen))
            for spec in specs
        )
        if seen and history_condition is not None:
            raise self._refused("what was seen before goes with no other condition on the past")
        return Base(document.label, log_source, condition, lucene, history_condition, seen)

    def _seen(self, spec: SeenSpec, log_source: LogSource, *, is_wanted: bool) -> SeenBefore:
        if log_source is LogSource.DEAD_LETTERS:
            raise self._refused("unless-seen and if-seen are about events alone")
        other = next((part for part in self._documents if part.label == spec.rule), None)
        node = self._node(self._parsed_of(other)) if other is not None else None
        if not isinstance(node, Base) or node.seen_before or node.history_condition is not None:
            raise self._refused(
                f"{spec.rule} is not a plain rule with a detection, so it can't be seen before"
            )
        by = self._grouping(spec.by, log_source)
        if not set(by) - OPTIONAL:
            raise self._refused("unless-seen and if-seen need a field in `by` that every event has")
        self._grouping([spec.field] if spec.field else [], log_source)
        history, lag = milliseconds(spec.history), milliseconds(spec.lag or "0s")
        return SeenBefore(node, by, history, spec.field, spec.least, is_wanted, lag)

    def _log_source(self, document: RuleDocument) -> LogSource:
        source = document.sigma.get("logsource", {})
        service = source.get("service", LogSource.EVENTS)
        if source.get("product") != _PRODUCT or service not in set(LogSource):
            raise self._refused(
                f"{document.label}: logsource has to be product: {_PRODUCT}, "
                f"service: {' or '.join(LogSource)}"
            )
        return LogSource(service)

    def _history_condition(self, ours: Attributes, log_source: LogSource) -> HistoryCondition | None:
        first, hours, travel = ours.new_terms, ours.unusual_hours, ours.impossible_travel
        if sum(condition is not None for condition in (first, hours, travel, ours.absence)) > 1:
            raise self._refused(
                "one of new-terms, unusual-hours, impossible-travel and absence at a time"
            )
        if first is not None:
            self._grouping([first.field], log_source)
            by = self._grouping(first.by, log_source)
            return NewTerms(first.field, by, milliseconds(first.history))
        if hours is not None:
            by = self._grouping(hours.by, log_source)
            history, margin = milliseconds(hours.history), milliseconds(hours.margin)
            return UnusualHours(by, history, hours.days, margin, milliseconds(hours.shift))
        if travel is not None:
            return ImpossibleTravel(
                self._grouping(travel.by, log_source), travel.speed, travel.distance
            )
        return None

    def _grouping(self, names: Sequence[str], log_source: LogSource) -> tuple[str, ...]:
        for name in names:
            if wrong := check_group(name, dead_letter=log_source is LogSource.DEAD_LETTERS):
                raise self._refused(wrong)
        return tuple(names)

    def _check_names(self, root: Correlation | Absence) -> None:
        """Refuse a base rule whose events are in a group by one field here, by another there."""
        if isinstance(root, Absence):
            return
        for base in set(bases_of(root)):
            for name in root.group_by:
                paths = sorted(set(fields_below(root, name, base)))
                if len(paths) > 1:
                    raise self._refused(
                        f"{name} is {' and '.join(paths)} of {base.name}; "
                        "write the base rule once for each, under names of their own"
                    )

    def _check_activities(self, condition: Condition) -> None:
        """Refuse an activity that nobody can publish: the rule would be silent for ever."""
        for leaf in leaves_of(condition):
            if isinstance(leaf, Equals | Like) and leaf.field == "event.action":
                known = any(leaf.matches({"event.action": name}) for name in self._catalogue)
                if not known:
                    asked = leaf.value if isinstance(leaf, Equals) else "a pattern for event.action"
                    raise self._refused(f"{asked} is not an activity of the catalogue")

    def _check_reasons(self, document: RuleDocument) -> None:
        """Hold that every number says why it is so, and no reason is for a number that is not there."""
        wanted = document.ours.thresholds()
        correlation = document.sigma.get("correlation")
        if correlation is not None:
            wanted = {"timespan"}
            if _counts(correlation.get("condition")):
                wanted.add("condition")
            wanted |= document.ours.correlation_thresholds()
        if document.ours.alert_span is not None:
            wanted.add("alert-span")
        if odd := wanted ^ set(document.ours.reasons):
            verb = "lacks" if min(odd) in wanted else "has no use for"
            raise self._refused(f"{document.label} {verb} a reason for {min(odd)} (auditlog.reasons)")

    def _document_of(self, parsed: Any) -> RuleDocument:
        for document in self._documents:
            sigma = document.sigma
            same_id = sigma.get("id") is not None and str(sigma["id"]) == str(parsed.id)
            if same_id or (sigma.get("name") is not None and sigma["name"] == parsed.name):
                return document
        raise self._refused("every document needs a name or an id")

    def _parsed_of(self, document: RuleDocument) -> Any:
        for parsed in self._parsed.rules:
            if self._document_of(parsed) is document:
                return parsed
        raise self._refused(f"{document.label} needs a name or an id")

    def _refused(self, reason: str) -> RuleRefusedError:
        return RuleRefusedError(self._file, reason)


def _lucene(document: RuleDocument) -> str:
    """Return the query that pySigma makes of a base rule by itself; as a part it would give none."""
    (query,) = LuceneBackend().convert_rule(SigmaRule.from_dict(document.sigma))
    return str(query)


def _counts(condition: Any) -> bool:
    """Tell whether a correlation's number says more than that there is one."""
    return isinstance(condition, Mapping) and condition not in ({"gte": 1}, {"gt": 0})


def _as_list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [] if found is None else [found]
