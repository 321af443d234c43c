"""The contract of the audit log: event, catalogue, wire format, document, mapping."""

from audit_schemas.catalogue import Activity, Catalogue
from audit_schemas.document import Document, Origin, content_hash, publisher_fields
from audit_schemas.errors import CatalogueError, EventRefused, Problem, Reason, SchemaError
from audit_schemas.event import SCHEMA_VERSION, AuditEvent
from audit_schemas.identity import LineIds, new_event_id
from audit_schemas.indices import IndexNaming
from audit_schemas.timestamps import TimeBounds, format_timestamp, parse_timestamp
from audit_schemas.wire import SCHEMA_HEADER, SCHEMA_HEADER_VALUE, check_version, decode, encode

__all__ = [
    "SCHEMA_HEADER",
    "SCHEMA_HEADER_VALUE",
    "SCHEMA_VERSION",
    "Activity",
    "AuditEvent",
    "Catalogue",
    "CatalogueError",
    "Document",
    "EventRefused",
    "IndexNaming",
    "LineIds",
    "Origin",
    "Problem",
    "Reason",
    "SchemaError",
    "TimeBounds",
    "check_version",
    "content_hash",
    "decode",
    "encode",
    "format_timestamp",
    "new_event_id",
    "parse_timestamp",
    "publisher_fields",
]
