"""Adds oddities of the vendor's envelope to a few events.

The outcome returned is what the odd event still states.
"""

from collections.abc import Callable
from typing import Any

from producers.simulation.dice import Dice
from producers.simulation.model import GROUP_UPDATE, TWELVE, UPDATE

Json = dict[str, Any]
_TWELVE = frozenset(TWELVE)
# Events that change no account's state: an oddity may hide when or what such an event was without changing the
# confirmed states.
_CHANGING_NOTHING = frozenset((UPDATE, GROUP_UPDATE))
UNKNOWN_TYPES = ("attributemappings_add", "attributemappings_update", "attributemappings_delete")


class Oddities:
    """Changes about `share` of the events, with dice of its own: the simulation is the same with and without it."""

    def __init__(self, dice: Dice, share: float) -> None:
        self.dice = dice
        self.share = share

    def apply(self, at: int, body: Json, outcome: str) -> tuple[str, str]:
        """Change the event in place. Returns the oddity's name, "" if none fits, and the outcome that the event now
        states."""
        kind = body["event_type"]
        if kind in _TWELVE and outcome != "success":
            return self.dice.pick(_ON_FAILURE)(self, at, body), outcome
        if kind in _CHANGING_NOTHING and self._changes_nothing(body):
            name = self.dice.pick(_ON_ANY + _BLINDING)(self, at, body)
            return name, _STATED.get(name, outcome)
        if kind in _TWELVE:
            return self.dice.pick(_ON_ANY)(self, at, body), outcome
        if kind == "admin_login_attempt":  # the one background event that nothing else depends on
            return self.dice.pick((*_ON_BACKGROUND, Oddities.unknown_type))(self, at, body), outcome
        return self.dice.pick(_ON_BACKGROUND)(self, at, body), outcome

    @staticmethod
    def _changes_nothing(body: Json) -> bool:
        return all(change["field"] != "active" for change in body.get("changes", ()))

    def no_success(self, at: int, body: Json) -> str:
        del body["success"]
        return "no_success"

    def empty_chain(self, at: int, body: Json) -> str:
        body["message_chain"] = {}
        return "empty_chain"

    def no_chain(self, at: int, body: Json) -> str:
        del body["message_chain"]
        return "no_chain"

    def plain_details(self, at: int, body: Json) -> str:
        chain = body["message_chain"]
        if not isinstance(chain, dict) or not chain:
            return self.no_provider(at, body)
        body["message_chain"] = {**chain, "message_details": body["error_message"] or "request failed"}
        return "plain_details"

    def status_in_text(self, at: int, body: Json) -> str:
        chain = body["message_chain"]
        if not isinstance(chain, dict) or not chain or not body["error_message"]:
            return self.no_provider(at, body)
        code, reason = chain["response_code"], chain["response_message"]
        body["error_message"] = f"status code {code} ({reason}): {body['error_message']}"
        body["message_chain"] = {}
        return "status_in_text"

    def no_provider(self, at: int, body: Json) -> str:
        before, body["provider"] = body.get("provider", "absent"), self.dice.pick((None, ""))
        if body["provider"] == before:
            del body["provider"]
        return "no_provider"

    def whole_version(self, at: int, body: Json) -> str:
        body["@version"] = 1
        return "whole_version"

    def more_digits(self, at: int, body: Json) -> str:
        digits = self.dice.pick((2, 3))  # eight or nine in all; those of the microseconds stay the same
        base = str(body["timestamp"])[:-1]
        base = f"{base}000"[:26]
        body["timestamp"] = f"{base}{self.dice.below(10**digits):0{digits}d}Z"
        return "more_digits"

    def no_digits(self, at: int, body: Json) -> str:
        body["timestamp"] = f"{str(body['timestamp'])[:19]}Z"
        return "no_digits"

    def future(self, at: int, body: Json) -> str:
        body["timestamp"] = f"{int(body['timestamp'][:4]) + 3}{body['timestamp'][4:]}"
        if body["timestamp"][5:10] == "02-29":
            body["timestamp"] = body["timestamp"].replace("-02-29", "-03-01")
        return "future"

    def null_time(self, at: int, body: Json) -> str:
        body["timestamp"] = None
        return "null_time"

    def no_type(self, at: int, body: Json) -> str:
        del body["event_type"]
        return "no_type"

    def no_id(self, at: int, body: Json) -> str:
        del body["id"]
        return "no_id"

    def states_nothing(self, at: int, body: Json) -> str:
        del body["success"]
        body["message_chain"] = {}
        return "states_nothing"

    def unknown_type(self, at: int, body: Json) -> str:
        body["event_type"] = self.dice.pick(UNKNOWN_TYPES)
        return "unknown_type"


Oddity = Callable[[Oddities, int, Json], str]
_ON_ANY: tuple[Oddity, ...] = (
    Oddities.no_success, Oddities.empty_chain, Oddities.no_chain, Oddities.no_provider, Oddities.whole_version,
    Oddities.more_digits,
)  # fmt: skip
_ON_FAILURE: tuple[Oddity, ...] = (
    Oddities.plain_details, Oddities.status_in_text, Oddities.no_provider, Oddities.whole_version, Oddities.more_digits,
)  # fmt: skip
_BLINDING: tuple[Oddity, ...] = (
    Oddities.no_digits, Oddities.future, Oddities.null_time, Oddities.no_type, Oddities.no_id, Oddities.states_nothing,
)  # fmt: skip
_ON_BACKGROUND: tuple[Oddity, ...] = (Oddities.whole_version, Oddities.more_digits, Oddities.no_provider)
_STATED = {"states_nothing": "unknown", "no_type": "other"}
