"""Fixtures of the fault tests. Tests that break a server are in `broken_servers`."""

import os
import random

import pytest


@pytest.fixture
def chance() -> random.Random:
    """Give the test's own chance. Its seed is printed; FAULTS_SEED repeats it."""
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1_000_000))
    print(f"FAULTS_SEED={seed}")  # noqa: T201 - shown where the test fails
    return random.Random(seed)
