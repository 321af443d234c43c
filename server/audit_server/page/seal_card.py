"""What the page says of the sealed log: how far it goes, and whether an event is in it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from audit_seal import Cosigned, ProofError, SealError
from fastapi import Request

from audit_server.page.rows import display_time
from audit_server.page.view import View
from audit_server.seals import seals_of

__all__ = ["event_seal", "seal_card"]

_log = structlog.get_logger()

_UNREADABLE = "The sealed log can't be read at the moment"


def seal_card(request: Request, view: View) -> Mapping[str, Any] | None:
    """Return how far the log is sealed, and who signed it; None where there is no sealed log."""
    seals = seals_of(request)
    if seals is None:
        return None
    try:
        state = seals.state()
    except SealError as error:
        return {"problem": _unreadable(error)}
    if state is None:
        return {"problem": "Nothing is sealed yet"}
    return {
        "problem": state.fault,
        "size": state.last.size,
        "at": display_time(state.last.at, view.zone),
        "cosigned": _cosigned(state.cosigned, view),
    }


def event_seal(request: Request, event: Mapping[str, Any], view: View) -> Mapping[str, Any] | None:
    """Return by which checkpoint an event is sealed; None where there is no sealed log."""
    seals = seals_of(request)
    if seals is None:
        return None
    try:
        sealed = seals.sealed(event)
    except ProofError as error:
        return {"problem": str(error)}
    except SealError as error:
        return {"problem": _unreadable(error)}
    return {
        "problem": "",
        "size": sealed.sealing.size,
        "at": display_time(sealed.sealing.at, view.zone),
        "evidence": f"/api/v1/events/{event['event']['id']}/evidence",
    }


def _cosigned(cosigned: Sequence[Cosigned], view: View) -> Sequence[Mapping[str, Any]]:
    return [
        {"witness": each.witness, "at": display_time(datetime.fromtimestamp(each.time, UTC), view.zone)}
        for each in cosigned
    ]


def _unreadable(error: SealError) -> str:
    _log.warning("the sealed log can't be read", why=str(error))
    return _UNREADABLE
