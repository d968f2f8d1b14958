"""The report and its drawing: goldens, what comes from outside, many steps.

`python -m tests.lifecycle.test_report` writes the goldens anew.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from idtrail.lifecycle_lanes import lanes
from idtrail.lifecycle_page import report
from idtrail.lifecycle_picture import LANES, RIGHT, WIDTH, picture, told
from tests.lifecycle.sample import DAY, NOW, after, answer_of, leaver, suspended
from tests.queries.test_lifecycle import row

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = Path(__file__).parent / "golden" / "report.html"
PICTURE: Final = ROOT / "docs" / "lifecycle-report.svg"
VOID: Final = {"meta", "br"}


def drawn() -> str:
    """The drawing of the leaver."""
    found = lanes(answer_of(leaver()), NOW)
    assert found is not None
    return picture(found, "ines.almeida")


def page() -> str:
    """The report of the leaver."""
    return report(answer_of(leaver(), "ines.almeida", "ines@corp.example"), {"Since": "30d", "Until": ""}, NOW)


class Read(HTMLParser):
    """Asserts that every element that is opened is closed; keeps elements, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_and_its_drawing_are_the_golden_ones() -> None:
    assert page() == PAGE.read_text(encoding="utf-8")
    assert drawn() == PICTURE.read_text(encoding="utf-8")


def test_the_attempt_that_an_account_tells_is_named_for_what_it_is() -> None:
    """A later update, refused, is among the steps of the same page."""
    made = report(answer_of([*leaver(), row(99, 3000, "", "failure", detail="too long")]), {}, NOW)
    assert '<th scope="col">last attempt to open or close</th>' in made
    assert "last attempt<" not in made
    assert 'data-name="last attempt to open or close">6 tries to close, last 2026-03-20 12:40:00' in made


def test_the_report_says_the_answer_first() -> None:
    texts = " ".join(text.strip() for text in Read(page()).texts if text.strip())
    begin = texts.index("</") if "</" in texts else texts.index("ines.almeida ines@")
    assert texts[begin:].startswith(
        "ines.almeida ines@corp.example, 63ec9bba 1 account meant to be closed is not confirmed closed: statsig, "
        "since 2026-03-20 11:00:00 UTC (22 h ago). The others: 1 closed."
    )


def test_the_report_stands_alone() -> None:
    read = Read(page())
    assert "script" not in read.tags
    assert {"link", "img", "iframe", "object"}.isdisjoint(read.tags)
    names = {name for name, _ in read.attributes}
    assert {"src", "href", "style"}.isdisjoint(names)
    assert not [name for name in names if name.startswith("on")]
    assert set(re.findall(r"url\((.*?)\)", page())) == {"#lanes-hatch"}
    assert set(re.findall(r"https?://[^\s\"<]+", page())) == {"http://www.w3.org/2000/svg"}


def test_the_drawing_is_told_to_whoever_does_not_see_it() -> None:
    svg = ElementTree.fromstring(drawn())  # noqa: S314  because it is our own
    space = "{http://www.w3.org/2000/svg}"
    own = {part.get("id"): part.text for part in svg if part.tag in (f"{space}title", f"{space}desc")}
    assert svg.get("aria-labelledby") == " ".join(str(name) for name in own)
    assert own["lanes-title-1"] == "The accounts of ines.almeida from 2026-03-19 11:00:00 to 2026-03-21 09:00:00 UTC"
    assert own["lanes-words-1"] == (
        "statsig: OPEN, meant inactive but active since 2026-03-20 11:00:00, 6 failed attempts."
        " slack: closed, 0 failed attempts."
    )


def test_many_lanes_are_several_drawings_each_with_its_dates_and_ids() -> None:
    found = lanes(answer_of(leaver()), NOW)
    assert found is not None
    many = [found.lanes[0]._replace(application=f"app{number}") for number in range(2 * LANES + 1)]
    made = Read(picture(found._replace(lanes=many), "ines.almeida"))
    ids = [value for name, value in made.attributes if name == "id"]
    assert made.tags.count("svg") == 3
    assert len(ids) == len(set(ids))
    assert made.texts.count("app30") + made.texts.count("app0") == 4  # beside the lane, and as its title
    assert made.texts.count("03-20 12:00") == 3
    assert made.texts.count("accepted") == 1


