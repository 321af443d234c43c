"""What stops an import as a whole; a row that can't be imported is reported, and stops nothing."""

from audit_producer import PublishError

__all__ = ["ImportFileError", "MappingError"]


class MappingError(PublishError):
    """The mapping file is wrong; the message says where, and what may stand there."""


class ImportFileError(PublishError):
    """The file can't be read as what the mapping says it is."""
