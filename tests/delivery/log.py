"""A partition of alerts' records for tests of the plan, with times in minutes after noon."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.alerts import AlertRecord, Delivered, Detected
from streams.alerts.delivery.destinations import Destinations, read_destinations
from streams.alerts.delivery.ledger import Ledger
from streams.alerts.delivery.plan import Message, Plan, make_plan
from tests.alerts.records import acted, detected, minute

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = f'url = "webhook+https://hooks.example/T0K3N"\nsecret = "{SECRET}"\n'
PEOPLE = 'url = "json://chat.example/T0K3N"\n'


def alert_id(number: int) -> str:
    return f"{number:032x}"


def destinations(**tables: str) -> Destinations:
    return read_destinations("\n".join(f"[{name}]\n{table}" for name, table in tables.items()), "destinations.toml")


@dataclass
class Partition:
    """`found`, `did` and `tried` append; `plan` plans."""

    to: Destinations = field(default_factory=lambda: destinations(hook=HOOK))
    records: list[tuple[AlertRecord, datetime]] = field(default_factory=list)

    def append(self, record: AlertRecord, at: datetime) -> None:
        self.records.append((record, at))

    def found(self, at: float, number: int = 1, **fields: Any) -> Detected:
        """The rule says this of an alert that began at `since`, which is then unless told otherwise."""
        since = fields.pop("since", minute(at))
        record = detected(
            **{
                "alert_id": alert_id(number),
                "opened_at": since,
                "since": since,
                "triggered_at": since,
                "first_at": since,
                "last_at": since,
                **fields,
            }
        )
        self.append(record, minute(at))
        return record

    def ended(self, at: float, number: int = 1, **fields: Any) -> None:
        self.found(at, number, **{"since": minute(0), "detection": "ended", "ended_at": minute(at), **fields})

    def did(self, act: str, at: float, number: int = 1, **fields: Any) -> None:
        self.append(acted(act, at, alert_id=alert_id(number), **fields), minute(at))

    def ledger(self, at: float) -> Ledger:
        ledger = Ledger()
        for record, appended in self.records:
            if appended <= minute(at):
                ledger.take(record, appended)
        return ledger

    def plan(self, at: float, busy: tuple[str, ...] = ()) -> Plan:
        return make_plan({0: self.ledger(at)}, self.to, minute(at), busy)

    def tried(self, message: Message, at: float, succeeded: bool = True, **fields: Any) -> None:
        for item in message.items:
            self.append(
                Delivered(
                    alert_id=item.alert.alert_id,
                    organization=item.alert.organization,
                    rule_id=item.alert.rule_id,
                    destination=message.destination,
                    occasion=item.occasion.name,
                    attempt=item.attempt,
                    at=minute(at),
                    succeeded=succeeded,
                    **fields,
                ),
                minute(at),
            )

    def tell(self, at: float, succeeded: bool = True) -> list[str]:
        """Do what the plan says, all at once: what was told, as `destination: occasion, …`."""
        plan = self.plan(at)
        for report in plan.reports:
            self.append(report, minute(at))
        for number, message in enumerate(plan.messages):
            self.tried(message, at + number / 1e6, succeeded)
        return [told(message) for message in plan.messages]


def told(message: Message) -> str:
    """`destination: occasion, …`."""
    return f"{message.destination}: {', '.join(item.occasion.name for item in message.items)}"
