"""The contract of the audit log: event, catalogue, wire format, document, mapping."""

from audit_schemas.added import FORMER
from audit_schemas.addresses import canonical_ip, is_ip, network_of
from audit_schemas.alert import ALERT_LEVELS, ALERT_RUNNER, shown_alert
from audit_schemas.catalogue import Activity, Catalogue
from audit_schemas.dead_letter import (
    DIGEST_HEADER,
    MESSAGE_HEADER,
    OFFSET_HEADER,
    PARTITION_HEADER,
    PATH_HEADER,
    REASON_HEADER,
    RECEIVED_HEADER,
    SIZE_HEADER,
    TOPIC_HEADER,
    Headers,
    dead_letter_headers,
    origin_in,
    origin_of,
    split_headers,
)
from audit_schemas.document import (
    ECS_VERSION,
    Document,
    Origin,
    content_hash,
    hash_text,
    meaning_of,
    place_of,
    publisher_fields,
    splice,
    stored_hash,
)
from audit_schemas.errors import CatalogueError, EventRefusedError, Problem, Reason, SchemaError
from audit_schemas.event import (
    ID_PATTERN,
    LABEL_MAX,
    LABELS_MAX,
    MAX_EVENT_BYTES,
    SCHEMA_VERSION,
    AuditEvent,
    Service,
)
from audit_schemas.former import former_document, related_of
from audit_schemas.grammar import canonical_form, canonical_lines, group_of
from audit_schemas.identity import LineIds, new_event_id, uuid5_text
from audit_schemas.indices import Granularity, IndexNaming, Period
from audit_schemas.intervals import merge_intervals
from audit_schemas.invisible import visible_name
from audit_schemas.model import leaves
from audit_schemas.original import published_forms
from audit_schemas.place import PLACE, Place
from audit_schemas.sanitize import printable
from audit_schemas.shown_user import SYSTEM, id_of, shown_person, shown_user
from audit_schemas.template import (
    MANAGED_BY,
    IndexSettings,
    index_template,
    lacks_fields,
    lifecycle_of,
    mapping,
    missing_fields,
)
from audit_schemas.time_expressions import parse_time, zone
from audit_schemas.timestamps import (
    TimeBounds,
    format_timestamp,
    parse_timestamp,
    present_timestamp,
)
from audit_schemas.wire import (
    SCHEMA_HEADER,
    SCHEMA_HEADER_VALUE,
    SCHEMA_HEADER_VALUES,
    check_version,
    decode,
    encode,
    parse_json,
    too_large,
    validate,
)

__all__ = [
    "ALERT_LEVELS",
    "ALERT_RUNNER",
    "DIGEST_HEADER",
    "ECS_VERSION",
    "FORMER",
    "ID_PATTERN",
    "LABELS_MAX",
    "LABEL_MAX",
    "MANAGED_BY",
    "MAX_EVENT_BYTES",
    "MESSAGE_HEADER",
    "OFFSET_HEADER",
    "PARTITION_HEADER",
    "PATH_HEADER",
    "PLACE",
    "REASON_HEADER",
    "RECEIVED_HEADER",
    "SCHEMA_HEADER",
    "SCHEMA_HEADER_VALUE",
    "SCHEMA_HEADER_VALUES",
    "SCHEMA_VERSION",
    "SIZE_HEADER",
    "SYSTEM",
    "TOPIC_HEADER",
    "Activity",
    "AuditEvent",
    "Catalogue",
    "CatalogueError",
    "Document",
    "EventRefusedError",
    "Granularity",
    "Headers",
    "IndexNaming",
    "IndexSettings",
    "LineIds",
    "Origin",
    "Period",
    "Place",
    "Problem",
    "Reason",
    "SchemaError",
    "Service",
    "TimeBounds",
    "canonical_form",
    "canonical_ip",
    "canonical_lines",
    "check_version",
    "content_hash",
    "dead_letter_headers",
    "decode",
    "encode",
    "format_timestamp",
    "former_document",
    "group_of",
    "hash_text",
    "id_of",
    "index_template",
    "is_ip",
    "lacks_fields",
    "leaves",
    "lifecycle_of",
    "mapping",
    "meaning_of",
    "merge_intervals",
    "missing_fields",
    "network_of",
    "new_event_id",
    "origin_in",
    "origin_of",
    "parse_json",
    "parse_time",
    "parse_timestamp",
    "place_of",
    "present_timestamp",
    "printable",
    "published_forms",
    "publisher_fields",
    "related_of",
    "shown_alert",
    "shown_person",
    "shown_user",
    "splice",
    "split_headers",
    "stored_hash",
    "too_large",
    "uuid5_text",
    "validate",
    "visible_name",
    "zone",
]
