"""What honest people and programs do that looks like an attack and is none: the near misses."""

import random
from collections.abc import Callable, Mapping

from audit_producer import Person

from audit_generator.impersonation import support_session
from audit_generator.places import HOME
from audit_generator.story import LISTS, Cast, Step, Story, paced
from audit_generator.traffic import Agent

__all__ = ["EVERYDAY"]


def _step(at: float, action: str, who: Agent, ip: str | None = None, **more: object) -> Step:
    return at, {"action": action, "user": who.person, "ip": ip or who.ip, **more}


def _at_work(who: Agent, first: float = 0.5, last: float = 6.5) -> tuple[float, float]:
    return (who.shift + first) % 24, (who.shift + last) % 24


def forgotten_password(cast: Cast) -> Story:
    """Three or four mistyped, then right."""
    who, rng = cast.agent(), cast.rng
    times = paced(rng, rng.randint(3, 4), 40, 8)
    steps = [_step(at, "login-failed", who, reason="wrong password") for at in times]
    steps.append(_step(times[-1] + 20, "login", who))
    return Story(steps, "then in", (who.name,), hours=_at_work(who))


def office_slips(cast: Cast) -> Story:
    """An office behind one address, of which a few mistype in its first hour, then log in."""
    rng, ip = cast.rng, cast.address()
    steps = []
    for who in rng.sample(cast.staff, rng.randint(4, 6)):
        at = rng.uniform(0, 3600)
        steps.append(_step(at, "login-failed", who, ip, reason="wrong password"))
    return Story(sorted(steps, key=lambda step: step[0]), f"{len(steps)} people", hours=(7, 10))


def stale_password(cast: Cast) -> Story:
    """A telephone with last month's password tries again and again."""
    who, rng, ip = cast.agent(), cast.rng, cast.address()
    times = paced(rng, rng.randint(10, 30), 1800, 600)
    steps = [_step(at, "login-failed", who, ip, reason="wrong password") for at in times]
    return Story(steps, f"one every {times[1] / 60:.0f} min")


def large_office(cast: Cast) -> Story:
    """Two thousand people behind one address, on two mornings; one login in ten is mistyped."""
    rng, ip = cast.rng, cast.address(cast.network_in(HOME))
    people = cast.clerks(2000)
    return Story(_mornings(rng, people, ip, days=2), "2,000 people, two mornings", hours=(6, 8))


def carriers_nat(cast: Cast) -> Story:
    """A mobile carrier's customers, who come from one address all day; some have old passwords."""
    rng, ip = cast.rng, cast.address(cast.network_in(HOME))
    people = cast.clerks(120)
    steps = [_step(rng.uniform(0, 43_200), "login", who, ip) for who in people]
    for who in people[:12]:
        begin = rng.uniform(7200, 36_000)
        steps += [
            _step(begin + at, "login-failed", who, ip, reason="wrong password")
            for at in paced(rng, rng.randint(2, 8), 900, 30)
        ]
    return Story(sorted(steps, key=lambda step: step[0]), f"{len(people)} people", hours=(6, 9))


def vpn_switched_on(cast: Cast) -> Story:
    """From one hour to the next, a house's people all come from the address of a VPN."""
    rng, ip = cast.rng, cast.address(cast.network_in(HOME))
    return Story(_mornings(rng, cast.clerks(300), ip, days=1), "300 people", hours=(7, 9))


def _mornings(rng: random.Random, people: list[Agent], ip: str, *, days: int) -> list[Step]:
    steps = []
    for day in range(days):
        for who in people:
            at = day * 86_400 + rng.uniform(0, 7200)
            while rng.random() < 0.1:  # noqa: PLR2004 - one login in ten is mistyped
                steps.append(_step(at, "login-failed", who, ip, reason="wrong password"))
                at += rng.uniform(5, 30)
            steps.append(_step(at, "login", who, ip))
    return sorted(steps, key=lambda step: step[0])


