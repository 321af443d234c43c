"""How items become a file: a line each as NDJSON, or a row each as Parquet; and what it is called."""

import gzip
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from audit_forward.errors import ForwardError
from audit_forward.forms.stored import milliseconds
from audit_forward.item import Item, Limits
from audit_forward.receiver_tables import WrittenTable

__all__ = ["FileFormat", "FileMaker", "Ndjson", "Parquet"]

_BYTES = 32 * 1024 * 1024


class FileFormat(Protocol):
    """Makes a file's whole contents, and says what its name ends with. Pure."""

    suffix: str

    def contents(self, items: Sequence[Item]) -> bytes:
        """Return a file of these items, in their order."""
        ...


class Ndjson:
    """A line each, in the stream's form; gzip over all of it if that is asked for."""

    def __init__(self, *, compress: bool) -> None:
        self._compress = compress
        self.suffix = ".ndjson.gz" if compress else ".ndjson"

    def contents(self, items: Sequence[Item]) -> bytes:
        """See `FileFormat`."""
        text = b"".join([item.body + b"\n" for item in items])
        return gzip.compress(text, 6, mtime=0) if self._compress else text


class Parquet:
    """A row each: columns to filter by, the same in every form, and `event`, the form itself.

    One table so has all activities and all versions of a form. A stream's rules for fields hold for the
    columns too. Raises ForwardError if the library is not installed.
    """

    suffix = ".parquet"

    def __init__(self) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - large, and an extra of its own
            from pyarrow import parquet  # noqa: PLC0415
        except ModuleNotFoundError:
            raise ForwardError(
                "format = \"parquet\" needs pyarrow: pip install 'chat-auditlog[forward-parquet]'"
            ) from None
        self._arrow: Any = pa
        self._parquet: Any = parquet

    def contents(self, items: Sequence[Item]) -> bytes:
        """See `FileFormat`."""
        arrow, text = self._arrow, self._arrow.string()
        plain = {
            "action": [item.action for item in items],
            "organization": [item.organization for item in items],
            "user": [item.user for item in items],
            "ip": [item.ip for item in items],
        }
        time = [milliseconds(item.happened) for item in items]
        table = arrow.table(
            {
                "id": arrow.array([item.id for item in items], text),
                "time": arrow.array(time, arrow.timestamp("ms", "UTC")),
                **{name: arrow.array(values, text) for name, values in plain.items()},
                "event": arrow.array([item.body for item in items], text),
            }
        )
        out = arrow.BufferOutputStream()
        self._parquet.write_table(
            table,
            out,
            compression="zstd",
            use_dictionary=list(plain),
            write_statistics=["time", *plain],
        )
        contents: bytes = out.getvalue().to_pybytes()
        return contents


class FileMaker:
    """Makes files of a stream, as its table says. Raises ForwardError where a library is missing."""

    def __init__(self, table: WrittenTable, stream: str) -> None:
        self.limits = Limits(table.events, _BYTES, table.seconds)
        self._stream = stream
        self._format: FileFormat = (
            Parquet() if table.format == "parquet" else Ndjson(compress=table.compress)
        )

    def make(self, items: Sequence[Item]) -> tuple[str, bytes]:
        """Return a file's path, `YYYY/MM/DD/STREAM-HHMMSS-DIGEST.ndjson`, and what it holds.

        The time is that of writing; the digest follows from the ids.
        """
        now = datetime.now(UTC)
        digest = hashlib.sha256("\n".join(item.id for item in items).encode()).hexdigest()[:16]
        path = f"{now:%Y/%m/%d}/{self._stream}-{now:%H%M%S}-{digest}{self._format.suffix}"
        return path, self._format.contents(items)
