"""What a form of the page sends, and where it may lead."""

from urllib.parse import parse_qsl

from fastapi import Request

__all__ = ["after_sign_in", "form_of", "local_path"]

_PATH_MAX = 8192


async def form_of(request: Request) -> dict[str, str]:
    """Read the form: it is small, since the request limiter refuses others."""
    fields = parse_qsl((await request.body()).decode("utf-8", "replace"))
    return dict(reversed(fields))  # of one given twice, the first


def local_path(path: str) -> str:
    """Return a path of ours; anything else, such as another site's address, becomes the page."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_ours and path.isprintable() and len(path) < _PATH_MAX else "/"


def after_sign_in(path: str) -> str:
    """Return where to go after a sign-in: what was asked for, or else the view that one starts with."""
    return "/start" if path == "/" else path
