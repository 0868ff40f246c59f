CREATE SCHEMA plaza;

CREATE TABLE plaza.accounts (
    handle  text PRIMARY KEY,
    bio     text NOT NULL
);

CREATE TABLE plaza.follows (
    handle  text NOT NULL,
    author  text NOT NULL,
    since   timestamptz NOT NULL,
    PRIMARY KEY (handle, author)
);

CREATE TABLE plaza.posts (
    post       bigint PRIMARY KEY,
    author     text NOT NULL,
    body       text NOT NULL,
    tags       text[] NOT NULL,
    removed    boolean NOT NULL DEFAULT false,
    posted_at  timestamptz NOT NULL
);

CREATE TABLE plaza.likes (
    handle    text NOT NULL,
    post      bigint NOT NULL,
    liked_at  timestamptz NOT NULL
);
