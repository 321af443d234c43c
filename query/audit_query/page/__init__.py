"""The Audit Logs page."""

__all__: list[str] = []
