"""The page's own files: styles, scripts, the icon. Nothing comes from elsewhere."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Asset", "assets"]

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file's content, its type, and a tag that changes with it."""

    content: bytes
    media_type: str
    etag: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return all of them by name, read once: no path that a reader sends ever reaches the disk."""
    by_name = {}
    for file in files("audit_server.page").joinpath("static").iterdir():
        kind = file.name.rpartition(".")[2]
        if kind in _TYPES:
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:20]
            by_name[file.name] = Asset(content, _TYPES[kind], f'"{digest}"')
    return by_name
