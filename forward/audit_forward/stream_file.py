"""A stream as a person writes it: one TOML file, whose name is the stream's."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from audit_query import EXCLUDE, PARAMETERS, ParameterError, QuerySpec
from audit_runtime import did_you_mean
from audit_schemas import ALERT_LEVELS, mapping
from pydantic import AfterValidator, Field, ValidationError, model_validator

from audit_forward.errors import StreamFileError
from audit_forward.fields import FieldRules
from audit_forward.receiver_tables import ReceiverTable, Table
from audit_forward.secret_file import read_secret

__all__ = ["StreamFile", "load_stream", "load_streams", "stream_paths"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NEEDED = ("@timestamp", "event.id", "event.action", "audit.kafka")
_ALERTS = ("level", "rule")
"""What alerts are filtered by."""


def _paths(properties: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the paths of a mapping's fields, and of the objects that they are in."""
    for name, field in properties.items():
        yield f"{before}{name}"
        yield from _paths(field.get("properties", {}), f"{before}{name}.")


_PATHS = frozenset(_paths(mapping()["properties"]))


def _as_list(found: Any) -> list[Any]:
    return list(found) if isinstance(found, list) else [found]


def _path(path: str) -> str:
    if any(needed == path or needed.startswith(f"{path}.") for needed in _NEEDED):
        raise ValueError(f"{path} can't be changed: receivers need it")
    if path in _PATHS or path.startswith("labels."):
        return path
    meant = did_you_mean(path, _PATHS)
    raise ValueError(f"{path} is not a field of an event{_question(meant)}")


Paths = list[Annotated[str, AfterValidator(_path)]]


class StreamFile(Table):
    """What, as what, to whom. `name` is the file's, without `.toml`."""

    name: str = ""
    what: Literal["events", "alerts"] = "events"
    form: Literal["auditlog", "ecs", "ocsf", "cef"] = "auditlog"
    form_version: str | None = None
    organization: str | None = Field(None, min_length=1)
    start: Literal["latest", "earliest"] = "latest"
    leave_out: Paths = Field([])
    pseudonymise: Paths = Field([])
    key_file: Path | None = None
    where: dict[str, str | list[str]] = Field({}, alias="filter")
    to: Annotated[ReceiverTable, Field(discriminator="type")]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.pseudonymise and self.key_file is None:
            raise ValueError("pseudonymise needs key_file, a file that holds the stream's own key")
        if self.what == "alerts" and (self.pseudonymise or self.leave_out):
            raise ValueError(
                "leave_out and pseudonymise are for events: alerts have names in their text"
            )
        known = _ALERTS if self.what == "alerts" else PARAMETERS
        for name in self.where:
            plain = name.removeprefix(EXCLUDE)
            if plain not in known:
                meant = did_you_mean(plain, known)
                raise ValueError(
                    f"filter.{name} is not a filter of {self.what}{_question(meant)} "
                    f"Filters are {', '.join(known)}, and each with {EXCLUDE} before it"
                )
        for name, values in self.where.items():
            if not all(value.strip() for value in _as_list(values)) or not values:
                raise ValueError(
                    f"filter.{name} has an empty value, which leaves nothing out; remove it"
                )
        for name, value in self._pairs() if self.what == "alerts" else ():
            if name.removeprefix(EXCLUDE) == "level" and value not in ALERT_LEVELS:
                meant = did_you_mean(value, ALERT_LEVELS)
                raise ValueError(
                    f"filter.{name}: {value} is not a level{_question(meant)} "
                    f"Levels are {', '.join(ALERT_LEVELS)}"
                )
        self.query  # noqa: B018 - raises for a value that no event can have
        return self

    @property
    def query(self) -> QuerySpec:
        """The filter of events. Raises ValueError where it is wrong."""
        if self.what == "alerts":
            return QuerySpec()
        try:
            spec = QuerySpec.parse(self._pairs())
            spec.filter(datetime.now(UTC))
        except ParameterError as error:
            raise ValueError(f"filter: {error}") from None
        return spec

    def alert_values(self, name: str) -> frozenset[str]:
        """Return the values that the filter of alerts gives for a name."""
        return frozenset(value for given, value in self._pairs() if given == name)

    def field_rules(self) -> FieldRules:
        """Return what is done to fields, with the key as its file holds it now.

        Raises CredentialsError.
        """
        key = read_secret(self.key_file) if self.key_file is not None else b""
        return FieldRules(self.leave_out, self.pseudonymise, key)

    def _pairs(self) -> Iterable[tuple[str, str]]:
        return [(name, value) for name, values in self.where.items() for value in _as_list(values)]


def load_streams(folder: Path, names: Iterable[str] = ()) -> list[StreamFile]:
    """Return the streams of a folder, or those named. Raises StreamFileError."""
    return [load_stream(path) for path in stream_paths(folder, names)]


def stream_paths(folder: Path, names: Iterable[str] = ()) -> list[Path]:
    """Return the files of a folder's streams, or of those named. Raises StreamFileError."""
    if not folder.is_dir():
        raise StreamFileError(f"{folder} is not a folder; AUDITLOG_STREAMS names that of your streams")
    known = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    wanted = list(names)
    for name in wanted:
        if name not in known:
            meant = did_you_mean(name, known)
            raise StreamFileError(f"{folder} has no stream {name}{_question(meant)}")
    return [path for name, path in known.items() if not wanted or name in wanted]


def load_stream(path: Path) -> StreamFile:
    """Return a stream; its relative paths are read from the file's folder. Raises StreamFileError."""
    if not _NAME.fullmatch(path.stem):
        raise StreamFileError(
            f"{path.name} is not a stream's name: at most 64 of a-z, 0-9, - and _, then .toml"
        )
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        stream = StreamFile.model_validate(table, context={"folder": path.parent})
    except tomllib.TOMLDecodeError as error:
        raise StreamFileError(f"{path} is not TOML: {error}") from None
    except UnicodeDecodeError:
        raise StreamFileError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise StreamFileError(f"{path} can't be read: {error.strerror}") from None
    except ValidationError as error:
        raise StreamFileError(f"{path}: {_sentence(error)}") from None
    return stream.model_copy(update={"name": path.stem})


def _sentence(error: ValidationError) -> str:
    """Name the first place that is wrong, and never its value: it may be a secret."""
    detail = error.errors(include_url=False, include_input=False)[0]
    tags = ("webhook", "splunk", "syslog", "kafka", "files", "s3")
    place = ".".join(str(part) for part in detail["loc"] if part not in tags)
    text = detail["msg"].removeprefix("Value error, ")
    return f"{place}: {text}" if place else text


def _question(meant: str | None) -> str:
    return f"; did you mean {meant}?" if meant else "."
