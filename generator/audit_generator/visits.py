"""Strangers in somebody's account, whom only their place or network tells from its owner: stories.

Nothing here knows of a rule.
"""

from collections.abc import Callable

from audit_generator.places import FAR, HOME
from audit_generator.story import LISTS, Cast, Story, login_step, paced

__all__ = ["VISITS"]


def impossible_journey(cast: Cast) -> Story:
    """Somebody uses an account on another continent while its owner is at work."""
    rng, victim = cast.rng, cast.agent()
    home, ip = cast.address(cast.network_in(HOME)), cast.address(cast.network_in(rng.choice(FAR)))
    times = paced(rng, rng.randint(1, 4), 1800, 60)
    begin = rng.uniform(60, 4 * 3600)
    steps = [login_step(0, victim, home), *(login_step(begin + at, victim, ip) for at in times)]
    hours = ((victim.shift + 0.5) % 24, (victim.shift + 3) % 24)
    return Story(steps, f"{begin / 60:.0f} min later, from {ip}", (victim.name,), hours=hours)


def foreign_visit(cast: Cast) -> Story:
    """Somebody abroad uses an account while its owner sleeps."""
    rng, victim = cast.rng, cast.agent()
    ip = cast.address(cast.network_in(rng.choice((*FAR, "Izmir", "Leeds"))))
    steps = [login_step(at, victim, ip) for at in paced(rng, rng.randint(1, 4), 1800, 60)]
    night = ((victim.shift + 12) % 24, (victim.shift + 20) % 24)
    return Story(steps, f"from {ip}", (victim.name,), hours=night)


def hosted_visit(cast: Cast) -> Story:
    """Somebody uses an account through Tor, or from a rented server."""
    rng, victim = cast.rng, cast.agent()
    networks = (*LISTS["tor"], cast.network_in("Utrecht"), cast.network_in("Singapore"))
    ip = cast.address(rng.choice(networks))
    steps = [login_step(at, victim, ip) for at in paced(rng, rng.randint(1, 4), 1800, 60)]
    return Story(steps, f"from {ip}", (victim.name,))


def known_visitor(cast: Cast) -> Story:
    """Somebody gets in from an address that has attacked others."""
    rng, victim = cast.rng, cast.agent()
    ip = cast.address(rng.choice(LISTS["known-bad"]))
    steps = [login_step(at, victim, ip) for at in paced(rng, rng.randint(1, 4), 1800, 60)]
    return Story(steps, f"from {ip}", (victim.name,))


VISITS: tuple[Callable[[Cast], Story], ...] = (
    impossible_journey,
    foreign_visit,
    hosted_visit,
    known_visitor,
)
