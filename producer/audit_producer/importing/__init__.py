"""Another audit log's files, made events of by a mapping file."""

__all__: list[str] = []
