"""One project for all tests of a file; without an engine they fail."""

from collections.abc import Iterator

import pytest
from containers.project import Project, engine_says


@pytest.fixture(scope="session")
def engine() -> None:
    """Hold that a Docker engine answers: this target is for machines that have one."""
    why = engine_says()
    if why is not None:
        pytest.fail(f"make test-containers needs a Docker engine with compose: {why}", pytrace=False)


@pytest.fixture(scope="module")
def project(engine: None) -> Iterator[Project]:  # noqa: ARG001 - needed first
    """Give the project, built from this clone and started."""
    project = Project()
    try:
        project.compose("build", "--quiet")
        project.up()
        yield project
    finally:
        project.down()
        project.forget()
