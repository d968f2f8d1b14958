"""The screen of a person at 80 columns."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from idtrail.cli.commands.person import link, show_person
from tests.queries.people_events import ADDRESS, ANA, BEN, CLEO
from tests.records import NOON

EVENT = "00000000-0000-0000-0000-000000000001"


def alias(own: str, kind: str, value: str, since: str, until: str | None = None) -> dict[str, Any]:
    return {"subject_id": own, "kind": kind, "value": value, "spelt": value, "since": since, "until": until}


def life(own: str, first: str, last: str, events: int, ended: str | None = None) -> dict[str, Any]:
    return {"subject_id": own, "first_seen": first, "last_seen": last, "events": events, "ended_at": ended}


MARCH, JUNE, NOW = "2025-03-01T09:00:00Z", "2025-06-01T17:00:00Z", "2026-03-18T12:00:00Z"
REHIRED: dict[str, Any] = {
    "person": {"subject_id": BEN, "names": ["ana.costa", ADDRESS, "ana.lima"], "note": ""},
    "at": None,
    "ids": [life(ANA, MARCH, JUNE, 214, JUNE), life(BEN, JUNE, NOW, 31)],
    "aliases": [alias(ANA, "name", "ana.lima", MARCH), alias(ANA, "email", ADDRESS, MARCH, JUNE)],
    "links": [
        {
            "first": ANA,
            "second": BEN,
            "strength": "strong",
            "evidence": [{"kind": "employee", "value": "4711"}, {"kind": "email", "value": ADDRESS}],
            "decision": None,
        }
    ],
    "hints": [],
}
APART = {
    **REHIRED,
    "person": {"subject_id": BEN, "names": ["ana.costa"], "note": f"{CLEO} was seen as ana.costa from then to now"},
    "ids": [life(BEN, JUNE, NOW, 31)],
    "aliases": [alias(BEN, "name", "ana.costa", JUNE)],
    "links": [],
    "hints": [
        {
            "first": ANA,
            "second": BEN,
            "why": "told apart by hand",
            "evidence": [],
            "decision": {
                "linked": False,
                "by": "ada",
                "at": NOW,
                "because": "two badges, two desks, and two birthdays",
            },
        },
        {
            "first": BEN,
            "second": CLEO,
            "why": "both were in use at the same time",
            "evidence": [{"kind": "name", "value": "ana.costa"}],
            "decision": None,
        },
    ],
}

SCREENS = {
    "rehired": f"""\
ana.costa · 2 ids, 3 names

  id                        events  first seen  last seen  ended
  {ANA}     214  2025-03-01  290 d ago  2025-06-01
  {BEN}      31  2025-06-01  24 h ago   -

  since (UTC)       until             id     what       is
  2025-03-01 09:00  to the end        …aaaa  user name  ana.lima
  2025-03-01 09:00  2025-06-01 17:00  …aaaa  address    {ADDRESS}

  {ANA} = {BEN}
    strong: employee number 4711, address {ADDRESS}
Next: idtrail lifecycle {BEN} · idtrail person separate {ANA} {BEN} --because "…"
""",
    "apart": f"""\
ana.costa · 1 id, 1 name
note: {CLEO} was seen as ana.costa from then to now

  id                        events  first seen  last seen  ended
  {BEN}      31  2025-06-01  24 h ago   -

  since (UTC)       until  what       is
  2025-06-01 17:00  still  user name  ana.costa

Not linked:
  {ANA} and {BEN}
    told apart by ada 2026-03-18 12:00: two badges, two desks, and two birthdays
  {BEN} and {CLEO}
    both were in use at the same time (user name ana.costa)
Next: idtrail lifecycle {BEN} · idtrail person link {BEN} {CLEO} --because "…"
""",
}


THEN = {**REHIRED, "at": MARCH, "ids": REHIRED["ids"][:1], "aliases": REHIRED["aliases"][:1], "links": []}
SCREENS["then"] = f"""\
ana.lima at 2025-03-01 09:00:00 · 1 id, 3 names

  id                        events  first seen  last seen  ended
  {ANA}     214  2025-03-01  290 d ago  2025-06-01

  since (UTC)       until       what       is
  2025-03-01 09:00  to the end  user name  ana.lima

Next: idtrail lifecycle {BEN}
"""


@pytest.mark.parametrize(("name", "answer"), [("rehired", REHIRED), ("apart", APART), ("then", THEN)])
def test_the_screen_of_a_person(name: str, answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    out = Console(highlight=False, emoji=False, width=80)
    show_person(out, answer, NOON)
    told = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines()) + "\n"
    assert told == SCREENS[name]
    assert all(cell_len(line) <= 80 for line in told.splitlines() if not line.startswith(("Next:", "note:")))


def test_an_organization_is_kept_in_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    show_person(Console(width=80), THEN, NOON, "corp")
    assert capsys.readouterr().out.splitlines()[-1] == f"Next: idtrail lifecycle {BEN} --organization corp"


@pytest.mark.parametrize(
    ("asked", "note", "told"),
    [
        pytest.param((ANA, BEN), "", f"{ANA} and {BEN} are one person", id="ids"),
        pytest.param(
            ("ana.lima", BEN), "x", f"ana.lima ({ANA}) and {BEN} are one person", id="a name, with the id it means"
        ),
    ],
)
def test_a_decision_tells_the_ids_that_it_is_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: tuple[str, str], note: str, told: str
) -> None:
    api = Posts({"first": ANA, "second": BEN, "linked": True, "event_id": EVENT, "note": note})
    monkeypatch.setattr("idtrail.cli.commands.person.connect", lambda: api)
    link(*asked, "papers")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{told}: on the log as event {EVENT}"
    assert lines[1:-1] == ([f"note: {note}"] if note else [])
    assert lines[-1] == f"Next: idtrail person show {ANA}"
    assert api.bodies == [{"first": asked[0], "second": asked[1], "because": "papers"}]


class Posts:
    """An API that answers the same to every body."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer, self.bodies = answer, list[Any]()

    def post(self, path: str, body: Any) -> dict[str, Any]:
        self.bodies.append(body)
        return self.answer
