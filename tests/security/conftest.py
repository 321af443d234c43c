"""One secured pair of servers for all of these tests, whichever worker runs them."""

import pytest
from support.run_folder import RunFolder
from support.secured_servers import Secured, secured_servers


@pytest.fixture(scope="session")
def secured(run_folder: RunFolder) -> Secured:
    """Give a Kafka and an Elasticsearch with TLS, users and rules; nothing is set up yet."""
    return secured_servers(run_folder)
