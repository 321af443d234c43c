"""What the routes of alerts respond with: models, and examples that a test compares with real ones."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AlertDetailsResponse",
    "AlertResponse",
    "AlertsResponse",
    "BulkResponse",
    "ExceptionPreviewResponse",
    "ExceptionStepResponse",
    "ExceptionsResponse",
    "RulesResponse",
    "StepResponse",
]

_PART = {
    "since": "2026-11-23T09:20:00.000Z",
    "first": "2026-11-23T09:20:04.000Z",
    "last": "2026-11-23T09:30:00.000Z",
    "count": 40,
    "size": 22,
    "samples": ["0197f1b0c8a07d2e9f0c1b2a3d4e5f60"],
}
_ALERT: dict[str, Any] = {
    "@timestamp": "2026-11-23T09:20:04.000Z",
    "event": {
        "kind": "alert",
        "id": "5a1a91fe9c7b4f1f8d0a3c2e1b6f7b4d",
        "severity": 50,
        "created": "2026-11-23T09:21:00.000Z",
        "start": "2026-11-23T09:20:00.000Z",
        "end": "2026-11-23T09:30:00.000Z",
    },
    "rule": {
        "id": "5f0c1f6e-5a0b-4b0e-8a83-0d3c5a1f7e01",
        "name": "brute-force",
        "description": "An address had many logins refused within minutes.",
        "category": "attack.credential-access",
        "ruleset": "auditlog",
        "version": "0c1b2a3d4e5f6071",
    },
    "message": "Passwords are guessed from one address: source.ip=203.0.113.66",
    "tags": ["attack.credential-access"],
    "related": {"user": ["root"], "ip": ["203.0.113.66"]},
    "source": {"ip": "203.0.113.66"},
    "audit": {
        "alert": {
            "status": "acknowledged",
            "level": "medium",
            "group": "source.ip=203.0.113.66",
            "group_by": ["source.ip"],
            "count": 40,
            "parts": [_PART],
            "assignee": "ada",
            "version": 1,
            "history": [{"at": "2026-11-23T09:32:00.000Z", "by": "ada", "action": "acknowledged"}],
        }
    },
}
_EXCEPTION: dict[str, Any] = {
    "id": "3f8a0c1b2a3d4e5f",
    "rule": {"name": "brute-force", "id": "5f0c1f6e-5a0b-4b0e-8a83-0d3c5a1f7e01"},
    "group": {"source.ip": "203.0.113.66"},
    "until": "2026-12-23T00:00:00.000Z",
    "because": "Our own scanner, until it is moved.",
    "by": "ada",
    "created": "2026-11-23T09:35:00.000Z",
    "alert": "5a1a91fe9c7b4f1f8d0a3c2e1b6f7b4d",
}


def _shaped(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": example})


class AlertResponse(BaseModel):
    """An alert as it is stored: in ECS shape; `audit.alert` has its parts, status and history."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": _ALERT})

    event: dict[str, Any]
    timestamp: str = Field(alias="@timestamp")
    rule: dict[str, Any]
    message: str
    audit: dict[str, Any]


class AlertsResponse(BaseModel):
    """A page of alerts."""

    model_config = _shaped({"alerts": [_ALERT], "total": 61, "cursor": "WzE3OTUzODU0MDAsNTAsImEiXQ"})

    alerts: list[AlertResponse]
    total: int = Field(description="How many alerts there are in all.")
    cursor: str | None = Field(description="For the next page; null where this was the last.")


class RelatedResponse(BaseModel):
    """Other alerts."""

    model_config = ConfigDict(extra="forbid")

    addresses: list[AlertResponse]
    users: list[AlertResponse]


class AlertDetailsResponse(BaseModel):
    """An alert, and those of its addresses and users."""

    model_config = _shaped({"alert": _ALERT, "related": {"addresses": [], "users": []}})

    alert: AlertResponse
    related: RelatedResponse


