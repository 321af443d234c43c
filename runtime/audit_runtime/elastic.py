"""The one way to connect to Elasticsearch."""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

import elasticsearch
from elastic_transport import HttpHeaders, Serializer, Transport, TransportApiResponse

from audit_runtime.errors import CredentialsError
from audit_runtime.settings import ElasticsearchSettings

__all__ = ["connect"]

_AUTHORIZATION = "authorization"


def connect(
    settings: ElasticsearchSettings, *, seconds: float, serializer: Serializer | None = None
) -> elasticsearch.Elasticsearch:
    """Return a client whose requests take at most `seconds`, with no retries of its own.

    Credentials that are refused (401) are read again from their files, and if they have changed the
    request is sent once more; so a password can be rotated under a running process. Raises
    CredentialsError where they can't be read or would cross a network in plain text.
    """
    client = elasticsearch.Elasticsearch(
        **settings.elasticsearch_options(),
        request_timeout=seconds,
        transport_class=_RenewingTransport,
        serializer=serializer,
    )
    transport = client.transport
    assert isinstance(transport, _RenewingTransport)  # noqa: S101 - the class given above
    transport.authenticate(settings)
    return client


class _RenewingTransport(Transport):
    """Adds the authorization header. Safe for threads: a renewal is one assignment."""

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
        merged = HttpHeaders(headers or {})
        if authorization is not None:
            merged.setdefault(_AUTHORIZATION, authorization)  # a call's own credentials come first
        return super().perform_request(method, target, headers=merged, **options)

    def _renewed(self, sent: str | None) -> bool:
        """Read the credentials again; tell whether they differ from what was sent."""
        if self._settings is not None:
            with suppress(CredentialsError):  # the file is being replaced: the next 401 reads it
                self._header = self._settings.elasticsearch_authorization()
        return self._header != sent
