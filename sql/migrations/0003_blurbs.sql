-- A line for a reason that one can show to users; most reasons have none, so it is no column of recommendations_by_run.
CREATE TABLE blurbs_by_run (
    item_id         :item_id_type NOT NULL,
    because_item_id :item_id_type NOT NULL,
    group_id        integer NOT NULL,
    run             integer NOT NULL,
    blurb           text NOT NULL,
    PRIMARY KEY (item_id, because_item_id, group_id, run)
) PARTITION BY LIST (run);

CREATE VIEW blurbs AS
SELECT item_id, because_item_id, group_id, blurb FROM blurbs_by_run WHERE run = (SELECT run FROM live_run);

-- As before, and the blurb in the reason.
CREATE OR REPLACE VIEW recommendations_kept AS
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
