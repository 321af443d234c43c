"""A typed method for each activity of the shipped catalogue."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Unpack

from audit_producer.build import Changes, Context, Person

__all__ = ["Activities"]

User = str | Person


class Activities(ABC):
    """The shipped catalogue, as methods. Each publishes one event and returns as `publish` does."""

    @abstractmethod
    def record(self, action: str, *, user: User | None, **fields: Any) -> bool:
        """Publish an event of any activity; the fields are those of `new_event`."""

    def chat_opened(self, *, user: User | None, chat: str, **context: Unpack[Context]) -> bool:
        """Record that a chat has been opened."""
        return self.record("chat-opened", user=user, chat=chat, **context)

    def chat_assigned_to_user(
        self, *, user: User | None, chat: str, assignee: User, **context: Unpack[Context]
    ) -> bool:
        """Record that `user`, or the system if None, has assigned a chat to `assignee`."""
        return self.record(
            "chat-assigned-to-user", user=user, chat=chat, target_user=assignee, **context
        )

    def user_joined_to_chat(self, *, user: User, chat: str, **context: Unpack[Context]) -> bool:
        """Record that a user has joined a chat."""
        return self.record("user-joined-to-chat", user=user, chat=chat, **context)

    def chat_answered(self, *, user: User, chat: str, **context: Unpack[Context]) -> bool:
        """Record that `user` has given the customer of a chat a first answer; once in each chat."""
        return self.record("chat-answered", user=user, chat=chat, **context)

    def chat_closed(self, *, user: User | None, chat: str, **context: Unpack[Context]) -> bool:
        """Record that a chat has been closed."""
        return self.record("chat-closed", user=user, chat=chat, **context)

    def login(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that a user has logged in."""
        return self.record("login", user=user, **context)

    def login_failed(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that a login was refused; `user` may be any name that was typed."""
        return self.record("login-failed", user=user, **context)

    def logout(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that a user has logged out."""
        return self.record("logout", user=user, **context)

    def password_changed(
        self, *, user: User, of: User | None = None, **context: Unpack[Context]
    ) -> bool:
        """Record that a user has changed a password, their own unless `of` names another's."""
        return self.record("password-changed", user=user, target_user=of, **context)

    def password_reset_requested(
        self, *, user: User | None, of: User | None = None, **context: Unpack[Context]
    ) -> bool:
        """Record that a password reset was asked for."""
        return self.record("password-reset-requested", user=user, target_user=of, **context)

    def settings_changed(
        self,
        *,
        user: User | None,
        changes: Changes,
        target: Mapping[str, str] | None = None,
        **context: Unpack[Context],
    ) -> bool:
        """Record changed settings; `target` ({type, id, name}) says of what."""
        return self.record("settings-changed", user=user, changes=changes, target=target, **context)

    def user_created(self, *, user: User | None, account: User, **context: Unpack[Context]) -> bool:
        """Record that an account has been created."""
        return self.record("user-created", user=user, target_user=account, **context)

    def user_changed(
        self, *, user: User | None, account: User, changes: Changes, **context: Unpack[Context]
    ) -> bool:
        """Record that an account has been changed."""
        return self.record("user-changed", user=user, target_user=account, changes=changes, **context)

    def user_deleted(self, *, user: User | None, account: User, **context: Unpack[Context]) -> bool:
        """Record that an account has been deleted."""
        return self.record("user-deleted", user=user, target_user=account, **context)

    def role_granted(
        self, *, user: User | None, account: User, role: str, **context: Unpack[Context]
    ) -> bool:
        """Record that an account was given a role."""
        return self.record("role-granted", user=user, target_user=_with_role(account, role), **context)

    def role_revoked(
        self, *, user: User | None, account: User, role: str, **context: Unpack[Context]
    ) -> bool:
        """Record that a role was taken from an account."""
        return self.record("role-revoked", user=user, target_user=_with_role(account, role), **context)

    def audit_log_searched(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that the audit log was searched; `labels` say what for."""
        return self.record("audit-log-searched", user=user, **context)

    def audit_log_exported(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that events of the audit log were exported; `labels` say which."""
        return self.record("audit-log-exported", user=user, **context)

    def audit_log_deleted(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that events of the audit log are deleted for good; `labels` say which."""
        return self.record("audit-log-deleted", user=user, **context)

    def audit_log_signed_in(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that somebody signed in to the audit log; `labels` say in which session and roles."""
        return self.record("audit-log-signed-in", user=user, **context)

    def audit_log_signed_out(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that somebody signed out of the audit log; `labels` say of which session."""
        return self.record("audit-log-signed-out", user=user, **context)

    def audit_log_refused(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that somebody was not let in to the audit log; `reason` says why."""
        return self.record("audit-log-refused", user=user, **context)

    def alert_acknowledged(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that somebody has taken on an alert; `labels` say which."""
        return self.record("alert-acknowledged", user=user, **context)

    def alert_assigned(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that an alert was given to somebody; `labels` say which, and to whom."""
        return self.record("alert-assigned", user=user, **context)

    def alert_closed(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that an alert was closed; `labels` say which, and why."""
        return self.record("alert-closed", user=user, **context)

    def alert_reopened(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that an alert was opened again; `labels` say which."""
        return self.record("alert-reopened", user=user, **context)

    def alert_noted(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that a note was added to an alert; `labels` say which."""
        return self.record("alert-noted", user=user, **context)

    def alert_exception_created(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that an exception from a rule was made; `labels` say for what, and until when."""
        return self.record("alert-exception-created", user=user, **context)

    def alert_exception_ended(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that an exception from an alert rule was ended; `labels` say which."""
        return self.record("alert-exception-ended", user=user, **context)

    def audit_view_created(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that a view of the audit log was saved; `labels` say which."""
        return self.record("audit-view-created", user=user, **context)

    def audit_view_changed(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that a view of the audit log was changed; `labels` say which."""
        return self.record("audit-view-changed", user=user, **context)

    def audit_view_deleted(self, *, user: User, **context: Unpack[Context]) -> bool:
        """Record that a view of the audit log was deleted; `labels` say which."""
        return self.record("audit-view-deleted", user=user, **context)


def _with_role(account: User, role: str) -> Person:
    person = Person(id=account) if isinstance(account, str) else account
    return {**person, "roles": [role]}
