-- One row per run: its state, its settings and its verdict. Rows stay when the lists of a run are dropped.
CREATE TABLE runs (
    run          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          text NOT NULL UNIQUE,
    state        text NOT NULL DEFAULT 'running'
                 CHECK (state IN ('running', 'published', 'dry', 'stopped', 'failed')),
    started_by   text NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    snapshot_at  timestamptz,
    finished_at  timestamptz,
    published_at timestamptz,
    kept         boolean NOT NULL DEFAULT false,
    verdict      text,
    settings     jsonb NOT NULL,
    sources      text[] NOT NULL DEFAULT '{}',
    evidence     text[] NOT NULL DEFAULT '{}',
    approval     text CHECK (approval IN ('wanted', 'approved', 'rejected')),
    approval_by  text
);
COMMENT ON COLUMN runs.snapshot_at IS 'time at which the source tables were read';
COMMENT ON COLUMN runs.kept IS 'whether its lists can be read and rolled back to';
COMMENT ON COLUMN runs.sources IS 'names of recommendations_by_run.source, counted from 1';
COMMENT ON COLUMN runs.evidence IS 'names of the shares in recommendations_by_run.shares';
COMMENT ON COLUMN runs.approval IS 'whether the publish needs approval, and the decision; null: no approval is needed';

CREATE TABLE run_steps (
    run        integer NOT NULL REFERENCES runs ON DELETE CASCADE,
    step       text NOT NULL,
    state      text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    started_at timestamptz NOT NULL,
    seconds    double precision,
    counts     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (run, step)
);

CREATE TABLE run_checks (
    run       integer NOT NULL REFERENCES runs ON DELETE CASCADE,
    name      text NOT NULL,
    ok        boolean NOT NULL,
    value     double precision,
    threshold double precision,
    message   text NOT NULL,
    warned    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run, name)
);
COMMENT ON COLUMN run_checks.warned IS 'whether it passed, but beyond the warning threshold of the settings';

CREATE TABLE run_metrics (
    run    integer NOT NULL REFERENCES runs ON DELETE CASCADE,
    model  text NOT NULL,
    metric text NOT NULL,
    value  double precision NOT NULL,
    PRIMARY KEY (run, model, metric)
);

-- The pointer to the live run: the only row that a publish or a rollback updates.
CREATE TABLE live_run (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    run      integer REFERENCES runs,
    since    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO live_run (run) VALUES (NULL);

-- Invalid rows of the source tables as they were read, with the reason.
CREATE TABLE quarantine (
    run      integer NOT NULL REFERENCES runs ON DELETE CASCADE,
    relation text NOT NULL,
    reason   text NOT NULL,
    row_data jsonb NOT NULL
);
CREATE INDEX quarantine_by_run ON quarantine (run, relation, reason);

-- Number of invalid rows by reason, for readers who may not see the rows.
CREATE VIEW quarantine_counts AS
SELECT run, relation, reason, count(*) AS rows FROM quarantine GROUP BY run, relation, reason;
