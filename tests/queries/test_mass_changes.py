"""What is a mass change and what is none, what set it off, and the way back; tables of made-up rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.accounts.bound import Bound, bound_at
from queries.accounts.folding import Row
from queries.findings.finding import CERTAIN, LIKELY, App, Finding
from queries.findings.mass_changes import MINIMUM, History, mass_changes, set_off
from queries.findings.restoring import Stood, came_back, ordered, stood_of, undo

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
STATSIG = App("org", "a1", "statsig")
OLD = History(BEGIN - timedelta(days=300), 0)
HOUR, DAY = 60.0, 24 * 60.0


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def row(minutes: float, subject: str, event_type: str = "user_deprovision", **fields: Any) -> Row:
    kind, action, state = _SORTS.get(event_type, ("other", "", ""))
    base: Row = {
        "event_id": uuid5(NAMESPACE_OID, f"{minutes} {subject} {event_type}"),
        "occurred_at": at(minutes), "version": 1, "fingerprint": b"", "time_quality": "ok",
        "event_type": event_type, "kind": kind, "action": action, "outcome": "success", "subject_id": subject,
        "subject_name": f"name of {subject}", "application_id": "a1", "application_name": "statsig",
        "actor_name": "ada@corp.example", "group_id": "", "group_name": "", "changed": [], "account_state": state,
        "cause": "", "attribute": "", "http_status": 200, "detail": "",
    }  # fmt: skip
    return {**base, **fields}


_SORTS = {
    "user_create_provision": ("user", "create", "active"),
    "user_deprovision": ("user", "deprovision", "inactive"),
    "user_delete_provision": ("user", "delete", "deleted"),
    "group_delete_provision": ("group", "delete", ""),
    "idm_integration_activate": ("integration", "activate", ""),
    "idm_integration_update": ("integration", "update", ""),
    "idm_integration_delete": ("integration", "delete", ""),
}


def many(
    count: int, start: float = 0, apart: float = 0.01, event_type: str = "user_deprovision", **f: Any
) -> list[Row]:
    return [row(start + number * apart, f"p{number}", event_type, **f) for number in range(count)]


def membership(minutes: float, person: str, action: str = "remove") -> Row:
    fields = {"application_id": "", "application_name": "", "group_id": "g1", "group_name": "data"}
    return row(minutes, person, "association_change", action=action, outcome="unknown", **fields)


def binding(minutes: float, action: str = "remove") -> Row:
    fields = {"group_id": "g1", "group_name": "data", "subject_id": "g1"}
    return row(minutes, "g1", "association_change", action=action, outcome="unknown", **fields)


def unbound(minutes: float, person: str, application: str = "a1") -> Row:
    """A person whom an application was bound to without a group."""
    fields = {"application_id": application, "application_name": application}
    return row(minutes, person, "association_change", action="remove", outcome="unknown", **fields)


def group_deletion(minutes: float) -> Row:
    return row(minutes, "g1", "group_delete", application_id="")


def suspension(minutes: float, person: str) -> Row:
    changed = ["state: ACTIVATED -> SUSPENDED"]
    return row(minutes, person, "user_update", application_id="", outcome="unknown", changed=changed)


def found(rows: Iterable[Row], history: History = OLD) -> list[tuple[str, int, int]]:
    return [(one.kind.value, len(one.subjects), one.accepted) for one in mass_changes(STATSIG, rows, history)]


def usual(each_day: int, days: int = 28) -> list[Row]:
    """So many an hour at nine o'clock of so many days before."""
    return [row(-day * DAY + number, f"d{day}-{number}") for day in range(1, days + 1) for number in range(each_day)]


