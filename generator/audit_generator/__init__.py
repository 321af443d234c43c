"""A simulated chat platform, and attacks on it whose authors are known."""

from audit_generator.attacks import Attacks
from audit_generator.places import place_database
from audit_generator.traffic import Traffic

__all__ = ["Attacks", "Traffic", "place_database"]
