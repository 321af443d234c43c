"""Events all the while, faults one after another, and in the end the proof."""

import contextlib
import json
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import elasticsearch
from audit_admin import set_up
from audit_producer.build import new_event
from clusters.cluster import Cluster
from clusters.fault import Fault, Scene, Side
from clusters.reader import Reader
from faults.crew import Crew
from faults.flow import Flow
from faults.proof import assert_exactly_once
from rich.console import Console
from support.command import start_auditlog
from support.conditions import wait_until
from support.servers import ROOT, Deployment, new_deployment

__all__ = ["Recovery", "Trial"]

_REQUEST_SECONDS = 10
_RULES = ("brute-force", "slow-guessing", "endless-guessing")
_ATTEMPTS = 8
_PUBLISHERS = 2
_SAMPLE = 40
"""Events of each publisher that are looked for after a fault: of all partitions, most likely."""
_POLL_SECONDS = 0.25
_PATIENCE = 400.0
"""For a machine that has much else to do: only a trial that fails waits for it."""


@dataclass(frozen=True)
class Recovery:
    """How long after a fault its events were searchable, and what readers had of it."""

    fault: str
    seconds: float
    longest_answer: float
    failed_answers: int


@dataclass
class Trial:
    """Publishers, consumers, a reader and the alert runner, all at work on a cluster."""

    scene: Scene
    client: elasticsearch.Elasticsearch
    flows: list[Flow]
    publishing: contextlib.ExitStack
    """Ends the flows."""
    reader: Reader
    runner: "subprocess.Popen[bytes]"
    runner_log: Path
    console: Console
    attacks: list[str] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def begun(
        cls,
        cluster: Cluster,
        folder: Path,
        chance: random.Random,
        console: Console,
        *,
        consumers: int,
        per_second: int,
    ) -> "Iterator[Self]":
        """Let all begin their work; the publishers and the others end with the context."""
        deployment = new_deployment(cluster.servers, **_settings(folder))
        deployment.extra["AUDITLOG_ALERTS_INDEX"] = f"alerts-{deployment.name}"
        list(set_up(deployment.setup))
        with contextlib.ExitStack() as stack:
            crew = stack.enter_context(Crew(deployment, folder))
            scene = Scene(cluster, deployment, crew, chance, [])
            publishing = stack.enter_context(contextlib.ExitStack())
            flows = [
                publishing.enter_context(Flow(deployment, per_second=per_second))
                for _ in range(_PUBLISHERS)
            ]
            for _ in range(consumers):
                crew.join()
            for flow in flows:
                flow.start()
            crew.wait_for_work()
            reader = stack.enter_context(Reader(deployment.query))
            log = folder / "runner.log"
            runner = stack.enter_context(_runner(deployment, log))
            client = stack.enter_context(cluster.client())
            yield cls(scene, client, flows, publishing, reader, runner, log, console)

    def endure(self, fault: Fault) -> None:
        """Let a fault happen to servers that are whole, and note the recovery."""
        self._wait_until_whole(fault.side)
        self.reader.begin()
        begun, marks = time.monotonic(), [len(flow.ids) for flow in self.flows]
        with fault.happen(self.scene):
            self._attack()
            if fault.is_borne:
                seconds = self._searchable_again(begun, marks)
            else:
                marks = [len(flow.ids) for flow in self.flows]
        if not fault.is_borne:
            seconds = self._searchable_again(time.monotonic(), marks)
        self._check()
        found = Recovery(fault.name, seconds, *self.reader.end())
        self.recoveries.append(found)
        self.console.print(
            f"{found.seconds:6.1f} s until events were searchable: {found.fault}; the slowest answer "
            f"to a reader took {found.longest_answer:.1f} s, {found.failed_answers} failed",
            highlight=False,
            soft_wrap=True,
        )

    def finish(self) -> None:
        """End the flows, and prove that each event is there once and each alert was fired once."""
        self.scene.cluster.heal()
        self.publishing.close()
        self.scene.crew.settle(patience=_PATIENCE)
        self._check()
        wait_until(
            lambda: {*self.attacks} <= {*self._alerts_stored()} and {*self.attacks} <= self._told(),
            seconds=_PATIENCE,
            what=f"each of {len(self.attacks)} attacks is told",
        )
        self.runner.terminate()
        assert self.runner.wait(120) == 0, self.runner_log.read_text()
        assert Counter(self.attacks) == self._alerts_stored()
        assert {*self.attacks} == self._told()
        assert_exactly_once(
            self.scene.deployment,
            [*self.scene.published, *(each for flow in self.flows for each in flow.ids)],
            refused=[value for flow in self.flows for value in flow.refused],
            repeated=sum(flow.repeated for flow in self.flows),
        )

    @property
    def records(self) -> int:
        """How many records were published."""
        return len(self.scene.published) + sum(flow.records for flow in self.flows)

    def _wait_until_whole(self, side: Side) -> None:
        if side is Side.NODES:
            self.scene.cluster.wait_for_nodes()
        elif side is Side.BROKERS:
            self.scene.cluster.wait_for_brokers()
        self._check()

    def _attack(self) -> None:
        """Let somebody guess passwords, from an address that nobody else has."""
        ip = f"2001:db8::{len(self.attacks) + 1:x}"
        events = [new_event("login-failed", user="root", ip=ip) for _ in range(_ATTEMPTS)]
        for event in events:
            self.flows[0].publish(event)
        self.attacks.append(ip)

    def _searchable_again(self, begun: float, marks: Sequence[int]) -> float:
        """Return when the first events that were published after a fault are searchable.

        The answer is how long that took since it began, in seconds.
        """
        ends = [mark + _SAMPLE for mark in marks]
        wait_until(
            lambda: all(len(flow.ids) > end for flow, end in zip(self.flows, ends, strict=True)),
            what="events are published",
        )
        ids = [
            each
            for flow, mark, end in zip(self.flows, marks, ends, strict=True)
            for each in flow.ids[mark:end]
        ]
        wait_until(
            lambda: self._count(ids) == len(ids),
            seconds=_PATIENCE,
            pause=_POLL_SECONDS,
            what=f"{len(ids)} events are searchable",
        )
        return time.monotonic() - begun

    def _count(self, ids: Sequence[str]) -> int:
        """Return how many of these a search finds; none while there is no answer."""
        self.scene.crew.check()
        try:
            found = self.client.count(
                index=f"{self.scene.deployment.name}-*", query={"ids": {"values": list(ids)}}
            )
        except (elasticsearch.ApiError, elasticsearch.TransportError):
            return 0
        return int(found["count"])

    def _check(self) -> None:
        self.scene.crew.check()
        assert self.runner.poll() is None, self.runner_log.read_text()[-2000:]

    def _alerts_stored(self) -> Counter[str]:
        index = self.scene.deployment.environment["AUDITLOG_ALERTS_INDEX"]
        with self.scene.deployment.client() as client:
            client.indices.refresh(index=index)
            found = client.search(index=index, size=1000)
        alerts = [hit["_source"] for hit in found["hits"]["hits"]]
        return Counter(alert["source"]["ip"] for alert in alerts if _is_attack(alert))

    def _told(self) -> set[str]:
        """Return whose attacks the topic was told of: at least once, each copy under the same id."""
        records = self.scene.deployment.records(f"{self.scene.deployment.name}.alerts")
        alerts = [alert for record in records if _is_attack(alert := json.loads(record.value or b""))]
        told = {alert["source"]["ip"] for alert in alerts}
        assert len({alert["event"]["id"] for alert in alerts}) == len(told)
        return told


def _is_attack(alert: dict[str, dict[str, str]]) -> bool:
    """Tell whether an alert is of the rule that each attack is made for."""
    return alert["rule"]["name"] == "brute-force"


def _settings(folder: Path) -> dict[str, str]:
    rules = folder / "rules"
    rules.mkdir()
    for rule in _RULES:
        shutil.copy(ROOT / "deploy" / "alerts" / f"{rule}.yml", rules)
    return {
        "AUDITLOG_REQUEST_SECONDS": str(_REQUEST_SECONDS),
        "AUDITLOG_QUERY_SECONDS": str(_REQUEST_SECONDS),
        "AUDITLOG_BACKOFF_SECONDS": "1",
        "AUDITLOG_DELIVERY_SECONDS": "600",
        "AUDITLOG_ALERT_RULES": str(rules),
        "AUDITLOG_ALERT_ATTEMPT_SECONDS": "5",
    }


@contextlib.contextmanager
def _runner(deployment: Deployment, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    words = ("alerts", "run", "--every", "1s", "--since", "-5m")
    process = start_auditlog(*words, output=log, **deployment.environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
