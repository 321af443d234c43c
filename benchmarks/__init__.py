"""Measurements of the whole way, on servers of their own: `python -m benchmarks --help`."""