def shared_root(cast: Cast) -> Story:
    """Administrators use one account from where each of them works, and mistype now and then."""
    rng = cast.rng
    root: Person = {"id": "root", "name": "root"}
    addresses = [cast.address(cast.network_in(HOME)) for _ in range(3)]
    steps: list[Step] = []
    for at in paced(rng, 24, 3600, 600):
        where = {"user": root, "ip": rng.choice(addresses), "service": "sshd"}
        for slip in range(rng.choice((0, 0, 1, 2))):
            refused = {"action": "login-failed", "reason": "wrong password"}
            steps.append((at + 10 * slip, {**where, **refused}))
        steps.append((at + 40, {**where, "action": "login"}))
    return Story(steps, "three people", ("root",))


def password_manager(cast: Cast) -> Story:
    """A browser fills in the old password again and again, at home, until somebody sees it."""
    who, rng = cast.agent(), cast.rng
    times = paced(rng, rng.randint(6, 14), 40, 10)
    steps = [_step(at, "login-failed", who, reason="wrong password") for at in times]
    steps.append(_step(times[-1] + 60, "login", who))
    return Story(steps, f"{len(times)} times, then in", (who.name,), hours=_at_work(who))


def announced_test(cast: Cast) -> Story:
    """A penetration test, for whose address the house has made exceptions."""
    rng, ip = cast.rng, cast.address()
    names = rng.sample(cast.staff, 10)
    steps = [
        _step(at, "login-failed", who, ip, reason="wrong password")
        for at, who in zip(paced(rng, 200, 20, 1), names * 20, strict=True)
    ]
    return Story(steps, f"from {ip}", is_announced=True)


def two_families(cast: Cast) -> Story:
    """A laptop with IPv4 and IPv6, which logs in by both again and again."""
    who, rng = cast.agent(), cast.rng
    other = f"2001:db8:aaaa:{rng.randrange(1, 9999):x}::{rng.randrange(1, 9999):x}"
    steps = [_step(at, "login", who, rng.choice((other, None))) for at in paced(rng, 8, 120, 20)]
    return Story(steps, "two networks", (who.name,), hours=_at_work(who))


def train_ride(cast: Cast) -> Story:
    """Three networks in a day: at home, on the train, in the office."""
    who = cast.agent()
    ways = [cast.address(cast.network_in(HOME)) for _ in range(3)]
    steps = [_step(3600.0 * hour, "login", who, ip) for hour, ip in enumerate(ways)]
    return Story(steps, "an hour between them", (who.name,), hours=_at_work(who, 0.5, 4))


def business_trip(cast: Cast) -> Story:
    """A network that is new for the agent, at home or abroad, and nothing but work."""
    who, ip = (
        cast.agent(),
        cast.address(cast.network_in(cast.rng.choice((HOME, HOME, "Lyon")))),
    )
    steps = [_step(0, "login", who, ip)]
    steps += [
        _step(600.0 * n, "user-joined-to-chat", who, ip, chat=f"chat-b{n}-{cast.rng.getrandbits(32):x}")
        for n in range(1, 12)
    ]
    return Story(steps, f"from {ip}", (who.name,), hours=_at_work(who, 0.5, 4))


def own_vpn(cast: Cast) -> Story:
    """The house's VPN, whose exit is on another continent, is switched on and off again."""
    who, rng = cast.agent(), cast.rng
    there = cast.address("198.18.64.0/24")
    steps = [_step(at, "login", who, ip) for at, ip in ((0, None), (rng.uniform(60, 3600), there))]
    steps.append(_step(steps[-1][0] + rng.uniform(600, 7200), "login", who))
    return Story(steps, f"by {there}", (who.name,), hours=_at_work(who, 0.5, 4))


def own_password(cast: Cast) -> Story:
    """A password is changed from the usual place."""
    who = cast.agent()
    steps = [_step(0, "login", who), _step(60, "password-changed", who)]
    return Story(steps, "from the usual network", (who.name,), hours=_at_work(who))


def new_department(cast: Cast) -> Story:
    """An administrator gives roles to new colleagues, one form at a time."""
    rng, who = cast.rng, cast.staff[0]
    steps = [
        _step(at, "role-granted", who, target_user={"id": f"u-d{n}", "roles": ["agent"]})
        for n, at in enumerate(paced(rng, rng.randint(8, 18), 120, 35))
    ]
    return Story(steps, f"{len(steps)} roles", (who.name,), hours=_at_work(who))


