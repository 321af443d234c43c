"""Events made from a service's own terms."""

import json
from ipaddress import ip_address

import pytest
from audit_producer import AuditProducer, EventRefusedError, ProducerSettings, new_event
from audit_producer.activities import Activities
from audit_schemas import AuditEvent, Catalogue, encode


class Recorded(Activities):
    """Keeps what the typed methods make."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    def record(self, action: str, *, user: object, **fields: object) -> bool:
        """Make the event and settle it, as the producer does."""
        event = new_event(action, user=user, **fields)  # type: ignore[arg-type]
        self.events.append(Catalogue.load().settle(event))
        return True


def test_every_shipped_activity_has_a_typed_method() -> None:
    """The catalogue and the SDK's methods name the same activities, and each makes a valid event."""
    audit = Recorded()
    who, chat = "u-1", "chat-1"
    changes = {"name": ("a", "b")}
    audit.chat_opened(user=who, chat=chat)
    audit.chat_assigned_to_user(user=None, chat=chat, assignee="u-2")
    audit.user_joined_to_chat(user=who, chat=chat)
    audit.chat_answered(user=who, chat=chat)
    audit.chat_closed(user=who, chat=chat)
    audit.login(user=who)
    audit.login_failed(user={"name": "root"})
    audit.logout(user=who)
    audit.password_changed(user=who)
    audit.password_reset_requested(user=None, of=who)
    audit.settings_changed(user=who, changes=changes)
    audit.user_created(user=who, account="u-3")
    audit.user_changed(user=who, account="u-3", changes=changes)
    audit.user_deleted(user=who, account="u-3")
    audit.role_granted(user=who, account="u-3", role="admin")
    audit.role_revoked(user=who, account={"id": "u-3"}, role="admin")
    audit.audit_log_searched(user=who)
    audit.audit_log_exported(user=who)
    audit.audit_log_deleted(user=who)
    audit.audit_log_signed_in(user=who)
    audit.audit_log_signed_out(user=who)
    audit.audit_log_refused(user={"name": "unknown"})
    audit.alert_acknowledged(user=who)
    audit.alert_assigned(user=who)
    audit.alert_closed(user=who)
    audit.alert_reopened(user=who)
    audit.alert_noted(user=who)
    audit.alert_exception_created(user=who)
    audit.alert_exception_ended(user=who)
    audit.audit_view_created(user=who)
    audit.audit_view_changed(user=who)
    audit.audit_view_deleted(user=who)
    assert {event.event.action for event in audit.events} == set(Catalogue.load())


def test_nobody_means_the_system() -> None:
    """Without a user the actor is the system."""
    event = new_event("chat-closed", user=None, chat="chat-1")
    assert (event.audit.actor.kind, event.user) == ("system", None)


def test_system_can_act_on_a_user() -> None:
    """The assignee is there although nobody assigned."""
    event = new_event("chat-assigned-to-user", user=None, chat="chat-1", target_user="u-2")
    assert event.user is not None
    assert event.user.target is not None
    assert (event.user.id, event.user.target.id) == (None, "u-2")


def test_user_can_act_as_another() -> None:
    """`user` stays who really acted, and who saw the other's data."""
    audit = Recorded()
    audit.login(user="u-1", effective_user={"id": "u-2", "name": "Bob"})
    (event,) = audit.events
    assert event.user is not None
    assert event.user.effective is not None
    assert ("u-1", "u-2", "Bob") == (
        event.user.id,
        event.user.effective.id,
        event.user.effective.name,
    )


@pytest.mark.parametrize("ip", [ip_address("192.0.2.1"), "192.0.2.1"])
def test_address_may_be_text_or_an_object(ip: object) -> None:
    """What the standard library parsed is taken as well."""
    event = new_event("login", user="u-1", ip=ip)  # type: ignore[arg-type]
    assert event.source is not None
    assert event.source.ip == "192.0.2.1"


@pytest.mark.parametrize("ip", [None, "", "  "])
def test_unknown_address_is_left_out(ip: str | None) -> None:
    """Blank stays blank."""
    assert b'"ip"' not in encode(new_event("login", user="u-1", ip=ip))


def test_strange_name_is_mended_not_refused() -> None:
    """A hostile user name can't keep its failed login out of the log."""
    event = new_event("login-failed", user={"name": "\x1b[2J\ud800" + "x" * 5000}, user_agent="\0")
    assert event.user is not None
    assert event.user.name is not None
    assert event.user.name.startswith("\\u001b[2J\\ud800")
    assert event.audit.altered == ["user.name", "user_agent.original"]


def test_wrong_address_is_refused_with_its_path() -> None:
    """The SDK tells at once, not a consumer hours later."""
    with pytest.raises(EventRefusedError, match=r"source\.ip: is not an IPv4 or IPv6 address"):
        new_event("login", user="u-1", ip="300.1.1.1")


@pytest.mark.parametrize(
    "field", ["password", "smtp.password", "api_key", "apiKey", "API-KEY", "client_secret", "authToken",
              "session_cookie", "user.pin", "Passphrase", "private_key", "db_pwd", "access_key",
              "ssh-key", "jwt", "database.dsn", "connection_string", "pass"],
)  # fmt: skip
def test_secret_values_are_masked(field: str) -> None:
    """What stands under a secret-looking name never leaves the service."""
    event = new_event("settings-changed", user="u-1", changes={field: ("old-secret", "new-secret")})
    assert b"-secret" not in encode(event)
    assert event.audit.changes is not None
    assert (event.audit.changes[0].before, event.audit.changes[0].after) == ("***", "***")


@pytest.mark.parametrize(
    "field", ["opening_hours", "monkey", "pinned", "author", "keyboard", "passenger", "bypass"]
)
def test_plain_values_are_not_masked(field: str) -> None:
    """Names that only look alike keep their values."""
    event = new_event("settings-changed", user="u-1", changes={field: ("old", "new")})
    assert event.audit.changes is not None
    assert (event.audit.changes[0].before, event.audit.changes[0].after) == ("old", "new")


def test_secrets_inside_values_are_masked() -> None:
    """A changed object is searched for secret-looking names, at any depth."""
    change = {"smtp": ({"host": "a", "auth": [{"password": "hunter2"}]}, None)}
    event = new_event("settings-changed", user="u-1", changes=change)
    assert event.audit.changes is not None
    before = event.audit.changes[0].before
    assert before is not None
    assert json.loads(before) == {"host": "a", "auth": [{"password": "***"}]}
    assert event.audit.changes[0].after is None


def test_long_change_is_cut() -> None:
    """A large value does not refuse the event."""
    event = new_event("settings-changed", user="u-1", changes={"css": ("", "x" * 100_000)})
    assert event.audit.changes is not None
    assert len(event.audit.changes[0].after or "") == 8192


def test_settings_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service passes what it has; a stray variable changes nothing."""
    monkeypatch.setenv("AUDITLOG_TOPIC", "another")
    assert ProducerSettings().topic == "audit.events"


def test_service_name_is_added_where_missing() -> None:
    """The producer's own service name fills in, and never overwrites."""
    producer = AuditProducer(ProducerSettings(service="chat-api"))
    filled = producer._prepare(new_event("login", user="u-1"))  # noqa: SLF001
    kept = producer._prepare(new_event("login", user="u-1", service="other"))  # noqa: SLF001
    producer.close()
    assert b'"service":{"name":"chat-api"}' in filled.value
    assert b'"service":{"name":"other"}' in kept.value
