"""SQL that counts failure windows of whole days, as the fold of single minutes does. Pure."""

from __future__ import annotations

from typing import Final

COUNTED: Final = "kind != 'other' AND time_quality = 'ok'"
"""The events that windows are made of."""

_WINDOWS: Final = """
SELECT
    organization, minute AS window_start, place.1 AS application_id, argMaxIf(best.2, at, counts) AS application_name,
    place.2 AS event_type, place.3 AS cause, countIf(counts) AS attempts, countIf(counts AND best.3) AS failures,
    uniqExactIf(best.4, counts AND best.3 AND best.4 != '') AS subjects,
    argMinIf(event_id, at, counts) AS first_event, argMaxIf(event_id, at, counts) AS last_event,
    if(attempts > 0, minIf(best.5, counts), fromUnixTimestamp64Micro(0, 'UTC')) AS first_at,
    if(attempts > 0, maxIf(best.5, counts), fromUnixTimestamp64Micro(0, 'UTC')) AS last_at,
    sum(weight) AS seen
FROM (
    SELECT organization, minute, event_id, weight, best, arrayJoin(places) AS place, place = best.1 AS counts,
        (toUnixTimestamp64Micro(best.5), UUIDStringToNum(toString(event_id))) AS at
    FROM (
        SELECT organization, toDateTime(toStartOfMinute(occurred_at), 'UTC') AS minute, event_id,
            sum(if(version >= 0, intDiv(version, {step}), -intDiv({step} - 1 - version, {step})) + 1) AS weight,
            groupUniqArray((toString(application_id), toString(event_type), toString(cause))) AS places,
            argMax((
                (toString(application_id), toString(event_type), toString(cause)), toString(application_name),
                outcome = 'failure', subject_id, occurred_at
            ), (version, fingerprint)) AS best
        FROM (
            SELECT organization, occurred_at, event_id, fingerprint, version, application_id, application_name,
                event_type, cause, outcome, subject_id
            FROM events
            WHERE {counted} AND toDate(occurred_at) IN {{days:Array(Date)}}
            ORDER BY version DESC
            LIMIT 1 BY organization, toStartOfMinute(occurred_at), event_id, fingerprint
        )
        GROUP BY organization, minute, event_id
    )
)
GROUP BY organization, minute, place
"""


def windows_sql(trust_step: int) -> str:
    """Return the SQL of the rows of `failure_windows`, in the order of its columns. Parameter: `days`.

    `trust_step`: dividing a copy's version by it leaves the copy's trust.
    """
    return _WINDOWS.format(step=trust_step, counted=COUNTED)
