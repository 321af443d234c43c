"""Fixtures of the query client's tests."""

from collections.abc import Iterator

import pytest
from support.log_index import log_index
from support.servers import Deployment, Servers


@pytest.fixture
def deployment(servers: Servers) -> Iterator[Deployment]:
    """Give an empty log; queries need no topics."""
    with log_index(servers) as found:
        yield found
