-- A copy of more trust took the place of an earlier one with the same bytes, and with it the time since when the
-- event was known: now one row stays for each trust, the earliest append of it. Stored before this, rows are of
-- trust 0 in the key; the copy in force is the same.
ALTER TABLE {{table events_by_subject}}
    ADD COLUMN IF NOT EXISTS by_trust UInt8,
    MODIFY ORDER BY (organization, subject_id, occurred_at, event_id, fingerprint, by_trust);

ALTER TABLE {{view events_by_subject}} ADD COLUMN IF NOT EXISTS by_trust UInt8;

ALTER TABLE {{view events_by_subject_view}} MODIFY QUERY
SELECT
    organization, subject_id, occurred_at, event_id, fingerprint, version, occurred_text, time_quality, known_at,
    source, trust, correlation_id, log_topic, log_partition, log_offset, event_type, kind, action, outcome,
    subject_type, subject_name, subject_email, application_id, application_name, integration_id, actor_id,
    actor_type, actor_name, http_status, scim_type, cause, attribute, detail, retryable, account_state,
    changed, flags, group_id, group_name, trust AS by_trust
FROM {{local events}};

-- Beside the bindings of an application: when its integration was activated and deleted. What ended a group stands
-- apart from its members, after an empty application and an empty group.
ALTER TABLE {{table associations}}
    ADD COLUMN IF NOT EXISTS event_type LowCardinality(String) DEFAULT 'association_change',
    ADD COLUMN IF NOT EXISTS by_trust UInt8,
    MODIFY ORDER BY (organization, application_id, group_id, occurred_at, event_id, fingerprint, by_trust);

ALTER TABLE {{view associations}}
    ADD COLUMN IF NOT EXISTS event_type LowCardinality(String) DEFAULT 'association_change',
    ADD COLUMN IF NOT EXISTS by_trust UInt8;

ALTER TABLE {{view associations_view}} MODIFY QUERY
SELECT
    organization, if(event_type = 'group_delete', '', application_id) AS application_id, group_id, occurred_at,
    event_id, fingerprint, version, time_quality, known_at, action, subject_id, application_name, group_name,
    actor_name, event_type, outcome, trust AS by_trust
FROM {{local events}}
WHERE (event_type = 'association_change' AND group_id != '')
    OR event_type IN ('idm_integration_activate', 'idm_integration_delete', 'group_delete');

-- What was stored before. Merged with what comes at the same time, it counts once.
INSERT INTO associations (
    organization, application_id, group_id, occurred_at, event_id, fingerprint, version, time_quality, known_at,
    action, subject_id, application_name, group_name, actor_name, event_type, outcome, by_trust
)
SELECT
    organization, if(event_type = 'group_delete', '', application_id), group_id, occurred_at, event_id, fingerprint,
    version, time_quality, known_at, action, subject_id, application_name, group_name, actor_name, event_type,
    outcome, trust
FROM events
WHERE event_type IN ('idm_integration_activate', 'idm_integration_delete', 'group_delete');
