"""The one way to connect to Elasticsearch."""

from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import elasticsearch
from elastic_transport import HttpHeaders, Serializer, Transport, TransportApiResponse

from audit_runtime.elastic_node import AnswerTooLargeError, NotSentError, node_class
from audit_runtime.errors import CredentialsError
from audit_runtime.settings import ElasticsearchSettings

__all__ = ["AnswerTooLargeError", "connect"]

_AUTHORIZATION = "authorization"
_READING_METHODS = ("GET", "HEAD")
_READING = {
    *("_count", "_field_caps", "_has_privileges", "_mget", "_msearch", "_pit", "_refresh", "_search"),
    "_terms_enum",
}
"""Last parts of paths that change nothing, whatever the method."""
_AWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
"""A node that starts, stops, or has lost its cluster; another may know more."""


def connect(
    settings: ElasticsearchSettings,
    *,
    seconds: float,
    serializers: Sequence[Serializer] = (),
    answer_bytes: int | None = None,
) -> elasticsearch.Elasticsearch:
    """Return a client whose requests take at most `seconds`, with no retries of its own.

    But if there are several nodes and this one is away, a request goes on to another one at once: any
    request that did not reach it, and what only reads in any case.
    An answer of more than `answer_bytes` is AnswerTooLargeError, and never held.

    `serializers` take the place of the client's own for their media types.

    Credentials that are refused (401) are read again from their files, and if they have changed the
    request is sent once more; so a password can be rotated under a running process. Raises
    CredentialsError where they can't be read or would cross a network in plain text.
    """
    options = settings.elasticsearch_options()
    client = elasticsearch.Elasticsearch(
        **options,
        node_class=node_class(answer_bytes, is_one_of_several=len(options["hosts"]) > 1),
        request_timeout=seconds,
        transport_class=_RenewingTransport,
        serializers={each.mimetype: each for each in serializers},
    )
    transport = client.transport
    assert isinstance(transport, _RenewingTransport)  # noqa: S101 - the class given above
    transport.authenticate(settings)
    return client


class _RenewingTransport(Transport):
    """Adds the authorization header, and asks another node where one is away.

    Safe for threads: a renewal is one assignment.
    """

    _settings: ElasticsearchSettings | None = None
    _header: str | None = None

    def authenticate(self, settings: ElasticsearchSettings) -> None:
        """Use the settings' credentials from now on. Raises CredentialsError."""
        self._settings = settings
        self._header = settings.elasticsearch_authorization()

    def perform_request(
        self, method: str, target: str, *, headers: Any = None, **options: Any
    ) -> TransportApiResponse:
        sent = self._header
        response = self._send(method, target, sent, headers, options)
        if response.meta.status == HTTPStatus.UNAUTHORIZED and self._renewed(sent):
            return self._send(method, target, self._header, headers, options)
        return response

    def _send(
        self, method: str, target: str, authorization: str | None, headers: Any, options: dict[str, Any]
    ) -> TransportApiResponse:
        others = len(self.node_pool) - 1
        if others and _only_reads(method, target):
            options |= {"max_retries": others, "retry_backoff_base": 0}
            options |= {"retry_on_status": _AWAY, "retry_on_timeout": False}
            others = 0
        merged = HttpHeaders(headers or {})
        if authorization is not None:
            merged.setdefault(_AUTHORIZATION, authorization)  # a call's own credentials come first
        for _ in range(others):
            with suppress(NotSentError):
                return super().perform_request(method, target, headers=merged, **options)
        return super().perform_request(method, target, headers=merged, **options)

    def _renewed(self, sent: str | None) -> bool:
        """Read the credentials again; tell whether they differ from what was sent."""
        if self._settings is not None:
            with suppress(CredentialsError):  # the file is being replaced: the next 401 reads it
                self._header = self._settings.elasticsearch_authorization()
        return self._header != sent


def _only_reads(method: str, target: str) -> bool:
    """Tell whether a request may be sent again: it changes nothing, or nothing by a second time."""
    return method in _READING_METHODS or target.partition("?")[0].rpartition("/")[2] in _READING
