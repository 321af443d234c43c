"""Which site makes a browser send a request."""

from fastapi import Request

__all__ = ["is_of_other_site"]

_PORTS = {"http": ":80", "https": ":443"}


def is_of_other_site(request: Request) -> bool:
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
