"""Generates `docs/causes.md` from the code: what each cause means, what to do about it, and how it is recognised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pages.practice import EXAMPLES, NOTES, Example
from schemas.cause import CAUSES, Cause, Scope
from schemas.classification import RULES

_HEAD: Final = """<!-- Made from schemas/ by `make generate`; changes here are overwritten. -->
# Causes

Why an attempt failed, and what to do about it. A failure has one cause, derived from the status, the SCIM type and the
texts of the answer together. The rules at the [end of this page](#how-a-cause-is-recognised) are tried in order, and
the first match gives the cause. If the answer names an attribute, it is given in the spelling of RFC 7643, without
schema, index and filter (`name.familyName`, `emails`, `members`); otherwise it is empty, never guessed.
The texts of a JSON body are read in one order, whatever the order of its keys: words, lists of words, codes.
"""

ENDINGS: Final = {
    Scope.INTEGRATION: "with any success at the application, for anybody",
    Scope.EVENT_TYPE: "with any success of the same event type at the application, for anybody",
    Scope.SUBJECT: "when every affected person and group has had a success of their own at the application",
}


def cause_page() -> str:
    """Return the whole page."""
    return "\n".join((_HEAD, *_index(), *(line for cause in Cause for line in _one(cause)), *_rules())) + "\n"


def _index() -> Iterator[str]:
    yield "| cause | meaning | a retry |"
    yield "|---|---|---|"
    for cause, text in CAUSES.items():
        yield f"| [`{cause}`](#{cause}) | {text.sentence} | {_retry(cause)} |"
    yield ""


def _one(cause: Cause) -> Iterator[str]:
    text = CAUSES[cause]
    yield f"## `{cause}`"
    yield ""
    yield text.sentence
    yield ""
    yield f"- **Remedy**: {text.remedy}"
    yield f"- **Retry**: repeating the attempt unchanged {_retry(cause)}."
    yield f"- **An incident of it ends** {ENDINGS[CAUSES[cause].ends_with]}."
    for note in NOTES.get(cause, ()):
        yield f"- {note}"
    yield ""
    numbers = [f"{number}" for number, rule in enumerate(RULES, 1) if rule.cause is cause]
    recognised = f"by rule {' or '.join(numbers)}" if numbers else "if no rule matches"
    yield f"Recognised {recognised}. Examples:"
    yield ""
    yield "| status | SCIM type | text | attribute | from |"
    yield "|---|---|---|---|---|"
    for example in EXAMPLES[cause]:
        yield _row(example)
    yield ""


def _row(example: Example) -> str:
    attribute = f"`{example.attribute}`" if example.attribute else ""
    kind = f"`{example.scim_type}`" if example.scim_type else ""
    text = example.text.replace("|", "\\|")
    return f"| {example.status or 'none'} | {kind} | `{text}` | {attribute} | {example.by} |"


def _retry(cause: Cause) -> str:
    return "can help" if CAUSES[cause].retryable else "cannot help"


def _rules() -> Iterator[str]:
    yield "## How a cause is recognised"
    yield ""
    yield "*No status* means that the directory logged none and the texts contain none. A failure with a good status"
    yield "(2xx) means that the directory could not process the answer: the directory's own words are read as if there"
    yield "were no status, and if they show no cause, the answer was malformed. A failure that matches no rule is"
    yield "`unknown`."
    yield ""
    for number, rule in enumerate(RULES, 1):
        yield f"{number}. [`{rule.cause}`](#{rule.cause}): {rule.sentence}"
