"""What one attacker, or one harmless person who looks like one, does: the parts of a story."""

import ipaddress
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from audit_generator.places import networks_of
from audit_generator.traffic import Agent

__all__ = ["LISTS", "Cast", "Step", "Story", "login_step", "paced"]

LISTS: Mapping[str, tuple[str, ...]] = {
    "denied": ("198.51.100.128/25", "2001:db8:dead::/48"),
    "hosting": ("AS64510", "AS64511"),
    "known-bad": ("203.0.113.128/25",),
    "offices": ("192.0.2.0/24", "198.18.64.0/24"),
    "tor": ("203.0.113.0/25", "2001:db8:bad::/48"),
}
"""The lists of the house that stories are about, by name, as their files have them."""

Step = tuple[float, dict[str, Any]]
"""Seconds from the story's beginning, and the event's fields."""


@dataclass(frozen=True, slots=True)
class Story:
    """Steps in order of time, and who is in them."""

    steps: list[Step]
    says: str
    users: tuple[str, ...] = ()
    """Accounts that the story is about, as the log shows them."""
    reasons: tuple[str, ...] = ()
    """Why its records are refused, if they are."""
    hours: tuple[float, float] | None = None
    """The hours of the day, UTC, between which it begins; None: any."""
    is_announced: bool = False
    """Whoever does it has told the house, which made exceptions for its addresses."""
    silent: tuple[str, float] | None = None
    """A service that publishes nothing, for so many seconds from the beginning."""

    @property
    def seconds(self) -> float:
        """How long it takes."""
        last = self.steps[-1][0] if self.steps else 0.0
        return max(last, self.silent[1] if self.silent else 0.0)


@dataclass(slots=True)
class Cast:
    """Who a seed's stories are about: people of the house in turn, strangers without number."""

    rng: random.Random
    staff: list[Agent]
    _turn: Iterator[Agent] = field(init=False)

    def __post_init__(self) -> None:
        """Put the staff in an order of this seed's own, so that stories seldom meet in one person."""
        self._turn = cycle(self.rng.sample(self.staff, len(self.staff)))

    def agent(self) -> Agent:
        """Return the next of the staff."""
        return next(self._turn)

    def clerks(self, count: int) -> list[Agent]:
        """Return people of another house that uses the service: none of the staff, in no shift."""
        first = self.rng.randrange(10**6) * 10_000
        return [
            Agent({"id": f"c-{n}", "name": f"Clerk {n}"}, "192.0.2.250", 8)
            for n in range(first, first + count)
        ]

    def network(self) -> str:
        """Return the network of a stranger: IPv4 that nobody has, or IPv6 of the documentation's."""
        if self.rng.random() < 0.3:  # noqa: PLR2004 - three in ten come by IPv6
            start = int(ipaddress.IPv6Address("2001:db8::")) + (self.rng.getrandbits(32) << 64)
            return f"{ipaddress.IPv6Address(start)}/64"
        start = (240 << 24) + (self.rng.getrandbits(19) << 8)
        return f"{ipaddress.IPv4Address(start)}/24"

    def network_in(self, city: str) -> str:
        """Return the network of a stranger in a city."""
        wide = self.rng.choice(networks_of(city))
        length = 64 if wide.version == 6 else 24  # noqa: PLR2004
        start = int(wide.network_address) + (
            self.rng.getrandbits(length - wide.prefixlen) << (wide.max_prefixlen - length)
        )
        return f"{type(wide.network_address)(start)}/{length}"

    def address(self, network: str | None = None) -> str:
        """Return an address of the network, by default of a stranger's own."""
        within = ipaddress.ip_network(network or self.network())
        host = self.rng.randrange(1, min(within.num_addresses - 1, 2**60))
        return str(within[host])


def paced(rng: random.Random, count: int, slowest: float, fastest: float) -> list[float]:
    """Return the times of `count` steps at a pace of this story's own, in seconds, with some jitter.

    The pace is anywhere between the two, as likely in each order of magnitude.
    """
    pace = math.exp(rng.uniform(math.log(fastest), math.log(slowest)))
    times, at = [], 0.0
    for _ in range(count):
        times.append(at)
        at += pace * rng.uniform(0.5, 1.5)
    return times


def login_step(at: float, who: Agent, ip: str) -> Step:
    """Return the step in which an agent is let in from an address."""
    return at, {"action": "login", "user": who.person, "ip": ip, "session": f"x-{who.id}-{ip}"}
