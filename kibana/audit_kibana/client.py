"""Requests to Kibana, one by one. Nothing is sent a second time by itself.

A request that was cut off may have been done. All of ours can be repeated without harm, but by a
person, who has seen what happened.
"""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3
from audit_schemas import printable
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)

from audit_kibana.errors import KibanaError, KibanaRefusedError, KibanaUnreachableError
from audit_kibana.settings import KibanaSettings

__all__ = ["Kibana"]

_SECONDS = urllib3.Timeout(connect=5.0, read=60.0)
_ANSWER_MAX = 8_000_000
_WORDS = 300
_NEVER_SENT = (NameResolutionError, NewConnectionError, ConnectTimeoutError)
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Any
    location: str | None


class Kibana:
    """One Kibana, one space, one user. Closes its connections at the end of a `with`."""

    def __init__(self, settings: KibanaSettings) -> None:
        """Read the credentials. Raises KibanaError if they would travel in the clear, OSError."""
        self._base = settings.kibana_url
        self._space = settings.kibana_space
        self._headers = {"kbn-xsrf": "true", "accept": "application/json"}
        authorization = settings.authorization()
        if authorization is not None:
            if not settings.allow_plain_text:
                _check_is_private(self._base)
            self._headers["authorization"] = authorization
        ca_file = settings.kibana_ca_file
        self._pool = urllib3.PoolManager(
            ca_certs=str(ca_file) if ca_file is not None else None,
            cert_reqs="CERT_REQUIRED",
            timeout=_SECONDS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send JSON and return the JSON of the answer. Raises KibanaError."""
        content = json.dumps(body).encode() if body is not None else None
        return self._sent(method, path, content, "application/json")

    def upload(self, path: str, name: str, content: str) -> Any:
        """Send a file as a form's field `file`. Raises as `send` does."""
        part = (name, content.encode(), "application/ndjson")
        form, content_type = urllib3.encode_multipart_formdata({"file": part})
        return self._sent("POST", path, form, content_type)

    def _sent(self, method: str, path: str, content: bytes | None, content_type: str) -> Any:
        headers = dict(self._headers)
        if path.startswith("/internal/"):
            headers["x-elastic-internal-origin"] = "auditlog"  # refused without, since Kibana 9
        if content is not None:
            headers["content-type"] = content_type
        answer = self._answer(method, self._address(path), content, headers)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES and answer.body is not None:
            return answer.body
        raise self._refusal(answer)

    def _address(self, path: str) -> str:
        space = "" if self._space == "default" else f"/s/{self._space}"
        return f"{self._base}{space}{path}"

    def _answer(
        self, method: str, address: str, content: bytes | None, headers: Mapping[str, str]
    ) -> _Answer:
        try:
            response = self._pool.request(
                method,
                address,
                body=content,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                text = response.read(_ANSWER_MAX)
                return _Answer(response.status, _json(text), response.headers.get("location"))
            finally:
                response.release_conn()
        except SSLError as error:
            raise KibanaUnreachableError(
                f"Kibana's certificate at {self._base} is not trusted ({_reason(error)}). Name the "
                "CA that signed it: --ca-file, or AUDITLOG_KIBANA_CA_FILE"
            ) from None
        except _NEVER_SENT:
            raise KibanaUnreachableError(
                f"Kibana does not answer at {self._base}. Is it up? Give its address by --url, or "
                "AUDITLOG_KIBANA_URL"
            ) from None
        except HTTPError as error:
            raise KibanaUnreachableError(
                f"Kibana at {self._base} broke off ({type(error).__name__}), so what was asked last "
                "may be done or not. Run it again when Kibana is well: it makes nothing twice"
            ) from None

    def _refusal(self, answer: _Answer) -> KibanaError:
        status = answer.status
        if status == HTTPStatus.UNAUTHORIZED:
            return KibanaUnreachableError(
                f"Kibana at {self._base} refuses the credentials. Give an API key (--api-key-file) "
                "or a user (--username and --password-file)"
            )
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return KibanaUnreachableError(
                f"{self._base} sends on to {printable(answer.location or 'elsewhere')[:_WORDS]}; give "
                "Kibana's own address with its base path by --url"
            )
        if answer.body is None and status not in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, *_BUSY):
            return KibanaUnreachableError(
                f"what answers at {self._base} is not Kibana (status {status}). Check --url: is it "
                "Kibana's port, and is its base path in it?"
            )
        return KibanaRefusedError(status, self._sentence(status, _words(answer.body)))

    def _sentence(self, status: int, words: str) -> str:
        if status == HTTPStatus.FORBIDDEN:
            return (
                f"this user may not do that in space {self._space}{words}. It takes the privileges "
                "All of Saved Objects Management, of Stack Rules and of Security; in newer Kibanas "
                "also of Rules, which is a feature of its own there"
            )
        if status == HTTPStatus.NOT_FOUND:
            return f"not there{words}. Is there a space {self._space}, with this feature in it?"
        if status == HTTPStatus.CONFLICT:
            return f"changed by somebody else at the same time{words}. Look at it, and run this again"
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return f"too large for this Kibana{words}. Raise its server.maxPayload"
        if status in _BUSY:
            return f"Kibana is not ready{words}. Run this again in a while: it makes nothing twice"
        return f"Kibana refuses it with status {status}{words}"


def _check_is_private(url: str) -> None:
    """Hold that credentials never travel in the clear, except within this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if parts.scheme != "https" and not is_here:
        raise KibanaError(
            f"{url} is not encrypted, so anybody on the way could read the credentials. Use https, "
            "with --ca-file for a CA of your own"
        )


def _json(text: bytes) -> Any:
    """Return what an answer says; None if it is no JSON object or list."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def _words(body: Any) -> str:
    """Return Kibana's own words in brackets, or nothing."""
    said = body.get("message") if isinstance(body, dict) else None
    return f" ({printable(str(said))[:_WORDS]})" if said else ""


def _reason(error: Exception) -> str:
    found = error.args[0] if error.args else error
    return printable(str(getattr(found, "verify_message", None) or found))[:_WORDS]
