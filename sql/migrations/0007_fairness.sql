-- The audit of a night: who provides what is shown, and for whom lists are good. Small tables, a few rows a run.
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
COMMENT ON TABLE exposure_by_run IS 'shares of all exposure, 1 / log2(1 + rank) summed over all lists; see fairness.* of the settings';
COMMENT ON COLUMN exposure_by_run.items IS 'how many items it has; one with several providers counts in part';
COMMENT ON COLUMN exposure_by_run.target IS 'its share of relevance or of the catalogue';
COMMENT ON COLUMN exposure_by_run.owed IS 'the least share that it should have';
COMMENT ON COLUMN exposure_by_run.before IS 'the share that it would have at a price of 0';
COMMENT ON COLUMN exposure_by_run.exposure IS 'the share that it has in the published lists';
COMMENT ON COLUMN exposure_by_run.price IS 'what is added to the log score of its items; 0.7 makes them twice as likely';

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
COMMENT ON TABLE metric_by_attribute_by_run IS 'means over held-out users by what they are, with the bounds of the 95-percent interval';

CREATE VIEW exposure AS
SELECT provider, items, target, owed, before, exposure, price, exposure / nullif(owed, 0) AS met
FROM exposure_by_run WHERE run = (SELECT run FROM live_run);

CREATE VIEW metric_by_attribute AS
SELECT attribute, value, metric, users, mean, low, high
FROM metric_by_attribute_by_run WHERE run = (SELECT run FROM live_run);
