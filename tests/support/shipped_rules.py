"""The rules that come with the product, read once: many modules need them while they are collected."""

from functools import cache

from audit_alerts import Rule
from audit_alerts.examples import with_example_lists
from audit_alerts.rules import read_rules, shipped_folder
from audit_schemas import Catalogue

__all__ = ["shipped_rules"]


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """Return them by name, with the lists of their examples."""
    return tuple(with_example_lists(rule) for rule in read_rules([shipped_folder()], Catalogue.load()))
