-- What the pages in Airflow ask for: warnings, who decided, and users found by the beginning of their id.
ALTER TABLE run_checks ADD COLUMN warned boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN run_checks.warned IS 'it passed, but by less than the settings want without a word';

ALTER TABLE runs
    ADD COLUMN approval text CHECK (approval IN ('wanted', 'approved', 'rejected')),
    ADD COLUMN approval_by text;
COMMENT ON COLUMN runs.approval IS 'whether a person has to decide about the publish, and how they did; null: nobody is asked';

-- In C order an index serves every prefix, whatever the type of the ids and the locale. One row for each user.
CREATE INDEX users_by_prefix ON recommendations_by_run (((user_id::text) COLLATE "C")) WHERE rank = 1;

-- As user_groups, of every kept night.
CREATE VIEW user_groups_kept AS
SELECT u.run, u.user_id, u.rank, u.group_id,
       (SELECT g.name FROM groups_by_run g WHERE g.run = u.run AND g.group_id = u.group_id) AS name,
       u.attention
FROM user_groups_by_run u;

-- How much is in quarantine and why, for who may not see the rows themselves.
CREATE VIEW quarantine_counts AS
SELECT run, relation, reason, count(*) AS rows FROM quarantine GROUP BY run, relation, reason;
