CREATE SCHEMA press;

CREATE TABLE press.subscribers (
    subscriber  bigint PRIMARY KEY,
    town        text NOT NULL,
    plan        text NOT NULL
);

CREATE TABLE press.articles (
    article       bigint PRIMARY KEY,
    headline      text NOT NULL,
    lead          text NOT NULL,
    desk          text NOT NULL,
    subject       text NOT NULL,
    withdrawn     boolean NOT NULL DEFAULT false,
    published_at  timestamptz NOT NULL
);

CREATE TABLE press.reads (
    subscriber  bigint NOT NULL,
    article     bigint NOT NULL,
    seconds     integer NOT NULL,
    read_at     timestamptz NOT NULL
);
