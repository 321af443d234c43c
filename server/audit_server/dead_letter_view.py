"""Who may see dead letters, and what of them is served."""

from http import HTTPStatus

from audit_admin.dead_letters import NewestDeadLetters
from audit_query import QuerySpec
from fastapi import Request

from audit_server.access import Caller
from audit_server.background import Reading
from audit_server.errors import ProblemError
from audit_server.pipeline import Pipeline

__all__ = ["check_unbound", "may_see_pipeline", "pipeline_of", "read_dead_letters"]


def pipeline_of(request: Request) -> Pipeline | None:
    """Return what reads Kafka; None where the server has none."""
    pipeline: Pipeline | None = request.app.state.pipeline
    return pipeline


def may_see_pipeline(caller: Caller) -> bool:
    """Tell whether somebody may see what belongs to no organization."""
    return caller.organization is None


def check_unbound(caller: Caller) -> None:
    """Refuse an organization's people: nobody knows whose a refused record is.

    Raises ProblemError (403).
    """
    if not may_see_pipeline(caller):
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "Dead letters are shown to those who see the whole log: a refused record names no "
            "organization that could be believed",
        )


def read_dead_letters(
    request: Request, caller: Caller, *, wait_seconds: float
) -> Reading[NewestDeadLetters] | None:
    """Return the newest dead letters as they are known, and put on record who read them.

    None where the server has no Kafka. Raises ProblemError (403).
    """
    check_unbound(caller)
    pipeline = pipeline_of(request)
    if pipeline is None:
        return None
    reading = pipeline.dead_letters.read(wait_seconds=wait_seconds)
    if reading.value is not None:
        caller.record_search(QuerySpec(), reading.value.summary.records, part="dead-letters")
    return reading
