"""Routes of a chat's page."""

from http import HTTPStatus
from typing import Annotated

from audit_query import QuerySpec
from fastapi import APIRouter, Query, Request, Response

from audit_server.access import Caller, EventCaller
from audit_server.errors import ProblemError
from audit_server.page.chat_page import chat_page
from audit_server.page.counting import Deadline
from audit_server.page.render import show, view_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/chats/")
def chat_by_query(
    request: Request,
    caller: EventCaller,
    chat: str,
    org: Annotated[str | None, Query()] = None,
) -> Response:
    """Show a chat whose id can't be part of an address."""
    return _chat(request, caller, chat, org)


@router.get("/chats/{chat:path}")
def chat(
    request: Request, caller: EventCaller, chat: str, org: Annotated[str | None, Query()] = None
) -> Response:
    """Show what happened in a chat."""
    return _chat(request, caller, chat, org)


def _chat(request: Request, caller: Caller, chat: str, organization: str | None) -> Response:
    view = view_of(request, without=("chat", "org"))
    deadline = Deadline(request.app.state.settings.query_seconds)
    context = chat_page(caller.log, chat, organization, view, deadline)
    spec = QuerySpec().with_("chat", chat)
    caller.record_search(spec.with_("org", organization) if organization else spec, context["total"])
    if not context["total"]:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            f"No event of the chat {chat[:128]} is in the log, or you may not see it",
        )
    return show(request, caller, "chat.html", part="Events", view=view, **context)
