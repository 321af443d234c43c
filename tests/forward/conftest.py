"""A deployment with streams."""

from pathlib import Path

import pytest
from support.servers import Deployment
from support.streams import StreamTrial


@pytest.fixture
def trial(deployment: Deployment, tmp_path: Path) -> StreamTrial:
    """Give a deployment with a folder for streams."""
    return StreamTrial(deployment, tmp_path)
