"""A question as people write it: one table of names, for the URL, the command line and the page."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from audit_query import Criteria, Filter, ParameterError, QuerySpec
from audit_query.query_spec import EXCLUDE, NAMES, PARAMETERS, VALUE_MAX
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

TYPED = {"ip": "192.0.2.7", "country": "DE", "asn": "AS64500", "list": "tor"}
VALUES = {
    "outcome": st.sampled_from(["success", "failure"]),
    "ip": st.ip_addresses().map(str),
    "country": st.sampled_from(["DE", "fr"]),
    "asn": st.integers(0, 2**32 - 1).map(str),
    "list": st.sampled_from(["tor", "own-offices"]),
}
PAIRS = st.lists(
    st.sampled_from([name for name in NAMES if name not in ("from", "to")]).flatmap(
        lambda name: st.tuples(
            st.just(name), VALUES.get(name.removeprefix(EXCLUDE), st.text(max_size=20))
        )
    ),
    max_size=12,
)


def test_every_name_reaches_its_field() -> None:
    """Included and excluded, each by its own name."""
    given = {name: TYPED.get(name, "success") for name in PARAMETERS}
    wanted = QuerySpec.parse(given.items()).filter(NOW)
    unwanted = QuerySpec.parse((f"not_{name}", value) for name, value in given.items()).filter(NOW)
    for name, field in PARAMETERS.items():
        assert getattr(wanted, field) == (given[name],)
        assert getattr(unwanted.exclude, field) == (given[name],)
    assert unwanted == Filter(exclude=Criteria(**{f: (given[n],) for n, f in PARAMETERS.items()}))


def test_relative_times_stay_as_they_were_typed() -> None:
    """A link that is opened tomorrow means tomorrow's last day."""
    spec = QuerySpec.parse([("from", "-24h"), ("to", "now")])
    assert spec.pairs == (("from", "-24h"), ("to", "now"))
    for now in (NOW, NOW + timedelta(days=1)):
        assert spec.filter(now) == Filter(start=now - timedelta(hours=24), end=now)


def test_times_without_a_zone_are_the_readers() -> None:
    """Midnight in Istanbul."""
    now = NOW.astimezone(ZoneInfo("Europe/Istanbul"))
    start = QuerySpec.parse([("from", "2026-11-23")]).filter(now).start
    assert start == datetime(2026, 11, 22, 21, tzinfo=UTC)


@given(PAIRS)
def test_a_question_written_out_and_read_again_is_the_same(pairs: list[tuple[str, str]]) -> None:
    """In one order, without repetitions and blanks: two links to the same question are equal."""
    spec = QuerySpec.parse(pairs)
    assert QuerySpec.parse(spec.pairs) == spec
    assert QuerySpec.parse(reversed(spec.pairs)).filter(NOW) is not None
    assert set(spec.pairs) == {(name, value) for name, value in pairs if value.strip()}


def test_a_space_in_a_name_counts() -> None:
    """Whoever calls himself `Ada ` must not be taken for Ada; around an address it means nothing."""
    spec = QuerySpec.parse([("user", "Ada "), ("ip", " 192.0.2.7 "), ("from", " -1h ")])
    assert spec.pairs == (("user", "Ada "), ("ip", "192.0.2.7"), ("from", "-1h"))


def test_values_are_added_moved_and_taken_away() -> None:
    """What a click on a value does."""
    spec = QuerySpec.parse([("user", "Ada"), ("user", "Ben"), ("from", "-1h")])
    assert spec.with_("user", "Cem").values("user") == ("Ada", "Ben", "Cem")
    assert spec.with_("user", "Ada") == spec
    assert spec.with_("from", "-2h").values("from") == ("-2h",)
    moved = spec.with_("not_user", "Ada")
    assert (moved.values("user"), moved.values("not_user")) == (("Ben",), ("Ada",))
    assert moved.with_("user", "Ada") == QuerySpec.parse(
        [("user", "Ben"), ("user", "Ada"), ("from", "-1h")]
    )
    assert spec.without("user", "Ada").values("user") == ("Ben",)
    assert spec.without("user").pairs == (("from", "-1h"),)


@pytest.mark.parametrize(
    ("pairs", "parameter", "says"),
    [
        ([("usr", "Ada")], "usr", "did you mean user?"),
        ([("xyzzy", "1")], "xyzzy", "there are user, effective_user"),
        ([("from", "soon")], "from", "'soon' is not a valid time"),
        ([("to", "2026-13-01")], "to", "is not a valid time"),
        ([("to", "0999-01-01")], "to", "no event is of the year 999"),
        ([("from", "-999999w")], "from", "is not a valid time"),
        ([("from", "now"), ("to", "-1h")], "from", "now is not before -1h"),
        ([("from", "-1h"), ("from", "-2h")], "from", "give it once"),
        ([("not_ip", "1.2.3")], "not_ip", "'1.2.3' is not a valid IP address"),
        ([("outcome", "bad")], "outcome", "must be one of success, failure, unknown"),
        ([("user", "x" * (VALUE_MAX + 1))], "user", "at most 1000 characters, not 1001"),
        ([("user", str(n)) for n in range(201)], "user", "at most 200 values"),
    ],
)
def test_refusal_names_the_parameter_and_the_reason(
    pairs: list[tuple[str, str]], parameter: str, says: str
) -> None:
    """A person can mend it."""
    with pytest.raises(ParameterError) as refused:
        QuerySpec.parse(pairs).filter(NOW)
    assert refused.value.parameter == parameter
    assert says in refused.value.reason