class StepResponse(BaseModel):
    """The alert after a step."""

    model_config = _shaped({"alert": _ALERT, "warning": None})

    alert: AlertResponse
    warning: str | None = Field(None, description="Set where the step's event could not be published.")


class BulkResultResponse(BaseModel):
    """What came of a step on one of many."""

    model_config = ConfigDict(extra="forbid")

    id: str
    status: int = Field(description="200; 404: there is none; 409: it does not allow the step.")
    error: str | None = None
    alert: AlertResponse | None = None
    warning: str | None = None


class BulkResponse(BaseModel):
    """What came of a step on each of many."""

    model_config = _shaped(
        {
            "results": [
                {
                    "id": _ALERT["event"]["id"],
                    "status": 200,
                    "error": None,
                    "alert": _ALERT,
                    "warning": None,
                }
            ]
        }
    )

    results: list[BulkResultResponse]


class ExceptionResponse(BaseModel):
    """An exception from a rule."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": _EXCEPTION})

    id: str
    rule: dict[str, str]
    group: dict[str, str]
    until: str
    because: str
    by: str
    created: str


class ExceptionsResponse(BaseModel):
    """All exceptions, with what they suppressed."""

    model_config = _shaped(
        {"exceptions": [{**_EXCEPTION, "in_force": True, "suppressed": {"alerts": 3, "events": 512}}]}
    )

    exceptions: list[ExceptionResponse]


class ExceptionStepResponse(BaseModel):
    """An exception after it was made or ended."""

    model_config = _shaped({"exception": _EXCEPTION, "warning": None})

    exception: ExceptionResponse
    warning: str | None = Field(None, description="Set where its event could not be published.")


class ExceptionPreviewResponse(BaseModel):
    """What an exception would have suppressed."""

    model_config = _shaped(
        {
            "rule": "brute-force",
            "group": {"source.ip": "203.0.113.66"},
            "until": "2026-12-23T00:00:00+00:00",
            "alerts": [_ALERT],
            "is_complete": True,
        }
    )

    rule: str
    group: dict[str, str]
    until: str
    alerts: list[AlertResponse]
    is_complete: bool = Field(description="False: only the newest thousand alerts were looked at.")


class AlertExampleResponse(BaseModel):
    """An alert as an example of its rule."""

    model_config = _shaped(
        {
            "rule": "brute-force",
            "file": "brute-force.yml",
            "text": "- says: ours\n  events:\n  - {at: 9h30m, action: login-failed}\n",
        }
    )

    rule: str
    file: str
    text: str = Field(description="YAML, to be put below `silent:` of the rule's examples.")


class RuleResponse(BaseModel):
    """A rule, its file's text, and how often it fired in 30 days."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    title: str
    level: str
    text: str
    examples: dict[str, list[str]]
    fired: dict[str, Any]
    step_seconds: float | None


class RulesResponse(BaseModel):
    """The rules in force."""

    model_config = _shaped(
        {
            "rules": [
                {
                    "id": "5f0c1f6e-5a0b-4b0e-8a83-0d3c5a1f7e01",
                    "name": "brute-force",
                    "title": "Passwords are guessed from one address",
                    "level": "medium",
                    "description": "An address had many logins refused within minutes.",
                    "false_positives": ["A program with an old password."],
                    "what_to_do": "Block the address where logins enter.",
                    "group_by": ["source.ip"],
                    "alert_span_seconds": 86_400,
                    "tags": ["attack.credential-access"],
                    "idle": None,
                    "file": "brute-force.yml",
                    "text": "title: Passwords are guessed from one address",
                    "examples": {"fires": ["five guesses"], "silent": ["somebody mistypes"]},
                    "fired": {"alerts": 3, "open": 1, "last": "2026-11-23T09:30:00+00:00"},
                    "step_seconds": 0.12,
                }
            ]
        }
    )

    rules: list[RuleResponse]
