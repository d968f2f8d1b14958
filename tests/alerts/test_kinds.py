"""The kinds of rules against their slow twin: any events, any order of arrival, repeats, stops and starts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.alert import Alert, Fold, alert_id
from streams.alerts.group import Group, Told
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import RuleKind
from streams.alerts.terms import DAY, HOUR, Terms
from tests.alerts.reference import Expected, expected_alerts, in_order

MINUTE = HOUR // 60
START = 20_458 * DAY
OWN = ("a-rule", "acme", ("slack",))
FEWER = settings(max_examples=settings().max_examples // 2)  # of each of the kinds


def terms_of(kind: RuleKind) -> st.SearchStrategy[Terms]:
    windowed = HOUR if kind is RuleKind.MASS else st.sampled_from([MINUTE, 10 * MINUTE, HOUR])
    return st.builds(
        Terms,
        kind=st.just(kind),
        window=st.just(windowed) if isinstance(windowed, int) else windowed,
        threshold=st.integers(1, 4),
        ratio=st.sampled_from([0.25, 0.5, 1.0]),
        minimum=st.integers(1, 4),
        learn=st.sampled_from([0, 10 * MINUTE]),
        multiple=st.integers(1, 3),
        dedup=st.sampled_from([HOUR, DAY]),
        quiet=st.sampled_from([5 * MINUTE, HOUR]),
        ends=st.booleans(),
    )


LOOKS = list(
    product(
        [1, 2],
        [1, 1, 1, 9, 9, 2, 4, 3, 5, 7],
        ["", "a", "b", "c", "d"],
        ["", "ann", "bob", "cy", "dee", "eve"],
        ["", "slack", "miro"],
        ["", "credentials", "conflict"],
        ["x", "y"],
        ["", "1" * 32, "2" * 32],
    )
)
"""All that an occurrence may be, but for when and which: of what is drawn, the number of choices takes the time."""


def occurrences(spread: int, least: int = 0) -> st.SearchStrategy[list[Occurrence]]:
    one = st.builds(
        lambda step, number, look: Occurrence(START + step * MINUTE, f"{number:032x}", *look),
        st.integers(0, spread),
        st.integers(0, 40),
        st.sampled_from(LOOKS),
    )
    # Copies of one event that are of one version are the same.
    return st.lists(one, min_size=least, max_size=40).map(
        lambda found: list({(each.event_id, each.version): each for each in found}.values())
    )


def few_or_many(spread: int) -> st.SearchStrategy[list[Occurrence]]:
    """Lists that are drawn without a least length have some five."""
    return st.sampled_from([0, 20]).flatmap(lambda least: occurrences(spread, least))


def shown(alerts: Sequence[Alert]) -> list[Expected]:
    return [
        Expected(*(getattr(alert, name) for name in Expected._fields))
        for alert in sorted(alerts, key=lambda alert: alert.opened_at)
    ]


def folded(terms: Terms, events: Sequence[Occurrence], clock: int) -> list[Alert]:
    fold = Fold(*OWN, terms)
    for one in in_order(events):
        fold.feed(one)
    fold.advance(max(clock, max((one.at for one in events), default=0)))
    return list(fold.found.values())


SPREADS = {RuleKind.MASS: 12 * 24 * 60}
SPREAD = 90


@pytest.mark.parametrize("kind", list(RuleKind))
@FEWER
@given(st.data())
def test_alerts_are_those_that_the_definitions_give_in_any_order_with_repeats_and_restarts(
    kind: RuleKind, data: st.DataObject
) -> None:
    terms = data.draw(terms_of(kind))
    events = data.draw(few_or_many(SPREADS.get(kind, SPREAD)))
    last = max((one.at for one in events), default=START)
    clock = last + data.draw(st.sampled_from([0, 10, 120])) * MINUTE
    assert shown(folded(terms, events, clock)) == expected_alerts(terms, events, clock)
    arrivals = data.draw(
        st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=5)) if events else [])
    )
    group = Group(*OWN, terms)
    told: dict[str, Alert] = {}
    for one in arrivals:
        group.take(one)
        later = data.draw(st.sampled_from([None, None, None, 0, 15, 90]))
        if later is not None:
            group.advance(one.at + later * MINUTE)
            keep(told, group.changes())
            group = Group(*OWN, terms, orjson.loads(orjson.dumps(group.saved())))
    clock = last + 200 * MINUTE
    group.advance(clock)
    keep(told, group.changes())
    assert shown(list(told.values())) == expected_alerts(terms, events, clock)


@pytest.mark.parametrize(
    "kind", [RuleKind.THRESHOLD, RuleKind.DISTINCT, RuleKind.RATIO, RuleKind.ABSENCE, RuleKind.MASS]
)
@FEWER
@given(st.data())
def test_alerts_follow_the_definitions_even_if_a_window_overflows(kind: RuleKind, data: st.DataObject) -> None:
    terms = data.draw(terms_of(kind))
    events = data.draw(occurrences(20, least=20))
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "streams.alerts.kinds.MOST_WITHIN",
            "streams.alerts.alert.MOST_WITHIN",
            "tests.alerts.reference.MOST",
        ):
            patch.setattr(name, 4)
        assert shown(folded(terms, events, START + HOUR)) == expected_alerts(terms, events, START + HOUR)


@pytest.mark.parametrize(
    ("terms", "enough"),
    [
        pytest.param(Terms(RuleKind.THRESHOLD, window=DAY, threshold=10_000), 11_000, id="threshold"),
        pytest.param(Terms(RuleKind.DISTINCT, window=DAY, threshold=10_000), 11_000, id="distinct"),
        pytest.param(Terms(RuleKind.RATIO, window=DAY, ratio=1.0, minimum=10_000), 13_500, id="ratio"),
        pytest.param(Terms(RuleKind.ABSENCE, window=DAY), 11_000, id="absence"),
        pytest.param(Terms(RuleKind.MASS, threshold=10_000, multiple=3), 11_000, id="mass"),
        pytest.param(Terms(RuleKind.NEW), 21_000, id="new"),
    ],
)
def test_what_a_group_remembers_fits_into_a_record_however_busy_it_is(terms: Terms, enough: int) -> None:
    group = Group(*OWN, terms)
    for number in range(enough):  # a window holds 10,000, of a ratio that many failures, and 20,000 values are known
        own = f"{number:024x}"
        failed = Role.MATCH | Role.FAILED if number % 5 else Role.MATCH
        group.take(
            at(number / 1_000, number, failed, value=own, subject=own, application="slack", title=f"{own} failed")
        )
    assert len(orjson.dumps(group.saved())) < 4_000_000


def keep(told: dict[str, Alert], changes: Sequence[Told]) -> None:
    for alert, withdrawn in changes:
        if withdrawn:
            del told[alert.alert_id]
        else:
            told[alert.alert_id] = alert


def at(minutes: float, number: int, role: int = Role.MATCH, **more: str) -> Occurrence:
    return Occurrence(START + int(minutes * MINUTE), f"{number:032x}", 1, int(role), **more)


def busy_days(days: int, people: int) -> list[Occurrence]:
    """So many people within an hour of each of the days before `START`."""
    return [
        at(-(day + 1) * 24 * 60 + 600 + person, 1_000 * (day + 1) + person, subject=f"p{person}")
        for day in range(days)
        for person in range(people)
    ]


def burst(people: int, start: float = 0) -> list[Occurrence]:
    return [at(start + person, person, subject=f"q{person}") for person in range(people)]


THRESHOLD = Terms(RuleKind.THRESHOLD, window=10 * MINUTE, threshold=3)
SEQUENCE = Terms(RuleKind.SEQUENCE, window=10 * MINUTE)
ABSENCE = Terms(RuleKind.ABSENCE, window=10 * MINUTE)
NEW = Terms(RuleKind.NEW, learn=HOUR)
MASS = Terms(RuleKind.MASS, window=HOUR, threshold=3, multiple=3)


@pytest.mark.parametrize(
    ("terms", "events", "clock", "alerts"),
    [
        pytest.param(THRESHOLD, [at(0, 1), at(5, 2), at(10, 3)], 10, 0, id="threshold: the first is out by then"),
        pytest.param(THRESHOLD, [at(0.1, 1), at(5, 2), at(10, 3)], 10, 1, id="threshold: all within"),
        pytest.param(SEQUENCE, [at(0, 1), at(10, 2, Role.THEN)], 10, 1, id="sequence: at the window's very end"),
        pytest.param(SEQUENCE, [at(0, 1), at(10.1, 2, Role.THEN)], 11, 0, id="sequence: too late"),
        pytest.param(SEQUENCE, [at(0, 2, Role.THEN), at(1, 1)], 11, 0, id="sequence: the other way round"),
        pytest.param(SEQUENCE, [at(0, 1, Role.MATCH | Role.THEN)], 11, 0, id="sequence: one event is not two"),
        pytest.param(
            SEQUENCE, [at(0, 1), at(1, 2, Role.UNTIL), at(2, 3, Role.THEN)], 11, 0, id="sequence: undone in between"
        ),
        pytest.param(ABSENCE, [at(0, 1), at(5, 2, Role.UNTIL)], 99, 0, id="absence: undone in time"),
        pytest.param(ABSENCE, [at(0, 1)], 9, 0, id="absence: there is still time"),
        pytest.param(ABSENCE, [at(0, 1)], 10, 1, id="absence: the time is over"),
        pytest.param(ABSENCE, [at(0, 1), at(10, 2, Role.THEN)], 99, 0, id="absence: at the very end"),
        pytest.param(ABSENCE, [at(0, 1), at(10.1, 2, Role.THEN)], 10.2, 1, id="absence: came too late"),
        pytest.param(NEW, [at(0, 1, value="a"), at(60, 2, value="b")], 60, 0, id="new: still learning"),
        pytest.param(NEW, [at(0, 1, value="a"), at(60.1, 2, value="b")], 61, 1, id="new: after learning"),
        pytest.param(NEW, [at(0, 1, value="a"), at(90, 2, value="a")], 91, 0, id="new: known"),
        pytest.param(MASS, burst(2), 99, 0, id="mass: too few"),
        pytest.param(MASS, burst(3), 99, 1, id="mass: the minimum, without a history"),
        pytest.param(MASS, [*busy_days(20, 2), *burst(5)], 99, 0, id="mass: less than three times what is usual"),
        pytest.param(MASS, [*busy_days(20, 2), *burst(6)], 99, 1, id="mass: three times what is usual"),
        pytest.param(MASS, [at(-40 * 1440, 9_999), *busy_days(13, 2), *burst(3)], 99, 1, id="mass: most days, none"),
        pytest.param(MASS, [*busy_days(60, 2)[40:], *burst(3)], 99, 1, id="mass: what was usual is long ago"),
    ],
)  # fmt: skip
def test_edges(terms: Terms, events: list[Occurrence], clock: float, alerts: int) -> None:
    assert len(folded(terms, events, START + int(clock * MINUTE))) == alerts
    assert len(expected_alerts(terms, events, START + int(clock * MINUTE))) == alerts


def test_ten_thousand_failures_are_one_alert_that_counts_them() -> None:
    group = Group(*OWN, Terms(RuleKind.MATCH))
    told: list[Told] = []
    for number in range(10_000):
        group.take(at(number / 100, number, subject=f"p{number % 50}"))
        group.take(at(number / 100, number, subject=f"p{number % 50}"))
        if number % 500 == 0:
            told += group.changes()
    told += group.changes()
    assert {each.alert.alert_id for each in told} == {alert_id(*OWN, START // DAY)}
    assert (told[-1].alert.events, len(told[-1].alert.people)) == (10_000, 50)


def test_what_comes_late_withdraws_what_was_told_too_soon() -> None:
    group = Group(*OWN, ABSENCE)
    group.take(at(0, 1))
    group.advance(START + 20 * MINUTE)
    [told] = group.changes()
    group.take(at(5, 2, Role.THEN))
    assert group.changes() == [Told(told.alert, withdrawn=True)]
    assert group.changes() == []


def test_ids_do_not_run_together() -> None:
    assert alert_id("rule", "acme", ("a", "bc"), 1) != alert_id("rule", "acme", ("ab", "c"), 1)
    assert alert_id("rule", "acme", ("a",), 1) == alert_id("rule", "acme", ("a",), 1)
