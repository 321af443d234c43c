"""Who asks, and what of the log they see."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from audit_producer import client_ip
from audit_query import AuditLog, Question
from fastapi import Depends, Request

from audit_server.errors import ProblemError
from audit_server.networks import names_loopback
from audit_server.self_audit import SelfAudit, Who
from audit_server.settings import ServeSettings
from audit_server.tokens import TokenFile

__all__ = ["COOKIE", "Access", "Asker", "AskerOf", "is_api"]

COOKIE = "auditlog_token"
_NOBODY = "unknown"


@dataclass(frozen=True, slots=True)
class AskerOf:
    """Who asks: the log as they may see it, their name, and the organization they are bound to."""

    log: AuditLog
    name: str
    organization: str | None
    _who: Who
    _audit: SelfAudit

    def note_search(self, question: Question, found: int | Callable[[], int]) -> None:
        """Have a search published as an event: call it for a first page, not for those after it.

        `found` is the number of events that match, or a function that counts them, which is called
        in another thread and only if an event is due.
        """
        self._audit.searched(self._who, question.pairs, found)

    def note_export(self, question: Question, form: str) -> None:
        """Have an export published as an event."""
        self._audit.exported(self._who, question.pairs, form)


class Access:
    """Lets people in, by their token where there is a tokens file, and tells the rest why not."""

    def __init__(
        self,
        log: AuditLog,
        settings: ServeSettings,
        *,
        tokens: TokenFile | None,
        audit: SelfAudit,
        account: str,
    ) -> None:
        self._log = log
        self._settings = settings
        self._tokens = tokens
        self._audit = audit
        self._account = account

    @property
    def needs_token(self) -> bool:
        """Whether it takes a token to ask."""
        return self._tokens is not None

    def asker_of(self, request: Request) -> AskerOf:
        """Return who asks. Raises ProblemError (401, 403), or TokenFileError."""
        self.check_origin(request)
        if self._tokens is None:
            return self._let_in(request, self._account, None)
        secret = _bearer(request) or request.cookies.get(COOKIE)
        if not secret:
            raise self._refusal(request, _NOBODY, None, "a token is missing")
        return self.asker_with(request, secret)

    def asker_with(self, request: Request, secret: str) -> AskerOf:
        """Return who has this token. Raises as `asker_of`; without a tokens file, lets all in."""
        if self._tokens is None:
            return self._let_in(request, self._account, None)
        verdict = self._tokens.judge(secret)
        token = verdict.token
        if token is None:
            raise self._refusal(request, _NOBODY, None, "the token is unknown")
        if not verdict.lets_in:
            raise self._refusal(request, token.name, token.organization, "the token has expired")
        return self._let_in(request, token.name, token.organization)

    def check_origin(self, request: Request) -> None:
        """Hold off what another site makes a browser ask. Raises ProblemError (403).

        Without tokens the address alone protects the log: a site whose name suddenly means
        127.0.0.1 (DNS rebinding) still sends its own name, and gets nothing.
        """
        host = request.headers.get("host", "")
        if self._tokens is None and not names_loopback(host):
            raise self._refused(
                request, "the Host header does not name this machine", HTTPStatus.FORBIDDEN
            )
        other_site = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
        follows_link = request.headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
        if other_site and not follows_link:
            raise self._refused(request, "another site asked", HTTPStatus.FORBIDDEN)

    def client_of(self, request: Request) -> str | None:
        """Return the reader's address; None where it can't be known."""
        if request.client is None:
            return None
        return client_ip(
            request.client.host, request.headers.items(), trusted=self._settings.trusted_proxies
        )

    def _let_in(self, request: Request, name: str, organization: str | None) -> AskerOf:
        request.state.asker = name  # for the line in the server's log
        log = self._log if organization is None else self._log.within(organization)
        who = Who(name, organization, self.client_of(request))
        return AskerOf(log, name, organization, who, self._audit)

    def _refused(self, request: Request, why: str, status: HTTPStatus) -> ProblemError:
        self._audit.refused(Who(_NOBODY, None, self.client_of(request)), why)
        return ProblemError(status, f"{why[0].upper()}{why[1:]}")

    def _refusal(self, request: Request, name: str, organization: str | None, why: str) -> ProblemError:
        if is_api(request) or why != "a token is missing":  # a browser's first look at the page
            self._audit.refused(Who(name, organization, self.client_of(request)), why)
        return ProblemError(
            HTTPStatus.UNAUTHORIZED,
            f"{why[0].upper()}{why[1:]}; send one as `Authorization: Bearer ...`. "
            "The log's operator makes them: auditlog tokens create",
            headers={"WWW-Authenticate": 'Bearer realm="auditlog"'},
        )


def _bearer(request: Request) -> str | None:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def is_api(request: Request) -> bool:
    """Tell whether a program asks, which wants its problems as JSON."""
    return request.url.path.startswith("/api/")


async def _asker(request: Request) -> AskerOf:
    access: Access = request.app.state.access
    return access.asker_of(request)


Asker = Annotated[AskerOf, Depends(_asker)]
"""Who asks, for a route's parameters."""
