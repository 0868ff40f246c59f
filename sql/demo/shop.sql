-- The source tables of the demo: a small shop with its own names, independent of chatrec.
CREATE SCHEMA shop;

CREATE TABLE shop.users (
    user_no   bigint PRIMARY KEY,
    years_old smallint,
    sex       text,
    job       text
);

CREATE TABLE shop.movies (
    movie_no   bigint PRIMARY KEY,
    name       text NOT NULL,
    released   smallint,
    kinds      text[] NOT NULL DEFAULT '{}',
    in_stock   boolean NOT NULL DEFAULT true,
    changed_at timestamptz NOT NULL DEFAULT '1998-04-22 00:00+00'
);

CREATE TABLE shop.ratings (
    user_no  bigint NOT NULL REFERENCES shop.users,
    movie_no bigint NOT NULL REFERENCES shop.movies,
    stars    smallint NOT NULL,
    rated_at timestamptz NOT NULL
);
CREATE INDEX ON shop.ratings (user_no, rated_at);
CREATE INDEX ON shop.ratings (rated_at);
