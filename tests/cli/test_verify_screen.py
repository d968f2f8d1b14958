"""What `idtrail verify` says, on 80 columns."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from idtrail.cli.commands.verify import _show

ORGANIZATION = "641b3db57090821c0b2f8183"
DAY = {"topic": "idtrail.events", "partition": 3, "day": "2026-11-20", "log": 1_204_311, "repeats": 0}
NOTHING = {"missing": 0, "extra": 0, "altered": 0, "doubled": 0}
SOUND: dict[str, Any] = {
    "sound": True,
    "found": {},
    "findings": [],
    "unnamed": 0,
    "days": [DAY | NOTHING],
    "tables": [],
    "undetected": {"minutes": 0, "applications": 0},
    "dead_lettered": [],
    "conflicting": [],
    "unnamed_conflicts": 0,
    "read_to": [{"topic": "idtrail.events", "partition": 3, "offset": 10, "log_end": 12}],
}
OFF = SOUND | {
    "sound": False,
    "found": {"altered": 1, "missing": 1},
    "findings": [
        {"kind": "altered", "table": "events", "place": "idtrail.events[3]@1882", "event_id": "0a1b", "key": {}}
        | {"detail": "outcome, detail"},
        {"kind": "missing", "table": "account_marks", "place": "", "event_id": "", "detail": ""}
        | {"key": {"organization": ORGANIZATION, "subject_id": "63ec9bba89a64e507ce0a4c2", "application_id": "[/b]"}},
    ],
    "days": [DAY | NOTHING | {"altered": 1}],
    "tables": [{"table": "account_marks", "day": "", "missing": 1, "extra": 0, "altered": 0}],
    "undetected": {"minutes": 2, "applications": 1},
}


def shown(result: dict[str, Any]) -> str:
    out = io.StringIO()
    _show(Console(file=out, width=80, highlight=False), result)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_a_sound_store_takes_three_lines() -> None:
    assert shown(SOUND) == (
        "Read 1,204,311 records of the log; 2 came later or are not stored yet.\n"
        "The store holds each of them once, as the log has it, and nothing else.\n"
        "All that was made of them is what they make."
    )


def test_what_is_off_is_named_by_its_place_or_by_its_key() -> None:
    assert (
        shown(OFF)
        == f"""\
Read 1,204,311 records of the log; 2 came later or are not stored yet.
OFF: 1 altered, 1 missing
  topic           partition  logged on   missing  extra  altered  doubled
  idtrail.events          3  2026-11-20        -      -        1        -
  made of them   occurred on  missing  extra  altered
  account_marks  -                  1      -        -
  altered  idtrail.events[3]@1882  events  0a1b
           outcome, detail
  missing  account_marks
           organization={ORGANIZATION}
           subject_id=63ec9bba89a64e507ce0a4c2
           application_id=[/b]
Left out, since detection may still be at them: windows of 2 minutes and
incidents of 1 application.
Next: idtrail verify --json · idtrail rebuild"""
    )
