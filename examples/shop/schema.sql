CREATE SCHEMA store;

CREATE TABLE store.members (
    member_id   bigint PRIMARY KEY,
    city        text NOT NULL,
    language    text NOT NULL,
    joined_on   date NOT NULL
);

CREATE TABLE store.products (
    sku            text PRIMARY KEY,
    name_en        text NOT NULL,
    name_zh        text NOT NULL,
    about          text NOT NULL,
    department     text NOT NULL,
    shelf          text NOT NULL,
    brand          text NOT NULL,
    price          numeric(8, 2) NOT NULL,
    stock          integer NOT NULL,
    changed_at     timestamptz NOT NULL
);

CREATE TABLE store.order_lines (
    order_no    bigint NOT NULL,
    member_id   bigint NOT NULL,
    sku         text NOT NULL,
    quantity    smallint NOT NULL,
    ordered_at  timestamptz NOT NULL
);

CREATE TABLE store.searches (
    member_id    bigint NOT NULL,
    words        text NOT NULL,
    searched_at  timestamptz NOT NULL
);
