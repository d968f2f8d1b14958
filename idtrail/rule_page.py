"""The page for authors of alert rules, `docs/rules.md`: from the models and the rules, with an example that is run."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from idtrail.cli.rule_screens import show_trials
from idtrail.cli.screen import Screen
from idtrail.rule_words import EXAMPLE, EXAMPLE_ID, FACTS, KINDS
from idtrail.sigma_words import sigma_section
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

A rule is a file of YAML: which events it is about, what has to happen for an alert, and the tests that prove it. The
[rules that ship](#rules-that-ship) are in force at once. Your own are in the folder that `IDTRAIL_RULES_DIR` names, one
file each, named after the rule's id. A rule of yours with the id of a shipped one stands in for it: copy that, and
change what you want otherwise; `staging: true` records what it finds and pages nobody.

Whatever is wrong with a rule is told with its file, line and field, and a worker does not start with it:

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

It counts people whose accounts an application refuses for lack of rights, those of services left out. The third within
ten minutes opens an alert; whoever follows is counted by it; the first success at the application ends it. Its tests
say so:

```console
$ idtrail rules test rights-refused.yaml
"""

_ALERTS: Final = """## What becomes of a trigger

Everything below is by organization, rule and group: the values of the facts that `group_by` names. Events are taken in
the order of their own time (then of their ids), each once, however often and in whatever order they come: one that
comes late makes the alerts what they would have been.

- **Opens**: with the first trigger. What triggers while the alert is open belongs to it.
- **Is undone**: what meets `until` takes back the matches that a sequence or an absence remembers.
- **Ends**: with the next event that meets `until`, if the rule has one and the event is no trigger itself; else when
  nothing has triggered for as long as `quiet` says (by default the `window`, an hour at least).
- **Opens again**: if it triggers after its end within the same `dedup` (1d: the same day, UTC; counted from 1970), it
  is the same alert once more. Later it is another alert.
- **Counts**: of threshold, distinct, ratio and mass the matches (of a ratio the failures) from the first that its
  opening trigger's window covers until it ends; of the other kinds what triggers.
- **Its id** is made of the rule's id, the organization, the group, and the stretch of `dedup` in which it opened:
  neither the rule's text nor the order of arrival has a part in it, so that a backtest finds the same alerts.
- **Its title** has the facts of its last event in the place of `{…}`.

Live detection takes fresh events: those that the log had within `IDTRAIL_HORIZON_HOURS` of their own time. A backfill
pages nobody. An event whose time cannot be believed (none, garbage, or in the future) is stored and shown as ever, but
is seen by no rule: it belongs into no window. Absence and silence are believed half a minute after their time, when
everything that came has been read; what shows up later takes the alert back (`withdrawn`).

A rule whose text changes (its tests aside) begins anew with the next start of the worker: what it remembered means
nothing to the new one. Of a group that is busier than 1,000 matches a day, what comes later than the last 500 is left
out. A window holds the last 10,000 matches; more than 10,000 that wait for what should follow are not remembered, and
of a group in which `new` knows 20,000 values nothing is new any more. Of one rule, 20,000 groups of an organization are
followed at a time: what would make more is left out, which the worker's log tells with the rule's id, and the metric
`idtrail_alerts_shed` counts.

## Against history

`idtrail rules backtest FILE… --since 30d` runs rules over what the trail holds, by the same fold, and tells which
alerts they would have made; without a file, the rules in force. It needs the running trail and pages nobody. Beside
the result stands what differs from what live detection told (there only fresh events count, which it had), or with
`--against OLD.yaml` from what the rule said before: alerts *gained*, *lost*, and *moved* (opened or ended at another
time, or made of other events). An event counts as fresh here if the copy that is in force came fresh: what a webhook
told in time and an export brings again a week later does not, and its alerts are shown as lost.

A backtest follows at least as many groups of a rule at a time as live detection does, and forgets those that are over.
The result lists (`left_out`) the rules that met this limit, or that of 100,000 alerts of one rule and organization.

"""

_CONDITIONS: Final = """## Conditions

`match`, `unless`, `then`, `failed` and `until` are conditions. All that is given must hold; of a list any one. Give the
lists where you can, and leave `where` what they cannot say: rules are found by the lists in a table, so that hundreds
cost little, and the expression is run last. An expression that asks for nothing but `fact.application_id`,
`fact.organization` and what the lists are about is found by that table too: hundreds of rules about one application
each cost events of the others nothing. What is not of provisioning, such as sign-ins, is seen only by a condition that
lists its type.

"""

