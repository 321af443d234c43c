"""The analyst's desk: alerts to read and to triage, and exceptions from rules."""

__all__: list[str] = []