@pytest.mark.parametrize(
    ("rows", "history", "expected"),
    [
        pytest.param([], OLD, [], id="nothing"),
        pytest.param(many(9), OLD, [], id="one fewer than the minimum"),
        pytest.param(many(10), OLD, [("mass_deactivations", 10, 10)], id="the minimum"),
        pytest.param(many(10, apart=6.6), OLD, [("mass_deactivations", 10, 10)], id="within one hour"),
        pytest.param(
            [*many(10, apart=0), row(5, "q")], OLD, [("mass_deactivations", 11, 11)], id="a pause of just the gap"
        ),
        pytest.param(many(10, apart=60 / 9), OLD, [("mass_deactivations", 10, 10)], id="in exactly one hour"),
        pytest.param(many(10, apart=7), OLD, [], id="in more than one hour"),
        pytest.param(many(30, apart=6), OLD, [("mass_deactivations", 30, 30)], id="one that goes on is one"),
        pytest.param(
            [*many(12), *many(15, start=5 * HOUR)], OLD,
            [("mass_deactivations", 12, 12), ("mass_deactivations", 15, 15)],
            id="two, hours apart",
        ),
        pytest.param(
            [row(-30, "x"), row(-15, "y"), *many(12), row(14, "z")], OLD, [("mass_deactivations", 12, 12)],
            id="what happens to come in the same hour",
        ),
        pytest.param(
            [row(-30, "x"), *many(9), row(14, "z")], OLD, [("mass_deactivations", 11, 11)], id="what it takes",
        ),
        pytest.param([row(n, "p1") for n in range(40)], OLD, [], id="one person again and again"),
        pytest.param(
            many(10, outcome="failure") + many(10, start=20), OLD, [("mass_deactivations", 10, 10)],
            id="retries belong to the first try",
        ),
        pytest.param(
            [row(n * 8 * HOUR, f"p{n}", outcome="failure") for n in range(5)]
            + [row(n * 8 * HOUR, f"p{n}", outcome="failure") for n in range(-5, 0)]
            + [row(32 * HOUR + n, f"p{n}") for n in range(-5, 5)],
            OLD, [], id="what waited for weeks and is accepted at once was decided one by one",
        ),
        *(
            pytest.param(
                [*many(10, outcome="failure"), *meanwhile, *many(10, start=DAY)], OLD,
                [("mass_deactivations", 10, count) for count in accepted], id=f"refused, then {name}, and closed again",
            )
            for name, meanwhile, accepted in (
                ("activated", many(10, HOUR, event_type="user_unsuspended", application_id=""), (0, 10)),
                ("made anew", many(10, HOUR, event_type="user_create", application_id=""), (0, 10)),
                ("pushed as active", many(10, HOUR, event_type="user_update_provision", kind="user", action="update",
                                          account_state="active", outcome="failure"), (0, 10)),
                ("pushed", many(10, HOUR, event_type="user_update_provision", kind="user", action="update"), (10,)),
                ("created", many(10, HOUR, event_type="user_create_provision"), (0, 10)),
                ("added again", [membership(HOUR + n / 100, f"p{n}", "add") for n in range(10)], (0, 10)),
                ("suspended once more", [suspension(HOUR + n / 100, f"p{n}") for n in range(10)], (10,)),
                ("unbound", [unbound(HOUR + n / 100, f"p{n}") for n in range(10)], (10,)),
                ("activated in vain", many(10, HOUR, event_type="user_unsuspended", outcome="failure"), (10,)),
            )
        ),
        pytest.param(many(10, outcome="failure"), OLD, [("mass_deactivations", 10, 0)], id="all refused"),
        pytest.param(many(10, outcome="reported_absent"), OLD, [("mass_deactivations", 10, 0)], id="all away already"),
        pytest.param(
            [*(row(-49 * 60 - n * 120, f"p{n}", outcome="failure") for n in range(10)), *many(10)],
            OLD,
            [("mass_deactivations", 10, 10)],
            id="refused too long ago for these to be retries",
        ),
        pytest.param(many(10, event_type="user_delete_provision"), OLD, [("mass_deletions", 10, 10)], id="deletions"),
        pytest.param(
            many(10, event_type="group_delete_provision"), OLD, [("mass_group_deletions", 10, 10)], id="groups",
        ),
        pytest.param(
            [membership(n, f"p{n}") for n in range(10)], OLD, [("mass_removals", 10, 10)], id="a group shrinks",
        ),
        pytest.param([membership(n, f"p{n}", "add") for n in range(20)], OLD, [], id="a group grows"),
        pytest.param(many(20, event_type="user_create_provision"), OLD, [], id="a rollout"),
        pytest.param(many(20, time_quality="unknown"), OLD, [], id="times that cannot be believed"),
        pytest.param(
            [
                row(-0.2, "a1", "idm_integration_activate"), *many(12, -0.15, event_type="user_create_provision"),
                *many(12),
            ],
            OLD, [], id="the tests of an activation",
        ),
        pytest.param(
            [row(-0.1, "a1", "idm_integration_activate"), *many(12)], OLD, [("mass_deactivations", 12, 12)],
            id="just after an activation, people who were there before",
        ),
        pytest.param([*usual(6), *many(17)], OLD, [], id="less than three times the usual"),
        pytest.param([*usual(6), *many(18)], OLD, [("mass_deactivations", 18, 18)], id="three times the usual"),
        pytest.param([*usual(6, 13), *many(10)], OLD, [("mass_deactivations", 10, 10)], id="usual on less than half"),
        pytest.param(many(10), History(BEGIN - timedelta(days=2), 200), [("mass_deactivations", 10, 10)], id="new"),
        pytest.param(many(14), History(BEGIN - timedelta(days=2), 300), [], id="new and big: a share of its people"),
        pytest.param(
            many(14), History(BEGIN - timedelta(days=7), 300), [("mass_deactivations", 14, 14)], id="no longer new"
        ),
        pytest.param(
            [*many(40, -DAY), *many(40)], History(BEGIN - timedelta(days=2), 50),
            [("mass_deactivations", 40, 40)] * 2, id="the first is no excuse for the second",
        ),
    ],
)  # fmt: skip
def test_a_burst_is_measured_by_what_is_usual(
    rows: list[Row], history: History, expected: list[tuple[str, int, int]]
) -> None:
    assert found(rows, history) == expected


