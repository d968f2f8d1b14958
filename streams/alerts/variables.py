"""The variables that expressions read, made once for an event, and only those that some rule reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cel

from schemas.errors import MalformedRecord
from schemas.jsontext import decode_object
from streams.alerts.excerpt import excerpt
from streams.alerts.expression import EVENT, FACT, Used
from streams.alerts.seen import Seen, Value, reader_of


class Variables:
    """The variables of the last event that was asked about, shared by the rules asked about the same events.

    Not for several threads at once, because the engine's contexts are not.
    """

    def __init__(self) -> None:
        self._facts: dict[str, Callable[[Seen], Value]] = {}
        self._fields: set[str] = set()
        self._seen: Seen | None = None
        self._context = cel.Context({})
        self._has_event = False

    def offer(self, used: Used) -> None:
        """Provide these variables from now on."""
        self._facts |= {name: reader_of(name) for name in used.facts}
        self._fields |= used.fields
        self._seen = None

    def context(self, seen: Seen, *, with_event: bool) -> Any:
        """Return the engine's context. The record is decoded only if `with_event`."""
        if seen is not self._seen:
            facts = {name: read(seen) for name, read in self._facts.items()}
            self._context, self._seen, self._has_event = cel.Context({FACT: facts}), seen, False
        if with_event and not self._has_event:
            self._context.add_variable(EVENT, self._fields_of(seen))
            self._has_event = True
        return self._context

    def _fields_of(self, seen: Seen) -> dict[str, Any]:
        try:
            record = decode_object(seen.raw)
        except MalformedRecord:  # only a copy that was stored without its bytes
            return {}
        return {name: excerpt(record[name]) for name in self._fields if name in record}
