"""How far each rule is, in Elasticsearch: up to when it has covered the log, and its step under way.

A step is claimed before it is done: its end is written down under `if_seq_no`. Whoever finds a claimed
step does that very step. All that a step writes depends on the step alone, under ids that follow from
it, so it does not matter how often a step is done, by how many, or when one of them was killed.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import elasticsearch

from audit_alerts.errors import AlertError

__all__ = ["RuleState", "RuleStates", "VisibleCount"]

_VISIBLE = "visible-count"
_TRIES = 20
_WEIGHT = 8
"""Of so many steps, the last one's time counts as one: a mean that follows."""
_MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "rule": {"type": "keyword"},
        "version": {"type": "keyword"},
        "covered": {"type": "date", "format": "epoch_millis"},
        "upto": {"type": "date", "format": "epoch_millis"},
        "sink": {"type": "keyword"},
        "runner": {"type": "keyword"},
        "until": {"type": "date", "format": "epoch_millis"},
        "visible_count": {"type": "long"},
        "step_millis": {"type": "long"},
    },
}


@dataclass(frozen=True, slots=True)
class RuleState:
    """How far a rule is, in milliseconds of event.ingested."""

    rule: str
    version: str
    covered: int
    upto: int | None
    """The end of the step that is under way."""
    step_millis: int | None = None
    """How long an evaluation takes of late: a moving mean, in milliseconds."""
    seq_no: int = -1
    primary_term: int = -1

    def claimed(self, upto: int, version: str) -> "RuleState":
        """Return the state with a step under way."""
        return replace(self, upto=upto, version=version)

    def done(self, millis: float) -> "RuleState":
        """Return the state after the step, whose evaluation took so long."""
        before = millis if self.step_millis is None else self.step_millis
        return replace(
            self,
            covered=self.upto if self.upto is not None else self.covered,
            upto=None,
            step_millis=round(before + (millis - before) / _WEIGHT),
        )


@dataclass(frozen=True, slots=True)
class VisibleCount:
    """How many events could be found of the time before a watermark: see `visible_counts`."""

    upto: int
    count: int
    seq_no: int = -1
    primary_term: int = -1


class RuleStates:
    """The documents of the state index. Errors of the Elasticsearch client pass through."""

    def __init__(self, client: elasticsearch.Elasticsearch, index: str) -> None:
        self._client = client
        self._index = index

    def prepare(self) -> None:
        """Create the index if there is none."""
        try:
            self._client.indices.create(index=self._index, mappings=_MAPPING)
        except elasticsearch.BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            self._client.indices.put_mapping(index=self._index, **_MAPPING)

    def read(self, rule_ids: Sequence[str]) -> dict[str, RuleState]:
        """Return the states of these rules by their ids, in one request; none of a rule without one."""
        if not rule_ids:
            return {}
        answer = self._client.mget(index=self._index, ids=[_key(rule_id) for rule_id in rule_ids])
        found = {}
        for rule_id, item in zip(rule_ids, answer["docs"], strict=True):
            state = self._alone(rule_id) if "error" in item else _state(item)
            if state is not None:
                found[rule_id] = state
        return found

    def write(self, states: Sequence[RuleState]) -> list[RuleState | None]:
        """Write states in place of those that they were made from, all in one request.

        Return them as they are stored, in the same order; None where another was faster.
        """
        if not states:
            return []
        lines: list[dict[str, Any]] = []
        for state in states:
            lines += [_action(state), _document(state)]
        answer = self._client.bulk(index=self._index, operations=lines)
        return [
            self._written(state, next(iter(item.values())))
            for state, item in zip(states, answer["items"], strict=True)
        ]

    def go_back(self, rule_ids: Sequence[str], covered: int) -> None:
        """Have rules cover again what they covered after that time.

        A step that is under way there is given up: it is a part of what is to be done again.
        """
        for _ in range(_TRIES):
            states = self.read(rule_ids).values()
            ahead = [replace(s, covered=covered, upto=None) for s in states if s.covered > covered]
            if None not in self.write(ahead):
                return
        raise AlertError("other runners are faster each time; the next round tries again")

    def visible_count(self) -> VisibleCount | None:
        """Return what was noted last; None if nothing was yet."""
        try:
            found = self._client.get(index=self._index, id=_VISIBLE)
        except elasticsearch.NotFoundError:
            return None
        source = found["_source"]
        return VisibleCount(
            source["upto"], source["visible_count"], found["_seq_no"], found["_primary_term"]
        )

    def write_visible_count(self, visible: VisibleCount) -> None:
        """Replace the count that was read; one that another runner wrote since is as good."""
        how = {"op_type": "create"} if visible.seq_no < 0 else _condition(visible)
        with suppress(elasticsearch.ConflictError):
            document = {"upto": visible.upto, "visible_count": visible.count}
            self._client.index(index=self._index, id=_VISIBLE, document=document, **how)

    def _written(self, state: RuleState, item: Mapping[str, Any]) -> RuleState | None:
        if item["status"] == HTTPStatus.CONFLICT:
            return None
        if "error" in item:
            return self._write_alone(state)
        return replace(state, seq_no=item["_seq_no"], primary_term=item["_primary_term"])

    def _alone(self, rule_id: str) -> RuleState | None:
        """Read what many together could not: raises the reason as the client's error."""
        try:
            return _state(self._client.get(index=self._index, id=_key(rule_id)).body)
        except elasticsearch.NotFoundError:
            return None

    def _write_alone(self, state: RuleState) -> RuleState | None:
        """Write what many together could not: raises the reason as the client's error."""
        how = {"op_type": "create"} if state.seq_no < 0 else _condition(state)
        try:
            done = self._client.index(
                index=self._index, id=_key(state.rule), document=_document(state), **how
            )
        except elasticsearch.ConflictError:
            return None
        return replace(state, seq_no=done["_seq_no"], primary_term=done["_primary_term"])


def _state(found: Mapping[str, Any]) -> RuleState | None:
    if not found["found"]:
        return None
    source = found["_source"]
    return RuleState(
        source["rule"],
        source["version"],
        source["covered"],
        source["upto"],
        source.get("step_millis"),
        found["_seq_no"],
        found["_primary_term"],
    )


def _action(state: RuleState) -> dict[str, Any]:
    if state.seq_no < 0:
        return {"create": {"_id": _key(state.rule)}}
    return {"index": {"_id": _key(state.rule), **_condition(state)}}


def _condition(state: RuleState | VisibleCount) -> dict[str, Any]:
    return {"if_seq_no": state.seq_no, "if_primary_term": state.primary_term}


def _document(state: RuleState) -> dict[str, Any]:
    return {
        "rule": state.rule,
        "version": state.version,
        "covered": state.covered,
        "upto": state.upto,
        "step_millis": state.step_millis,
    }


def _key(rule_id: str) -> str:
    return f"rule-{rule_id}"
