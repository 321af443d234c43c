"""Errors that stop the whole import; a row that can't be imported is only reported."""

from audit_producer import PublishError

__all__ = ["ImportFileError", "MappingError"]


class MappingError(PublishError):
    """The mapping file is invalid; the message says where, and what is allowed there."""


class ImportFileError(PublishError):
    """The file can't be read in the format that the mapping names."""
