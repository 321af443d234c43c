"""How long a step of each rule takes, as the runner notes it beside how far the rule is."""

from collections.abc import Mapping
from datetime import timedelta

import elasticsearch

__all__ = ["read_step_times"]

_RULES_MAX = 1000


def read_step_times(client: elasticsearch.Elasticsearch, state_index: str) -> Mapping[str, timedelta]:
    """Return how long an evaluation takes of late, by the rules' ids; of none where no runner ran.

    Roles of an older deployment don't let the server read it: then nothing is known, either.
    """
    try:
        found = client.search(
            index=state_index, query={"exists": {"field": "step_millis"}}, size=_RULES_MAX
        )
    except (elasticsearch.NotFoundError, elasticsearch.AuthorizationException):
        return {}
    states = [hit["_source"] for hit in found["hits"]["hits"]]
    return {state["rule"]: timedelta(milliseconds=state["step_millis"]) for state in states}
