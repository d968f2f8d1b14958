"""The slicer: every shape in, the same bytes out, and whatever is broken costs only itself."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import resync, slicer
from producers.resync import ValueEnd
from producers.slicer import Bad, Element, Record, Slicer, slice_whole

A, B, C = b'{"id":"a"}', b'{"id": "b", "x": {"y": [1, {"z": "}]"}]}}', b'{"id":"c","t":"\\"{[\\\\"}'


def cut(*blocks: bytes) -> list[Record]:
    cutter = Slicer()
    records = [record for block in blocks for record in cutter.feed(block)]
    records += cutter.finish()
    assert [record.index for record in records] == list(range(1, cutter.count + 1))
    return records


def told(records: list[Record]) -> list[bytes | tuple[str, bytes]]:
    return [record.raw if isinstance(record, Element) else (record.reason, record.raw) for record in records]


@contextmanager
def small_limits() -> Iterator[None]:
    """Limits so low that a short text crosses each of them."""
    with (
        patch.object(slicer, "_DECODED_WHOLE", 40),
        patch.object(slicer, "LARGEST_ELEMENT", 120),
        patch.object(slicer, "KEPT_OF_BAD", 60),
        patch.object(slicer, "_LONGEST_INDENT", 4),
    ):
        yield


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"[%b,%b,%b]" % (A, B, C), id="an array on one line"),
        pytest.param(b"[%b,\n%b,\n%b]\n" % (A, B, C), id="an array with an element a line"),
        pytest.param(b"[\n  %b,\n  %b,\n  %b\n]" % (A, B, C), id="an indented array"),
        pytest.param(b"%b\n%b\n%b\n" % (A, B, C), id="lines"),
        pytest.param(b"\n%b\n\n \n%b\n%b" % (A, B, C), id="lines with blank ones, the last without an end"),
        pytest.param(b"%b\r\n%b\r\n%b\r\n" % (A, B, C), id="lines ended as Windows does"),
        pytest.param(b"\xef\xbb\xbf%b\n%b\n%b\n" % (A, B, C), id="a byte-order mark, then lines"),
        pytest.param(b"\xef\xbb\xbf[%b,%b,%b]" % (A, B, C), id="a byte-order mark, then an array"),
        pytest.param(b"%b%b%b" % (A, B, C), id="objects without anything between"),
        pytest.param(b"[%b]\n[%b][]\n[ %b ]" % (A, B, C), id="arrays one after another"),
        pytest.param(b"%b\xef\xbb\xbf[%b]\n%b" % (A, B, C), id="files of several shapes joined"),
        pytest.param(b"%b,\n%b,\n%b]" % (A, B, C), id="the tail of an array"),
    ],
)
def test_every_shape_yields_its_elements_untouched(stream: bytes) -> None:
    records = cut(stream)
    assert told(records) == [A, B, C]
    assert all(stream[record.position :].startswith(record.raw) for record in records)


def test_an_object_over_many_lines_keeps_its_line_breaks() -> None:
    stream = b'{\n  "id": "a",\n  "changes": [\n    {\n      "field": "x"\n    }\n  ]\n}\n'
    assert told(cut(stream)) == [stream.strip()]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b" \n[]\n", [], id="an empty array"),
        pytest.param(
            b'[1, "a, {", null,%b, [%b], -2.5e3]' % (A, B),
            [
                ("not_an_object", b"1"),
                ("not_an_object", b'"a, {"'),
                ("not_an_object", b"null"),
                A,
                ("not_an_object", b"[%b]" % B),
                ("not_an_object", b"-2.5e3"),
            ],
            id="elements of an array that are no objects",
        ),
        pytest.param(
            b"%b\n17\nINFO: started, all well\n%b\n" % (A, B),
            [A, ("not_an_object", b"17"), ("not_json", b"INFO: started, all well"), B],
            id="lines that are no objects",
        ),
        pytest.param(b'%b\n{"id": tru}\n%b' % (A, B), [A, ("not_json", b'{"id": tru}'), B], id="a misspelt literal"),
        pytest.param(b'%b\n{"id":"x"\n%b' % (A, B), [A, ("not_json", b'{"id":"x"'), B], id="a line without its brace"),
        pytest.param(b'%b\n{"id":"x,\n%b' % (A, B), [A, ("not_json", b'{"id":"x,'), B], id="a line cut in a string"),
        pytest.param(b'%b\n{"id":[\n%b\n%b' % (A, B, C), [A, ("not_json", b'{"id":['), B, C], id="a line cut after ["),
        pytest.param(b'%b\n{"id":"x"}}\n%b' % (A, B), [A, b'{"id":"x"}', ("not_json", b"}"), B], id="a brace too many"),
        pytest.param(
            b'[%b,{"id" 1},%b,{"id":1 "x":{"y":[]}},%b]' % (A, B, C),
            [A, ("not_json", b'{"id" 1}'), B, ("not_json", b'{"id":1 "x":{"y":[]}}'), C],
            id="broken elements of an array on one line, their brackets whole",
        ),
        pytest.param(
            b'[%b,{"id":1,"x":{"y":2},%b,%b]' % (A, B, C),
            [A, ("not_json", b'{"id":1,"x":{"y":2},'), B, C],
            id="an element without its brace, in an array on one line",
        ),
        pytest.param(
            b'[%b,{"x":[{"y":1},"z":2},%b]' % (A, B),
            [A, ("not_json", b'{"x":[{"y":1},"z":2}'), B],
            id="an element without its inner bracket, in an array on one line",
        ),
        pytest.param(b'[%b,{"id":1]\n[%b]' % (A, B), [A, ("not_json", b'{"id":1'), B], id="an array ends too early"),
        pytest.param(
            b'[%b,{"id":"x},{"id":"y"},%b]' % (A, B),
            [A, ("not_json", b'{"id":"x},'), b'{"id":"y"}', B],
            id="a missing quote, in an array on one line",
        ),
        pytest.param(
            b'[%b,{"id":1,"x":[{"a":{"id":2},"b:3},{"id":4}],"y":{"id":5}},%b,%b]' % (A, B, C),
            [A, ("not_json", b'{"id":1,"x":[{"a":{"id":2},"b:3},'), b'{"id":4}', ("not_json", b'"y":{"id":5}},'), B, C],
            id="a missing quote within brackets, where an inner object begins alike too",
        ),
        pytest.param(
            b'[%b,{id":1,"x":["y},{],%b,%b]' % (A, B, C),
            [A, ("not_json", b'{id":1,"x":["y},{],'), B, C],
            id="what has no first key ends where one begins like the element before it",
        ),
        pytest.param(
            b'%b"x":"y", "z{"}%b%b' % (A, A, B),
            [A, ("not_json", b'"x":"y", "z{"}'), A, B],
            id="what is no object ends there too",
        ),
        pytest.param(
            b'[%b,{"id":1,"x":"{\\"id\\":2},{\\"id\\":3}","y":tru},%b]' % (A, B),
            [A, ("not_json", b'{"id":1,"x":"{\\"id\\":2},{\\"id\\":3}","y":tru}'), B],
            id="JSON within a string is no beginning",
        ),
        pytest.param(
            b'[\n  {\n    "a": [\n      {\n    "b": 1,\n  },\n  {\n    "id": 2\n  }\n]',
            [("not_json", b'{\n    "a": [\n      {\n    "b": 1,\n  },'), b'{\n    "id": 2\n  }'],
            id="an indented element with brackets missing ends where the next is indented alike",
        ),
        pytest.param(
            b'[\n  {"a":tru,"long":"enough","b":[\n  %b\n]' % A,
            [("not_json", b'{"a":tru,"long":"enough","b":['), A],
            id="the next line's indentation counts even when a block ends in it",
        ),
        pytest.param(b'%b\n{"id":"\xff"}\n%b' % (A, B), [A, ("invalid_utf8", b'{"id":"\xff"}'), B], id="not UTF-8"),
        pytest.param(b'%b\n{"id":"\0"}\n%b' % (A, B), [A, ("not_json", b'{"id":"\0"}'), B], id="a bare control byte"),
        pytest.param(b"%b\n\0\0\0\0" % A, [A, ("not_json", b"\0\0\0\0")], id="zeros at the end"),
        pytest.param(b'[%b,{"id":"x' % A, [A, ("cut_off", b'{"id":"x')], id="the stream ends inside a string"),
        pytest.param(b'[%b,{"id":tr' % A, [A, ("cut_off", b'{"id":tr')], id="the stream ends inside a literal"),
        pytest.param(
            b'{"id":x,"y":"a longer text"', [("not_json", b'{"id":x,"y":"a longer text"')], id="broken before"
        ),
    ],
)
def test_what_is_broken_costs_only_itself(stream: bytes, expected: list[bytes | tuple[str, bytes]]) -> None:
    assert told(cut(stream)) == expected
    assert told(cut(*(stream[at : at + 1] for at in range(len(stream))))) == expected


@pytest.mark.parametrize("put", ["", *'"{}[],:\\'])
@pytest.mark.parametrize(
    ("opening", "between", "closing"),
    [pytest.param(b"[", b", ", b"]", id="array"), pytest.param(b"", b"", b"", id="objects without anything between")],
)
def test_one_wrong_byte_costs_one_element(put: str, opening: bytes, between: bytes, closing: bytes) -> None:
    element = (
        '{"id": "c", "changes": [{"field": "emails", "to": [{"value": "a\\"b,{x", "t": "\\\\"}]}, {"to": null}], '
        '"geo": {"a": 1.5, "b": []}, "message": "{\\"id\\": \\"x, y\\"}, {", "z": [{}, []]}'
    )
    json.loads(element)
    for at in range(1, len(element) - 1):
        broken = (element[:at] + put + element[at + 1 :]).encode()
        out = told(cut(opening + between.join([A, B, broken, B, C]) + closing))
        assert (out[:2], out[-2:]) == ([A, B], [B, C])


def test_messages_say_where() -> None:
    (bad,) = cut('{"name":"Zoë"}'.encode("latin-1"))
    assert isinstance(bad, Bad)
    assert bad.message == "invalid UTF-8 at byte 11"
    (bad,) = cut(b'{"name" "Zoe", "more": "and more"}')
    assert isinstance(bad, Bad)
    assert bad.message == "not JSON at byte 8"


def test_utf16_is_called_by_its_name() -> None:
    first = cut('{"id":"a"}'.encode("utf-16"))[0]
    assert isinstance(first, Bad)
    assert (first.reason, first.message) == ("utf16", "UTF-16 text: save it as UTF-8")


def test_an_array_that_never_closes_is_known() -> None:
    whole, half = Slicer(), Slicer()
    assert [len(cutter.feed(b"[" + A + tail)) for cutter, tail in ((whole, b"]"), (half, b","))] == [1, 1]
    whole.finish()
    half.finish()
    assert (whole.in_array, half.in_array) == (False, True)


@pytest.mark.parametrize(
    ("end", "in_array"),
    [
        pytest.param(b"]}]\n ", False, id="it may have closed the array"),
        pytest.param(b"]}", True, id="it cannot have"),
    ],
)
def test_a_broken_element_may_have_swallowed_the_end_of_its_array(end: bytes, in_array: bool) -> None:
    cutter = Slicer()
    records = cutter.feed(b"[" + A + b',{"id":"x,"changes":[' + end) + cutter.finish()
    assert [type(record) for record in records] == [Element, Bad]
    assert cutter.in_array == in_array


@pytest.mark.parametrize("depth", [900, 5_000, 200_000])
def test_depth_beyond_any_stack_is_cut_all_the_same(depth: int) -> None:
    deep = b'{"x":' + b"[" * depth + b"]" * depth + b"}"
    nested = b'{"x":' * depth + b"1" + b"}" * depth
    assert told(cut(A + deep + nested + B)) == [A, deep, nested, B]


def test_a_number_of_many_digits_is_an_ordinary_value() -> None:
    long = b'{"n":' + b"7" * 10_000 + b"}"
    assert told(cut(long)) == [long]


def test_an_element_beyond_the_limit_is_skipped_to_its_end() -> None:
    large = b'{"x":"' + b"a" * slicer.LARGEST_ELEMENT + b'"}'
    stream = b"[" + A + b"," + large + b"," + B + b"]"
    step = 256 << 10
    first, bad, last = cut(*(stream[at : at + step] for at in range(0, len(stream), step)))
    assert (first.raw, last.raw) == (A, B)
    assert isinstance(bad, Bad)
    assert (bad.reason, bad.position, bad.index) == ("too_large", 12, 2)
    assert bad.message == "8,388,616 bytes, more than 8,388,608 (the first 786,432 are kept)"
    assert bad.raw == large[: slicer.KEPT_OF_BAD]


def test_an_element_just_within_the_limit_is_taken() -> None:
    large = b'{"x":"' + b"a" * (slicer.LARGEST_ELEMENT - 8) + b'"}'
    step = 256 << 10
    assert told(cut(*(large[at : at + step] for at in range(0, len(large), step)))) == [large]


def test_what_is_followed_is_not_copied() -> None:
    followed: list[str] = []

    class Watched(ValueEnd):
        def find(self, text: str, start: int, end: int) -> int | None:
            followed.append(text)
            return super().find(text, start, end)

    # The line break at the end is held back, so that whatever is followed ends before the text does.
    with patch.object(slicer, "ValueEnd", Watched):
        assert len(cut(b"{'id': 'a'}\n" * 500)) == 500
    assert len({id(text) for text in followed[:-1]}) == 1


@pytest.mark.parametrize(
    ("stream", "opened"),
    [
        pytest.param(b"[[" + b"[" * 5_000 + b"}" * 5_000, 5_001, id="braces that close nothing"),
        pytest.param(
            b'{"x":' + b"{[[" * 5_000 + b"}" * 5_000, 15_001, id="braces that close what is left open in them"
        ),
        pytest.param(b'{"x":' + b"[" * 5_000 + b"]}" * 5_000, 5_001, id="a brace too early"),
    ],
)
def test_each_bracket_is_looked_through_once(stream: bytes, opened: int) -> None:
    looked = 0

    class Stack(bytearray):
        def rfind(self, opener: object) -> int:  # type: ignore[override]  # because this is how it is called
            nonlocal looked
            found = super().rfind(opener)  # type: ignore[arg-type]
            looked += len(self) - max(found, 0)
            return found

    with patch.object(resync, "bytearray", Stack, create=True):
        cut(stream)
    assert looked <= 2 * opened


def test_records_of_a_body_are_cut_as_they_are_asked_for() -> None:
    body = b"1\n" * 400_000
    with patch.object(slicer, "_BLOCK_BYTES", 25_000):
        tracemalloc.start()
        try:
            few = list(islice(slice_whole(body), 1_000))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert [record.index for record in few] == list(range(1, 1_001))
    assert peak < 4_800_000  # some 120 bytes for each of 400,000 would be ten times as much


@pytest.mark.parametrize("size", [0, 1, 39, 40, 41, 80])
def test_a_body_is_cut_whole(size: int) -> None:
    body = (A + b"\n" + B)[:size] + b"\n" + C
    with patch.object(slicer, "_BLOCK_BYTES", 40):
        assert list(slice_whole(body)) == cut(body)


# ── properties ────────────────────────────────────────────────────────────────────────────────────────────

texts = st.text(max_size=12) | st.text(alphabet='{}[]",:\\\n\u2028é😀', max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=5)
styles = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, None, 0, 1, 2, 4, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n", "\t:  ")]),
    }
)
elements = st.builds(
    lambda value, style: json.dumps(value, **style).encode("utf-8", "replace"), objects, styles
).filter(lambda raw: b"?" not in raw)  # `replace` wrote one for a lone surrogate
shapes = st.sampled_from(
    [(b"[", b",", b"]"), (b"[\n", b",\n", b"\n]\n"), (b"", b"\n", b""), (b"", b"\r\n\r\n", b"\n"), (b"", b"", b"")]
)
fragments = st.sampled_from(
    [
        *'{}[],:"\\\n1é\0',
        *'tru null "a" {"id":"a"} "x": {{{{{ ]]]]] ,{"id": }{"id" "id"'.split(),
        *("\n  ", "\n      ", " ", "\xff", "\xef\xbb\xbf", '\n{"id":"b"}', "a" * 30),
    ]
).map(lambda text: text.encode("latin-1"))
soup = st.lists(fragments, max_size=40).map(b"".join) | st.binary(max_size=60)


def blocks_of(stream: bytes, seed: int) -> list[bytes]:
    chooser = random.Random(seed)
    longest = chooser.choice([1, 2, 7, 40, 200])
    blocks = []
    while stream:
        size = chooser.randint(0, longest)
        blocks.append(stream[:size])
        stream = stream[size:]
    return blocks


@settings(deadline=None)
@given(st.lists(elements, max_size=6), shapes, st.integers())
def test_any_objects_in_any_style_come_out_byte_for_byte(
    raws: list[bytes], shape: tuple[bytes, bytes, bytes], seed: int
) -> None:
    opening, between, closing = shape
    stream = opening + between.join(raws) + closing
    assert told(cut(*blocks_of(stream, seed))) == raws


@settings(deadline=None)
@given(st.lists(elements.filter(lambda raw: len(raw) <= 120), max_size=6), shapes, st.integers())
def test_elements_too_large_to_decode_come_out_the_same(
    raws: list[bytes], shape: tuple[bytes, bytes, bytes], seed: int
) -> None:
    opening, between, closing = shape
    with small_limits():
        assert told(cut(*blocks_of(opening + between.join(raws) + closing, seed))) == raws


@settings(max_examples=3 * settings().max_examples)
@given(soup, st.integers())
def test_no_bytes_raise_and_no_cut_into_blocks_changes_the_answer(stream: bytes, seed: int) -> None:
    assert cut(*blocks_of(stream, seed)) == cut(stream)


@settings(max_examples=3 * settings().max_examples)
@given(st.lists(soup, max_size=4).map(b"\n".join), st.integers())
def test_where_limits_are_crossed_no_cut_changes_the_answer_either(stream: bytes, seed: int) -> None:
    with small_limits():
        assert cut(*blocks_of(stream, seed)) == cut(stream)


@settings(max_examples=3 * settings().max_examples)
@given(soup, st.integers())
def test_only_separators_are_passed_over_in_silence(stream: bytes, seed: int) -> None:
    at = 0
    for record in cut(*blocks_of(stream, seed)):
        assert record.position >= at
        assert stream[record.position :].startswith(record.raw)
        assert not stream[at : record.position].replace(b"\xef\xbb\xbf", b"").strip(b" \t\r\n,[]")
        at = record.position + len(record.raw)
    assert not stream[at:].replace(b"\xef\xbb\xbf", b"").strip(b" \t\r\n,[]")


@settings(deadline=None)
@given(st.lists(elements, min_size=1, max_size=5), soup.filter(lambda noise: b"[" not in noise), st.integers())
def test_a_broken_line_leaves_the_lines_around_it_alone(raws: list[bytes], noise: bytes, seed: int) -> None:
    lines = [json.dumps(json.loads(raw)).encode() for raw in raws]
    broken = b'{"broken":' + noise.replace(b"\n", b" ").replace(b"{", b"") + b"!"
    stream = b"\n".join([*lines, broken, *lines])
    out = told(cut(*blocks_of(stream, seed)))
    assert out[: len(lines)] == lines
    assert out[-len(lines) :] == lines
