"""Generates `docs/rules.md`, the page for authors of alert rules, from the models and the rules, with an example that
is run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from idtrail.cli.rule_screens import show_trials
from idtrail.cli.screen import Screen
from pages.rule_words import EXAMPLE, EXAMPLE_ID, FACTS, KINDS
from pages.sigma_words import sigma_section
from schemas.alerts import Severity
from streams.alerts import expression, pattern
from streams.alerts.duration import duration_text
from streams.alerts.example import Example, ExampleEvent, ExpectedAlert
from streams.alerts.excerpt import ENTRY, MOST
from streams.alerts.loading import read_rule, shipped_rules
from streams.alerts.lookout.lookout import CONCERNS
from streams.alerts.rule import Condition, Rule, RuleKind
from streams.alerts.seen import FACT_TYPES
from streams.alerts.trial import trials_of

_HEAD: Final = """<!-- Made from streams/alerts/ by `make generate`; changes here are overwritten. -->
# Alert rules

A rule is a YAML file: the events it matches, what triggers an alert, and the tests that prove it. The
[rules that ship](#rules-that-ship) are active from the start. Your own rules go into the folder that
`IDTRAIL_RULES_DIR` names, one file each, named after the rule's id. Your rule replaces a shipped rule with the same id:
copy the shipped rule and change the copy. `staging: true` records what a rule finds and pages nobody.

Errors in a rule are reported with file, line and field, and a worker does not start with an invalid rule:

```console
$ idtrail rules check my-rules        # valid, all tests pass, destinations known? exit code 3 if not
$ idtrail rules test my-rules/rights-refused.yaml
$ idtrail rules schema > rule.json    # for an editor that completes and checks what is written
```

## A rule from beginning to end

`rights-refused.yaml`:

```yaml
"""

_AFTER_EXAMPLE: Final = """```

It counts the people whose accounts an application refuses for lack of rights, except service accounts. The third
person within ten minutes opens an alert; the alert counts the following ones; the first success at the application ends
it. Its tests show this:

```console
$ idtrail rules test rights-refused.yaml
"""

_ALERTS: Final = """## What becomes of a trigger

Everything below applies per organization, rule and group (the values of the facts that `group_by` names). Events are
evaluated in the order of their own time (then of their ids), each once, however often and in whatever order they
arrive: a late event changes the alerts to what they would have been.

- **Opens**: with the first trigger. Triggers while the alert is open belong to it.
- **Is undone**: an event that meets `until` takes back the matches that a sequence or an absence remembers.
- **Ends**: with the next event that meets `until`, if the rule has one and the event is not itself a trigger; else when
  nothing has triggered for the time in `quiet` (by default the `window`, at least an hour).
- **Opens again**: a trigger after the end, but within the same `dedup` (1d: the same day, UTC; counted from 1970),
  reopens the same alert. A later one opens another alert.
- **Counts**: for threshold, distinct, ratio and mass, the matches (for ratio, the failures) from the first one in the
  opening trigger's window until the end; for the other kinds, the triggers.
- **Its id** is derived from the rule's id, the organization, the group, and the `dedup` period in which it opened. It
  depends neither on the rule's text nor on the order of arrival, so a backtest finds the same alerts.
- **Its title** has the facts of its last event in place of `{…}`.

Live detection evaluates fresh events: those that were logged within `IDTRAIL_HORIZON_HOURS` of their own time. A
backfill pages nobody. An event with an implausible time (none, garbage, or in the future) is stored and shown as usual,
but no rule sees it: it belongs in no window. Absence and silence are concluded half a minute after their time, when
everything that arrived has been read; an event that arrives later takes the alert back (`withdrawn`).

If a rule's text changes (except its tests), the rule starts afresh with the next start of the worker, without what it
remembered. Nothing watches the condition of an alert that was open then, or whose rule was removed: it stays open until
somebody resolves it. In a group with more than 1,000 matches a day, late events older than its last 500 are left out. A
window holds the last 10,000 matches, at most 10,000 matches that wait for a following event are remembered, and a group
in which `new` knows 20,000 values reports no new ones. One rule follows at most 20,000 groups of an organization at a
time: further groups are left out, which the worker's log reports with the rule's id and the metric
`idtrail_alerts_shed` counts.

## Against history

`idtrail rules backtest FILE… --since 30d` runs rules over the stored events with the same fold and reports which alerts
they would have made; without a file, it runs the rules in force. It needs the running trail and pages nobody. The
result includes the differences from live detection (which counted only fresh events), or with `--against OLD.yaml` from
the earlier rule: alerts *gained*, *lost*, and *moved* (opened or ended at another time, or with other events). An event
counts as fresh here if the copy in force arrived fresh. An event that a webhook sent in time and an export repeated a
week later does not, and its alerts are shown as lost.

A backtest follows at least as many groups of a rule at a time as live detection does, and forgets those that are over.
The result lists (`left_out`) the rules that reached this limit, or that of 100,000 alerts of one rule and organization.

"""

_CONDITIONS: Final = """## Conditions

`match`, `unless`, `then`, `failed` and `until` are conditions. Every given field must match; for a list, any one entry
suffices. Use the lists where you can, and `where` for the rest: the lists are indexed in a table, so hundreds of rules
cost little, and the expression runs last. An expression that uses only `fact.application_id`, `fact.organization` and
the facts of the lists is indexed too: hundreds of rules about one application each cost nothing for events of other
applications. Only a condition that lists their type sees events outside provisioning, such as sign-ins.

"""

_LIMITS: Final = "\n".join(
    textwrap.fill(text, 120, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    for text in (
        "The language has `== != < <= > >= && || ! ?: in + - * / %`, lists, and the functions "
        f"{', '.join(f'`{name}`' for name in sorted(expression.FUNCTIONS))}.",
        "An expression that fails on an event, mostly because a field is missing, does not match: test with "
        "`has(…)` first. The metric `idtrail_expression_errors` counts such events.",
        f"No expression can run for long. Loops ({', '.join(f'`{name}`' for name in sorted(expression.MACROS))}) are "
        f"refused, and so are expressions longer than {expression.MAX_BYTES:,} bytes or {expression.MAX_TOKENS} words "
        f"and signs, with more than {expression.MAX_PLUSES} pluses, or nested deeper than {expression.MAX_DEPTH} "
        "brackets.",
        f"An expression sees only the beginning of a huge field: {MOST:,} characters, of which each value "
        f"in a list or an object takes {ENTRY} beside its own and its name's. Facts are never that long.",
        f"Patterns of `matches` are quoted literals. At most {expression.MAX_PATTERNS} are allowed, of "
        f"{pattern.MAX_LENGTH} characters each, with at most {pattern.MAX_REPEATS} repeats (`{{n}}`, multiplied "
        "when nested). `\\w`, `\\d` and the like are refused because they are slow: write `[0-9]`.",
    )
)
_WHERE: Final = f"""### Expressions

`where` is an expression in [CEL](https://cel.dev). It reads `fact`, the facts that idtrail derives from the event, and
`event`, the vendor's record itself, by its top-level fields: `event.service`, `event['@version']`,
`event.message_chain.response_code`. Prefer facts: they are the same for every spelling of a record, and do not
require parsing its bytes again.

```
fact.http_status in [401, 403] && !fact.retryable
'active: false' in fact.changed
fact.detail.matches('(?i)token (is )?(expired|revoked)')
has(event.client_ip) && !event.client_ip.startsWith('10.')
```

{_LIMITS}
- `type(event.code) == string` tests a value's type: {", ".join(f"`{name}`" for name in sorted(expression.TYPES))}.
- Quoted texts use `\\` as usual; `r'…'` takes it literally. There are no comments and no triple quotes.

### Facts

"""

_TYPES: Final[dict[type, str]] = {str: "text", int: "number", bool: "true or false", tuple: "list of texts"}

_TESTS: Final = """## Tests in a rule

Each test has events and lists exactly the alerts that they make, in the order in which they open; without `alerts` it
expects none. Time begins on a Monday, 2026-01-05T09:00:00Z, and ends with the last event or `clock` after it.
The short form of an event is expanded to a whole Directory Insights record, which is read like any other.

"""

_WITHOUT: Final = """## Alerts without a rule

Rules see events as they arrive. Some conditions appear in no event, such as that none arrives, or what followed from
earlier ones. One worker of the group measures these at intervals and raises an [alert](alerts.md#without-a-rule) like
any other: it opens once, ends by itself, is delivered, and is kept. These alerts are active from the start. They are
not files, have no staging and no backtest, and no rule may have their ids. A destination's `rules` can include them or
not.

"""

_LEFT_OUT: Final = """## What rules cannot say

- **What another copy of an event says.** Rules see the copy in force; `idtrail events ID` shows all copies.
- **Local working hours.** `fact.hour` is UTC, in summer too.
"""


def rule_page() -> str:
    """Return the whole page."""
    texts = (
        _HEAD, EXAMPLE, _AFTER_EXAMPLE, _played(), "```\n\n",
        _lines(_fields()), _CONDITIONS, _lines(_table_of(Condition)), _WHERE, _lines(_facts()), _lines(_kinds()),
        _ALERTS, _TESTS, _lines(_tests()), _lines(_shipped()), _WITHOUT, _lines(_concerns()),
        _lines(sigma_section()), "\n", _LEFT_OUT,
    )  # fmt: skip
    return "".join(texts)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _played() -> str:
    """Return what `idtrail rules test` prints for the example."""
    rule = read_rule(EXAMPLE, f"{EXAMPLE_ID}.yaml", EXAMPLE_ID)
    out = StringIO()
    show_trials(Screen(file=out, width=110), rule, trials_of(rule))
    return out.getvalue()


