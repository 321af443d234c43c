"""A browser's way through Keycloak's login form, by HTTP."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import httpx2

__all__ = ["sign_in_at"]

_FORM = re.compile(r'<form[^>]* action="([^"]+)"')


def sign_in_at(url: str, name: str, password: str) -> dict[str, str]:
    """Follow an authorization request as somebody; return what the callback is given."""
    with httpx2.Client(timeout=60) as browser:
        page = browser.get(url)
        form = _FORM.search(page.text)
        assert form is not None, page.text
        set_cookies = page.headers.get_list("set-cookie")
        browser.cookies.clear()
        answer = browser.post(
            unescape(form[1]),
            data={"username": name, "password": password, "credentialId": ""},
            # They are for TLS alone, and browsers take the loopback address for as good.
            headers={"Cookie": "; ".join(cookie.partition(";")[0] for cookie in set_cookies)},
        )
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
