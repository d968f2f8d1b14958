-- What was stored before. Copied twice, it counts once. The old table stays, empty: another process may still be
-- reading it for the same copy.
INSERT INTO events_by_subject SELECT * FROM events_by_subject_coarse;

TRUNCATE TABLE {{table events_by_subject_coarse}};