def _fields() -> Iterator[str]:
    yield "## Fields"
    yield ""
    yield "Unknown fields are refused, and so are fields that do not apply to the rule's kind. Durations are a number"
    yield "with a unit: `90s`, `10m`, `2h`, `7d`."
    yield ""
    yield from _table_of(Rule)
    yield f"Severities: {', '.join(f'`{severity}`' for severity in Severity)}."
    yield ""


def _table_of(model: type[BaseModel]) -> Iterator[str]:
    yield "| field | default | meaning |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        yield f"| `{name}` | {_default(field.default)} | {field.description} |"
    yield ""


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ("", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value if isinstance(value, int | str) else duration_text(value)}`"


def _facts() -> Iterator[str]:
    yield "| fact | type | meaning |"
    yield "|---|---|---|"
    for name, kind in FACT_TYPES.items():
        yield f"| `{name}` | {_TYPES[kind]} | {FACTS[name]} |"
    yield ""
    yield "Texts are empty if the event does not state them. `group_by`, `of` and the title accept text facts only."
    yield ""


def _kinds() -> Iterator[str]:
    yield "## Kinds"
    yield ""
    yield "A *match* is an event that meets `match` and not `unless`. *Before* and *after* refer to the events' own"
    yield "time; a window of ten minutes that ends with an event begins just later than ten minutes before it."
    yield ""
    yield "| kind | when it triggers |"
    yield "|---|---|"
    for kind in RuleKind:
        yield f"| `{kind}` | {KINDS[kind]} |"
    yield ""


def _tests() -> Iterator[str]:
    yield "| of a test | default | meaning |"
    yield "|---|---|---|"
    yield from list(_table_of(Example))[2:]
    yield "| of an event | default | meaning |"
    yield "|---|---|---|"
    yield from list(_table_of(ExampleEvent))[2:]
    yield "| of an alert | default | meaning |"
    yield "|---|---|---|"
    yield from list(_table_of(ExpectedAlert))[2:]


def _shipped() -> Iterator[str]:
    yield "## Rules that ship"
    yield ""
    yield "Their files are in `streams/alerts/rules/`."
    yield ""
    yield "| rule | severity | kind | why |"
    yield "|---|---|---|---|"
    order = list(Severity)
    for rule in sorted(shipped_rules(), key=lambda rule: (-order.index(rule.severity), rule.id)):
        yield f"| `{rule.id}` | {rule.severity} | {rule.kind} | {rule.description} |"
    yield ""


def _concerns() -> Iterator[str]:
    yield "| alert | severity | opens when | ends when | why |"
    yield "|---|---|---|---|---|"
    for one in CONCERNS:
        yield f"| `{one.rule_id}` | {one.severity} | {one.opens} | {one.ends} | {one.description} |"
    yield ""
