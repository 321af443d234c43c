"""The servers' distributions, downloaded once from Maven Central through jgo, and checked."""

import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from audit_local import keycloak
from audit_local.checksums import check
from audit_local.errors import FetchError, ServerFailedError
from audit_local.lock import locked

if TYPE_CHECKING:
    from jgo.maven import MavenContext

__all__ = [
    "ELASTICSEARCH_VERSION",
    "KAFKA_VERSION",
    "KEYCLOAK_VERSION",
    "elasticsearch_home",
    "kafka_libraries",
    "keycloak_home",
]

KAFKA_VERSION = "4.1.1"
ELASTICSEARCH_VERSION = "9.5.3"
KEYCLOAK_VERSION = "26.4.0"

_KAFKA = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
_KEYCLOAK = ("org.keycloak", "keycloak-quarkus-dist")
_ELASTICSEARCH = ("org.elasticsearch.distribution.integ-test-zip", "elasticsearch")

_ProgressCallback = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def kafka_libraries(cache: Path, console: Console) -> Path:
    """Return the folder with Kafka's jars; download them if needed. Raises FetchError."""
    return _once(cache / f"kafka-{KAFKA_VERSION}", "Kafka", console, _fetch_kafka)


def elasticsearch_home(cache: Path, console: Console) -> Path:
    """Return Elasticsearch's folder; download and unpack it if needed. Raises FetchError."""
    target = cache / f"elasticsearch-{ELASTICSEARCH_VERSION}"
    return _once(target, "Elasticsearch", console, _fetch_elasticsearch)


def keycloak_home(cache: Path, java: Path, console: Console) -> Path:
    """Return Keycloak's folder; download, unpack and build it if needed.

    Raises FetchError, or ServerFailedError.
    """

    def fetch(context: "MavenContext", target: Path) -> None:
        _fetch_keycloak(context, target)
        keycloak.prepare(target, java)

    return _once(cache / f"keycloak-{KEYCLOAK_VERSION}", "Keycloak", console, fetch)


def _once(
    target: Path, what: str, console: Console, fetch: Callable[["MavenContext", Path], None]
) -> Path:
    """Fill `target` atomically: an incomplete download must not be taken for a server."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / ".lock"):
        if not target.is_dir():
            _fill(target, what, console, fetch)
    return target


def _fill(
    target: Path, what: str, console: Console, fetch: Callable[["MavenContext", Path], None]
) -> None:
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - every command comes by here

    for stale in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        repository, filled = Path(folder, "repository"), Path(folder, "filled")
        filled.mkdir()
        Path(folder).chmod(0o755)  # what is built in it is built by the servers' account
        with _progress(what, console) as callback:
            context = MavenContext(
                PythonResolver(progress_callback=callback), repo_cache=repository, timeout=60
            )
            try:
                fetch(context, filled)
            except (FetchError, ServerFailedError):
                raise
            except Exception as error:
                raise FetchError(
                    f"{what} could not be downloaded ({type(error).__name__}). Check the connection "
                    "to Maven Central, or set your own servers in "
                    "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS and AUDITLOG_ELASTICSEARCH_URL"
                ) from error
        filled.rename(target)


def _fetch_kafka(context: "MavenContext", target: Path) -> None:
    wanted = [context.create_dependency(coordinate) for coordinate in _KAFKA]
    inputs, transitive = context.resolver.resolve(wanted)
    runtime = [dep for dep in transitive if dep.scope in ("compile", "runtime")]
    for dependency in [*inputs, *runtime]:
        shutil.copy(check(dependency.artifact.resolve()), target)


def _fetch_elasticsearch(context: "MavenContext", target: Path) -> None:
    inner = target / f"elasticsearch-{ELASTICSEARCH_VERSION}"
    _unpack(context, _ELASTICSEARCH, ELASTICSEARCH_VERSION, inner)
    for program in (target / "bin").iterdir():
        program.chmod(0o755)  # zipfile drops the permission bits


def _fetch_keycloak(context: "MavenContext", target: Path) -> None:
    _unpack(context, _KEYCLOAK, KEYCLOAK_VERSION, target / f"keycloak-{KEYCLOAK_VERSION}")


def _unpack(context: "MavenContext", project: tuple[str, str], version: str, inner: Path) -> None:
    """Unpack a zip, and put what is in its one folder in the folder's place."""
    component = context.project(*project).at_version(version)
    archive = check(component.artifact(packaging="zip").resolve())
    with zipfile.ZipFile(archive) as unpacked:
        unpacked.extractall(inner.parent)
    for path in inner.iterdir():
        path.rename(inner.parent / path.name)
    inner.rmdir()


@contextmanager
def _progress(what: str, console: Console) -> Iterator[_ProgressCallback]:
    """Print a line, and show a progress bar for the file that is being downloaded."""
    logging.getLogger("jgo").setLevel(logging.ERROR)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    console.print(f"Downloading {what} (only once)")
    with Progress(*columns, console=console, transient=True) as bars:

        @contextmanager
        def download(name: str, size: int) -> Iterator[Callable[[int], None]]:
            task = bars.add_task(name, total=size)
            yield lambda count: bars.update(task, advance=count)
            bars.remove_task(task)

        yield download
