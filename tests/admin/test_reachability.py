"""One of several servers is away: the doctor names it, and everybody else goes on."""

import socket
from contextlib import closing

import pytest
from audit_admin.doctor import run_checks
from audit_admin.topic_reader import TopicReader
from audit_producer import AuditProducer
from confluent_kafka import Consumer, TopicPartition
from support.servers import Deployment, Servers


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def half(deployment: Deployment) -> tuple[Deployment, int]:
    """Give a deployment whose first broker and first node are away, and their port."""
    port = closed_port()
    servers = deployment.servers
    both = Servers(
        f"127.0.0.1:{port},{servers.kafka}", f"http://127.0.0.1:{port},{servers.elasticsearch}"
    )
    return Deployment(both, deployment.name), port


@pytest.mark.servers
def test_doctor_names_what_is_away(half: tuple[Deployment, int]) -> None:
    """And what to do; the other checks are made with what answers."""
    deployment, port = half
    checks = list(run_checks(deployment.consumer, deployment.setup, deployment.query))
    failed = {check.subject: check.message for check in checks if not check.ok}
    assert set(failed) == {"Kafka broker", "Elasticsearch node"}
    assert f"127.0.0.1:{port} takes no connection" in failed["Kafka broker"]
    assert f"http://127.0.0.1:{port} does not answer" in failed["Elasticsearch node"]


@pytest.mark.servers
def test_dead_broker_keeps_nobody_from_the_others(half: tuple[Deployment, int]) -> None:
    """Publishers, consumers, and what reads topics."""
    deployment, _ = half
    with AuditProducer(deployment.producer) as producer:
        assert producer.record("login", user="u-1")
    topic = deployment.consumer.topic
    with TopicReader(deployment.consumer) as reader:
        bounds = {number: reader.bounds(topic, number) for number in reader.partitions(topic)}
    (number,) = (number for number, (low, high) in bounds.items() if high > low)
    consumer = Consumer(deployment.consumer.consumer_config())
    try:
        consumer.assign([TopicPartition(topic, number, 0)])
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
    finally:
        consumer.close()
