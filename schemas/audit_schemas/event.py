"""The audit event, as it travels on the wire: one JSON object in the shape of ECS.

The model is strict in all its fields. Where a strange value must not refuse the event (names,
user agents, messages, labels), `audit_schemas.sanitize` cleans it before a second validation.

Field order matters: `event` comes first and `audit` last, so that the document's added fields can
be spliced into the text the model writes (see `audit_schemas.document`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from audit_schemas.addresses import is_ip
from audit_schemas.timestamps import TIMESTAMP_PATTERN

__all__ = [
    "ACTION_PATTERN",
    "ID_PATTERN",
    "LABELS_MAX",
    "LABEL_KEY_MAX",
    "LABEL_MAX",
    "MAX_EVENT_BYTES",
    "MESSAGE_MAX",
    "NAME_MAX",
    "PRINTABLE",
    "SCHEMA_VERSION",
    "USER_AGENT_MAX",
    "Actor",
    "Audit",
    "AuditEvent",
    "Change",
    "Chat",
    "Event",
    "EventPart",
    "Ip",
    "Label",
    "LabelKey",
    "Mapped",
    "Organization",
    "Outcome",
    "Reasoning",
    "Service",
    "Session",
    "Source",
    "Target",
    "Text",
    "Timestamp",
    "Trace",
    "User",
    "UserAgent",
    "UserEffective",
    "UserTarget",
]

SCHEMA_VERSION = (1, 1)
"""major, minor. A new optional field is a new minor; travels in a Kafka header."""

MAX_EVENT_BYTES = 1024 * 1024
"""Kafka's own default for a record; larger ones are refused before they are parsed."""

NAME_MAX, USER_AGENT_MAX, MESSAGE_MAX = 256, 1024, 8192
LABELS_MAX, LABEL_KEY_MAX, LABEL_MAX = 64, 128, 1024
"""Characters, and entries. Four bytes a character stay below Lucene's 32,766 for one term."""

# Terminal escapes and forged lines hide in C0 and C1, spoofed order in the bidirectional controls.
PRINTABLE = "[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]"
ID_PATTERN = r"^[A-Za-z0-9_-]{16,128}$"
ACTION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$"

Outcome = Literal["success", "failure", "unknown"]


@dataclass(frozen=True)
class Mapped:
    """How Elasticsearch maps a field, where it differs from keyword, searched and aggregated."""

    type: str = "keyword"
    index: bool = True
    doc_values: bool = True


_STORED = Mapped(index=False, doc_values=False)
_SEARCHED = Mapped(doc_values=False)


def _text(limit: int) -> object:
    return Field(min_length=1, max_length=limit, pattern=f"^{PRINTABLE}*$")


def _existing_day(timestamp: str) -> str:
    try:
        datetime.fromisoformat(timestamp)
    except ValueError:
        raise PydanticCustomError("no_such_day", "is a day that does not exist") from None
    return timestamp


def _ip_or_blank(text: str) -> str | None:
    """Blank means unknown, as missing and null do."""
    if is_ip(text):
        return text
    if not text.strip():
        return None
    raise PydanticCustomError(
        "ip", "is not an IPv4 or IPv6 address; leave it out or blank where it is unknown"
    )


def _in_order(labels: dict[str, str]) -> dict[str, str]:
    """Sort by key, so that equal events have one canonical form, and one hash."""
    return dict(sorted(labels.items()))


Text = Annotated[str, _text(256)]
Reasoning = Annotated[str, _text(1024)]
Timestamp = Annotated[
    str, Field(pattern=TIMESTAMP_PATTERN), AfterValidator(_existing_day), Mapped("date")
]
Ip = Annotated[
    str,
    AfterValidator(_ip_or_blank),
    Mapped("ip"),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"pattern": r"^\s*$"}],
        }
    ),
]
Label = Annotated[str, Field(max_length=LABEL_MAX, pattern=f"^{PRINTABLE}*$")]
LabelKey = Annotated[str, _text(LABEL_KEY_MAX)]


