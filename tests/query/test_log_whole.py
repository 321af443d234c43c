"""What the log answers beyond a page: one event, a tail, a span, suggestions, one organization."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

import elasticsearch
import pytest
from audit_producer import new_event
from audit_query import AuditLog, Criteria, Filter, Seen, TimeRangeError
from audit_query.time_range import zone
from audit_schemas import AuditEvent
from support.servers import Deployment
from support.stored_events import store

pytestmark = pytest.mark.servers

T0 = datetime(2026, 11, 1, 10, tzinfo=UTC)


def acme(action: str = "login", **fields: Any) -> AuditEvent:
    """Return an event of the organization acme."""
    given: dict[str, Any] = {"at": T0, "organization": "acme", "user": "u-1", **fields}
    return new_event(action, **given)


def rival(action: str = "login", **fields: Any) -> AuditEvent:
    """Return an event of another organization."""
    return acme(action, **({"organization": "rival"} | fields))


def ids(events: Iterator[dict[str, Any]] | Any) -> list[str]:
    """Return the ids of events."""
    return [event["event"]["id"] for event in events]


@pytest.fixture
def log(deployment: Deployment) -> Iterator[AuditLog]:
    """Give a log that is still empty."""
    with AuditLog(deployment.query, clock=lambda: T0 + timedelta(hours=1)) as found:
        yield found


def test_each_criterion_finds_and_excludes(deployment: Deployment, log: AuditLog) -> None:
    """One of two events has it; the filter gives that one, its exclusion the other."""
    other = acme("logout", user="u-2", ip="198.51.100.7", service="b", organization="o-2")
    criteria: dict[str, Any] = {
        "users": ("Ada",),
        "activities": ("login-failed",),
        "outcomes": ("failure",),
        "ips": ("2001:db8::/32",),
        "organizations": ("acme",),
        "services": ("a",),
        "chats": ("c-1",),
        "sessions": ("s-1",),
        "text": ("PASSWORD wrong",),
    }
    this = acme(
        "login-failed",
        user={"id": "u-1", "name": "Ada"},
        ip="2001:db8:1::7",
        service="a",
        chat="c-1",
        session="s-1",
        message="The password was wrong, again",
        labels={"device": "iPhone 12"},
    )
    store(deployment, this, other)
    for name, values in criteria.items():
        assert ids(log.search(Filter(**{name: values})).events) == [this.event.id], name
        left = Filter(exclude=Criteria(**{name: values}))
        assert ids(log.search(left).events) == [other.event.id], name
    assert ids(log.search(Filter(text=("iphone",))).events) == [this.event.id]
    assert log.count(Filter(text=("phone",))) == 0
    assert log.count(Filter(**criteria)) == 1


def test_addresses_are_found_by_range_and_by_their_absence(
    deployment: Deployment, log: AuditLog
) -> None:
    """IPv4 and IPv6 ranges, single addresses, and events without one."""
    addresses = ["192.0.2.7", "192.0.2.200", "198.51.100.1", "2001:db8::1", None]
    store(deployment, *[acme(ip=ip, user=str(ip)) for ip in addresses])

    def found(*ips: str) -> set[str]:
        return {str(e["user"]["id"]) for e in log.search(Filter(ips=ips)).events}

    assert found("192.0.2.0/25") == {"192.0.2.7"}
    assert found("192.0.2.0/24", "2001:db8::/64") == {"192.0.2.7", "192.0.2.200", "2001:db8::1"}
    assert found("none") == {"None"}
    assert found("none", "198.51.100.1") == {"None", "198.51.100.1"}
    assert found("::ffff:192.0.2.0/120") == {"192.0.2.7", "192.0.2.200"}
    assert found("::/0") == {"2001:db8::1"}
    assert found("0.0.0.0/0") == {"192.0.2.7", "192.0.2.200", "198.51.100.1"}


def test_event_is_got_by_its_id_whatever_its_month(deployment: Deployment, log: AuditLog) -> None:
    """And what is not there is none, also before there is any index."""
    assert log.get("0123456789abcdef") is None
    assert log.get("") is None
    old = acme(at=T0 - timedelta(days=90))
    store(deployment, acme(), old)
    found = log.get(old.event.id)
    assert found is not None
    assert found["event"]["id"] == old.event.id


def test_seen_gives_the_first_and_the_last(deployment: Deployment, log: AuditLog) -> None:
    """Of what matches; nothing has no times."""
    assert log.seen(Filter()) == Seen(0, None, None)
    store(deployment, *[acme(at=T0 + timedelta(hours=n)) for n in range(3)], acme("logout"))
    assert log.seen(Filter(activities=("login",))) == Seen(3, T0, T0 + timedelta(hours=2))


def test_pages_stay_right_while_events_arrive(deployment: Deployment, log: AuditLog) -> None:
    """New ones come on top and among those already seen; those below are neither lost nor doubled."""
    there = [acme() for _ in range(6)]
    store(deployment, *there, partition=1)
    seen, after = [], None
    for number in range(10):
        page = log.search(Filter(), size=2, after=after)
        seen += ids(page.events)
        store(deployment, acme(at=T0 + timedelta(minutes=number)), partition=2, first=number)
        if page.cursor is None:
            break
        after = page.cursor
    assert seen == [event.event.id for event in reversed(there)]


def test_tail_shows_what_arrives_also_if_it_happened_long_ago(
    deployment: Deployment, log: AuditLog
) -> None:
    """The cursor goes by arrival, and looks back a minute for what became visible late."""
    store(deployment, acme(), ingested=T0)
    first = log.newest_arrivals(Filter())
    late, new = acme(at=T0 - timedelta(days=40)), acme(at=T0 + timedelta(hours=3))
    store(deployment, new, ingested=T0 + timedelta(minutes=5), first=1)
    store(deployment, late, ingested=T0 + timedelta(minutes=4), first=2)
    second = log.newest_arrivals(Filter(), since=first.cursor)
    assert ids(second.events)[:2] == [new.event.id, late.event.id]
    third = log.newest_arrivals(Filter(), since=second.cursor)
    assert ids(third.events) == [new.event.id, late.event.id]  # both within the minute
    assert third.cursor == second.cursor
    store(deployment, acme(), ingested=T0 + timedelta(minutes=9), first=3)
    fourth = log.newest_arrivals(Filter(), since=third.cursor)
    assert len(log.newest_arrivals(Filter(), since=fourth.cursor).events) == 1
    assert log.newest_arrivals(Filter(users=("nobody",)), since=fourth.cursor).cursor == fourth.cursor


def test_tail_of_an_empty_log_has_nowhere_to_go_on_from(log: AuditLog) -> None:
    """So the next look takes what has come meanwhile."""
    assert log.newest_arrivals(Filter()).cursor is None


def test_open_ends_are_filled_to_now_or_to_the_last_event(
    deployment: Deployment, log: AuditLog
) -> None:
    """From a start on, an hour without events is an hour without events; without one, there is none."""
    store(deployment, acme(), acme(at=T0 + timedelta(minutes=20)))
    since = log.buckets(Filter(start=T0 - timedelta(minutes=30)), interval="10m")
    assert [bucket.count for bucket in since.buckets] == [0, 0, 0, 1, 0, 1, 0, 0, 0, 0]
    whole = log.buckets(Filter(), interval="10m")
    assert [bucket.count for bucket in whole.buckets] == [1, 0, 1]
    nothing = log.buckets(Filter(users=("nobody",), start=T0, end=T0 + timedelta(minutes=30)))
    assert nothing.interval == "30s"
    assert [bucket.count for bucket in nothing.buckets] == [0] * 60


def test_days_follow_the_clock_changes(deployment: Deployment, log: AuditLog) -> None:
    """In Berlin, 25 October 2026 has 25 hours and 29 March 23."""
    berlin: dict[str, Any] = {"time_zone": "Europe/Berlin", "interval": "day"}
    autumn = datetime(2026, 10, 24, 22, tzinfo=UTC)
    store(deployment, *[acme(at=autumn + timedelta(hours=n)) for n in range(26)])
    found = log.buckets(Filter(start=autumn, end=autumn + timedelta(hours=26)), **berlin)
    assert [(b.start, b.count) for b in found.buckets] == [
        (autumn, 25),
        (autumn + timedelta(hours=25), 1),
    ]
    spring = datetime(2026, 3, 28, 23, tzinfo=UTC)
    found = log.buckets(Filter(start=spring, end=spring + timedelta(days=2)), **berlin)
    assert [b.start for b in found.buckets][:2] == [spring, spring + timedelta(hours=23)]


def test_parts_and_other_sum_up_also_over_shards_that_disagree(
    deployment: Deployment, log: AuditLog
) -> None:
    """Two thousand users a month, another order in each: what is shown is exact all the same."""
    many = [acme(user=f"u-{n:04}", at=T0) for n in range(2100)]
    many += [acme(user=f"u-{n:04}", at=T0 + timedelta(days=31)) for n in reversed(range(2100))]
    many += [acme(user="u-0007", at=T0), acme(user="u-0007", at=T0), acme(user="u-2042", at=T0)]
    store(deployment, *many)
    assert [(row.value, row.count) for row in log.top(Filter(), "user", size=2)] == [
        ("u-0007", 4),
        ("u-2042", 3),
    ]
    (november, december) = log.buckets(Filter(), interval="month", by="user", parts=2).buckets
    assert (november.parts, november.other) == ({"u-0007": 3, "u-2042": 2}, 2098)
    assert (december.parts, december.other) == ({"u-0007": 1, "u-2042": 1}, 2098)


def test_too_many_buckets_are_refused_with_what_to_do(deployment: Deployment, log: AuditLog) -> None:
    """By us, and where only Elasticsearch can tell, in the same words."""
    with pytest.raises(TimeRangeError, match="take a longer one"):
        log.buckets(Filter(start=T0, end=T0 + timedelta(days=30)), interval="1s")
    store(deployment, acme(at=T0 - timedelta(days=365)), acme())
    with pytest.raises(TimeRangeError, match="take a longer"):
        log.buckets(Filter(), interval="1s")


def test_users_activities_and_addresses_are_suggested(deployment: Deployment, log: AuditLog) -> None:
    """By how they begin, in capitals or small letters; ids beside names; none twice."""
    assert log.suggest("user", "a") == []
    ada = {"id": "u-1", "name": "Ada (night)"}
    store(deployment, acme(user=ada, ip="192.0.2.1"), acme("logout", user="u-2", ip="198.51.100.1"))
    for bound in (log, log.for_organization("acme")):
        assert bound.suggest("user", "ADA (") == ["Ada (night)"]
        assert bound.suggest("user", "u-") == ["u-2", "u-1"]
        assert sorted(bound.suggest("activity", "lo")) == ["login", "logout"]
        assert bound.suggest("activity", "lo", size=1) in (["login"], ["logout"])
        assert bound.suggest("ip", "192.") == ["192.0.2.1"]
        assert bound.suggest("user", ".*") == []


def test_bound_and_unbound_logs_suggest_the_same(deployment: Deployment, log: AuditLog) -> None:
    """In the same order, in capitals of every script, for addresses of both kinds."""
    names = ("Ünal", "ünlü", "Ülkü", "ЖДИ", "жди", "ждиф", "Ada", "ada", "İpek", "Zoe", "zoe")
    ips = ("192.0.2.1", "2001:db8::1", "2001:db8:7::5", "::1", "20.0.1.1", "2001:db9::")
    store(deployment, *(acme(user=name) for name in [*names, "Zoe"]), *(acme(ip=ip) for ip in ips))
    for bound in (log, log.for_organization("acme")):
        assert bound.suggest("user", "ü") == ["Ülkü", "Ünal", "ünlü"]
        assert bound.suggest("user", "ÜN") == ["Ünal", "ünlü"]
        assert bound.suggest("user", "ждИ") == ["ЖДИ", "жди", "ждиф"]
        assert bound.suggest("user", "ждиФ") == ["ждиф"]
        assert bound.suggest("user", "a") == ["Ada", "ada"]
        assert bound.suggest("user", "z", size=1) == ["Zoe"]
        assert bound.suggest("user", "ü" * 1000) == bound.suggest("user", "a" * 1000) == []
        assert bound.suggest("ip", "2001:DB8") == ["2001:db8::1", "2001:db8:7::5"]
        assert bound.suggest("ip", "::") == ["::1"]
        assert bound.suggest("ip", "20") == ["20.0.1.1", "2001:db8::1", "2001:db8:7::5", "2001:db9::"]
        assert bound.suggest("ip", "nonsense") == []


def test_text_of_a_label_is_found_in_either_case(deployment: Deployment, log: AuditLog) -> None:
    """In every script, as words of a message are."""
    event = acme(labels={"customer": "Ünal (Köln) * 7"}, message="ÖFFNUNGSZEITEN geändert")
    store(deployment, event, acme(labels={"customer": "Unal"}))
    for text in ("ünal", "ÜNAL (KÖLN) *", "öffnungszeiten GEÄNDERT", "Ünal"):
        assert ids(log.search(Filter(text=(text,))).events) == [event.event.id], text
    for text in ("ünal .*", "ü" * 1000):
        assert log.count(Filter(text=(text,))) == 0


def test_bound_log_sees_its_organization_alone(deployment: Deployment, log: AuditLog) -> None:
    """Whatever is asked, and however."""
    ours, theirs = acme(user="Ada"), rival("logout", user="Zoe", ip="203.0.113.5", chat="c-9")
    orphan = acme("login-failed", user="Ann", organization=None)
    store(deployment, ours, theirs, orphan)
    bound = log.for_organization("acme")
    assert (log.organization, bound.organization) == (None, "acme")
    assert log.count(Filter()) == 3
    for wanted in (
        Filter(),
        Filter(exclude=Criteria(organizations=("acme",))),
        Filter(organizations=("rival",)),
        Filter(organizations=("rival", "acme")),
        Filter(users=("Zoe", "Ann", "Ada")),
        Filter(chats=("c-9",)),
    ):
        allowed = {ours.event.id}
        assert set(ids(bound.search(wanted).events)) <= allowed
        assert set(ids(bound.newest_arrivals(wanted).events)) <= allowed
        assert set(ids(bound.iter_events(wanted, limit=10))) <= allowed
        assert bound.count(wanted) <= 1
        assert bound.seen(wanted).count <= 1
        assert sum(bucket.count for bucket in bound.buckets(wanted).buckets) <= 1
        assert {row.value for row in bound.top(wanted, "user")} <= {"Ada"}
        with bound.scan(wanted) as pages:
            assert set(ids(json.loads(bytes(hit.source)) for hits in pages for hit in hits)) <= allowed
    assert bound.get(theirs.event.id) is None
    assert bound.get(orphan.event.id) is None
    assert bound.get(ours.event.id) is not None
    assert bound.suggest("user", "Z") == bound.suggest("user", "An") == []
    assert bound.suggest("ip", "203") == bound.suggest("activity", "logout") == []


def test_answer_that_is_not_whole_is_an_error(deployment: Deployment, log: AuditLog) -> None:
    """An index that can't be searched must not look like fewer events."""
    store(deployment, acme(), acme(at=T0 - timedelta(days=31)))
    with deployment.client() as client:
        client.indices.close(index=f"{deployment.name}-2026.10", wait_for_active_shards="0")
        with pytest.raises(elasticsearch.ApiError):
            log.search(Filter())
        with pytest.raises(elasticsearch.ApiError), log.scan(Filter()) as pages:
            list(pages)
        client.indices.open(index=f"{deployment.name}-2026.10")


def test_every_zone_is_one_that_elasticsearch_knows(deployment: Deployment) -> None:
    """A zone that is taken must not fail later, in words that nobody understands."""
    store(deployment, acme())
    known = []
    for name in sorted(available_timezones() | {"localtime", "posix/UTC", "right/UTC", "Factory"}):
        with suppress(TimeRangeError):
            known.append(zone(name).key)
    assert len(known) > 500
    searches: list[dict[str, Any]] = []
    for name in known:
        histogram = {"field": "@timestamp", "calendar_interval": "day", "time_zone": name}
        searches += [{}, {"size": 0, "aggs": {"days": {"date_histogram": histogram}}}]
    with deployment.client() as client:
        answers = client.msearch(index=deployment.name, searches=searches)["responses"]
    assert [name for name, found in zip(known, answers, strict=True) if "error" in found] == []
