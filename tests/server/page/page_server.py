"""The page, served: a real application on a log of known events."""

import itertools
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import elasticsearch
import uvicorn
from audit_local.ports import LOOPBACK, free_port
from audit_query import AuditLog
from audit_runtime.elastic import connect
from audit_schemas import AuditEvent, Catalogue, Document, IndexNaming, Origin, format_timestamp
from audit_server.app import create_app
from audit_server.settings import ServeSettings
from audit_server.sign_in import sign_in_of
from audit_server.tokens import TokenFile
from support.conditions import wait_until
from support.servers import ROOT, Deployment

__all__ = ["NOW", "Served", "serving", "store"]

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
"""When the page is looked at: an afternoon, so that there is a today."""

_CATALOGUE = ROOT / "deploy" / "catalogue" / "linux-host.toml"
_BULK = 2000
_offsets = itertools.count()


def store(deployment: Deployment, events: Iterable[AuditEvent], *, ingested: datetime = NOW) -> None:
    """Index events as the consumer does, at offsets in the order given, and make them visible."""
    catalogue, naming = Catalogue.load(_CATALOGUE), IndexNaming(deployment.name)
    at = format_timestamp(ingested)
    with deployment.client() as client:
        for some in _batches(events):
            lines: list[bytes] = []
            for event in some:
                settled = catalogue.settle(event)
                document = Document.of(
                    settled, catalogue[event.event.action], Origin("t", 0, next(_offsets)), at, at
                )
                index = naming.index_of(event.timestamp)
                lines += [
                    f'{{"create":{{"_index":"{index}","_id":"{document.id}"}}}}'.encode(),
                    document.body,
                ]
            _bulk(client, lines)
        client.indices.refresh(index=f"{deployment.name}-*")


def _batches(events: Iterable[AuditEvent]) -> Iterator[list[AuditEvent]]:
    """Yield lists of events; Python 3.11 has no itertools.batched."""
    left = iter(events)
    while some := list(itertools.islice(left, _BULK)):
        yield some


def _bulk(client: elasticsearch.Elasticsearch, lines: list[bytes]) -> None:
    answer = client.perform_request(
        "POST",
        "/_bulk",
        headers={"content-type": "application/x-ndjson", "accept": "application/json"},
        body=b"\n".join(lines) + b"\n",
    )
    assert not answer["errors"], answer


@dataclass
class Served:
    """A page that answers at an address; `now` can be moved on."""

    deployment: Deployment
    address: str
    now: datetime = NOW
    published: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def store(self, *events: AuditEvent) -> None:
        """Let events arrive a second later."""
        self.now += timedelta(seconds=1)
        store(self.deployment, events, ingested=self.now)


@contextmanager
def serving(
    deployment: Deployment, *, tokens: TokenFile | None = None, **identity: Any
) -> Iterator[Served]:
    """Serve the log of a deployment until the block ends; `identity` lets people sign in."""
    port = free_port()
    served = Served(deployment, f"http://{LOOPBACK}:{port}")
    own = {
        "query_seconds": 10,
        "alerts_index": f"alerts-{deployment.name}",
        "views_index": f"views-{deployment.name}",
    }
    settings = ServeSettings(**deployment.query.model_dump(exclude_none=True) | own)
    settings = settings.model_copy(update={"page_url": served.address, **identity})

    def publish(action: str, **fields: object) -> None:
        served.published.append((action, fields))

    with (
        closing(AuditLog(settings, seconds=10, clock=lambda: served.now)) as log,
        closing(connect(settings, seconds=10)) as sessions,
    ):
        app = create_app(
            log,
            settings,
            tokens=tokens,
            sign_in=sign_in_of(settings, sessions),
            publish=publish,
            clock=lambda: served.now,
        )
        config = uvicorn.Config(app, host=LOOPBACK, port=port, log_config=None, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, name="page")
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive(), what="the page is served")
            yield served
        finally:
            server.should_exit = True
            thread.join()
