"""Realistic traffic of a chat platform, for trials, demos and tests.

Agents work in shifts: they log in (mistyping a password now and then), are assigned chats that
visitors open, join them, answer, close them, and log out. An administrator changes a setting or a role
from time to time. A few addresses guess passwords.

The same seed, count and end give the same events, byte for byte.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from audit_producer import Person, new_event
from audit_schemas import AuditEvent

__all__ = ["Agent", "Traffic"]

_FIRST = [
    "Ada",
    "Ben",
    "Carla",
    "Deniz",
    "Elif",
    "Farid",
    "Grace",
    "Hana",
    "Ivan",
    "Jonas",
    "Kemal",
    "Lena",
    "Maya",
    "Noor",
    "Omar",
    "Petra",
]
_LAST = [
    "Aydin",
    "Berg",
    "Costa",
    "Demir",
    "Evans",
    "Fischer",
    "Garcia",
    "Haas",
    "Ito",
    "Jensen",
    "Kaya",
    "Lopez",
    "Moreau",
    "Novak",
]
_SHIFTS = (6, 9, 9, 14, 22)  # the hours at which eight hours of work begin, UTC
_GUESSED = (
    "admin",
    "root",
    "test",
    "support",
    "info",
    "postgres",
    "guest",
    "oracle",
    "' OR 1=1 --",
)
_AGENTS_A_DAY = 14
_EVENTS_PER_AGENT = 8  # at the least
_SUPPORTED = 200
"""Events of a day from which on somebody helps a customer in their account."""
_CUSTOMERS = ("Bakery Yildiz", "Hotel Miramar", "Nordlicht Optik", "Studio Weber")


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who works there: from one address, in one shift."""

    person: Person
    ip: str
    shift: int
    """The hour at which eight hours of work begin, UTC."""

    @property
    def id(self) -> str:
        """The account."""
        return self.person["id"]

    @property
    def name(self) -> str:
        """What people call them."""
        return self.person["name"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """`count` events in order of time, the last day's before `end`, spread over `days` days."""

    count: int
    end: datetime
    seed: int = 1
    days: int = 3
    agents: int = 20
    attack: bool = True
    service: str = "chat-api"

    def __iter__(self) -> Iterator[AuditEvent]:
        """Yield the events; memory is bounded by one day's."""
        rng = self._rng()
        agents = _agents(rng, self.agents)
        begun: _Planned = []
        for start, stop, budget in self._schedule():
            day = _Day(rng, start, stop, budget, agents, self.service, begun)
            yield from day.events(self.attack)
            begun = day.later

    def staff(self) -> list[Agent]:
        """Return who works there, the administrator first."""
        return _agents(self._rng(), self.agents)

    def _rng(self) -> random.Random:
        # All that makes the events is in the seed: no id may ever come back with other content.
        return random.Random(repr(self))  # noqa: S311 - to be repeated, not to be secret

    def _schedule(self) -> list[tuple[datetime, datetime, int]]:
        """Return each day's beginning, end and number of events; the last day ends early."""
        before_end = self.end.astimezone(UTC) - timedelta(microseconds=1)  # midnight ends a day
        last = datetime.combine(before_end.date(), time(), UTC)
        first = last - timedelta(days=self.days - 1)
        span = (self.end - first).total_seconds()
        schedule, given = [], 0
        for day in range(self.days):
            start = first + timedelta(days=day)
            stop = min(start + timedelta(days=1), self.end)
            upto = round(self.count * (stop - first).total_seconds() / span) if span else self.count
            schedule.append((start, stop, upto - given))
            given = upto
        return schedule


_Planned = list[tuple[datetime, int, dict[str, Any]]]
"""When, which of the day's, and what."""


class _Day:
    """One day's events, planned as stories and then put in order of time."""

    def __init__(
        self,
        rng: random.Random,
        start: datetime,
        stop: datetime,
        budget: int,
        agents: list[Agent],
        service: str,
        begun: _Planned,
    ) -> None:
        self._rng = rng
        self._start = start
        self._stop = stop
        self._budget = budget
        self._agents = agents
        self._service = service
        self._planned: _Planned = []
        self.later: _Planned = []
        """What was begun on this day and ends on the next: the night shift logs out in the morning."""
        for at, _, fields in begun:
            planned = self._planned if at < stop else self.later  # the last day ends early
            planned.append((at, len(planned), fields))

    def events(self, attack: bool) -> Iterator[AuditEvent]:  # noqa: FBT001
        if self._budget <= 0:
            return
        # On a day of few events fewer people work, or they would log in and out and take no chat.
        at_work = min(_AGENTS_A_DAY, len(self._agents), max(1, self._budget // _EVENTS_PER_AGENT))
        for agent in self._rng.sample(self._agents, at_work):
            self._shift(agent)
        if attack:
            self._attack(min(300, self._budget // 12))
        self._administration()
        if self._budget >= _SUPPORTED:
            self._support()
        while len(self._planned) < self._budget:
            self._chat()
        self._planned.sort(key=lambda planned: planned[:2])
        # Of a chat whose opening has no room any more, nothing happens on the next day.
        left = {fields.get("chat") for _, _, fields in self._planned[self._budget :]} - {None}
        self.later = [planned for planned in self.later if planned[2].get("chat") not in left]
        for at, _, fields in self._planned[: self._budget]:
            yield new_event(
                **fields, at=at, event_id=str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
            )

    def _add(self, at: datetime, action: str, **fields: Any) -> None:
        fields = {"service": self._service, "organization": "acme", **fields}
        if self._start <= at < self._stop:
            self._planned.append((at, len(self._planned), {"action": action, **fields}))
        elif at >= self._stop:
            self.later.append((at, len(self.later), {"action": action, **fields}))

    def _shift(self, agent: Agent) -> None:
        at = self._start + timedelta(hours=agent.shift, minutes=self._rng.gauss(0, 8))
        who = {"user": agent.person, "ip": agent.ip, "session": f"s-{agent.id}-{self._start:%m%d}"}
        while self._rng.random() < 0.12:  # noqa: PLR2004 - one login in eight is mistyped
            self._add(at, "login-failed", user=agent.person, ip=agent.ip, reason="wrong password")
            at += timedelta(seconds=self._rng.uniform(4, 20))
        self._add(at, "login", **who)
        self._add(at + timedelta(hours=8, minutes=self._rng.gauss(0, 10)), "logout", **who)

    def _chat(self) -> None:
        rng = self._rng
        span = (self._stop - self._start).total_seconds()
        at = self._start + timedelta(seconds=rng.uniform(0, span))
        chat = f"chat-{rng.getrandbits(40):010x}"
        agent = self._on_duty(at)
        visitor_ip = f"198.{rng.choice((18, 19))}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        visitor = f"visitor-{rng.getrandbits(32):08x}"
        self._add(at, "chat-opened", user=visitor, ip=visitor_ip, chat=chat)
        at += timedelta(seconds=rng.expovariate(1 / 20))
        self._add(at, "chat-assigned-to-user", user=None, chat=chat, target_user=agent.person)
        if rng.random() < 0.1:  # noqa: PLR2004 - one in ten is handed on
            at += timedelta(seconds=rng.uniform(30, 300))
            first, agent = agent, self._on_duty(at)
            self._add(
                at,
                "chat-assigned-to-user",
                user=first.person,
                ip=first.ip,
                chat=chat,
                target_user=agent.person,
            )
        at += timedelta(seconds=rng.expovariate(1 / 45))
        self._add(at, "user-joined-to-chat", user=agent.person, ip=agent.ip, chat=chat)
        answered = at + timedelta(seconds=rng.uniform(2, 50))
        self._add(answered, "chat-answered", user=agent.person, ip=agent.ip, chat=chat)
        at += timedelta(seconds=60 + rng.expovariate(1 / 420))
        self._add(at, "chat-closed", user=agent.person, ip=agent.ip, chat=chat)

    def _on_duty(self, at: datetime, rng: random.Random | None = None) -> Agent:
        """Choose who takes a chat; the first agents of the list take more than the others."""
        duty = [a for a in self._agents if (at.hour - a.shift) % 24 < 8]  # noqa: PLR2004
        duty = duty or self._agents
        return duty[min(int((rng or self._rng).expovariate(0.5)), len(duty) - 1)]

    def _administration(self) -> None:
        admin = self._agents[0]
        at = self._start + timedelta(hours=admin.shift + self._rng.uniform(1, 7))
        hours = (self._rng.choice((20, 21, 22)), self._rng.choice((17, 18, 19)))
        self._add(
            at,
            "settings-changed",
            user=admin.person,
            ip=admin.ip,
            target={"type": "widget", "id": "widget-1"},
            changes={"opening_hours.close": hours},
        )
        colleague = self._rng.choice(self._agents[1:])
        self._add(
            at + timedelta(minutes=3),
            "role-granted",
            user=admin.person,
            ip=admin.ip,
            target_user={**colleague.person, "roles": ["supervisor"]},
        )

    def _support(self) -> None:
        """Help a customer in their own account, for a ticket. Draws nothing from what else happens."""
        rng = random.Random(f"support {self._start} {self._agents[0].name}")  # noqa: S311 - as above
        who = self._on_duty(self._start + timedelta(hours=10), rng)
        at = self._start + timedelta(hours=10, minutes=rng.uniform(0, 90))
        fields = {
            "user": who.person,
            "effective_user": {"id": f"c-{rng.randrange(1000):03}", "name": rng.choice(_CUSTOMERS)},
            "ip": who.ip,
            "reason": f"ticket {rng.randrange(1000, 10_000)}",
        }
        self._add(at, "login", **fields)
        changed = {"notifications.email": (False, True)}
        self._add(at + timedelta(minutes=4), "settings-changed", changes=changed, **fields)

    def _attack(self, guesses: int) -> None:
        """Guess passwords from two addresses, many guesses a minute, on names that may not exist."""
        span = (self._stop - self._start).total_seconds()
        begin = self._start + timedelta(seconds=self._rng.uniform(0.2, 0.8) * span)
        sources = ("203.0.113.66", "2001:db8:bad:cafe::17")
        for guess in range(guesses):
            at = begin + timedelta(seconds=guess * 2 + self._rng.random())
            self._add(
                at,
                "login-failed",
                user={"name": self._rng.choice(_GUESSED)},
                ip=sources[guess % len(sources)],
                reason="unknown user",
                user_agent="python-requests/2.32",
            )


def _agents(rng: random.Random, count: int) -> list[Agent]:
    names = rng.sample([f"{first} {last}" for first in _FIRST for last in _LAST], count)
    return [
        Agent(
            {"id": f"u-{number:03}", "name": name, "roles": ["agent"]},
            f"192.0.2.{number + 10}",
            _SHIFTS[number % len(_SHIFTS)],
        )
        for number, name in enumerate(names)
    ]
