-- Tables beside the lists, of items and searches.
CREATE TABLE similar_items_by_run (
    item_id         :item_id_type NOT NULL,
    similar_item_id :item_id_type NOT NULL,
    run             integer NOT NULL,
    score           real NOT NULL,
    rank            smallint NOT NULL,
    PRIMARY KEY (item_id, rank, run)
) PARTITION BY LIST (run);

-- Group -1 is the whole catalogue.
CREATE TABLE popular_by_run (
    item_id  :item_id_type NOT NULL,
    group_id integer NOT NULL,
    run      integer NOT NULL,
    score    real NOT NULL,
    rank     smallint NOT NULL,
    PRIMARY KEY (group_id, rank, run)
) PARTITION BY LIST (run);

CREATE TABLE trending_by_run (
    item_id :item_id_type NOT NULL,
    run     integer NOT NULL,
    score   real NOT NULL,
    rank    smallint NOT NULL,
    PRIMARY KEY (rank, run)
) PARTITION BY LIST (run);

CREATE TABLE query_recommendations_by_run (
    query   text NOT NULL,
    item_id :item_id_type NOT NULL,
    run     integer NOT NULL,
    score   real NOT NULL,
    rank    smallint NOT NULL,
    PRIMARY KEY (query, rank, run)
) PARTITION BY LIST (run);

CREATE VIEW similar_items AS
SELECT s.item_id, s.rank, s.similar_item_id,
       (SELECT i.title FROM items_by_run i WHERE i.run = s.run AND i.item_id = s.similar_item_id) AS title, s.score
FROM similar_items_by_run s
WHERE s.run = (SELECT run FROM live_run);

CREATE VIEW popular AS
SELECT nullif(p.group_id, -1) AS group_id,
       (SELECT g.name FROM groups_by_run g WHERE g.run = p.run AND g.group_id = p.group_id) AS name,
       p.rank, p.item_id,
       (SELECT i.title FROM items_by_run i WHERE i.run = p.run AND i.item_id = p.item_id) AS title, p.score
FROM popular_by_run p
WHERE p.run = (SELECT run FROM live_run);

CREATE VIEW trending AS
SELECT t.rank, t.item_id,
       (SELECT i.title FROM items_by_run i WHERE i.run = t.run AND i.item_id = t.item_id) AS title, t.score
FROM trending_by_run t
WHERE t.run = (SELECT run FROM live_run);

CREATE VIEW query_recommendations AS
SELECT q.query, q.rank, q.item_id,
       (SELECT i.title FROM items_by_run i WHERE i.run = q.run AND i.item_id = q.item_id) AS title, q.score
FROM query_recommendations_by_run q
WHERE q.run = (SELECT run FROM live_run);

-- The audit of a run: exposure by provider, and quality by attribute of users. A few rows per run.
CREATE TABLE exposure_by_run (
    provider text NOT NULL,
    run      integer NOT NULL,
    items    real NOT NULL,
    target   real NOT NULL,
    owed     real NOT NULL,
    before   real NOT NULL,
    exposure real NOT NULL,
    price    real NOT NULL,
    PRIMARY KEY (provider, run)
) PARTITION BY LIST (run);
COMMENT ON TABLE exposure_by_run IS 'shares of exposure, 1 / log2(1 + rank) summed over all lists; see fairness.*';
COMMENT ON COLUMN exposure_by_run.items IS 'number of items; an item of several providers counts in part';
COMMENT ON COLUMN exposure_by_run.target IS 'share of relevance or of the catalogue';
COMMENT ON COLUMN exposure_by_run.owed IS 'minimum share of exposure';
COMMENT ON COLUMN exposure_by_run.before IS 'share of exposure at a price of 0';
COMMENT ON COLUMN exposure_by_run.exposure IS 'share of exposure in the published lists';
COMMENT ON COLUMN exposure_by_run.price IS 'added to the log score of its items; 0.7 doubles the probability';

CREATE TABLE metric_by_attribute_by_run (
    attribute text NOT NULL,
    value     text NOT NULL,
    metric    text NOT NULL,
    run       integer NOT NULL,
    users     integer NOT NULL,
    mean      real NOT NULL,
    low       real NOT NULL,
    high      real NOT NULL,
    PRIMARY KEY (attribute, value, metric, run)
) PARTITION BY LIST (run);
COMMENT ON TABLE metric_by_attribute_by_run IS 'means over held-out users by attribute, with their 95-percent interval';

CREATE VIEW exposure AS
SELECT provider, items, target, owed, before, exposure, price, exposure / nullif(owed, 0) AS met
FROM exposure_by_run WHERE run = (SELECT run FROM live_run);

CREATE VIEW metric_by_attribute AS
SELECT attribute, value, metric, users, mean, low, high
FROM metric_by_attribute_by_run WHERE run = (SELECT run FROM live_run);
