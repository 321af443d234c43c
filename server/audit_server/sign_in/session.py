"""A session: who signed in, when, and until when. Pure."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Self

from audit_schemas import format_timestamp
from pydantic import AwareDatetime, BaseModel, ConfigDict

__all__ = ["MAPPING", "Session", "new_secret", "session_id"]


class Session(BaseModel):
    """What is stored of one; its secret, which the browser has, is not."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    subject: str
    name: str
    groups: tuple[str, ...]
    created: AwareDatetime
    last_used: AwareDatetime
    expires: AwareDatetime
    sealed_token: str | None = None
    """The ID token, which signing out at the provider takes; only the session's secret opens it."""

    @classmethod
    def from_document(cls, session_id: str, source: Mapping[str, Any]) -> Self:
        """Return the session of a document."""
        return cls.model_validate({**source, "id": session_id})

    def to_document(self) -> dict[str, Any]:
        """Return what is stored under the session's id."""
        return {
            "subject": self.subject,
            "name": self.name,
            "groups": list(self.groups),
            "created": format_timestamp(self.created),
            "last_used": format_timestamp(self.last_used),
            "expires": format_timestamp(self.expires),
            "sealed_token": self.sealed_token,
        }

    @property
    def short_id(self) -> str:
        """The beginning of the id, enough to tell sessions apart."""
        return self.id[:12]


MAPPING: Mapping[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "subject": {"type": "keyword"},
        "name": {"type": "keyword"},
        "groups": {"type": "keyword"},
        "created": {"type": "date"},
        "last_used": {"type": "date"},
        "expires": {"type": "date"},
        "sealed_token": {"type": "keyword", "index": False, "doc_values": False},
    },
}
"""The mapping of their index."""


def new_secret() -> str:
    """Return what a browser is given: 256 random bits."""
    return secrets.token_urlsafe(32)


def session_id(secret: str) -> str:
    """Return the id of the session with this secret, which does not tell the secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
