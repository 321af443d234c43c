"""The OpenAPI document, where FastAPI does not see all."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from audit_server.access import COOKIE
from audit_server.api import answers

__all__ = ["describe"]

_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "auditlog tokens create"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The page's."},
}
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> None:
    """Complete the document: shapes of answers, tokens; and no 422, which is a 400 here."""
    make: Callable[[], dict[str, Any]] = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(make())
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


def _completed(found: dict[str, Any]) -> dict[str, Any]:
    components = found.setdefault("components", {})
    schemas = {
        name: shape for name, shape in components.get("schemas", {}).items() if name not in _OF_FASTAPI
    }
    components["schemas"] = schemas | _shapes()
    components["securitySchemes"] = _SECURITY
    found["security"] = [{"token": []}, {"cookie": []}, {}]
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    return found


def _shapes() -> dict[str, Any]:
    _, found = models_json_schema(
        [(model, "serialization") for model in answers.MODELS],
        ref_template="#/components/schemas/{model}",
    )
    shapes: dict[str, Any] = found["$defs"]
    return shapes
