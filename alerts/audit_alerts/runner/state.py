"""How far each rule is, in Elasticsearch: which bound it has covered, and which step is under way.

A step is claimed before it is done: its end is written down under `if_seq_no`. Whoever finds a claimed
step does that very step. All that a step writes depends on the step alone, under ids that follow from
it, so it does not matter how often a step is done, by how many, or when one of them was killed.
"""

from dataclasses import dataclass, replace
from typing import Any

import elasticsearch

__all__ = ["RuleState", "RuleStates"]

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
    },
}


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule's bound, in milliseconds of event.ingested."""

    rule: str
    version: str
    covered: int
    upto: int | None
    """The end of the step that is under way."""
    seq_no: int = -1
    primary_term: int = -1

    def claimed(self, upto: int, version: str) -> "RuleState":
        """Return the state with a step under way."""
        return replace(self, upto=upto, version=version)

    def done(self) -> "RuleState":
        """Return the state after the step."""
        return replace(self, covered=self.upto if self.upto is not None else self.covered, upto=None)


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

    def read(self, rule_id: str) -> RuleState | None:
        """Return a rule's state, None if it has none yet."""
        try:
            found = self._client.get(index=self._index, id=_key(rule_id))
        except elasticsearch.NotFoundError:
            return None
        source = found["_source"]
        return RuleState(
            source["rule"],
            source["version"],
            source["covered"],
            source["upto"],
            found["_seq_no"],
            found["_primary_term"],
        )

    def write(self, rule_id: str, state: RuleState) -> RuleState | None:
        """Write a state in place of the one that it was made from; None if another was faster."""
        known: dict[str, Any] = (
            {"op_type": "create"}
            if state.seq_no < 0
            else {"if_seq_no": state.seq_no, "if_primary_term": state.primary_term}
        )
        document = {
            "rule": state.rule,
            "version": state.version,
            "covered": state.covered,
            "upto": state.upto,
        }
        try:
            done = self._client.index(index=self._index, id=_key(rule_id), document=document, **known)
        except elasticsearch.ConflictError:
            return None
        return replace(state, seq_no=done["_seq_no"], primary_term=done["_primary_term"])


def _key(rule_id: str) -> str:
    return f"rule-{rule_id}"