class EventPart(BaseModel):
    """Base of the event and its objects: strict types, no unknown fields, immutable."""

    # Built when the first event is read: most commands read none.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class Event(EventPart):
    """What happened."""

    id: Annotated[
        str,
        Field(
            pattern=ID_PATTERN,
            description="Unique, set once before any retry: 16 to 128 of A-Z a-z 0-9 _ -.",
        ),
        _STORED,
    ]
    action: Annotated[
        str, Field(pattern=ACTION_PATTERN, description="The activity, by its catalogue name.")
    ]
    outcome: Outcome | None = Field(None, description="Left out: the activity's own default.")
    reason: Annotated[Reasoning, _SEARCHED] | None = Field(
        None, description="Why it came out so, for instance why a login failed."
    )
    sequence: (
        Annotated[int, Field(ge=0, le=2**63 - 1), Mapped("long", index=False, doc_values=False)] | None
    ) = Field(None, description="The publisher's own count, where order matters.")


class _Account(EventPart):
    id: Text | None = None
    name: Annotated[str, Field(max_length=NAME_MAX, pattern=f"^{PRINTABLE}*$")] | None = Field(
        None, description="As typed or displayed. Never refused: escaped and cut instead."
    )
    email: Annotated[str, _text(320), _SEARCHED] | None = None
    roles: Annotated[list[Text], Field(max_length=100), _SEARCHED] | None = None


class UserEffective(_Account):
    """The user it was done as, by somebody else: an agent for a customer, an admin's "log in as"."""


class UserTarget(_Account):
    """The user it was done to: the assignee, the changed account."""


class User(_Account):
    """Who really did it."""

    effective: UserEffective | None = None
    target: UserTarget | None = None


class Source(EventPart):
    """Where it came from."""

    ip: Ip | None = Field(None, description="Missing, null and blank all mean unknown.")


class Service(EventPart):
    """The service that published it."""

    name: Text | None = None
    version: Annotated[Text, _STORED] | None = None


class Organization(EventPart):
    """The tenant."""

    id: Text | None = None


class UserAgent(EventPart):
    """The client's program."""

    original: (
        Annotated[str, Field(max_length=USER_AGENT_MAX, pattern=f"^{PRINTABLE}*$"), _STORED] | None
    ) = Field(None, description="Never refused: escaped and cut instead.")


class Trace(EventPart):
    """The distributed trace that it belongs to."""

    id: Annotated[Text, _SEARCHED] | None = None


class Actor(EventPart):
    """A person, or the system itself."""

    kind: Literal["user", "system"] = "user"


class Chat(EventPart):
    """The chat it happened in."""

    id: Text | None = None


class Session(EventPart):
    """The login session it happened in."""

    id: Text | None = None


class Target(EventPart):
    """The thing that was changed."""

    type: Text | None = None
    id: Text | None = None
    name: Annotated[Text, _SEARCHED] | None = None


class Change(EventPart):
    """One field's value before and after. Mask secrets before they get here; the SDK does."""

    field: Annotated[Text, _SEARCHED]
    before: Annotated[str, Field(max_length=8192), _STORED] | None = None
    after: Annotated[str, Field(max_length=8192), _STORED] | None = None


class Audit(EventPart):
    """What ECS has no name for."""

    actor: Actor = Actor.model_construct()
    chat: Chat | None = None
    session: Session | None = None
    target: Target | None = None
    changes: Annotated[list[Change], Field(max_length=200)] | None = None
    altered: (
        Annotated[
            list[
                Literal[
                    "user.name",
                    "user.effective.name",
                    "user.target.name",
                    "user_agent.original",
                    "message",
                    "labels",
                ]
            ],
            Field(max_length=6),
        ]
        | None
    ) = Field(None, description="Fields whose text was escaped or cut on the way.")


class AuditEvent(EventPart):
    """One audit event."""

    event: Event
    timestamp: Timestamp = Field(alias="@timestamp", description="When it happened: RFC 3339.")
    user: User | None = None
    source: Source | None = None
    service: Service | None = None
    organization: Organization | None = None
    user_agent: UserAgent | None = None
    trace: Trace | None = None
    labels: (
        Annotated[
            dict[LabelKey, Label],
            Field(max_length=LABELS_MAX),
            AfterValidator(_in_order),
            Mapped("flattened"),
        ]
        | None
    ) = Field(None, description="Anything else, flat. Never refused: sanitized instead.")
    message: (
        Annotated[str, Field(max_length=MESSAGE_MAX, pattern=f"^{PRINTABLE}*$"), Mapped("text")] | None
    ) = Field(None, description="A sentence for people. Never refused: escaped and cut instead.")
    audit: Audit = Audit.model_construct()