def test_the_finding_says_how_sure_it_is_and_what_is_usual() -> None:
    (sure,) = mass_changes(STATSIG, [*usual(2), *many(12)], OLD)
    (new,) = mass_changes(STATSIG, many(12), History(BEGIN, 12))
    assert (sure.sure, sure.usual, sure.threshold) == (CERTAIN, 2, MINIMUM)
    assert (new.sure, new.usual, new.threshold) == (LIKELY, None, MINIMUM)
    assert sure.text == "12 people to be deactivated, 12 accepted; usually at most 2 in an hour"
    assert sure.events == new.events == tuple(one["event_id"] for one in many(12))
    assert sure.id == new.id


NOISE = [*usual(2, 9), *many(14), *many(11, 90, 5, "user_delete_provision"), *many(10, 20, outcome="failure")]


@given(st.permutations(NOISE), st.lists(st.sampled_from(NOISE), max_size=20))
def test_order_and_repeats_change_nothing(rows: list[Row], again: list[Row]) -> None:
    assert mass_changes(STATSIG, [*rows, *again], OLD) == mass_changes(STATSIG, NOISE, OLD)


@pytest.mark.parametrize(
    ("acts", "kind", "text", "actor"),
    [
        pytest.param([], None, "", "", id="nothing"),
        pytest.param(
            [binding(-1)], "binding", "data unbound from statsig by ada@corp.example", "ada@corp.example", id="unbound",
        ),
        pytest.param([binding(-61)], None, "", "", id="unbound long before"),
        pytest.param([binding(1)], None, "", "", id="unbound later"),
        pytest.param([binding(-1, "add")], None, "", "", id="bound"),
        pytest.param([binding(-1) | {"outcome": "failure"}], None, "", "", id="a refused act"),
        pytest.param(
            [row(-5, "a1", "idm_integration_update")], "integration", "idm_integration_update by ada@corp.example",
            "ada@corp.example", id="mappings changed",
        ),
        pytest.param(
            [row(-5, "a1", "idm_integration_update"), binding(-9)], "binding",
            "data unbound from statsig by ada@corp.example", "ada@corp.example", id="unbound before mappings changed",
        ),
        pytest.param(
            [suspension(-3, f"p{n}") for n in range(5)], "directory", "5 people suspended by ada@corp.example",
            "ada@corp.example", id="half of them suspended",
        ),
        pytest.param([suspension(-3, f"p{n}") for n in range(4)], None, "", "", id="fewer than half suspended"),
        pytest.param(
            [suspension(-3, f"p{n}") for n in range(5)] + [suspension(-3, "p5") | {"actor_name": "tomas"}], "directory",
            "5 people suspended by ada@corp.example and another act", "", id="by two",
        ),
        pytest.param(
            [membership(-3, f"p{n}") for n in range(10)], "membership",
            "10 people removed from data by ada@corp.example", "ada@corp.example", id="removed from the group",
        ),
        pytest.param(
            [binding(-90, "add"), binding(-70), *(membership(-3, f"p{n}") for n in range(10))], None, "", "",
            id="removed from a group that was unbound before",
        ),
        pytest.param(
            [suspension(-9, "p0")] + [membership(-3, f"p{n}") for n in range(1, 8)], "membership",
            "7 people removed from data by ada@corp.example and another act", "ada@corp.example",
            id="what befell most of them",
        ),
        pytest.param([unbound(-3, "p3", "a2")], None, "", "", id="one unbound from another application"),
        pytest.param([unbound(-3, "p3")], None, "", "", id="one of them unbound from it"),
        pytest.param(
            [unbound(-3, f"p{n}") for n in range(10)], "binding",
            "10 people unbound from a1 by ada@corp.example", "ada@corp.example", id="all of them unbound from it",
        ),
        pytest.param(
            [binding(-9) | {"application_id": "a2"}], None, "", "", id="a group unbound from another application",
        ),
        pytest.param([group_deletion(-3)], None, "", "", id="a group deleted that was never bound to it"),
        pytest.param(
            [binding(-90, "add"), binding(-70), group_deletion(-3)], None, "", "",
            id="a group deleted that was unbound",
        ),
        pytest.param(
            [binding(-90, "add"), group_deletion(-3)], "directory", "group deleted by ada@corp.example",
            "ada@corp.example", id="a group deleted that was bound to it",
        ),
        pytest.param(
            [group_deletion(-3), binding(-2.9)], "binding", "data unbound from statsig by ada@corp.example",
            "ada@corp.example", id="a group deleted, and unbound by that",
        ),
    ],
)  # fmt: skip
def test_what_set_it_off_is_what_explains_it_or_is_not_told(
    acts: list[Row], kind: str | None, text: str, actor: str
) -> None:
    (finding,) = mass_changes(STATSIG, many(10), OLD)
    act = set_off(finding, reversed(acts))
    assert (act and act.because.kind, act.because.text if act else "", act.actor if act else "") == (kind, text, actor)


