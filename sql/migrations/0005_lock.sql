-- Fencing numbers: who takes a lock takes the next number, and each write checks that it is still the latest. So a
-- process that lost its lock with a broken connection writes nothing more once another process has taken over.
CREATE TABLE locks (
    name   text PRIMARY KEY,
    fence  bigint NOT NULL DEFAULT 0,
    shared boolean NOT NULL DEFAULT false,
    holder text NOT NULL DEFAULT '',
    since  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO locks (name) VALUES ('run'), ('publish');
COMMENT ON COLUMN locks.shared IS 'whether the latest holder shares the lock; all who share it have one number';

ALTER TABLE run_steps ADD attempt integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN run_steps.attempt IS 'how often it was begun; only the latest attempt may record a result';

-- The order in which runs were read and published, whatever the clock said.
ALTER TABLE runs ADD snapshot_number bigint, ADD published_number bigint;
COMMENT ON COLUMN runs.snapshot_number IS 'order in which the runs read the source tables';
COMMENT ON COLUMN runs.published_number IS 'order in which the runs were published';
UPDATE runs SET snapshot_number = n.snapshot, published_number = n.published
FROM (SELECT run, CASE WHEN snapshot_at IS NOT NULL THEN rank() OVER (ORDER BY snapshot_at, run) END AS snapshot,
             CASE WHEN published_at IS NOT NULL THEN rank() OVER (ORDER BY published_at, run) END AS published
      FROM runs) n
WHERE n.run = runs.run;
