"""Keycloak, an OpenID provider to try signing in with: one realm, three people, all in memory."""

import http.client
import shutil
from collections.abc import Mapping
from pathlib import Path

from audit_local.errors import ServerFailedError
from audit_local.ports import LOOPBACK
from audit_local.process import Running, change_owner, run, start, take_back

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "PEOPLE",
    "REALM",
    "is_ready",
    "prepare",
    "settings_for",
    "start_keycloak",
]

REALM = "auditlog"
CLIENT_ID = "audit-logs"
CLIENT_SECRET = "only-for-trials-on-this-machine"  # noqa: S105 - of a realm that is in no network
PEOPLE = Path(__file__).with_name("people.toml")
"""The file of people that goes with the realm."""

_REALM_FILE = Path(__file__).with_name("realm.json")
_MAIN = "io.quarkus.bootstrap.runner.QuarkusEntryPoint"
_THREADS = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
_BUILT_WITH = ("--db=dev-mem",)
"""What Keycloak is built with, once: it takes as long as a start."""


def prepare(distribution: Path, java: Path) -> None:
    """Build an unpacked distribution for our options, with the account that servers have."""
    change_owner(distribution)
    done = run([*_launcher(distribution, java, distribution), "build", *_BUILT_WITH])
    if done.returncode:
        end = f"{done.stdout}{done.stderr}".strip()[-500:]
        raise ServerFailedError(f"Keycloak can't be built: {end}")
    take_back(distribution)


def start_keycloak(home: Path, distribution: Path, java: Path, port: int, heap: str) -> Running:
    """Start Keycloak on the loopback address with its realm. What is changed is gone with it."""
    shutil.rmtree(home / "data", ignore_errors=True)
    imported = home / "data" / "import"
    for folder in (imported, home / "conf", home / "providers", home / "themes"):
        folder.mkdir(parents=True, exist_ok=True)
    library = home / "lib"  # where it looks for what was built
    library.unlink(missing_ok=True)
    library.symlink_to(distribution / "lib")
    shutil.copy(_REALM_FILE, imported / f"{REALM}-realm.json")
    change_owner(home / "data")
    options = (
        "--optimized",
        "--import-realm",
        "--cache=local",
        "--http-enabled=true",
        f"--http-host={LOOPBACK}",
        f"--http-port={port}",
        f"--hostname=http://{LOOPBACK}:{port}",
        "--log-level=warn",
    )
    return start(
        [*_launcher(distribution, java, home, heap), "start", *options],
        log=home / "keycloak.log",
        folder=home,
        environment={},
    )


def is_ready(port: int) -> bool:
    """Tell whether the realm answers."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=3)
    try:
        connection.request("GET", f"/realms/{REALM}/.well-known/openid-configuration")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def settings_for(port: int) -> Mapping[str, str]:
    """Return the variables that let people sign in with it."""
    return {
        "AUDITLOG_OIDC_ISSUER": f"http://{LOOPBACK}:{port}/realms/{REALM}",
        "AUDITLOG_OIDC_CLIENT_ID": CLIENT_ID,
        "AUDITLOG_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "AUDITLOG_OIDC_DISPLAY_NAME": "Keycloak",
        "AUDITLOG_PEOPLE_FILE": str(PEOPLE),
    }


def _launcher(distribution: Path, java: Path, home: Path, heap: str = "400m") -> list[str | Path]:
    """Return the beginning of a command line, as the distribution's own script has it.

    Without the script, since it takes the distribution's folder as the one that data goes to.
    """
    return [
        java / "bin" / "java",
        "-Xms64m",
        f"-Xmx{heap}",
        "-XX:MaxMetaspaceSize=256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "--add-opens=java.base/java.util=ALL-UNNAMED",
        "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
        "--add-opens=java.base/java.security=ALL-UNNAMED",
        "-Dfile.encoding=UTF-8",
        f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={_THREADS}",
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        "-Dpicocli.disable.closures=true",
        "-Dquarkus-log-max-startup-records=10000",
        f"-Dkc.home.dir={home}",
        f"-Djboss.server.config.dir={home / 'conf'}",
        "-cp",
        distribution / "lib" / "quarkus-run.jar",
        _MAIN,
    ]
