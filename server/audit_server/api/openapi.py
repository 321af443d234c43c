"""The OpenAPI document: what FastAPI leaves out of it, and what it says of a request's parameters."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from audit_server.access import AnyCaller
from audit_server.api.responses import ProblemResponse

__all__ = ["describe", "document_router", "documented_parameters"]

document_router = APIRouter(include_in_schema=False)


@document_router.get("/api/v1/openapi.json")
def openapi_document(request: Request, _: AnyCaller) -> JSONResponse:
    """Return the document, to whoever may use what it describes."""
    return JSONResponse(request.app.openapi())


def describe(app: FastAPI) -> None:
    """Add the shape of problems, to which the routes' own documentation refers."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def complete() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault(ProblemResponse.__name__, ProblemResponse.model_json_schema())
        return document

    app.openapi = complete  # type: ignore[method-assign]


def documented_parameters(request: Request) -> Mapping[str, Mapping[str, Any]]:
    """Return the query parameters of the request's route, as the document has them, by name."""
    path = getattr(request.scope.get("route"), "path", "")
    operation = request.app.openapi()["paths"].get(path, {}).get("get", {})
    return {
        parameter["name"]: parameter
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
