-- On which days somebody tried to sign in to an application, 1970-01-01 beside them for its other events: whether its
-- sign-ins reach the trail at all is read here, of a few rows, where it took a walk over months of events.
ALTER TABLE {{table applications}}
    ADD COLUMN IF NOT EXISTS signed_in_on Date,
    MODIFY ORDER BY (organization, application_id, name, signed_in_on);

ALTER TABLE {{view applications}} ADD COLUMN IF NOT EXISTS signed_in_on Date;

ALTER TABLE {{view applications_view}} MODIFY QUERY
SELECT
    organization, application_id, application_name AS name,
    if(event_type = 'sso_auth' AND time_quality = 'ok', toDate(occurred_at), toDate(0)) AS signed_in_on
FROM {{local events}}
WHERE application_id != '' OR application_name != ''
GROUP BY organization, application_id, application_name, signed_in_on;

-- What was stored before. Merged with what comes at the same time, it counts once.
INSERT INTO applications (organization, application_id, name, signed_in_on)
SELECT DISTINCT organization, application_id, application_name AS name, toDate(occurred_at) AS signed_in_on
FROM events
WHERE (application_id != '' OR application_name != '') AND event_type = 'sso_auth' AND time_quality = 'ok';
