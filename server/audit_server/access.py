"""Who sends a request, and what of the log they may see."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from audit_alerts import Actor, AlertDesk
from audit_producer import client_ip
from audit_query import AuditLog, QuerySpec
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from audit_server.errors import ProblemError, TokenFileError
from audit_server.networks import names_loopback
from audit_server.roles import EVERYTHING, WITHOUT_ROLES, Permission, permissions_of, roles_with
from audit_server.self_audit import Identity, SelfAudit
from audit_server.settings import ServeSettings
from audit_server.tokens import TokenFile

__all__ = [
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

_COOKIE_NAME = "auditlog_token"
_NOBODY = "unknown"
_MISSING = "a token is missing"

_BEARER = HTTPBearer(
    scheme_name="token",
    auto_error=False,
    description="Of `auditlog tokens create`; not required where the server has no tokens file.",
)
_COOKIE = APIKeyCookie(
    name=f"__Host-{_COOKIE_NAME}",
    scheme_name="cookie",
    auto_error=False,
    description=f"Set by the page's login form; without TLS it is {_COOKIE_NAME}_ and the port.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: name, organization, the log as they may see it, and what they may do.

    `alerts` is the desk with the alerts that they may see.
    """

    log: AuditLog
    alerts: AlertDesk
    name: str
    organization: str | None
    permissions: frozenset[Permission]
    _identity: Identity
    _audit: SelfAudit

    @property
    def actor(self) -> Actor:
        """Who they are on the record of a step of triage."""
        return Actor(self.name, self._identity.ip, self.organization)

    def may(self, permission: Permission) -> bool:
        """Tell whether this is permitted."""
        return permission in self.permissions

    def record_search(
        self, spec: QuerySpec, results: int | Callable[[], int], **more: str | None
    ) -> None:
        """Publish a search as an event, once in ten minutes; call it for every page of it.

        `results` is the number of events that match, or a function that counts them, which is called
        in another thread and only if an event is due. `more` is what was asked beside the filters.
        """
        asked = [(name, value) for name, value in more.items() if value is not None]
        self._audit.searched(self._identity, (*spec.pairs, *asked), results)

    def record_event(self, event_id: str, window: str | None = None) -> None:
        """Publish that an event was opened, with those around it if there is a window."""
        self.record_search(QuerySpec(), 1, event=event_id, window=window)

    def record_dead_letters(self, records: int) -> None:
        """Publish that dead letters were read, once in ten minutes."""
        self._audit.searched(self._identity, [("part", "dead-letters")], records)

    def record_export(self, spec: QuerySpec, kind: str) -> None:
        """Publish an export as an event."""
        self._audit.exported(self._identity, spec.pairs, kind)


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
    ) -> None:
        self._log = log
        self._alerts = alerts
        self._settings = settings
        self._tokens = tokens
        self._audit = audit
        self._account = account
        self._is_https = is_https

    @property
    def needs_token(self) -> bool:
        """Whether a token is required."""
        return self._tokens is not None

    def cookie_name(self, request: Request) -> str:
        """Return what the page's cookie is called.

        Over TLS no other host, port without TLS or path can set it (`__Host-`). Without TLS browsers
        send a cookie to every port of the machine; by its name two servers don't take each other's.
        """
        if self._is_https:
            return _COOKIE.model.name
        _, port = request.scope.get("server") or ("", None)
        return f"{_COOKIE_NAME}_{port}"

    def secret_of(self, request: Request) -> str:
        """Return the token that a request comes with, in its header or else the cookie; or nothing."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and bearer:
            return bearer.strip()
        return request.cookies.get(self.cookie_name(request), "")

    def caller_of(self, request: Request) -> Caller:
        """Return who sends this request. Raises ProblemError (401, 403), or TokenFileError."""
        self.check_origin(request)
        secret = self.secret_of(request)
        if self._tokens is not None and not secret:
            raise self._refusal(request, _NOBODY, None, _MISSING)
        return self.authenticate(request, secret)

    def authenticate(self, request: Request, secret: str) -> Caller:
        """Return who has this token; without a tokens file, admits anyone. Raises as `caller_of`."""
        if self._tokens is None:
            return self._admit(request, self._account, None, EVERYTHING)
        check = self._tokens.check(secret)
        token = check.token
        if token is None:
            raise self._refusal(request, _NOBODY, None, "the token is unknown")
        if not check.is_valid:
            raise self._refusal(request, token.name, token.organization, "the token has expired")
        permissions = WITHOUT_ROLES if token.roles is None else permissions_of(token.roles)
        return self._admit(request, token.name, token.organization, permissions)

    def knows(self, request: Request) -> bool:
        """Tell whether this request comes with a valid token, or needs none. Records nothing."""
        if self._tokens is None:
            return names_loopback(request.headers.get("host", ""))
        try:
            return self._tokens.check(self.secret_of(request)).is_valid
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

        Without tokens the address alone protects the log: a site whose name suddenly means
        127.0.0.1 (DNS rebinding) still sends its own name, and gets nothing.
        """
        host = request.headers.get("host", "")
        if self._tokens is None and not names_loopback(host):
            raise self._refused(
                request, "the Host header does not name this machine", HTTPStatus.FORBIDDEN
            )
        other_site = _is_of_other_site(request)
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

    def _admit(
        self,
        request: Request,
        name: str,
        organization: str | None,
        permissions: frozenset[Permission],
    ) -> Caller:
        request.state.caller = name  # for the server's log
        log, alerts = self._log, self._alerts
        if organization is not None:
            log, alerts = log.for_organization(organization), alerts.for_organization(organization)
        identity = Identity(name, organization, self.client_of(request))
        return Caller(log, alerts, name, organization, permissions, identity, self._audit)

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
            headers={"WWW-Authenticate": 'Bearer realm="auditlog"'},
        )


def is_api(request: Request) -> bool:
    """Tell whether it is a request to the API, whose problems are JSON."""
    return request.url.path.startswith("/api/")


def _is_of_other_site(request: Request) -> bool:
    """Tell by what browsers say of it; those that are old, or without TLS, only say the Origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("cross-site", "same-site")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    scheme, _, host = origin.lower().partition("://")
    port = _PORTS.get(scheme, "")
    return host.removesuffix(port) != request.headers.get("host", "").lower().removesuffix(port)


_PORTS = {"http": ":80", "https": ":443"}


async def _current_caller(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    __: Annotated[str | None, Security(_COOKIE)],
) -> Caller:
    """Both are for the OpenAPI document; the cookie's real name depends on the server."""
    access: Access = request.app.state.access
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
