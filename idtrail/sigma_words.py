"""What the page on alert rules says of Sigma, with an example that is imported."""

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
        "The record's, as the vendor writes it: `success`, `initiated_by.email`. Names are of letters, digits and `_`; "
        "what is in a list (`changes.field`) is refused.",
    ),
    (
        "`event_type`",
        "Becomes the list `type`. A rule must name its types one by one; they are those of the vendor, in small "
        "letters, and of a type with two names only the one that is named.",
    ),
    (
        "a text",
        "The whole text, with `*` and `?`, and without regard to case unless `cased` is given. The text of a number is "
        "its shortest (`404` of 404.0), that of a truth `true` or `false`; null, lists and objects have none.",
    ),
    ("`true`, `false`", "Without quotes: JSON's."),
    ("a number", "The number, and the text that reads so."),
    ("`null`", "Not there, or null."),
    ("`'*'` alone", "There, and not null."),
    ("`exists`", "There, be it null."),
    ("`gt`, `gte`, `lt`, `lte`", "Of numbers, and of texts that are plain decimals."),
    (
        "`re`",
        "Anywhere in the text; with `i` without regard to case. Patterns are those of [expressions](#expressions).",
    ),
    ("`cidr`", "Networks of IPv4 whose pattern is short enough."),
    ("a field that is not there", "Has none of the values: only `null`, `exists: false` and negations hold."),
    ("`event_count`", "A `threshold`, of one rule."),
    ("`value_count`", "`distinct`, of one rule and one field."),
    ("`temporal`", "`distinct` of `event_type`, if each rule is about one type, and each about another."),
    ("`temporal_ordered`", "A `sequence`, of two rules."),
    ("`condition`", "`gte` and `gt`, of whole numbers; `eq` of all the rules that a `temporal` one has."),
    (
        "`group-by`, `field`",
        f"One of {', '.join(f'`{name}`' for name in GROUPS)}, or an alias that means the same one in all rules. What "
        "lacks it, or has it empty, is in no group. Without groups, there is one alert for the organization.",
    ),
    ("`generate`", "Without it, what a correlation follows does not alert by itself."),
    ("`level`", "The severity; `informational` is `low`, and none is `medium`."),
    ("`name`, `title`", "Make the id, which begins with `sigma-`."),
    ("`falsepositives`", "Go into the remedy; references, tags, author and id into the description."),
)


def sigma_section() -> Iterator[str]:
    """The section, line by line."""
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
    yield f"`idtrail rules import-sigma {SIGMA_FILE}` makes of it:"
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

`idtrail rules import-sigma FILE… --into my-rules` turns rules and correlations in [Sigma](https://sigmahq.io) into
rules, a file each; without `--into` it prints them. It reads them by pySigma (LGPL-2.1), which is not installed
otherwise: `pip install 'idtrail[sigma]'`. A rule that is imported matches exactly what its Sigma means, neither more
nor less. What cannot be said so is refused, in a line with its file, line and field, and the exit code is 3. Look over
what is imported: Sigma knows no remedy, no tests, and no grouping of single events.
""".splitlines()

_TAIL: Final = """\
Refused, too, are words without a field, filters and `action`, `fieldref`, `expand`, parts of times, patterns over
lines, networks of IPv6, numbers from 2⁵³ on, conditions that stop holding with a further event (`lt`, `eq`),
correlations of correlations, and what YAML 1.1 and 1.2 read differently (`no`, `012`). Each field whose text is
compared without regard to case takes one of the three patterns that an expression may have, and each number that is
compared with `gt` and the like one more: texts without letters and `cased` ones take none, and what is not to hold at
the top of a condition (`selection and not filter`) has three of its own.
""".splitlines()
