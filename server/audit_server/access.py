"""Who may send a request: tokens, sessions, and where requests come from."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from audit_alerts import AlertDesk
from audit_producer import client_ip
from audit_query import AuditLog
from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from audit_server.caller import Caller
from audit_server.errors import ProblemError, TokenFileError
from audit_server.networks import names_loopback
from audit_server.origin import is_of_other_site
from audit_server.roles import (
    EVERYTHING,
    UNBOUND,
    WITHOUT_ROLES,
    Permission,
    permissions_of,
    roles_with,
)
from audit_server.self_audit import Identity, SelfAudit
from audit_server.settings import ServeSettings
from audit_server.sign_in import Grant, Session, SignIn, SignInError
from audit_server.tokens import TokenCheck, TokenFile

__all__ = [
    "SESSION_COOKIE",
    "TOKEN_COOKIE",
    "Access",
    "AlertCaller",
    "AnyCaller",
    "Caller",
    "DeadLetterCaller",
    "EventCaller",
    "ExportCaller",
    "Permitted",
    "ReportCaller",
    "TriageCaller",
    "is_api",
]

TOKEN_COOKIE = "auditlog_token"  # noqa: S105 - its name
SESSION_COOKIE = "auditlog_session"
_NOBODY = "unknown"
_MISSING = "a token is missing"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="auditlog"'}

_BEARER = HTTPBearer(
    scheme_name="token",
    auto_error=False,
    description="Of `auditlog tokens create`; not required where the server has no tokens file.",
)
_COOKIE = APIKeyCookie(
    name=f"__Host-{TOKEN_COOKIE}",
    scheme_name="cookie",
    auto_error=False,
    description=(
        f"Set by the page's login form; without TLS it is {TOKEN_COOKIE}_ and the port. "
        f"Of those who sign in with an identity provider: {SESSION_COOKIE}."
    ),
)


class Access:
    """Authenticates requests, by tokens where there is a tokens file."""

    def __init__(
        self,
        log: AuditLog,
        settings: ServeSettings,
        *,
        alerts: AlertDesk,
        tokens: TokenFile | None,
        audit: SelfAudit,
        account: str,
        is_https: bool = False,
        sign_in: SignIn | None = None,
    ) -> None:
        self._log = log
        self._alerts = alerts
        self._settings = settings
        self._tokens = tokens
        self._audit = audit
        self._account = account
        self._is_https = is_https
        self.sign_in = sign_in

    @property
    def requires_sign_in(self) -> bool:
        """Whether a token or a session is required."""
        return self.takes_tokens or self.sign_in is not None

    @property
    def takes_tokens(self) -> bool:
        """Whether there are tokens."""
        return self._tokens is not None

    def cookie_name(self, request: Request, what: str = TOKEN_COOKIE) -> str:
        """Return what one of the page's cookies is called.

        Over TLS no other host, port without TLS or path can set it (`__Host-`). Without TLS browsers
        send a cookie to every port of the machine; by its name two servers don't take each other's.
        """
        if self._is_https:
            return f"__Host-{what}"
        _, port = request.scope.get("server") or ("", None)
        return f"{what}_{port}"

    def secret_of(self, request: Request) -> str:
        """Return the token that a request comes with, in its header or else the cookie; or nothing."""
        return _bearer_of(request) or request.cookies.get(self.cookie_name(request), "")

    def session_of(self, request: Request) -> str:
        """Return the session's secret that a request comes with; nothing where a header has a token."""
        if self.sign_in is None or _bearer_of(request):
            return ""
        return request.cookies.get(self.cookie_name(request, SESSION_COOKIE), "")

    def caller_of(self, request: Request) -> Caller:
        """Return who sends this request. Blocks where there is a session: it is looked up.

        Raises ProblemError (401, 403, 503), TokenFileError, or Elasticsearch's errors.
        """
        self.check_origin(request)
        session = self.session_of(request)
        if self.sign_in is not None and session:
            return self._person(request, self.sign_in, session)
        secret = self.secret_of(request)
        if self.requires_sign_in and not secret:
            raise self._refusal(request, _NOBODY, None, _MISSING)
        return self.authenticate(request, secret)

    def authenticate(self, request: Request, secret: str) -> Caller:
        """Return who has this token; admits anyone if none is required. Raises as `caller_of`."""
        if not self.requires_sign_in:
            return self._admit(request, Identity(self._account, None, None), EVERYTHING)
        check = self._tokens.check(secret) if self._tokens is not None else TokenCheck(None, False)
        token = check.token
        if token is None:
            raise self._refusal(request, _NOBODY, None, "the token is unknown")
        if not check.is_valid:
            raise self._refusal(request, token.name, token.organization, "the token has expired")
        permissions = WITHOUT_ROLES if token.roles is None else permissions_of(token.roles)
        return self._admit(request, Identity(token.name, token.organization, None), permissions)

    def knows(self, request: Request) -> bool:
        """Tell whether this request comes with a valid token or session, or needs none.

        Records nothing and asks nobody: a session that this process has not met yet is not known.
        """
        if not self.requires_sign_in:
            return names_loopback(request.headers.get("host", ""))
        session = self.session_of(request)
        if self.sign_in is not None and session:
            return self.sign_in.sessions.remembers(session)
        try:
            return self._tokens is not None and self._tokens.check(self.secret_of(request)).is_valid
        except TokenFileError:
            return False

    def check_permission(self, request: Request, caller: Caller, permission: Permission) -> None:
        """Refuse what a caller may not do. Raises ProblemError (403)."""
        if caller.may(permission):
            return
        why = f"{caller.name} may not read or change this: it takes the permission {permission.value}"
        self._audit.refused(Identity(caller.name, caller.organization, self.client_of(request)), why)
        roles = " or ".join(roles_with(permission))
        raise ProblemError(
            HTTPStatus.FORBIDDEN, f"This takes the role {roles}. Ask whoever operates the log for it"
        )

    def check_origin(self, request: Request) -> None:
        """Refuse requests that another site makes a browser send. Raises ProblemError (403).

        Where no token is required the address alone protects the log: a site whose name suddenly means
        127.0.0.1 (DNS rebinding) still sends its own name, and gets nothing.
        """
        host = request.headers.get("host", "")
        if not self.requires_sign_in and not names_loopback(host):
            raise self._refused(
                request, "the Host header does not name this machine", HTTPStatus.FORBIDDEN
            )
        other_site = is_of_other_site(request)
        follows_link = request.headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
        if other_site and not follows_link:
            raise self._refused(request, "cross-site request", HTTPStatus.FORBIDDEN)

    def client_of(self, request: Request) -> str | None:
        """Return the client's address; None where it is unknown."""
        if request.client is None:
            return None
        return client_ip(
            request.client.host, request.headers.items(), trusted=self._settings.trusted_proxies
        )

    def record_refusal(self, request: Request, name: str | None, why: str) -> None:
        """Publish that somebody was not let in."""
        self._audit.refused(Identity(name or _NOBODY, None, self.client_of(request)), why)

    def record_sign_in(self, request: Request, session: Session, grant: Grant) -> None:
        """Publish that somebody signed in."""
        identity = self._identity(request, session, grant.organization)
        self._audit.signed_in(identity, session.short_id, ", ".join(grant.roles))

    def record_sign_out(self, request: Request, session: Session) -> None:
        """Publish that somebody signed out."""
        self._audit.signed_out(self._identity(request, session, None), session.short_id)

    def _identity(self, request: Request, session: Session, organization: str | None) -> Identity:
        return Identity(session.name, organization, self.client_of(request), session.subject)

    def _person(self, request: Request, sign_in: SignIn, secret: str) -> Caller:
        session = sign_in.sessions.find(secret)
        if session is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "The session has ended; sign in again",
                headers=_CHALLENGE,
            )
        try:
            grant = sign_in.people.grant(session.groups)
        except SignInError as error:
            self.record_refusal(request, session.name, error.detail)
            raise
        identity = self._identity(request, session, grant.organization)
        return self._admit(request, identity, grant.permissions)

    def _admit(
        self, request: Request, identity: Identity, permissions: frozenset[Permission]
    ) -> Caller:
        request.state.caller = identity.name  # for the server's log
        log, alerts, organization = self._log, self._alerts, identity.organization
        if organization is not None:
            log, alerts = log.for_organization(organization), alerts.for_organization(organization)
            permissions -= UNBOUND
        identity = replace(identity, ip=self.client_of(request))
        return Caller(log, alerts, identity.name, organization, permissions, identity, self._audit)

    def _refused(self, request: Request, why: str, status: HTTPStatus) -> ProblemError:
        self._audit.refused(Identity(_NOBODY, None, self.client_of(request)), why)
        return ProblemError(status, f"{why[0].upper()}{why[1:]}")

    def _refusal(self, request: Request, name: str, organization: str | None, why: str) -> ProblemError:
        if is_api(request) or why != _MISSING:  # a browser's first look at the page
            self._audit.refused(Identity(name, organization, self.client_of(request)), why)
        return ProblemError(
            HTTPStatus.UNAUTHORIZED,
            f"{why[0].upper()}{why[1:]}; send one as `Authorization: Bearer ...`. "
            "The log's operator creates them: auditlog tokens create",
            headers=_CHALLENGE,
        )


