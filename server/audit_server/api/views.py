"""/views: saved questions of the page, one's own and shared ones."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from audit_server.access import AnyCaller
from audit_server.api.query_params import PREFIX, check_query
from audit_server.api.responses import ViewResponse, ViewsResponse, documented, json_response
from audit_server.saved_view import ADDRESS_MAX, NAME_MAX
from audit_server.view_desk import ViewDesk

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["views"], dependencies=[Depends(check_query)])

ViewId = Annotated[str, Path(description="The view's id.", max_length=128)]
Version = Annotated[
    str,
    Query(description="The version that was read: a view that changed since is kept.", max_length=64),
]


class ViewBody(BaseModel):
    """A view to save."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=NAME_MAX, description="Its name.", examples=["Failed log-ins today"])
    address: str = Field(
        max_length=ADDRESS_MAX,
        description="Path and query of a page.",
        examples=["/?activity=login-failed&from=today"],
    )
    shared: bool = Field(False, description="Whether the organization sees it, too.")


class ChangedViewBody(ViewBody):
    """What a view is from now on."""

    version: str = Field(max_length=64, description="The version that was read.")


@router.get("/views", summary="Views", response_class=Response, responses=documented(ViewsResponse))
def list_views(request: Request, caller: AnyCaller) -> Response:
    """Return one's own views and those that are shared with one, at most 300."""
    desk = ViewDesk(request, caller)
    return json_response({"views": [view.to_json(desk.owner) for view in desk.views()]})


@router.post(
    "/views",
    summary="Save a view",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses=documented(ViewResponse, 409, status=201),
)
def create_view(request: Request, caller: AnyCaller, body: ViewBody) -> Response:
    """Save a view; a hundred for each person."""
    desk = ViewDesk(request, caller)
    view = desk.create(body.name, body.address, is_shared=body.shared)
    response = json_response(view.to_json(desk.owner))
    response.status_code = HTTPStatus.CREATED
    return response


@router.get(
    "/views/{view_id}",
    summary="One view",
    response_class=Response,
    responses=documented(ViewResponse, 404),
)
def read_view(request: Request, caller: AnyCaller, view_id: ViewId) -> Response:
    """Return a view that one may see."""
    desk = ViewDesk(request, caller)
    return json_response(desk.view(view_id).to_json(desk.owner))


@router.put(
    "/views/{view_id}",
    summary="Change a view",
    response_class=Response,
    responses=documented(ViewResponse, 404, 409),
)
def change_view(
    request: Request, caller: AnyCaller, view_id: ViewId, body: ChangedViewBody
) -> Response:
    """Change a view of one's own; one that was changed since it was read is kept."""
    desk = ViewDesk(request, caller)
    view = desk.change(view_id, body.version, body.name, body.address, is_shared=body.shared)
    return json_response(view.to_json(desk.owner))


@router.delete(
    "/views/{view_id}",
    summary="Delete a view",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=documented(None, 404, 409),
)
def delete_view(request: Request, caller: AnyCaller, view_id: ViewId, version: Version) -> Response:
    """Delete a view of one's own."""
    ViewDesk(request, caller).delete(view_id, version)
    return Response(status_code=HTTPStatus.NO_CONTENT)
