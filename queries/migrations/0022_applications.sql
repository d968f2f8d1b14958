-- The applications that events name, by every name that they had: what a filter by application is checked against.
CREATE TABLE IF NOT EXISTS {{table applications}} (
    organization LowCardinality(String),
    application_id LowCardinality(String),
    name LowCardinality(String)
) ENGINE = {{engine ReplacingMergeTree}}
ORDER BY (organization, application_id, name)
SETTINGS {{settings}};

CREATE MATERIALIZED VIEW IF NOT EXISTS {{view applications_view}} TO {{local applications}} AS
SELECT organization, application_id, application_name AS name
FROM {{local events}}
WHERE application_id != '' OR application_name != ''
GROUP BY organization, application_id, application_name;

{{distributed applications BY cityHash64(organization, application_id)}};

-- What was stored before. Merged with what comes at the same time, it counts once.
INSERT INTO applications
SELECT organization, application_id, application_name AS name
FROM events
WHERE application_id != '' OR application_name != ''
GROUP BY organization, application_id, application_name;
