-- The outputs of a run. Every output is a table partitioned by run, and a view of the live run. The view finds the live
-- run by a sub-select instead of a join, so that partitions of other runs are pruned and never read.
-- :user_id_type and :item_id_type are those of the source tables, so that joins with them use their indexes.

CREATE TABLE items_by_run (
    item_id :item_id_type NOT NULL,
    run     integer NOT NULL,
    title   text,
    PRIMARY KEY (item_id, run)
) PARTITION BY LIST (run);

CREATE TABLE groups_by_run (
    group_id integer NOT NULL,
    run      integer NOT NULL,
    items    integer NOT NULL,
    name     text NOT NULL,
    PRIMARY KEY (group_id, run)
) PARTITION BY LIST (run);

CREATE TABLE item_groups_by_run (
    item_id  :item_id_type NOT NULL,
    group_id integer NOT NULL,
    run      integer NOT NULL,
    PRIMARY KEY (item_id, group_id, run)
) PARTITION BY LIST (run);

CREATE TABLE user_groups_by_run (
    user_id   :user_id_type NOT NULL,
    group_id  integer NOT NULL,
    run       integer NOT NULL,
    attention real NOT NULL,
    rank      smallint NOT NULL,
    PRIMARY KEY (user_id, rank, run)
) PARTITION BY LIST (run);

-- Compact: an explanation is stored as two ids and an array of shares, which the views spell out.
CREATE TABLE recommendations_by_run (
    user_id         :user_id_type NOT NULL,
    item_id         :item_id_type NOT NULL,
    because_item_id :item_id_type,
    run             integer NOT NULL,
    group_id        integer,
    score           real NOT NULL,
    rank            smallint NOT NULL,
    source          smallint NOT NULL,
    shares          real[],
    PRIMARY KEY (user_id, rank, run)
) PARTITION BY LIST (run);

-- In C order one index serves every prefix, whatever the type of the ids and the locale. One entry per user.
CREATE INDEX users_by_prefix ON recommendations_by_run (((user_id::text) COLLATE "C")) WHERE rank = 1;

-- A generated line for an explanation. Most explanations have none, so it is not a column of recommendations_by_run.
CREATE TABLE blurbs_by_run (
    item_id         :item_id_type NOT NULL,
    because_item_id :item_id_type NOT NULL,
    group_id        integer NOT NULL,
    run             integer NOT NULL,
    blurb           text NOT NULL,
    PRIMARY KEY (item_id, because_item_id, group_id, run)
) PARTITION BY LIST (run);

CREATE VIEW items AS
SELECT item_id, title FROM items_by_run WHERE run = (SELECT run FROM live_run);

CREATE VIEW groups AS
SELECT group_id, name, items FROM groups_by_run WHERE run = (SELECT run FROM live_run);

CREATE VIEW item_groups AS
SELECT item_id, group_id FROM item_groups_by_run WHERE run = (SELECT run FROM live_run);

CREATE VIEW user_groups AS
SELECT u.user_id, u.rank, u.group_id,
       (SELECT g.name FROM groups_by_run g WHERE g.run = u.run AND g.group_id = u.group_id) AS name,
       u.attention
FROM user_groups_by_run u
WHERE u.run = (SELECT run FROM live_run);

-- As user_groups, of all kept runs.
CREATE VIEW user_groups_kept AS
SELECT u.run, u.user_id, u.rank, u.group_id,
       (SELECT g.name FROM groups_by_run g WHERE g.run = u.run AND g.group_id = u.group_id) AS name,
       u.attention
FROM user_groups_by_run u;

CREATE VIEW blurbs AS
SELECT item_id, because_item_id, group_id, blurb FROM blurbs_by_run WHERE run = (SELECT run FROM live_run);

-- The lists of all kept runs. The view and the functions below select one run from it.
CREATE VIEW recommendations_kept AS
SELECT r.run, r.user_id, r.rank, r.item_id,
       (SELECT i.title FROM items_by_run i WHERE i.run = r.run AND i.item_id = r.item_id) AS title,
       r.score,
       (SELECT n.sources[r.source] FROM runs n WHERE n.run = r.run) AS source,
       jsonb_strip_nulls(jsonb_build_object(
           'group', (SELECT g.name FROM groups_by_run g WHERE g.run = r.run AND g.group_id = r.group_id),
           'because', (SELECT i.title FROM items_by_run i
                       WHERE i.run = r.run AND i.item_id = r.because_item_id),
           'because_item_id', r.because_item_id,
           'blurb', (SELECT b.blurb FROM blurbs_by_run b
                     WHERE b.run = r.run AND b.item_id = r.item_id AND b.because_item_id = r.because_item_id
                       AND b.group_id = r.group_id),
           'evidence', (SELECT jsonb_object_agg(e.name, round(e.share::numeric, 3))
                        FROM runs n, unnest(n.evidence, r.shares) AS e (name, share)
                        WHERE n.run = r.run AND e.share IS NOT NULL)
       )) AS reason
FROM recommendations_by_run r;

CREATE VIEW recommendations AS
SELECT user_id, rank, item_id, title, score, source, reason
FROM recommendations_kept
WHERE run = (SELECT run FROM live_run);

CREATE FUNCTION recommendations_at(run integer)
RETURNS TABLE (user_id :user_id_type, rank smallint, item_id :item_id_type, title text, score real,
               source text, reason jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT k.user_id, k.rank, k.item_id, k.title, k.score, k.source, k.reason
    FROM recommendations_kept k
    WHERE k.run = (SELECT n.run FROM runs n WHERE n.run = recommendations_at.run AND n.kept);
END;

CREATE FUNCTION recommendations_at(key text)
RETURNS TABLE (user_id :user_id_type, rank smallint, item_id :item_id_type, title text, score real,
               source text, reason jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT k.user_id, k.rank, k.item_id, k.title, k.score, k.source, k.reason
    FROM recommendations_kept k
    WHERE k.run = (SELECT n.run FROM runs n WHERE n.key = recommendations_at.key AND n.kept);
END;