def test_a_date_at_the_right_edge_ends_there() -> None:
    found = lanes(answer_of(leaver()), NOW.replace(hour=0))
    assert found is not None
    dates = re.findall(r'x="([\d.]+)" y="\d+" text-anchor="(\w+)">\d', picture(found, "ines.almeida"))
    assert len(dates) > 4
    assert {anchor for _, anchor in dates[:-1]} == {"middle"}
    assert dates[-1] == (f"{WIDTH - RIGHT:.1f}", "end")


EVIL: Final = [
    pytest.param("<script>alert(1)</script>", id="a script"),
    pytest.param("</title></style></svg><img src=x onerror=alert(1)>", id="an end of what it stands in"),
    pytest.param("\"><b a='", id="quotes"),
    pytest.param("&lt;b&gt; &amp; ]]> <!--", id="entities and comments"),
    pytest.param("\u202eenod si ti\u2069\u2066", id="overrides of direction"),
    pytest.param("\0\x1b[31m\x7f\ud800", id="controls"),
    pytest.param("א" * 300, id="long, from right to left"),
    pytest.param("x" * 5000, id="very long"),
]


def hostile(text: str) -> dict[str, Any]:
    """The leaver, with that text wherever text comes from outside."""
    answer = answer_of([row(1, 0, "active", "success"), *leaver()[6:]], text, text)
    for item in [*answer["items"], *answer["accounts"], answer["person"]]:
        for name, value in item.items():
            # Whoever writes events chooses these; what the rest may be is ours to say.
            if name in ("application", "actor", "detail", "last_detail", "attribute", "group", "subject_id"):
                item[name] = text
            if name in ("because", "intended_because") and value:
                item[name] = {**value, "text": text}
            if name == "changed" and value:
                item[name] = [text]
    return answer


@pytest.mark.parametrize("text", EVIL)
def test_what_comes_from_outside_is_only_ever_text(text: str) -> None:
    answer = hostile(text)
    made = report(answer, {"Application": text}, NOW)
    plain = Read(report(hostile("plain"), {"Application": "plain"}, NOW))
    read = Read(made)
    assert read.tags == plain.tags
    assert [name for name, _ in read.attributes] == [name for name, _ in plain.attributes]
    svg = made[made.index("<svg") : made.index("</svg>") + 6]
    assert ElementTree.fromstring(svg).tag.endswith("svg")  # noqa: S314  because it is our own
    for turning in "\u202e\u2066\0\x1b\x7f":
        assert turning not in made
    made.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a <b> & 'c'", "a &lt;b&gt; &amp; &#x27;c&#x27;", id="escaped"),
        pytest.param(" two\nlines\t", "two lines", id="on one line"),
        pytest.param("\u05d0", "\u2068\u05d0\u2069", id="from right to left stands apart"),
        pytest.param("a\u202eb\x07", "a\ufffdb\ufffd", id="what is not seen is shown"),
    ],
)
def test_text_from_outside(text: str, shown: str) -> None:
    assert told(text) == shown


def test_five_thousand_steps_make_a_readable_page_and_one_makes_one_too() -> None:
    tries = [row(number, number, "inactive", "failure") for number in range(2, 5000)]
    many = report(answer_of([suspended(1, 0), *tries]), {}, after(5 * DAY))
    assert len(many) < 40_000
    assert many.count('<path class="failure"') < 120
    assert "deactivate, 4,997 times, about every 1 min" in many
    one = report(answer_of([row(1, 0, "active", "success")]), {}, after(0))
    assert "<h2>1 event</h2>" in one
    assert "No account that is meant to be closed is known to be open. 1 active." in one


def test_somebody_of_whom_nothing_is_known_for_certain_has_no_drawing() -> None:
    made = Read(report(answer_of([]), {}, NOW))
    assert "svg" not in made.tags
    assert "No account is known." in made.texts


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    PICTURE.write_text(drawn(), encoding="utf-8")
