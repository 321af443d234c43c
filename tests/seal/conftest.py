"""What tests of the seal share."""

from pathlib import Path

import pytest
from support.sealed_bundles import SealedLog


@pytest.fixture(scope="session")
def sealed_log(tmp_path_factory: pytest.TempPathFactory) -> SealedLog:
    """Give a log of 1,000 events."""
    return SealedLog.write(Path(tmp_path_factory.mktemp("sealed")), blocks=20)
