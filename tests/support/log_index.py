"""A log without Kafka: what is searched and shown needs no topics, which take seconds to create."""

from collections.abc import Iterator
from contextlib import contextmanager

from audit_schemas import IndexNaming, IndexSettings, index_template
from support.servers import Deployment, Servers, new_deployment, tear_down

__all__ = ["log_index", "map_trace_ids_as_addresses"]


@contextmanager
def log_index(servers: Servers) -> Iterator[Deployment]:
    """Give a deployment that has its index template, and no topics."""
    deployment = new_deployment(servers)
    template = index_template(IndexNaming(deployment.name), IndexSettings())
    with deployment.client() as client:
        client.options(request_timeout=60).indices.put_index_template(
            name=deployment.name, body=template
        )
    try:
        yield deployment
    finally:
        tear_down(deployment)


def map_trace_ids_as_addresses(deployment: Deployment) -> None:
    """Let new indices refuse what the model takes: such a mapping is still ours, and sound."""
    with deployment.client() as client:
        template = client.indices.get_index_template(name=deployment.name)["index_templates"][0]
        body = template["index_template"]
        body["template"]["mappings"]["properties"]["trace"]["properties"]["id"] = {"type": "ip"}
        client.indices.put_index_template(
            name=deployment.name,
            index_patterns=body["index_patterns"],
            priority=body["priority"],
            template=body["template"],
            meta=body["_meta"],
        )
