"""A trial of what was imported into a running Kibana: read back, run, and looked at."""

import base64
import json
from pathlib import Path
from typing import Any

import urllib3
from audit_kibana import Bundle, KibanaRule
from playwright.sync_api import Browser, Page
from support.conditions import wait_until

__all__ = ["KibanaTrial"]

_RUN = {"ok", "active", "succeeded"}
_FAILED = {"error", "warning", "failed", "partial failure"}
_DRAWN = '[data-render-complete="true"]'
"""What Kibana's own reports wait for."""
_BROKEN = ", ".join(
    f'[data-test-subj="{name}"]'
    for name in ("embeddable-lens-failure", "embeddableError", "errorMessageMarkdown")
)


class KibanaTrial:
    """One Kibana, as one user. Its methods return what is wrong, and nothing if all is well."""

    def __init__(self, url: str, user: str, password: str, ca_file: Path | None = None) -> None:
        """Connect to nothing yet."""
        self._url, self._user, self._password = url, user, password
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"kbn-xsrf": "true", "authorization": f"Basic {basic}"}
        self._pool = urllib3.PoolManager(ca_certs=str(ca_file) if ca_file else None)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def wrong_objects(self, bundle: Bundle) -> list[str]:
        """Read each saved object back: its title, and what it refers to."""
        wanted = [{"type": each["type"], "id": each["id"]} for each in bundle.objects]
        body = {"objects": wanted, "excludeExportDetails": True}
        status, text = self._ask("POST", "/api/saved_objects/_export", body)
        if status != 200:
            return [text]
        found = {each["id"]: each for each in map(json.loads, text.splitlines())}
        return [
            each["attributes"]["title"]
            for each in bundle.objects
            if _essence(each) != _essence(found.get(each["id"], {}))
        ]

    def wrong_rules(self, bundle: Bundle, *, seconds: float) -> list[str]:
        """Read each rule back, and wait until it has run once; it does when it is made."""
        return [
            f"{rule.rule}: {why}"
            for rule in bundle.rules
            if (why := self._differs(rule) or self._run_of(rule, seconds)) is not None
        ]

    def wrong_panels(self, browser: Browser, bundle: Bundle, *, seconds: float) -> list[str]:
        """Log in, and open the dashboard until every panel is drawn."""
        (dashboard,) = (each for each in bundle.objects if each["type"] == "dashboard")
        panels = json.loads(dashboard["attributes"]["panelsJSON"])
        with browser.new_context(ignore_https_errors=True) as context:
            context.set_default_timeout(1000 * seconds)
            page = context.new_page()
            self._log_in(page)
            page.goto(f"{self._url}/app/dashboards#/view/{dashboard['id']}")
            for panel in panels:
                page.get_by_text(panel["title"], exact=True).first.wait_for()
            drawn = page.locator(_DRAWN).or_(page.locator(_BROKEN))
            drawn.nth(len(panels) - 1).wait_for(state="attached")
            return page.locator(_BROKEN).all_inner_texts()

    def _log_in(self, page: Page) -> None:
        page.goto(f"{self._url}/login")
        page.fill('[data-test-subj="loginUsername"]', self._user)
        page.fill('[data-test-subj="loginPassword"]', self._password)
        page.click('[data-test-subj="loginSubmit"]')
        page.wait_for_url(lambda address: "/login" not in address)

    def _differs(self, rule: KibanaRule) -> str | None:
        """Return what Kibana has otherwise than we sent it; it adds defaults of its own."""
        there = self._rule(rule)
        if rule.type.is_detection:
            keys = {"name", "index", "query", "from", "interval", "threshold", "max_signals"}
            wanted = {key: rule.body[key] for key in keys & rule.body.keys()}
        else:
            there, wanted = {"name": there.get("name"), **there.get("params", {})}, rule.body["params"]
            wanted = {"name": rule.body["name"], **wanted}
        other = {key: there.get(key) for key in wanted if there.get(key) != wanted[key]}
        return f"read back otherwise: {other}" if other else None

    def _run_of(self, rule: KibanaRule, seconds: float) -> str | None:
        """Return how the first run failed, None if it went well."""
        wait_until(
            lambda: _status_of(self._rule(rule), rule)[0] in _RUN | _FAILED,
            seconds=seconds,
            pause=0.5,
            what=f"{rule.rule} has run",
        )
        status, why = _status_of(self._rule(rule), rule)
        return None if status in _RUN else f"{status}: {why}"

    def _rule(self, rule: KibanaRule) -> dict[str, Any]:
        query = f"?rule_id={rule.id}" if rule.type.is_detection else ""
        _, text = self._ask("GET", rule.path + query)
        found: dict[str, Any] = json.loads(text)
        return found

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self._pool.request(method, self._url + path, json=body, headers=self._headers)
        return answer.status, answer.data.decode()


def _essence(saved: dict[str, Any]) -> tuple[Any, set[tuple[str, str]]]:
    """Return what a migration to a newer form leaves as it is."""
    references = {(each["type"], each["id"]) for each in saved.get("references", ())}
    return saved.get("attributes", {}).get("title"), references


def _status_of(there: dict[str, Any], rule: KibanaRule) -> tuple[str, str]:
    """Return how the last run of a rule ended, and why."""
    if rule.type.is_detection:
        last = there.get("execution_summary", {}).get("last_execution", {})
        return str(last.get("status")), str(last.get("message"))
    status = there.get("execution_status", {})
    return str(status.get("status")), str(status.get("error") or status.get("warning"))
