-- A row for every account that the log tells of, by whatever: also where there are only lookups, updates that were
-- refused, or bindings of the person to the application, or where no time can be believed. Such an account may be
-- exposed as any other, once its person leaves.
ALTER TABLE {{view account_marks_view}} MODIFY QUERY
WITH
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64) AS place,
    kind = 'user' AND time_quality = 'ok' AND account_state != '' AS turned,
    kind = 'user' AND time_quality = 'ok' AND account_state = '' AND action = 'update' AND outcome = 'success' AS updated
SELECT
    organization, subject_id, application_id,
    max(if(turned, place + toUInt256(version) * 256
        + multiIf(account_state = 'active', 2, account_state = 'inactive', 4, 6) + (outcome = 'success'),
        toUInt256(0))) AS last,
    min(if(updated, place + toUInt256(bitNot(toUInt64(version))), bitNot(toUInt256(0)))) AS first_update,
    max(if(updated, (place + toUInt256(version), toString(application_name), subject_name),
        (toUInt256(0), '', ''))) AS last_update
FROM {{local events}}
WHERE application_id != ''
    AND (kind = 'user' OR (event_type = 'association_change' AND group_id = '' AND outcome != 'failure'))
GROUP BY organization, subject_id, application_id;

-- What was stored before. Merged with what is there, or comes at the same time, it counts once.
INSERT INTO account_marks (organization, subject_id, application_id, last, first_update, last_update)
SELECT DISTINCT
    organization, subject_id, application_id,
    toUInt256(0) AS last,
    bitNot(toUInt256(0)) AS first_update,
    CAST((toUInt256(0), '', ''), 'Tuple(place UInt256, application_name String, subject_name String)') AS last_update
FROM events
WHERE application_id != ''
    AND (kind = 'user' OR (event_type = 'association_change' AND group_id = '' AND outcome != 'failure'));