_LIMITS: Final = "\n".join(
    textwrap.fill(text, 120, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    for text in (
        "There are `== != < <= > >= && || ! ?: in + - * / %`, lists, and the functions "
        f"{', '.join(f'`{name}`' for name in sorted(expression.FUNCTIONS))}.",
        "An expression that cannot be asked of an event, mostly because a field is missing, does not match: ask "
        "`has(…)` first. How often that happens, the metric `idtrail_expression_errors` tells.",
        f"Nothing in it can run for long. Loops ({', '.join(f'`{name}`' for name in sorted(expression.MACROS))}) are "
        f"refused, and so is what is longer than {expression.MAX_BYTES:,} bytes or {expression.MAX_TOKENS} words and "
        f"signs, has more than {expression.MAX_PLUSES} pluses, or is nested deeper than {expression.MAX_DEPTH} "
        "brackets.",
        f"Of a huge field of the record it sees the beginning: {MOST:,} characters, of which each value in a list or "
        f"an object takes {ENTRY} beside its own and its name's. Facts are never that long.",
        f"Patterns of `matches` stand in quotes. At most {expression.MAX_PATTERNS} are allowed, of "
        f"{pattern.MAX_LENGTH} characters each, which repeat at most {pattern.MAX_REPEATS} times (`{{n}}`, multiplied "
        "where nested). `\\w`, `\\d` and the like are refused because they are slow: write `[0-9]`.",
    )
)
_WHERE: Final = f"""### Expressions

`where` is an expression in [CEL](https://cel.dev). It reads `fact`, what idtrail read off the event, and `event`, the
record itself as the vendor wrote it, by the fields at its top: `event.service`, `event['@version']`,
`event.message_chain.response_code`. Prefer facts: they are the same for every spelling of a record, and are not read
from its bytes anew.

```
fact.http_status in [401, 403] && !fact.retryable
'active: false' in fact.changed
fact.detail.matches('(?i)token (is )?(expired|revoked)')
has(event.client_ip) && !event.client_ip.startsWith('10.')
```

{_LIMITS}
- `type(event.code) == string` asks what a value is: {", ".join(f"`{name}`" for name in sorted(expression.TYPES))}.
- A text in quotes takes `\\` as usual; `r'…'` takes it as it is. There are no comments and no quotes of three.

### Facts

"""

_TYPES: Final[dict[type, str]] = {str: "text", int: "number", bool: "true or false", tuple: "list of texts"}

_TESTS: Final = """## Tests in a rule

Each has events and names exactly the alerts that they make, in the order in which they open: with no `alerts` it says
that there are none. Time begins on a Monday, 2026-01-05T09:00:00Z, and ends with the last event or `clock` after it.
An event in few words becomes a whole Directory Insights record, which is read as any other.

"""

_WITHOUT: Final = """## Alerts without a rule

Rules see what arrives. What no event says, such as that none comes any more, or what became of all that came before,
one worker of the group measures now and then, and tells as an [alert](alerts.md#without-a-rule) like any other: opened
once, ended by itself, delivered, and kept. These are in force at once. They are no files, have no staging and no
backtest, and no rule may have their ids; a destination can be limited to them, or to others, by
its `rules`.

"""

_LEFT_OUT: Final = """## What rules cannot say

- **What another copy of an event says.** Rules see the copy in force; `idtrail events ID` shows them all.
- **Working hours of a place.** `fact.hour` is UTC's, in summer too.
"""


def rule_page() -> str:
    """The whole page."""
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
    """What `idtrail rules test` shows of the example."""
    rule = read_rule(EXAMPLE, f"{EXAMPLE_ID}.yaml", EXAMPLE_ID)
    out = StringIO()
    show_trials(Screen(file=out, width=110), rule, trials_of(rule))
    return out.getvalue()


def _fields() -> Iterator[str]:
    yield "## Fields"
    yield ""
    yield "A field that means nothing to the rule's kind is refused, and so is one that is not known. Lengths of time"
    yield "are a number with its unit: `90s`, `10m`, `2h`, `7d`."
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
        return "needed"
    if value is None or value in ("", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value if isinstance(value, int | str) else duration_text(value)}`"


def _facts() -> Iterator[str]:
    yield "| fact | is a | meaning |"
    yield "|---|---|---|"
    for name, kind in FACT_TYPES.items():
        yield f"| `{name}` | {_TYPES[kind]} | {FACTS[name]} |"
    yield ""
    yield "Texts are empty where the event does not say. `group_by`, `of` and the title take facts that are texts."
    yield ""


def _kinds() -> Iterator[str]:
    yield "## Kinds"
    yield ""
    yield "A *match* is an event that meets `match` and does not meet `unless`. *Before* and *after* are by the events'"
    yield "own time; a window of ten minutes that ends with an event begins just later than ten minutes before it."
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