def one(rows: list[Row]) -> Finding:
    (finding,) = mass_changes(STATSIG, rows, OLD)
    return finding


def created(count: int = 10) -> list[Row]:
    return many(count, -DAY, event_type="user_create_provision")


def steps(finding: Finding, theirs: list[Row], acts: list[Row]) -> list[tuple[str, str]]:
    finding = finding._replace(act=set_off(finding, [*theirs, *acts]))
    stood = stood_of(finding, finding.subjects, theirs)
    return [(step.do, step.group_id or step.subject_id) for step in undo(finding, stood, theirs, acts)]


def test_the_way_back_binds_first_and_then_takes_the_accounts_into_use() -> None:
    closed = many(10)
    assert steps(one(closed), [*created(), *closed], [binding(-DAY, "add"), binding(-1)]) == [
        ("bind_group", "g1"),
        *(("reactivate_account", f"p{n}") for n in range(10)),
    ]


def test_who_was_not_in_or_is_back_has_no_step() -> None:
    closed = many(10)
    theirs = [*created()[2:], *closed, row(50, "p3", "user_create_provision")]
    assert steps(one(closed), theirs, [binding(-1), binding(30, "add")]) == [
        ("reactivate_account", f"p{n}") for n in (2, *range(4, 10))
    ]
    assert stood_of(one(closed), {"p1", "p3"}, theirs) == [
        Stood("p1", "name of p1", "unknown", "inactive"),
        Stood("p3", "name of p3", "active", "active"),
    ]


def test_what_was_deleted_is_made_anew_after_its_integration_and_its_person() -> None:
    closed = many(10)
    later = many(10, 60, event_type="user_delete_provision")
    gone = row(90, "a1", "idm_integration_delete")
    theirs = [*created(), *closed, *later, *(suspension(-2, f"p{n}") for n in range(5))]
    assert steps(one(closed), theirs, [gone])[:7] == [
        ("activate_integration", "a1"), *(("activate_person", f"p{n}") for n in range(5)), ("recreate_account", "p0"),
    ]  # fmt: skip
    (deletion,) = mass_changes(STATSIG, later, OLD)
    assert steps(deletion, theirs, [gone]) == [], "nobody was in one minute before"


WHERE = ("bind_group", "g1")
BACK = [("reactivate_account", f"p{n}") for n in range(10)]


