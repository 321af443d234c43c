"""One secured pair of servers for all of these tests."""

from collections.abc import Iterator

import pytest
from support.secured_servers import Secured, running_secured


@pytest.fixture(scope="session")
def secured() -> Iterator[Secured]:
    """Give a Kafka and an Elasticsearch with TLS, users and rules; nothing is set up yet."""
    with running_secured() as found:
        yield found
