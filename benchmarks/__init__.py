"""End-to-end measurements on servers of their own: `python -m benchmarks --help`."""
