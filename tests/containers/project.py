"""The compose project, for real: under a name and on ports of its own."""

import io
import json
import os
import shutil
import ssl
import subprocess
import tarfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import elasticsearch
from audit_local.ports import LOOPBACK, free_port
from support.command import clean_environment
from support.servers import ROOT

__all__ = ["JOBS", "RUNNING", "Project", "docker", "image"]

RUNNING = {
    "kafka": 1,
    "elasticsearch": 1,
    "consumer": 2,
    "alerts": 1,
    "sealer": 1,
    "witness": 1,
    "page": 1,
}
"""What runs, and how many of each."""
JOBS = ("secrets", "quotas", "setup")
_SECONDS = 900


def docker(*arguments: str, check: bool = True, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run `docker` to its end."""
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        cwd=ROOT,
        check=False,
        **options,
    )
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stdout}\n{done.stderr}")
    return done


def image(name: str) -> dict[str, Any]:
    """Return what the engine knows of an image."""
    found: list[dict[str, Any]] = json.loads(docker("image", "inspect", name).stdout)
    return found[0]


@dataclass
class Project:
    """The services of docker-compose.yml; nobody else's project is touched."""

    name: str = field(default_factory=lambda: f"auditlog-test-{uuid.uuid4().hex[:8]}")
    ports: dict[str, int] = field(
        default_factory=lambda: {
            server: free_port() for server in ("KAFKA", "ELASTICSEARCH", "PAGE", "KIBANA")
        }
    )

    def compose(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `docker compose` to its end."""
        ports = {f"AUDITLOG_PORT_{server}": str(port) for server, port in self.ports.items()}
        environment = {k: v for k, v in clean_environment().items() if not k.startswith("COMPOSE_")}
        return docker(
            "compose", "--project-name", self.name, *arguments, check=check, env=environment | ports
        )

    def up(self, *more: str) -> None:
        """Start it, and wait until all is healthy."""
        done = self.compose("up", "--detach", "--wait", "--wait-timeout", "600", *more, check=False)
        if done.returncode:
            logs = self.compose("logs", "--no-color", "--tail", "15", check=False).stdout
            raise AssertionError(f"docker compose up: {done.stderr[-2000:]}\n{logs}")

    def down(self) -> None:
        """Stop it, and delete its data."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "10")

    def run(self, role: str, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `auditlog` as publisher, reader, admin, or for tokens, as a person does."""
        return self.compose("run", "--rm", "--no-TTY", role, *arguments, check=check)

    def containers(self) -> list[dict[str, Any]]:
        """Return what the engine knows of every container, also of those that ended."""
        ids = docker("ps", "--all", "--quiet", "--filter", self._label).stdout.split()
        found: list[dict[str, Any]] = json.loads(docker("inspect", *ids).stdout) if ids else []
        return found

    def of(self, service: str) -> list[dict[str, Any]]:
        """Return the containers of a service."""
        return [one for one in self.containers() if service_of(one) == service]

    def left(self) -> list[str]:
        """Return what there is of it: containers, volumes, networks."""
        kinds: Sequence[Sequence[str]] = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return [
            one
            for kind in kinds
            for one in docker(*kind, "--quiet", "--filter", self._label).stdout.split()
        ]

    def secrets(self) -> dict[str, bytes]:
        """Return every file of the volume that the job alone sees; the services have copies."""
        done = subprocess.run(
            [
                *("docker", "run", "--rm", "--user", "0:0", "--network", "none"),
                *("--volume", f"{self.name}_secrets:/secrets:ro", "--entrypoint", "tar"),
                *("chat-auditlog:0.1.0", "-C", "/secrets", "-c", "."),
            ],
            capture_output=True,
            check=True,
            timeout=_SECONDS,
        )
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as held:
            files = [one for one in held.getmembers() if one.isfile()]
            return {one.name.removeprefix("./"): held.extractfile(one).read() for one in files}  # type: ignore[union-attr]

    @cached_property
    def folder(self) -> Path:
        """The authority's certificate and the first token, copied out as docs/installing.md says."""
        folder = ROOT / "build" / self.name
        folder.mkdir(parents=True)
        self.compose("cp", "page:/run/auditlog/ca.crt", str(folder / "ca.crt"))
        return folder

    def forget(self) -> None:
        """Delete what was copied out."""
        shutil.rmtree(ROOT / "build" / self.name, ignore_errors=True)

    def status_of(self, path: str, token: str | None = None) -> int:
        """Ask the page over its port, trusting the project's own authority alone."""
        request = urllib.request.Request(f"https://{LOOPBACK}:{self.ports['PAGE']}{path}")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        trusting = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        try:
            with urllib.request.urlopen(request, context=trusting, timeout=30) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def elasticsearch(self, user: str | None = None) -> elasticsearch.Elasticsearch:
        """Return a client that speaks to the published port as a user, or as nobody."""
        login = None
        if user is not None:
            login = (user, self.secrets()[f"elasticsearch.{user}.password"].decode())
        return elasticsearch.Elasticsearch(
            f"https://{LOOPBACK}:{self.ports['ELASTICSEARCH']}",
            ca_certs=str(self.folder / "ca.crt"),
            basic_auth=login,
            max_retries=0,
        )

    @property
    def _label(self) -> str:
        return f"label=com.docker.compose.project={self.name}"


def service_of(container: dict[str, Any]) -> str:
    """Return the name of the service that a container is one of."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def engine_says() -> str | None:
    """Return why there is no engine to try this on; None if there is one."""
    if shutil.which("docker") is None:
        return "there is no command `docker`"
    for arguments in (("version",), ("compose", "version")):
        done = docker(*arguments, check=False, env=os.environ | {"LC_ALL": "C"})
        if done.returncode:
            return done.stderr.strip()
    return None