def _bearer_of(request: Request) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else ""


def is_api(request: Request) -> bool:
    """Tell whether it is a request to the API, whose problems are JSON."""
    return request.url.path.startswith("/api/")


async def _current_caller(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    __: Annotated[str | None, Security(_COOKIE)],
) -> Caller:
    """Both are for the OpenAPI document; the cookie's real name depends on the server."""
    access: Access = request.app.state.access
    if access.session_of(request):
        return await run_in_threadpool(access.caller_of, request)
    return access.caller_of(request)


class Permitted:
    """A dependency: the caller, if they have a permission."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(
        self, request: Request, caller: Annotated[Caller, Depends(_current_caller)]
    ) -> Caller:
        """Return the caller. Raises ProblemError (401, 403)."""
        access: Access = request.app.state.access
        access.check_permission(request, caller, self.permission)
        return caller


AnyCaller = Annotated[Caller, Depends(_current_caller)]
"""Who sends the request, whatever they may do: for what each of them may see."""
EventCaller = Annotated[Caller, Depends(Permitted(Permission.EVENTS))]
"""Each route takes one of these, which says what it is for."""
ExportCaller = Annotated[Caller, Depends(Permitted(Permission.EXPORT))]
ReportCaller = Annotated[Caller, Depends(Permitted(Permission.REPORTS))]
AlertCaller = Annotated[Caller, Depends(Permitted(Permission.ALERTS))]
TriageCaller = Annotated[Caller, Depends(Permitted(Permission.TRIAGE))]
DeadLetterCaller = Annotated[Caller, Depends(Permitted(Permission.DEAD_LETTERS))]
