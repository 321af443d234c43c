"""The rules that come with the product, read once: many modules need them while they are collected."""

from functools import cache

from audit_alerts import Rule
from audit_alerts.rules import read_rules, shipped_folder
from audit_schemas import Catalogue

__all__ = ["shipped_rules"]


@cache
def shipped_rules(*ranges: str) -> tuple[Rule, ...]:
    """Return them by name, for denied ranges if any are given."""
    return read_rules([shipped_folder()], Catalogue.load(), ranges)
