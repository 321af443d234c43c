"""A topic, as an operator changes it."""

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from support.servers import Deployment

__all__ = ["set_topic"]


def set_topic(deployment: Deployment, topic: str, name: str, value: str) -> None:
    """Set one of a topic's settings."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    admin.incremental_alter_configs([resource])[resource].result(30)
