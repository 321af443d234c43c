"""Faults at random while events flow, for as long as one likes; in the end, the proof.

Run by `make soak`. The same seed gives the same faults in the same order.
"""

import contextlib
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from audit_admin import set_up
from faults.crew import Crew, Process
from faults.fleet import Fleet, running_fleet
from faults.flow import Flow
from faults.proof import assert_flow_settled
from rich.console import Console
from support.proxy import Proxy, proxied
from support.run_folder import RunFolder
from support.servers import Servers, new_deployment
from support.soaking import soak_parser, soaked

__all__ = ["Soak", "main"]

_REQUEST_SECONDS = 3.0
_PER_SECOND = 500
_MOST_CONSUMERS = 3
_PATIENCE = 180.0
_SETTINGS = {
    "AUDITLOG_REQUEST_SECONDS": str(_REQUEST_SECONDS),
    "AUDITLOG_BACKOFF_SECONDS": "2",
    "AUDITLOG_DRAIN_SECONDS": "3",
}


@dataclass
class Soak:
    """One run: what it may break, and what it broke."""

    fleet: Fleet
    proxy: Proxy
    crew: Crew
    flow: Flow
    chance: random.Random
    console: Console
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._begun = time.monotonic()

    def run(self, seconds: float) -> None:
        """Break something, heal it, and break the next thing. Fails if a consumer ends by itself."""
        while time.monotonic() - self._begun < seconds:
            self._pass(0.2, 4.0)
            if self.chance.random() < 0.5:
                self._trouble_consumers()
                continue
            with self._trouble_servers():
                self._pass(0.2, 4.0)
                if self.chance.random() < 0.5:
                    self._trouble_consumers()
                    self._pass(0.2, 4.0)

    def heal(self) -> None:
        """End every fault, and see to it that somebody consumes."""
        self.proxy.restore()
        self.fleet.heal()
        if not self.crew.alive:
            self.crew.join()
        self.crew.check()

    def tell(self, what: str) -> None:
        """Print a line, with the time and what there is by now."""
        elapsed = time.monotonic() - self._begun
        self.console.print(
            f"{elapsed:8.1f} s  {what:<58} {len(self.crew.alive)} consumers, "
            f"{self.flow.records:,} records published",
            highlight=False,
            soft_wrap=True,
        )

    def _fault(self, what: str) -> None:
        self.faults[what] += 1
        self.crew.check()
        self.tell(what)

    def _pass(self, least: float, most: float) -> None:
        time.sleep(self.chance.uniform(least, most))
        self.crew.check()

    def _trouble_consumers(self) -> None:
        """Let one join, leave, die or stand still."""
        alive = self.crew.alive
        if not alive or (len(alive) < _MOST_CONSUMERS and self.chance.random() < 0.5):
            self.crew.join()
            self._fault("a consumer joins")
            return
        self.chance.choice([self._kill, self._leave, self._pause])(self.chance.choice(alive))

    def _kill(self, consumer: Process) -> None:
        self.crew.kill(consumer)
        self._fault("a consumer is killed (kill -9)")

    def _leave(self, consumer: Process) -> None:
        self.crew.leave(consumer, drains=False)
        self._fault("a consumer is stopped (SIGTERM)")

    def _pause(self, consumer: Process) -> None:
        consumer.send_signal(signal.SIGSTOP)
        try:
            self._fault("a consumer stands still (SIGSTOP)")
            self._pass(0.2, 10.0)
        finally:
            consumer.send_signal(signal.SIGCONT)

    def _trouble_servers(self) -> AbstractContextManager[None]:
        """Break a server, or the way to it, for as long as the context lasts."""
        kinds = (
            self._killed_search,
            self._frozen_search,
            self._killed_broker,
            self._frozen_broker,
            self._cut,
            self._cut_answers,
        )
        return self.chance.choice(kinds)()

    @contextlib.contextmanager
    def _killed_search(self) -> Iterator[None]:
        self.fleet.search.kill()
        self._fault("Elasticsearch is killed (kill -9)")
        yield
        self.fleet.search.start()

    @contextlib.contextmanager
    def _frozen_search(self) -> Iterator[None]:
        self.fleet.search.freeze()
        self._fault("Elasticsearch is frozen (SIGSTOP)")
        yield
        self._pass(0.0, 2 * _REQUEST_SECONDS)
        self.fleet.search.thaw()

    @contextlib.contextmanager
    def _killed_broker(self) -> Iterator[None]:
        self.fleet.broker.kill()
        self._fault("the broker is killed (kill -9)")
        yield
        self.fleet.broker.start()

    @contextlib.contextmanager
    def _frozen_broker(self) -> Iterator[None]:
        self.fleet.broker.freeze()
        self._fault("the broker is frozen (SIGSTOP)")
        yield
        self.fleet.broker.thaw()

    @contextlib.contextmanager
    def _cut(self) -> Iterator[None]:
        self.proxy.cut()
        self._fault("the network to Elasticsearch is cut")
        yield
        self.proxy.restore()

    @contextlib.contextmanager
    def _cut_answers(self) -> Iterator[None]:
        parts = [self.chance.random() for _ in range(self.chance.randint(1, 20))]
        self.proxy.cut_answers(b"/_bulk", parts)
        self._fault("answers of Elasticsearch break off in the middle")
        yield


def main() -> int:
    """Run, and return the exit status: 1 if anything is missing, or there twice, or ended by itself."""
    arguments = soak_parser(__doc__).parse_args()

    def soak(folder: Path, chance: random.Random, console: Console) -> None:
        with running_fleet(RunFolder.create().new("fleet")) as fleet:
            _soak(fleet, folder, chance, console, arguments.seconds)

    return soaked(arguments, "make soak", soak)


def _soak(fleet: Fleet, folder: Path, chance: random.Random, console: Console, seconds: float) -> None:
    protocol = chance.choice(["classic", "consumer"])
    looking = new_deployment(fleet.servers, AUDITLOG_GROUP_PROTOCOL=protocol, **_SETTINGS)
    list(set_up(looking.setup))
    console.print(f"group protocol {protocol}, {_PER_SECOND} records a second", highlight=False)
    with proxied(fleet.search.url) as proxy:
        consuming = replace(looking, servers=Servers(fleet.broker.address, proxy.url))
        with Crew(consuming, folder) as crew:
            with Flow(looking, per_second=_PER_SECOND) as flow:
                soak = Soak(fleet, proxy, crew, flow, chance, console)
                crew.join()
                flow.start()
                try:
                    soak.run(seconds)
                except KeyboardInterrupt:  # enough: the consumers end by it too, and now the proof
                    crew.dismiss()
                soak.heal()
                soak.tell("all is healed")
            crew.settle(patience=_PATIENCE)
            soak.tell("all is settled")
    assert_flow_settled(looking, flow)
    _tell_sums(soak, console)


def _tell_sums(soak: Soak, console: Console) -> None:
    for what, count in sorted(soak.faults.items()):
        console.print(f"{count:8}  {what}", highlight=False)
    flow = soak.flow
    console.print(
        f"published {flow.records} = indexed {len(flow.ids)} + duplicates {flow.repeated} + "
        f"dead-lettered {len(flow.refused)}; each is there exactly once",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(main())
