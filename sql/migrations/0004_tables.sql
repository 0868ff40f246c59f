-- Tables beside the lists. Nights that were published before have no rows in them.
CREATE TABLE similar_items_by_run (
    item_id         :item_id_type NOT NULL,
    similar_item_id :item_id_type NOT NULL,
    run             integer NOT NULL,
    score           real NOT NULL,
    rank            smallint NOT NULL,
    PRIMARY KEY (item_id, rank, run)
) PARTITION BY LIST (run);

-- The group -1 is the whole catalogue.
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
