"""The drawing in docs/incidents.md: three people's runs, and the episodes that the fold makes of them."""

from __future__ import annotations

from typing import Final

from streams.incidents import NEVER, NOBODY, Run, episodes

_NAMES: Final = ("Ines", "Kofi", "Lena")
_FAILED: Final = {"Ines": (1, 3, 5, 14), "Kofi": (4, 7), "Lena": (15, 17)}
_ACCEPTED: Final = {"Ines": (6, 19), "Kofi": (9,), "Lena": (21,)}
"""Hours. The cause is a refused value, so each person's own success ends their trouble."""

_LEFT: Final = 92
_STEP: Final = 27
_HOURS: Final = 24
_ROW: Final = 40
_WIDTH: Final = _LEFT + _STEP * _HOURS + 20
_RED, _GREEN, _AMBER, _GREY = "#c62828", "#2e7d32", "#f9a825", "#757575"


def runs_of(name: str) -> list[Run]:
    """Return one person's runs, each from a failure to a success."""
    found = []
    for begun, ended in zip((0, *_ACCEPTED[name]), _ACCEPTED[name], strict=False):
        failed = [hour for hour in _FAILED[name] if begun < hour < ended]
        if failed:
            found.append(_run(name, failed, ended))
    return found


def _run(name: str, failed: list[int], ended: int) -> Run:
    return Run(
        name, "user", len(failed), failed[0], failed[-1], NOBODY, NOBODY, ended or NEVER, NOBODY, "", 0, "", "", ""
    )


def picture() -> str:
    """Return the SVG: a row per person with failures and successes; below them the incident's episodes and states."""
    parts = [_text(_LEFT - 12, 24, "hour", "end", _GREY)]
    parts += [_text(_x(hour), 24, str(hour), "middle", _GREY) for hour in range(0, _HOURS + 1, 2)]
    for place, name in enumerate(_NAMES):
        y = 56 + place * _ROW
        parts.append(_text(_LEFT - 12, y + 5, name, "end"))
        parts.append(_line(_x(0), y, _x(_HOURS), y, "#e0e0e0", 1))
        parts += [_line(_x(run.first_at), y, _x(run.ended_at), y, _RED, 3) for run in runs_of(name)]
        parts += [_cross(_x(hour), y) for hour in _FAILED[name]]
        parts += [_dot(_x(hour), y) for hour in _ACCEPTED[name]]
    y = 56 + len(_NAMES) * _ROW
    parts.append(_text(_LEFT - 12, y + 16, "incident", "end", weight="bold"))
    stretches = episodes(run for name in _NAMES for run in runs_of(name))
    for number, stretch in enumerate(stretches, 1):
        begin, end = _x(stretch.since), _x(stretch.ended_at)
        state = "open" if number == 1 else "regressed"
        parts.append(f'<rect x="{begin}" y="{y}" width="{end - begin}" height="24" rx="4" fill="{_AMBER}"/>')
        parts.append(_text((begin + end) // 2, y + 16, f"episode {number}: {state}", "middle"))
        if number < len(stretches):
            parts.append(_text((end + _x(stretches[number].since)) // 2, y + 16, "resolved", "middle", _GREEN))
    parts.append(_text(_x(_HOURS) + 16, y + 16, "resolved", "end", _GREEN))
    y += 56
    parts += [_cross(_LEFT, y - 5), _text(_LEFT + 12, y, "failed")]
    parts += [_dot(_LEFT + 90, y - 5), _text(_LEFT + 102, y, "succeeded")]
    parts += [_line(_LEFT + 210, y - 5, _LEFT + 240, y - 5, _RED, 3), _text(_LEFT + 248, y, "a run: in trouble")]
    body = "\n".join(f"  {part}" for part in parts)
    title = "Three people fail and succeed; where their runs overlap they are one episode, and there are two."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 16}" width="{_WIDTH}" height="{y + 16}"'
        f' role="img" font-family="sans-serif" font-size="13">\n  <title>{title}</title>\n'
        f'  <rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _x(hour: int) -> int:
    return _LEFT + hour * _STEP


def _text(x: int, y: int, text: str, anchor: str = "start", fill: str = "#212121", weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">{text}</text>'


def _line(x1: int, y1: int, x2: int, y2: int, stroke: str, width: int) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{stroke}" stroke-width="{width}"/>'


def _cross(x: int, y: int) -> str:
    path = f"M{x - 5} {y - 5}L{x + 5} {y + 5}M{x - 5} {y + 5}L{x + 5} {y - 5}"
    return f'<path d="{path}" stroke="{_RED}" stroke-width="2.5"/>'


def _dot(x: int, y: int) -> str:
    return f'<circle cx="{x}" cy="{y}" r="6" fill="{_GREEN}"/>'
