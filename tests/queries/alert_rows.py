"""Puts records of alerts into a store as the sink would."""

from __future__ import annotations

from itertools import count

from queries.arrow import ALERT_RECORDS_ARROW_SCHEMA, batch
from schemas.alerts import AlertRecord
from streams.alert_records import decode_alerts
from tests.alerts.records import logged
from tests.queries.support import Trail

_offsets = count()


def put_alerts(trail: Trail, *records: AlertRecord) -> None:
    """As records of the trail's organization, in this order."""
    own = [record.model_copy(update={"organization": trail.organization}) for record in records]
    rows = decode_alerts([logged(record, next(_offsets)) for record in own]).rows
    trail.store.insert_arrow("alert_records", batch(rows, ALERT_RECORDS_ARROW_SCHEMA), f"alerts {next(_offsets)}")
