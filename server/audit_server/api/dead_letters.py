"""/dead-letters: the newest records that consumers refused, by reason."""

from http import HTTPStatus
from typing import Any

from audit_admin.dead_letters import NewestDeadLetters, advice_on, dead_letter_json, reason_json
from audit_schemas import format_timestamp
from fastapi import APIRouter, Depends, Request, Response

from audit_server.access import DeadLetterCaller
from audit_server.api.query_params import PREFIX, check_query
from audit_server.api.responses import DeadLettersResponse, documented, json_response
from audit_server.background import Reading
from audit_server.dead_letter_view import read_dead_letters
from audit_server.errors import ProblemError
from audit_server.problems import RETRY_SECONDS

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["dead letters"], dependencies=[Depends(check_query)])

_WAIT_SECONDS = 5.0
_RETRY = {"Retry-After": str(RETRY_SECONDS)}


@router.get(
    "/dead-letters",
    summary="Dead letters",
    response_class=Response,
    responses=documented(DeadLettersResponse),
)
def dead_letters(request: Request, caller: DeadLetterCaller) -> Response:
    """Return the newest dead letters by reason, with samples and what to do.

    Of a topic that holds more than ten thousand, the newest; they may be half a minute old. Values of
    samples are cut at 4 KiB: `auditlog dead-letters show --json` has them whole.
    """
    reading = read_dead_letters(request, caller, wait_seconds=_WAIT_SECONDS)
    return json_response(_json(reading))


def _json(reading: Reading[NewestDeadLetters] | None) -> dict[str, Any]:
    if reading is None:
        raise _unavailable("This server has no Kafka: AUDITLOG_KAFKA_BOOTSTRAP_SERVERS is not set")
    newest = reading.value
    if newest is None or reading.at is None:
        raise _unavailable(
            "The dead letters are being read"
            if reading.is_pending
            else "The dead letters can't be read at the moment; the server's log says why"
        )
    return {
        "read": format_timestamp(reading.at),
        "examined": newest.examined,
        "total": newest.total,
        "reasons": _reasons(newest),
    }


def _reasons(newest: NewestDeadLetters) -> list[dict[str, Any]]:
    summaries = sorted(newest.summary.by_reason.values(), key=lambda one: -one.records)
    journal = newest.summary.journal
    return [
        {
            **reason_json(one),
            "what_to_do": advice_on(one.reason).what_to_do,
            "samples": [dead_letter_json(some, journal) for some in newest.samples.get(one.reason, ())],
        }
        for one in summaries
    ]


def _unavailable(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=_RETRY)
