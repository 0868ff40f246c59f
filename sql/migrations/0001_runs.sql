-- One row a run: what it was, how it ended, what it counted. Rows stay when a run's lists are dropped.
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
    evidence     text[] NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN runs.snapshot_at IS 'the instant at which the customer''s tables were read';
COMMENT ON COLUMN runs.kept IS 'its lists can be read and rolled back to';
COMMENT ON COLUMN runs.sources IS 'names of recommendations_by_run.source, counted from 1';
COMMENT ON COLUMN runs.evidence IS 'names of the shares in recommendations_by_run.shares';

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
    PRIMARY KEY (run, name)
);

CREATE TABLE run_metrics (
    run     integer NOT NULL REFERENCES runs ON DELETE CASCADE,
    channel text NOT NULL,
    metric  text NOT NULL,
    value   double precision NOT NULL,
    PRIMARY KEY (run, channel, metric)
);

-- The pointer: the one row that a publish or a rollback changes.
CREATE TABLE live_run (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    run      integer REFERENCES runs,
    since    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO live_run (run) VALUES (NULL);

-- Rows of the customer's tables that break the contract, as they were read, and why.
CREATE TABLE quarantine (
    run      integer NOT NULL REFERENCES runs ON DELETE CASCADE,
    relation text NOT NULL,
    reason   text NOT NULL,
    row_data jsonb NOT NULL
);
CREATE INDEX quarantine_by_run ON quarantine (run, relation, reason);
