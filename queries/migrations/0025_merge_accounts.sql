-- In several parts everybody's accounts are read at as many places each: merged into one within the hour, the two small
-- tables take half the time.
ALTER TABLE {{table account_marks}} MODIFY SETTING min_age_to_force_merge_seconds = 3600;

ALTER TABLE {{table account_turns}} MODIFY SETTING min_age_to_force_merge_seconds = 3600;
