"""HTTP to the identity provider: little, soon over, and to the address given alone."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from audit_server.sign_in.errors import ProviderError

__all__ = ["ProviderClient"]

_SECONDS = 5.0
_BYTES_MAX = 512 * 1024
_CHUNK = 16 * 1024
_JSON = {"Accept": "application/json"}


class ProviderClient:
    """Requests of at most `seconds` whose answers are JSON objects of at most 512 KB.

    Redirects are not followed. Raises ProviderError for whatever is no such answer.
    """

    def __init__(self, *, ca_file: Path | None = None, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._pool = urllib3.PoolManager(
            num_pools=4,
            retries=False,
            ca_certs=str(ca_file) if ca_file is not None else None,
        )

    def get(self, url: str) -> Mapping[str, Any]:
        """Return the object at an address."""
        status, found = self._request("GET", url, _JSON, None)
        if status != 200:  # noqa: PLR2004 - HTTP's own number
            raise ProviderError(f"{url} answers {status}")
        return found

    def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any]]:
        """Return the status and the object that a form is answered with."""
        sent = {**_JSON, "Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._request("POST", url, sent, urlencode(form).encode())

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, Any]]:
        deadline = time.monotonic() + self._seconds
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=dict(headers),
                timeout=urllib3.Timeout(total=self._seconds),
                redirect=False,
                preload_content=False,
            )
            try:
                text = _read(url, response, deadline)
            finally:
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise ProviderError(f"{url} gives no answer ({type(error).__name__})") from error
        return response.status, _object(url, text)


def _read(url: str, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    text = bytearray()
    for chunk in response.stream(_CHUNK):
        text += chunk
        if len(text) > _BYTES_MAX:
            raise ProviderError(f"{url} answers more than {_BYTES_MAX // 1024} KB")
        if time.monotonic() > deadline:  # the pool's own limit is for each part of an answer
            raise ProviderError(f"{url} does not end its answer in time")
    return bytes(text)


def _object(url: str, text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderError(f"{url} does not answer with a JSON object")
    return found
