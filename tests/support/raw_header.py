"""Publish a record whose header has a name that is no text, as any client in C may.

confluent-kafka can't (it ends the process by a segmentation fault), so this calls its librdkafka.
"""

import ctypes
from pathlib import Path

import confluent_kafka

__all__ = ["publish_with_header"]

# rd_kafka_vtype_t of rdkafka.h
_TOPIC, _VALUE, _FLAGS, _HEADERS, _COPY = 1, 4, 7, 10, 2


class _Argument(ctypes.Union):
    _fields_ = (
        ("text", ctypes.c_char_p),
        ("pointer", ctypes.c_void_p),
        ("number", ctypes.c_int32),
        ("memory", ctypes.c_void_p * 2),
        ("padding", ctypes.c_char * 64),
    )


class _Typed(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("of", _Argument))


def publish_with_header(servers: str, topic: str, value: bytes, header: bytes) -> None:
    """Publish one record, and wait for its acknowledgement."""
    near = Path(confluent_kafka.__file__).parent
    (path,) = [*near.parent.glob("confluent_kafka.libs/librdkafka*"), *near.glob(".dylibs/librdkafka*")]
    library = ctypes.CDLL(str(path))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new", "rd_kafka_produceva"):
        getattr(library, name).restype = ctypes.c_void_p
    error = ctypes.create_string_buffer(512)
    config = ctypes.c_void_p(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(config, b"bootstrap.servers", servers.encode(), error, 512)
    client = ctypes.c_void_p(library.rd_kafka_new(0, config, error, 512))
    headers = ctypes.c_void_p(library.rd_kafka_headers_new(1))
    library.rd_kafka_header_add(
        headers, header, ctypes.c_ssize_t(len(header)), b"x", ctypes.c_ssize_t(1)
    )
    held = ctypes.create_string_buffer(value, len(value))
    arguments = (_Typed * 4)()
    arguments[0].type, arguments[0].of.text = _TOPIC, topic.encode()
    arguments[1].type = _VALUE
    arguments[1].of.memory[0], arguments[1].of.memory[1] = ctypes.addressof(held), len(value)
    arguments[2].type, arguments[2].of.pointer = _HEADERS, headers.value
    arguments[3].type, arguments[3].of.number = _FLAGS, _COPY
    assert not library.rd_kafka_produceva(client, arguments, ctypes.c_size_t(4))
    assert library.rd_kafka_flush(client, 30_000) == 0
    library.rd_kafka_destroy(client)
