"""What attackers do, each as a story with numbers of its own. Written from what attacks look like.

Nothing here knows of a rule. Numbers come from the tools and reports: guessing tools do several tries
a second or are told to wait a minute and a half; sprayers wait for minutes between names; an account
that was taken over is used within minutes.
"""

from collections.abc import Callable, Mapping

from audit_generator.impersonation import acting_as_others
from audit_generator.places import HOME
from audit_generator.story import LISTS, Cast, Step, Story, login_step, paced
from audit_generator.traffic import Agent
from audit_generator.visits import VISITS

__all__ = ["INTRUSIONS"]

_DICTIONARY = ("admin", "root", "test", "support", "info", "guest", "oracle", "backup", "sales")
_TOOLS = ("python-requests/2.32", "curl/8.9", "Go-http-client/2.0", "Mozilla/5.0")


def _refused(cast: Cast, at: float, who: Agent | str, ip: str | None, **more: object) -> Step:
    user = {"name": who} if isinstance(who, str) else who.person
    reason = "unknown user" if isinstance(who, str) else "wrong password"
    agent = cast.rng.choice(_TOOLS)
    return at, {
        "action": "login-failed",
        "user": user,
        "ip": ip,
        "reason": reason,
        "user_agent": agent,
        **more,
    }


def _names(cast: Cast, count: int) -> list[Agent | str]:
    """Return names of a stolen list: some work there, most do not."""
    rng = cast.rng
    known = rng.sample(cast.staff, min(len(cast.staff), count // 4))
    strangers = [f"{rng.choice(_DICTIONARY)}{rng.randrange(1000)}" for _ in range(count)]
    names: list[Agent | str] = [*known, *strangers]
    return names[:count]


def brute_force(cast: Cast) -> Story:
    """One address guesses at one name, or at a handful, fast or slowly."""
    rng, ip = cast.rng, cast.address()
    slow = rng.random() < 0.5  # noqa: PLR2004
    times = paced(rng, rng.randint(20, 300), *((100, 15) if slow else (4, 0.05)))
    one = cast.agent() if rng.random() < 0.3 else rng.choice(_DICTIONARY)  # noqa: PLR2004
    names = [one] if rng.random() < 0.6 else rng.sample(_DICTIONARY, 4)  # noqa: PLR2004
    steps = [_refused(cast, at, rng.choice(names), ip) for at in times]
    return Story(steps, f"{len(times)} guesses, one every {times[1]:.1f} s")


def password_spraying(cast: Cast) -> Story:
    """One address tries a password on a list of names, fast or with minutes between them."""
    rng, ip = cast.rng, cast.address()
    names = _names(cast, rng.randint(20, 120))
    rng.shuffle(names)
    slow = rng.random() < 0.5  # noqa: PLR2004
    times = paced(rng, len(names), *((300, 30) if slow else (5, 0.2)))
    steps = [_refused(cast, at, name, ip) for at, name in zip(times, names, strict=True)]
    return Story(steps, f"{len(names)} names, one every {times[1]:.1f} s")


def credential_stuffing(cast: Cast) -> Story:
    """Stolen pairs of name and password, each tried from another address of a rented network."""
    rng, network = cast.rng, cast.network()
    addresses = list(dict.fromkeys(cast.address(network) for _ in range(rng.randint(25, 180))))
    names = _names(cast, len(addresses))
    slow = rng.random() < 0.5  # noqa: PLR2004
    times = paced(rng, len(addresses), *((180, 20) if slow else (10, 0.2)))
    steps = [_refused(cast, at, name, ip) for at, name, ip in zip(times, names, addresses, strict=True)]
    if rng.random() < 0.3:  # noqa: PLR2004 - a pair that was right
        steps.append(login_step(times[-1] + 1, cast.agent(), cast.address(network)))
    return Story(steps, f"{len(addresses)} addresses of {network}, one every {times[1]:.1f} s")


def guessed_password(cast: Cast) -> Story:
    """Guesses at one account until one is right; it is used at once, or when the list is through."""
    rng, ip, victim = cast.rng, cast.address(), cast.agent()
    times = paced(rng, rng.randint(15, 200), 30, 0.1)
    steps = [_refused(cast, at, victim, ip) for at in times]
    steps.append(login_step(times[-1] + rng.uniform(1, 1200), victim, ip))
    return Story(steps, f"{len(times)} guesses, one every {times[1]:.1f} s, then in", (victim.name,))


def shared_account(cast: Cast) -> Story:
    """An account that was sold: several buyers log in within minutes, each from elsewhere."""
    rng, victim = cast.rng, cast.agent()
    at, steps = 0.0, []
    for _ in range(rng.randint(3, 8)):
        steps.append(login_step(at, victim, cast.address()))
        at += rng.uniform(10, 180)
    return Story(steps, f"{len(steps)} networks in {steps[-1][0] / 60:.0f} min", (victim.name,))


def account_takeover(cast: Cast) -> Story:
    """A login from where its owner never was, and soon after what keeps the door open."""
    rng, victim, ip = cast.rng, cast.agent(), cast.address()
    later = min(rng.lognormvariate(6, 1.2), 3 * 3600)
    steps = [login_step(0, victim, ip)]
    for number in range(rng.randint(1, 3)):
        fields = rng.choice(_sensitive(cast))
        steps.append((later + 30 * number, {**fields, "user": victim.person, "ip": ip}))
    return Story(steps, f"from {ip}, {later / 60:.0f} min later a change", (victim.name,))


def _sensitive(cast: Cast) -> list[dict[str, object]]:
    friend = {"id": f"u-x{cast.rng.randrange(1000)}", "name": "Service Account", "roles": ["admin"]}
    hook = f"https://203.0.113.9/{cast.rng.randrange(1000)}"
    return [
        {"action": "password-changed"},
        {"action": "role-granted", "target_user": friend},
        {"action": "user-created", "target_user": friend},
        {"action": "settings-changed", "changes": {"webhook.url": ("", hook)}},
        {"action": "audit-log-exported", "labels": {"from": "-30d"}},
    ]


def denied_login(cast: Cast) -> Story:
    """A login from a range that the house denies, one or a few."""
    rng, victim = cast.rng, cast.agent()
    ip = cast.address(rng.choice(LISTS["denied"]))
    times = paced(rng, rng.randint(1, 4), 600, 5)
    return Story([login_step(at, victim, ip) for at in times], f"from {ip}", (victim.name,))


def settings_burst(cast: Cast) -> Story:
    """A script turns settings, gives roles or deletes accounts, by an account that may."""
    rng, who = cast.rng, cast.agent()
    steps: list[Step] = []
    for number, at in enumerate(paced(rng, rng.randint(25, 150), 10, 0.1)):
        account = {"id": f"u-{number:03}", "roles": ["admin"]}
        fields = rng.choice((
            {"action": "role-granted", "target_user": account},
            {"action": "user-deleted", "target_user": account},
            {"action": "settings-changed", "changes": {f"widget.{number}": (True, False)}},
        ))  # fmt: skip
        steps.append((at, {**fields, "user": who.person, "ip": who.ip}))
    return Story(steps, f"{len(steps)} changes in {steps[-1][0]:.0f} s", (who.name,))


def chat_wiping(cast: Cast) -> Story:
    """A script closes all chats that there are, by an agent's account."""
    rng, who = cast.rng, cast.agent()
    times = paced(rng, rng.randint(60, 400), 1.2, 0.05)
    steps = [
        (
            at,
            {
                "action": "chat-closed",
                "user": who.person,
                "ip": who.ip,
                "chat": f"chat-w{number}-{rng.getrandbits(32):x}",
            },
        )
        for number, at in enumerate(times)
    ]
    return Story(steps, f"{len(times)} chats in {times[-1]:.0f} s", (who.name,))


def night_visit(cast: Cast) -> Story:
    """Somebody is in an agent's account in the middle of the agent's night, and looks around."""
    rng, who = cast.rng, cast.agent()
    ip = who.ip if rng.random() < 0.3 else cast.address()  # noqa: PLR2004 - the agent's own machine
    steps = [login_step(0, who, ip)]
    for number in range(rng.randint(2, 12)):
        chat = f"chat-n{number}-{rng.getrandbits(32):x}"
        steps.append(
            (60.0 * number + 30, {"action": "user-joined-to-chat", "user": who.person, "chat": chat})
        )
    night = ((who.shift + 12) % 24, (who.shift + 20) % 24)
    return Story(steps, f"shift from {who.shift}:00", (who.name,), hours=night)


def log_switched_off(cast: Cast) -> Story:
    """The service goes on, its audit log does not."""
    seconds = cast.rng.uniform(45 * 60, 8 * 3600)
    return Story([], f"{seconds / 3600:.1f} hours", silent=("chat-api", seconds))


def log_searched(cast: Cast) -> Story:
    """A script walks through the log with a token that it should not have."""
    rng, who, ip = cast.rng, f"analyst-{cast.rng.randrange(100)}", cast.address()
    times = paced(rng, rng.randint(100, 500), 4, 0.2)
    fields = {"action": "audit-log-searched", "user": {"name": who}, "ip": ip, "service": "audit-log"}
    steps = [(at, {**fields, "labels": {"user": f"u-{n:03}"}}) for n, at in enumerate(times)]
    return Story(steps, f"{len(times)} searches, one every {times[1]:.1f} s", (who,))


def log_exported(cast: Cast) -> Story:
    """The log leaves the house piece by piece."""
    rng, who, ip = cast.rng, f"analyst-{cast.rng.randrange(100)}", cast.address()
    times = paced(rng, rng.randint(8, 40), 300, 5)
    fields = {"action": "audit-log-exported", "user": {"name": who}, "ip": ip, "service": "audit-log"}
    steps = [(at, {**fields, "labels": {"from": f"-{n + 1}d"}}) for n, at in enumerate(times)]
    return Story(steps, f"{len(times)} exports, one every {times[1]:.0f} s", (who,))


def hidden_in_rubbish(cast: Cast) -> Story:
    """A flood of records that are refused: a service was changed, or somebody hides among them."""
    rng = cast.rng
    times = paced(rng, rng.randint(150, 1500), 2, 0.02)
    steps: list[Step] = [
        (at, {"action": "chat-pinned", "user": None, "chat": f"chat-p{number}"})
        for number, at in enumerate(times)
    ]
    return Story(steps, f"{len(times)} records", reasons=("unknown-activity",))


def overwriting(cast: Cast) -> Story:
    """An event is published again under its id with other content, so that it should be replaced."""
    rng, who = cast.rng, cast.agent()
    named = f"overwritten-{rng.getrandbits(64):x}"
    steps: list[Step] = []
    for number in range(rng.randint(1, 4)):
        fields = {
            "action": "role-granted",
            "user": who.person,
            "ip": who.ip,
            "event_id": f"{named}-{number}",
        }
        for at, role in ((0, "admin"), (rng.uniform(60, 600), "agent")):
            account = {"id": f"u-y{number}", "roles": [role]}
            steps.append((at + 5 * number, {**fields, "target_user": account}))
    steps.sort(key=lambda step: step[0])
    return Story(steps, f"{len(steps) // 2} events", (who.name,), reasons=("id-conflict",))


def guessing_behind_gateway(cast: Cast) -> Story:
    """Guesses through a gateway that tells no address: the name is all there is."""
    rng = cast.rng
    name = rng.choice(_DICTIONARY)
    times = paced(rng, rng.randint(12, 120), 60, 0.1)
    steps = [_refused(cast, at, name, None, service="telephony") for at in times]
    return Story(steps, f"{len(times)} guesses, one every {times[1]:.1f} s", (name,))


def low_and_slow(cast: Cast) -> Story:
    """One address, a guess every few minutes for a day: told to stay below every lock-out."""
    rng, ip, victim = cast.rng, cast.address(), cast.agent()
    times = paced(rng, rng.randint(60, 120), 900, 180)
    steps = [_refused(cast, at, victim, ip) for at in times]
    return Story(steps, f"{len(times)} guesses, one every {times[1] / 60:.0f} min")


def botnet_stuffing(cast: Cast) -> Story:
    """Stolen pairs, each tried from another network of rented home routers."""
    rng = cast.rng
    times = paced(rng, rng.randint(60, 300), 60, 1)
    names = _names(cast, len(times))
    steps = [_refused(cast, at, name, cast.address()) for at, name in zip(times, names, strict=True)]
    return Story(steps, f"{len(times)} addresses of as many networks")


def patient_guessing(cast: Cast) -> Story:
    """One address, a few tries a day at names of a dictionary: each could be anybody's slip."""
    rng, ip = cast.rng, cast.address()
    times = paced(rng, rng.randint(8, 16), 8 * 3600, 1200)
    names = rng.sample(_DICTIONARY, rng.randint(1, 4))
    steps = [_refused(cast, at, rng.choice(names), ip) for at in times]
    return Story(steps, f"{len(times)} guesses, one every {times[1] / 3600:.1f} h")


def distributed_guessing(cast: Cast) -> Story:
    """One account, tried from one network after the other, each of which tries once or twice."""
    rng, victim = cast.rng, cast.agent()
    times = paced(rng, rng.randint(15, 60), 3600, 60)
    steps = [_refused(cast, at, victim, cast.address()) for at in times]
    return Story(steps, f"{len(times)} networks, one every {times[1] / 60:.0f} min", (victim.name,))


def _office(cast: Cast, people: list[Agent], ip: str) -> list[Step]:
    """Return the morning of an office behind one address."""
    return [login_step(cast.rng.uniform(0, 3600), who, ip) for who in people]


def guessing_from_inside(cast: Cast) -> Story:
    """A machine of an office guesses at the account of one of its people."""
    rng, ip = cast.rng, cast.address(cast.network_in(HOME))
    people = cast.clerks(rng.randint(5, 60))
    steps = _office(cast, people, ip)
    begin, victim = rng.uniform(2, 8) * 3600, people[0]
    times = paced(rng, rng.randint(40, 300), 15, 0.1)
    steps += [_refused(cast, begin + at, victim, ip) for at in times]
    steps.sort(key=lambda step: step[0])
    return Story(steps, f"{len(times)} guesses, one every {times[1]:.1f} s", (victim.name,))


def spraying_from_inside(cast: Cast) -> Story:
    """A machine of a large office goes through a list of names."""
    rng, ip = cast.rng, cast.address(cast.network_in(HOME))
    steps = _office(cast, cast.clerks(rng.randint(40, 200)), ip)
    begin = rng.uniform(26, 32) * 3600
    names = _names(cast, rng.randint(30, 120))
    times = paced(rng, len(names), 180, 1)
    steps += [_refused(cast, begin + at, name, ip) for at, name in zip(times, names, strict=True)]
    steps.sort(key=lambda step: step[0])
    return Story(steps, f"{len(names)} names, one every {times[1]:.1f} s")


INTRUSIONS: Mapping[str, Callable[[Cast], Story]] = {
    story.__name__.replace("_", "-"): story
    for story in (
        brute_force,
        password_spraying,
        credential_stuffing,
        guessed_password,
        shared_account,
        account_takeover,
        denied_login,
        settings_burst,
        chat_wiping,
        night_visit,
        log_switched_off,
        log_searched,
        log_exported,
        hidden_in_rubbish,
        overwriting,
        guessing_behind_gateway,
        low_and_slow,
        patient_guessing,
        distributed_guessing,
        botnet_stuffing,
        guessing_from_inside,
        spraying_from_inside,
        acting_as_others,
        *VISITS,
    )
}
"""Kinds of attack, each of which leaves a trace that can be told from normal life."""