def end_of_shift(cast: Cast) -> Story:
    """An agent clears what idle chats are left."""
    rng, who = cast.rng, cast.agent()
    steps = [
        _step(at, "chat-closed", who, chat=f"chat-e{n}-{rng.getrandbits(32):x}")
        for n, at in enumerate(paced(rng, rng.randint(5, 14), 6, 1.5))
    ]
    return Story(steps, f"{len(steps)} chats", (who.name,), hours=_at_work(who, 7, 7.9))


def overtime(cast: Cast) -> Story:
    """An agent logs in once more after the shift."""
    who = cast.agent()
    hours = _at_work(who, 8.5, 10)
    return Story([_step(0, "login", who), _step(1800, "logout", who)], "", (who.name,), hours=hours)


def second_login(cast: Cast) -> Story:
    """A session ends after the break, so the agent logs in again."""
    who = cast.agent()
    return Story([_step(0, "login", who)], "", (who.name,), hours=_at_work(who, 3, 6))


def investigation(cast: Cast) -> Story:
    """An analyst asks the log a question a minute, and takes one or two answers along."""
    rng = cast.rng
    person = {"name": f"investigator-{rng.randrange(100)}"}
    fields = {"user": person, "ip": "192.0.2.200", "service": "audit-log"}
    times = paced(rng, rng.randint(20, 60), 90, 20)
    steps: list[Step] = [
        (at, {**fields, "action": "audit-log-searched", "labels": {"user": f"u-{n}"}})
        for n, at in enumerate(times)
    ]
    for n in range(rng.randint(1, 2)):
        export = {**fields, "action": "audit-log-exported", "labels": {"user": f"u-{n}"}}
        steps.append((times[-1] + 60 + 300 * n, export))
    return Story(steps, f"{len(times)} searches", (person["name"],), hours=(8, 15))


def published_twice(cast: Cast) -> Story:
    """A publisher tries again: the same event under the same id, which is no conflict."""
    who = cast.agent()
    named = f"retried-{cast.rng.getrandbits(64):x}"
    step = _step(0, "logout", who, event_id=named)
    return Story([step, step], "the same content", (who.name,), hours=_at_work(who, 7.5, 8))


def odd_records(cast: Cast) -> Story:
    """A few records of a program that is being tried out."""
    rng = cast.rng
    steps: list[Step] = [
        (at, {"action": "chat-starred", "user": None, "chat": f"chat-o{number}"})
        for number, at in enumerate(paced(rng, rng.randint(5, 20), 600, 60))
    ]
    return Story(steps, f"{len(steps)} records", reasons=("unknown-activity",), hours=(8, 16))


def denied_and_refused(cast: Cast) -> Story:
    """Somebody of a denied range is refused, as they should be."""
    rng, ip = cast.rng, cast.address(cast.rng.choice(LISTS["denied"]))
    steps: list[Step] = [
        (at, {"action": "login-failed", "user": {"name": "admin"}, "ip": ip, "reason": "denied"})
        for at in paced(rng, rng.randint(1, 3), 60, 2)
    ]
    return Story(steps, f"from {ip}")


def neighbour(cast: Cast) -> Story:
    """A login from right beside a denied range."""
    who = cast.agent()
    ip = cast.rng.choice(("198.51.100.127", "2001:db8:deae::1", "2001:db8:deac:ffff::1"))
    return Story([_step(0, "login", who, ip)], f"from {ip}", (who.name,), hours=_at_work(who))


def restart(cast: Cast) -> Story:
    """The service gets a new version."""
    seconds = cast.rng.uniform(2 * 60, 15 * 60)
    return Story([], f"{seconds / 60:.0f} min", silent=("chat-api", seconds))


EVERYDAY: Mapping[str, Callable[[Cast], Story]] = {
    story.__name__.replace("_", "-"): story
    for story in (
        forgotten_password,
        office_slips,
        stale_password,
        large_office,
        carriers_nat,
        vpn_switched_on,
        shared_root,
        password_manager,
        announced_test,
        two_families,
        train_ride,
        business_trip,
        own_vpn,
        own_password,
        new_department,
        end_of_shift,
        overtime,
        second_login,
        investigation,
        published_twice,
        odd_records,
        denied_and_refused,
        neighbour,
        support_session,
        restart,
    )
}
