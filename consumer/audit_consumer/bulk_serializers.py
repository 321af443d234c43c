"""A bulk request's body and its answer, as the Elasticsearch client sends and reads them."""

from typing import Any

from elastic_transport import JsonSerializer, NdjsonSerializer

__all__ = ["BulkAnswer", "BulkBody"]

_BEGIN, _CREATED, _END = b'{"errors":false,"items":[', b'{"create":{"status":201}}', b"]}"


class BulkBody(NdjsonSerializer):
    """Sends bytes as they are; the client's own copies them twice."""

    def dumps(self, data: Any) -> bytes:
        """Return the body. Bytes end with a line break already."""
        return data if isinstance(data, bytes) else super().dumps(data)


class BulkAnswer(JsonSerializer):
    """Reads the usual answer, that all was created, by comparison, not by parsing it."""

    def loads(self, data: bytes) -> Any:
        """Return what an answer says."""
        if data.startswith(_BEGIN):
            count = data.count(_CREATED)
            if data == b"".join((_BEGIN, b",".join([_CREATED] * count), _END)):
                return {"errors": False, "items": [{"create": {"status": 201}}] * count}
        return super().loads(data)
