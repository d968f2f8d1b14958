"""The truth, against a plain reading of the raw events written anew here."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producers.simulation import Organisation, SimulatedEvent, Truth, demo

END = datetime(2026, 11, 24, 17, tzinfo=UTC)
START = datetime(2026, 9, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MEANT = {
    "user_create_provision": "active",
    "user_deprovision": "inactive",
    "user_delete_provision": "deleted",
    "group_create_provision": "active",
    "group_delete_provision": "deleted",
}
CLOSING = ("user_deprovision", "user_delete_provision")
Key = tuple[str, str]
Played = tuple[list[SimulatedEvent], Truth]


@pytest.fixture(scope="module", params=["demo", 11, 12])
def played(request: pytest.FixtureRequest) -> Played:
    if request.param == "demo":
        organisation = demo(END, oddities=0.0)
    else:
        organisation = Organisation(request.param, 80, 8, 25, START, oddities=0.0, story=False)
    return list(organisation), organisation.truth


def microseconds(event: dict[str, Any]) -> int:
    text = event["timestamp"]
    at = datetime.fromisoformat(f"{text[:19]}+00:00")
    return (at - EPOCH) // timedelta(microseconds=1) + int(text[20:-1].ljust(9, "0")[:6])


def key_of(event: dict[str, Any]) -> Key:
    return event["application"]["id"], event["resource"]["id"]


def state_meant(event: dict[str, Any]) -> str | None:
    reactivates = {"field": "active", "to": True} in event.get("changes", ())
    return "active" if reactivates else MEANT.get(event["event_type"])


def stated(event: dict[str, Any]) -> str:
    if event["success"]:
        return "success"
    gone = event["event_type"] in CLOSING and event["message_chain"].get("response_code") == "404"
    return "reported_absent" if gone else "failure"


def test_confirmed_states_are_what_the_successes_in_the_log_say(played: Played) -> None:
    events, truth = played
    read: defaultdict[Key, list[tuple[str, int, str]]] = defaultdict(list)
    for event in events:
        body = json.loads(event.raw)
        if not (event.event_type or "").endswith(("_provision", "_deprovision")):
            continue
        meant, outcome = state_meant(body), stated(body)
        if meant is None or outcome == "failure":
            continue
        state = meant if outcome == "success" else "absent"
        changes = read[key_of(body)]
        if not changes or changes[-1][0] != state or state == "absent":
            changes.append((state, microseconds(body), body["id"]))
    kept = {key: [tuple(change) for change in each.confirmed] for key, each in truth.accounts.items() if each.confirmed}
    assert kept == read


def test_counts_are_what_the_events_state(played: Played) -> None:
    events, truth = played
    read: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        body = json.loads(event.raw)
        twelve = "_provision" in body["event_type"] or body["event_type"].startswith(("idm_", "user_deprovision"))
        read[body["event_type"]][stated(body) if twelve else "other"] += 1
    assert truth.counts == read


def test_every_failure_belongs_to_one_episode_within_its_time(played: Played) -> None:
    events, truth = played
    episodes = {each.id: each for each in truth.episodes}
    by_event = Counter(event_id for each in truth.episodes for event_id in each.events)
    assert set(by_event.values()) == {1}
    for event in events:
        if event.outcome in ("failure", "reported_absent"):
            episode = episodes[event.episode]
            assert event.event_id in episode.events
            assert episode.cause == event.cause
            at = microseconds(json.loads(event.raw))
            assert episode.started <= at
            assert episode.ended is None or at <= episode.ended
        else:
            assert (event.cause, event.episode) == ("", "")
    assert by_event.total() == sum(event.outcome in ("failure", "reported_absent") for event in events)


def test_leavers_are_who_was_suspended_and_not_taken_back(played: Played) -> None:
    events, truth = played
    read: dict[str, tuple[int, str]] = {}
    for event in events:
        if event.event_type != "user_update":
            continue
        body = json.loads(event.raw)
        for change in body["changes"]:
            if change["field"] == "state" and change["to"] == "SUSPENDED":
                read[body["resource"]["id"]] = (microseconds(body), body["id"])
            elif change["field"] == "state":
                del read[body["resource"]["id"]]
    assert {each.subject_id: (each.suspended_at, each.event_id) for each in truth.leavers.values()} == read
    for (_, subject_id), account in truth.accounts.items():
        if subject_id in read and account.intended:
            assert account.intended[-1].state in ("inactive", "deleted")


def test_what_is_intended_is_decided_by_an_event_of_the_directory(played: Played) -> None:
    events, truth = played
    directory = {
        event.event_id: microseconds(json.loads(event.raw))
        for event in events
        if event.event_type in ("user_update", "user_delete", "association_change", "group_delete")
    }
    for account in truth.accounts.values():
        test = account.subject_name.startswith("scim")
        for change in account.intended:
            assert (change.event_id is None) == test
            assert test or directory[str(change.event_id)] == change.at


def test_closing_attempts_are_counted_since_the_account_was_last_meant_closed(played: Played) -> None:
    events, truth = played
    tries: defaultdict[Key, list[int]] = defaultdict(list)
    for event in events:
        if event.event_type in CLOSING:
            body = json.loads(event.raw)
            tries[key_of(body)].append(microseconds(body))
    for key, account in truth.accounts.items():
        opened = max((change.at for change in account.intended if change.state == "active"), default=0)
        since = [at for at in tries[key] if at > opened]
        meant = account.meant_closed()
        assert [one.at for one in (account.tries_since(meant.at) if meant else ())] == since


def test_only_accounts_that_are_really_open_are_used(played: Played) -> None:
    events, truth = played
    used: defaultdict[Key, list[int]] = defaultdict(list)
    for event in events:
        if event.event_type == "sso_auth":
            body = json.loads(event.raw)
            key, at = (body["application"]["id"], body["initiated_by"]["id"]), microseconds(body)
            assert truth.accounts[key].state("actual", at) == "active"
            used[key].append(at)
    assert used
    assert {key: account.uses for key, account in truth.accounts.items() if account.uses} == used


def test_what_the_log_confirms_is_real_but_for_silent_refusals_and_deletions_by_hand(played: Played) -> None:
    _, truth = played
    silent = 0
    for account in truth.accounts.values():
        confirmed = account.confirmed[-1].state if account.confirmed else "absent"
        actual = account.actual[-1].state if account.actual else "absent"
        if confirmed in ("inactive", "deleted") and actual == "active":
            silent += 1
    assert silent < 0.05 * len(truth.accounts)


def test_the_demo_leaves_three_accounts_open_each_for_its_reason() -> None:
    organisation = demo(END)
    for _ in organisation:
        pass
    open_accounts = {each["username"]: each for each in organisation.truth.open_accounts()}
    assert set(open_accounts) == {"ines.almeida", "kofi.mensah", "lena.berg"}

    ines = open_accounts["ines.almeida"]
    assert (ines["application"], ines["subject_id"]) == ("statsig", "63ec9bba89a64e507ce0a4c2")
    assert (ines["confirmed"], ines["cause"], ines["tries"]) == ("active", "credentials", 144)
    assert ines["meant_closed_at"] == "2026-11-22T17:00:00Z"
    assert (ines["first_try_at"], ines["last_try_at"]) == ("2026-11-22T17:00:02Z", "2026-11-24T16:40:02Z")
    assert ines["used_at"] is None

    kofi = open_accounts["kofi.mensah"]
    assert (kofi["application"], kofi["confirmed"], kofi["actual"]) == ("miro", "inactive", "active")
    assert kofi["used_at"] == "2026-11-21T07:58:08Z"

    lena = open_accounts["lena.berg"]
    assert (lena["application"], lena["confirmed"], lena["tries"]) == ("statsig", "active", 0)


def test_odd_events_leave_the_truth_as_the_log_can_know_it() -> None:
    plain, odd = (Organisation(13, 50, 6, 12, START, oddities=share, story=False) for share in (0.0, 0.3))
    for organisation in (plain, odd):
        for _ in organisation:
            pass
    assert odd.truth.accounts == plain.truth.accounts


def test_without_recording_only_counts_are_kept() -> None:
    with_truth, without = (Organisation(14, 40, 6, 6, START, story=False, truth=keep) for keep in (True, False))
    assert [event.raw for event in with_truth] == [event.raw for event in without]
    assert without.truth.counts == with_truth.truth.counts
    kept = without.truth
    assert (kept.accounts, kept.episodes, kept.leavers) == ({}, [], {})
