"""The text of the page on alert rules about Sigma, with an example that is imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.alerts.sigma.conversion import converted
from streams.alerts.sigma.field import GROUPS
from streams.alerts.sigma.reading import PRODUCT, SERVICES

SIGMA_FILE: Final = "lockout.yml"
SIGMA: Final = """\
title: An administrator's closing of an account fails
name: failed_closing
logsource:
  product: jumpcloud
  service: directory_insights
detection:
  selection:
    event_type: [user_deprovision, user_delete_provision]
    initiated_by.type: admin
    success: false
  filter_service_accounts:
    initiated_by.email|startswith: svc-
  condition: selection and not 1 of filter_*
---
title: Many accounts stay open
id: 3e0ff1c4-7d2f-4c39-9d6a-6b8a1f1d5c2e
level: high
falsepositives: [An application that is being switched off]
correlation:
  type: event_count
  rules: [failed_closing]
  group-by: [application.id]
  timespan: 1h
  condition: {gte: 5}
"""

_MEANINGS: Final = (
    ("`logsource`", f"`product: {PRODUCT}`, alone or with `service: {SERVICES[0]}`. Others are refused."),
    (
        "a field",
        "The record's field, as the vendor writes it: `success`, `initiated_by.email`. Names consist of letters, "
        "digits and `_`; fields inside a list (`changes.field`) are refused.",
    ),
    (
        "`event_type`",
        "Becomes the list `type`. A rule must list its types individually, by the vendor's names in lower case; of a "
        "type with two names only the listed one matches.",
    ),
    (
        "a text",
        "The whole text, with `*` and `?`, ignoring case unless `cased` is given. A number's text is its shortest form "
        "(`404` for 404.0), a boolean's is `true` or `false`; null, lists and objects have none.",
    ),
    ("`true`, `false`", "Without quotes: JSON booleans."),
    ("a number", "The number, or the same number as text."),
    ("`null`", "Missing or null."),
    ("`'*'` alone", "Present and not null."),
    ("`exists`", "Present, even if null."),
    ("`gt`, `gte`, `lt`, `lte`", "For numbers, and for texts that are plain decimals."),
    (
        "`re`",
        "Anywhere in the text; with `i` ignoring case. Patterns are those of [expressions](#expressions).",
    ),
    ("`cidr`", "IPv4 networks whose pattern is short enough."),
    ("a missing field", "Has none of the values: only `null`, `exists: false` and negations match."),
    ("`event_count`", "A `threshold` over one rule."),
    ("`value_count`", "`distinct` over one rule and one field."),
    ("`temporal`", "`distinct` over `event_type`, if each rule is about one type, each a different one."),
    ("`temporal_ordered`", "A `sequence` of two rules."),
    (
        "`condition`",
        "`gte` and `gt` with whole numbers; `eq` with the number of all rules of a `temporal` correlation.",
    ),
    (
        "`group-by`, `field`",
        f"One of {', '.join(f'`{name}`' for name in GROUPS)}, or an alias that means the same one in all rules. Events "
        "in which it is missing or empty are in no group. Without groups there is one alert per organization.",
    ),
    ("`generate`", "Without it, rules of a correlation do not alert by themselves."),
    ("`level`", "The severity; `informational` becomes `low`, and no level `medium`."),
    ("`name`, `title`", "Form the id, which begins with `sigma-`."),
    ("`falsepositives`", "Goes into the remedy; references, tags, author and id go into the description."),
)


def sigma_section() -> Iterator[str]:
    """Yield the section line by line."""
    made = converted({SIGMA_FILE: SIGMA})
    assert not made.refused
    (imported,) = made.rules.values()
    yield from _HEAD
    yield ""
    yield f"`{SIGMA_FILE}`:"
    yield ""
    yield "```yaml"
    yield SIGMA.rstrip()
    yield "```"
    yield ""
    yield f"`idtrail rules import-sigma {SIGMA_FILE}` converts it to:"
    yield ""
    yield "```yaml"
    yield imported.rstrip()
    yield "```"
    yield ""
    yield "| in Sigma | means here |"
    yield "|---|---|"
    for word, meaning in _MEANINGS:
        yield f"| {word} | {meaning} |"
    yield ""
    yield from _TAIL


_HEAD: Final = """\
## Rules in Sigma

`idtrail rules import-sigma FILE… --into my-rules` converts rules and correlations in [Sigma](https://sigmahq.io) into
rules, one file each; without `--into` it prints them. It needs pySigma (LGPL-2.1), which is an optional dependency:
`pip install 'idtrail[sigma]'`. An imported rule matches exactly what its Sigma rule means. Anything that cannot be
converted exactly is refused in a line with its file, line and field, and the exit code is 3. Review imported rules:
Sigma has no remedy, no tests, and no grouping of single events.
""".splitlines()

_TAIL: Final = """\
Also refused: keywords without a field, filters and `action`, `fieldref`, `expand`, parts of times, multi-line
patterns, IPv6 networks, numbers from 2⁵³ on, conditions that stop holding with a further event (`lt`, `eq`),
correlations of correlations, and values that YAML 1.1 and 1.2 read differently (`no`, `012`). An expression may have
three patterns. Each field whose text is compared ignoring case takes one of them, and each number that is compared with
`gt` and the like one more; texts without letters and `cased` texts take none. The negated part at the top of a
condition (`selection and not filter`) has three patterns of its own.
""".splitlines()
