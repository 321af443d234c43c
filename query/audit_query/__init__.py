"""Query the log: filter by user and activity, search, count, bucket by time, export."""

from audit_query.aggregations import DIMENSIONS, Bucket, Buckets, Dimension, Ranked, Seen
from audit_query.claims import warning_of
from audit_query.clauses import any_of, from_partition
from audit_query.csv_format import CsvFormat, Delimiter, csv_cell
from audit_query.cursor import decode_cursor, encode_cursor
from audit_query.effective_user import effective_user
from audit_query.errors import (
    ExportError,
    ParameterError,
    QueryError,
    TimeRangeError,
    TimeZoneError,
    unknown_parameter,
)
from audit_query.export import MEDIA_TYPES, Format, Rows, export
from audit_query.filter import Criteria, Filter
from audit_query.intervals import AUTO, check_interval, fixed_width
from audit_query.list_finder import list_finder
from audit_query.log import AuditLog, Page
from audit_query.network_filter import (
    RANGES_MAX,
    FindList,
    address_query,
    no_lists,
    ranges_in,
    value_query,
)
from audit_query.objectives import Objective, ObjectiveError, Ratio, parse_objectives
from audit_query.place_label import PLACE_FIELDS, place_label
from audit_query.query_spec import EXCLUDE, NAMES, PARAMETERS, VALUE_MAX, QuerySpec
from audit_query.settings import QuerySettings
from audit_query.suggestions import SUGGESTED, Suggested
from audit_query.tables import buckets_table, ranking_table
from audit_query.teams import Teams, TeamsFileError
from audit_query.time_range import parse_time, zone

__all__ = [
    "AUTO",
    "DIMENSIONS",
    "EXCLUDE",
    "MEDIA_TYPES",
    "NAMES",
    "PARAMETERS",
    "PLACE_FIELDS",
    "RANGES_MAX",
    "SUGGESTED",
    "VALUE_MAX",
    "AuditLog",
    "Bucket",
    "Buckets",
    "Criteria",
    "CsvFormat",
    "Delimiter",
    "Dimension",
    "ExportError",
    "Filter",
    "FindList",
    "Format",
    "Objective",
    "ObjectiveError",
    "Page",
    "ParameterError",
    "QueryError",
    "QuerySettings",
    "QuerySpec",
    "Ranked",
    "Ratio",
    "Rows",
    "Seen",
    "Suggested",
    "Teams",
    "TeamsFileError",
    "TimeRangeError",
    "TimeZoneError",
    "address_query",
    "any_of",
    "buckets_table",
    "check_interval",
    "csv_cell",
    "decode_cursor",
    "effective_user",
    "encode_cursor",
    "export",
    "fixed_width",
    "from_partition",
    "list_finder",
    "no_lists",
    "parse_objectives",
    "parse_time",
    "place_label",
    "ranges_in",
    "ranking_table",
    "unknown_parameter",
    "value_query",
    "warning_of",
    "zone",
]
