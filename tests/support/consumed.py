"""What a consumer does with all that is published, inside the test's own process.

The same decoder, index and dead letters as the consumer's, without its loop and its process: for tests
that are about what comes after it.
"""

from audit_admin.topic_reader import TopicReader
from audit_admin.verification.repair import settle
from audit_consumer import DeadLetters, Decoder, EventIndex, Places, Settler
from audit_runtime.kafka import message_batches
from confluent_kafka import Consumer, TopicPartition
from support.servers import Deployment

__all__ = ["consume_all"]


def consume_all(deployment: Deployment) -> None:
    """Index or dead-letter what the group has not committed, and commit it. No consumer may run."""
    settings = deployment.consumer
    index, dead_letters = EventIndex(settings, settings.request_seconds), DeadLetters(settings)
    places = Places(settings.geo_paths) if settings.geo_paths else None
    decoder = Decoder(settings.load_catalogue(), settings.time_bounds(), index.naming(), places)
    settler = Settler(decoder, index, dead_letters, send_seconds=30)
    offsets = []
    with TopicReader(settings) as reader:
        for partition in reader.partitions(settings.topic):
            low, high = reader.bounds(settings.topic, partition)
            begin = max(low, reader.committed(settings.topic, partition))
            messages = reader.messages(settings.topic, partition, begin, high)
            for batch in message_batches(messages, 1000):
                settle(batch, decoder, settler)
            offsets.append(TopicPartition(settings.topic, partition, high))
    consumer = Consumer(settings.consumer_config())
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()
    dead_letters.close()
    index.close()
