"""An application whose people sign in, and the steps of one who does."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from audit_query import AuditLog, QuerySettings
from audit_runtime.elastic import connect
from audit_server.app import create_app
from audit_server.settings import ServeSettings
from audit_server.sign_in import sign_in_of
from audit_server.tokens import TokenFile
from support.api_client import NOW, ApiClient, Published
from support.fake_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider

__all__ = ["PEOPLE", "Clock", "Desk", "desk"]

PEOPLE = """\
[groups.analysts]
roles = ["analyst"]

[groups.acme-leads]
roles = ["lead"]
organization = "acme"

[groups.acme-readers]
roles = ["reader"]
organization = "acme"

[groups.globex]
roles = ["reader"]
organization = "globex"
"""


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@dataclass
class Desk:
    """An application, a browser, and the provider that it is sent to."""

    client: ApiClient
    provider: FakeProvider
    people: Path
    settings: ServeSettings
    other_replica: Callable[[], ApiClient] = field(repr=False)

    def begin(self, **query: str) -> dict[str, str]:
        """Begin to sign in; return what the provider sends back."""
        answer = self.client.get("/sign-in", params=query)
        assert answer.status_code == 303, answer.text
        return self.provider.authorize(answer.headers["location"])

    def callback(self, answer: dict[str, str]) -> Any:
        """Come back with what the provider sent."""
        return self.client.get("/sign-in/callback", params=answer)

    def sign_in(self, **claims: Any) -> Any:
        """Sign in as whoever has these claims."""
        self.provider.claims = claims
        return self.callback(self.begin())

    def sign_ins(self) -> dict[str, float]:
        """Return how many sign-ins were counted, by what came of them."""
        registry = self.client.app.state.metrics.registry  # type: ignore[attr-defined]
        (counted,) = [one for one in registry.collect() if one.name == "auditlog_sign_ins"]
        return {
            sample.labels["outcome"]: sample.value
            for sample in counted.samples
            if sample.name.endswith("_total")
        }

    def refusal(self, answer: Any) -> tuple[int, str]:
        """Return the status of an error page and its sentence."""
        _, _, rest = answer.text.partition('role="alert">')
        return answer.status_code, rest.partition("</p>")[0].replace("&#39;", "'")


@contextmanager
def desk(
    query: QuerySettings,
    index: str,
    log: AuditLog,
    provider: FakeProvider,
    folder: Path,
    clock: Callable[[], datetime],
    *,
    tokens: TokenFile | None = None,
    **given: Any,
) -> Iterator[Desk]:
    """Give an application with a provider and sessions in an index."""
    people = folder / "people.toml"
    people.write_text(PEOPLE)
    secret = folder / "client-secret"
    secret.write_text(f"{CLIENT_SECRET}\n")
    fields = query.model_dump(exclude_none=True) | {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret_file": secret,
        "people_file": people,
        "page_url": "http://127.0.0.1",
        "sessions_index": index,
    }
    settings = ServeSettings(**fields | given)
    published = Published()
    with closing(connect(settings, seconds=10)) as client:

        def replica() -> ApiClient:
            app = create_app(
                log,
                settings,
                tokens=tokens,
                sign_in=sign_in_of(settings, client, clock=clock),
                publish=published,
                clock=clock,
            )
            found = ApiClient(app, base_url="http://127.0.0.1", follow_redirects=False)
            found.published, found.tokens = published, tokens
            return found

        with replica() as browser:
            yield Desk(browser, provider, people, settings, replica)
