"""Streams of the log's events and alerts to other systems."""

__all__: list[str] = []
