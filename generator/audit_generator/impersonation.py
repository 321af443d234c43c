"""People who act as others: support in a customer's account, with a reason or without."""

from audit_generator.story import Cast, Step, Story, paced

__all__ = ["acting_as_others", "support_session"]


def support_session(cast: Cast) -> Story:
    """Support logs in as a customer who asked for it, and says for which ticket."""
    who, rng = cast.agent(), cast.rng
    (customer,) = cast.clerks(1)
    fields = {
        "user": who.person,
        "effective_user": customer.person,
        "ip": who.ip,
        "reason": f"ticket {rng.randrange(1000, 10_000)}",
    }
    steps: list[Step] = [(0, {**fields, "action": "login"})]
    for at in paced(rng, rng.randint(1, 4), 300, 60):
        changed = {"notifications.email": (False, True)}
        steps.append((at + 90, {**fields, "action": "settings-changed", "changes": changed}))
    hours = ((who.shift + 0.5) % 24, (who.shift + 6.5) % 24)
    return Story(steps, f"as {customer.name}", (who.name,), hours=hours)


def acting_as_others(cast: Cast) -> Story:
    """Somebody who may log in as others does so out of curiosity, or for somebody who pays."""
    who, rng = cast.agent(), cast.rng
    others = cast.clerks(rng.randint(1, 8))
    steps: list[Step] = [
        (at, {"action": "login", "user": who.person, "effective_user": other.person, "ip": who.ip})
        for at, other in zip(paced(rng, len(others), 1200, 30), others, strict=True)
    ]
    hours = ((who.shift + 0.5) % 24, (who.shift + 5) % 24)
    return Story(steps, f"as {len(others)} others", (who.name,), hours=hours)
