"""One cluster for all of these tests. They are one module's, after which its memory is free again."""

from collections.abc import Iterator

import pytest
from clusters.cluster import Cluster, running_cluster
from support.run_folder import RunFolder


@pytest.fixture(scope="module")
def cluster(run_folder: RunFolder) -> Iterator[Cluster]:
    """Give three brokers and three nodes, whole at first."""
    with running_cluster(run_folder.new("cluster")) as cluster:
        yield cluster