@pytest.mark.parametrize(
    ("theirs", "acts", "expected"),
    [
        pytest.param(
            [row(-40, "p3", "user_delete", application_id="")], [binding(-DAY, "add"), binding(-1)],
            [WHERE, *BACK[:3], *BACK[4:]], id="deleted within the hour, for reasons of their own",
        ),
        pytest.param(
            [suspension(600, "p3")], [binding(-DAY, "add"), binding(-1)], [WHERE, *BACK[:3], *BACK[4:]],
            id="suspended since",
        ),
        pytest.param(
            [membership(-30, "p4")], [binding(-DAY, "add"), row(-1, "a1", "idm_integration_update")], BACK,
            id="removed from a group within the hour, which set nothing off",
        ),
        pytest.param(
            [membership(-30, f"p{n}") for n in range(7)], [binding(-DAY, "add")],
            [*[("add_member", "g1")] * 7, *BACK], id="removed from the group that let them in",
        ),
        pytest.param(
            [suspension(-20, f"p{n}") for n in range(9)] + [membership(-30, "p9")],
            [binding(-DAY, "add"), binding(-70)],
            [*(("activate_person", f"p{n}") for n in range(9)), *BACK],
            id="removed from a group that was not bound then",
        ),
    ],
)  # fmt: skip
def test_what_befell_people_is_undone_only_where_it_set_the_change_off(
    theirs: list[Row], acts: list[Row], expected: list[tuple[str, str]]
) -> None:
    closed = many(10)
    assert steps(one(closed), [*created(), *closed, *theirs], acts) == expected


def deletion(minutes: float, person: str) -> Row:
    return row(minutes, person, "user_delete", application_id="")


def creation(minutes: float, person: str) -> Row:
    return row(minutes, person, "user_create", application_id="", outcome="unknown")


def added(minutes: float, person: str) -> Row:
    return membership(minutes, person, "add")


OPENED = row(70, "q1", "user_create_provision")
OUT_AGAIN = deletion(80, "q1")
ALL_OF_P1 = [("recreate_person", "p1"), ("add_member", "g1"), ("recreate_account", "p1")]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param([], ALL_OF_P1, id="still out"),
        pytest.param(
            [creation(60, "q1")], [("add_member", "g1"), ("recreate_account", "q1")],
            id="back under another id, without an account",
        ),
        pytest.param([creation(60, "q1"), OPENED], [], id="with an account"),
        pytest.param(
            [creation(60, "q1"), added(75, "q1"), OPENED, row(80, "q1", "user_deprovision")],
            [("reactivate_account", "q1")], id="with an account that is inactive",
        ),
        pytest.param([creation(60, "q1"), OPENED, OUT_AGAIN], ALL_OF_P1, id="and out again"),
        pytest.param(
            [creation(60, "q1"), OPENED, OUT_AGAIN, creation(90, "q2"), added(91, "q2")],
            [("recreate_account", "q2")], id="and out, and back once more",
        ),
        pytest.param(
            [creation(-50, "q1"), row(-45, "q1", "user_create_provision")], ALL_OF_P1,
            id="the other id was there all the time",
        ),
        pytest.param(
            [creation(60, "p1")], [("add_member", "g1"), ("recreate_account", "p1")], id="back under the same id",
        ),
    ],
)  # fmt: skip
def test_who_is_back_under_another_id_is_not_made_again(since: list[Row], expected: list[tuple[str, str]]) -> None:
    closed = many(10, event_type="user_delete_provision")
    acts = [binding(-DAY, "add")]
    gone = [one for n in range(10) for one in (deletion(-3, f"p{n}"), membership(-2, f"p{n}"))]
    own = [one for one in [*created(), *closed, *gone] if one["subject_id"] == "p1"]
    theirs = [*own, *since]
    finding = one(closed)._replace(act=set_off(one(closed), [*gone, *acts]))
    others = {"p1": {"q1", "q2"}} if since != [creation(60, "p1")] else {}
    back = came_back(theirs, others)
    stood = stood_of(finding, {"p1"}, theirs, back)
    assert [(step.do, step.group_id or step.subject_id) for step in undo(finding, stood, theirs, acts)] == expected


def test_people_removed_from_a_group_are_added_again_but_for_those_who_are() -> None:
    removed = [membership(n, f"p{n}") for n in range(10)]
    theirs = [*removed, membership(30, "p7", "add")]
    assert steps(one(removed), theirs, []) == [("add_member", "g1")] * 9


def test_steps_are_each_told_once_however_often_they_are_found() -> None:
    closed = many(10)
    finding = one(closed)
    theirs = [*created(), *closed]
    found = undo(finding, stood_of(finding, finding.subjects, theirs), theirs, [binding(-1)])
    assert ordered([*reversed(found), *found]) == found


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        pytest.param(-5, {"b"}, id="what was undone later was there before"),
        pytest.param(1, {"a", "b"}, id="bound"),
        pytest.param(5, {"a"}, id="undone"),
    ],
)
def test_a_group_belongs_to_what_it_was_bound_to_then(minutes: float, expected: set[str]) -> None:
    assert bound_at([Bound(at(0), "a", True), Bound(at(3), "b", False)], at(minutes)) == expected
