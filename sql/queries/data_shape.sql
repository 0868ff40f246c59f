-- Valid rows, and invalid rows by reason, as a run would find them, except for rows that are not UTF-8 or do not fit the
-- encoding of database.url, and for long texts of fairness.
WITH given_users AS (:users),
given_items AS (:items),
known_users AS (SELECT DISTINCT user_id FROM given_users WHERE reason IS NULL),
known_items AS (
    SELECT item_id, bool_or(reason IS NULL) AS valid, coalesce(bool_or(reason = ':untitled'), false) AS untitled
    FROM given_items GROUP BY item_id
),
events AS (
    SELECT given.user_id, given.item_id, given.occurred_at, given.weight,
           CASE WHEN given.user_id IS NULL THEN 'user_id is null'
                WHEN given.item_id IS NULL THEN 'item_id is null'
                WHEN :timed AND (given.occurred_at IS NULL OR NOT isfinite(given.occurred_at))
                    THEN 'occurred_at is null or infinite'
                WHEN given.occurred_at > now() + interval '5 minutes' THEN 'occurred_at is in the future'
                WHEN given.weight IN ('NaN', 'Infinity', '-Infinity') THEN 'weight is not a finite number'
                WHEN given.weight <= 0 THEN 'weight is not positive'
                WHEN given.weight < :least_weight THEN ':too_small'
                WHEN given.weight > :most_weight THEN ':too_large'
                WHEN octet_length(given.user_id::text) > :longest_key THEN ':long_user'
                WHEN octet_length(given.item_id::text) > :longest_key THEN ':long_item'
                WHEN known_users.user_id IS NULL THEN 'unknown user'
                WHEN known_items.valid THEN NULL
                WHEN known_items.untitled THEN 'item without a title'
                ELSE 'unknown item'
           END AS reason
    FROM (SELECT user_id, item_id, occurred_at, coalesce(weight, 1) AS weight FROM (:interactions) AS mapped) AS given
    LEFT JOIN known_users ON known_users.user_id = given.user_id
    LEFT JOIN known_items ON known_items.item_id = given.item_id
),
pairs AS (
    SELECT user_id, item_id, count(*) AS events, min(occurred_at) AS oldest, max(occurred_at) AS newest
    FROM events WHERE reason IS NULL GROUP BY user_id, item_id
),
people AS (
    SELECT user_id, sum(events) AS events, count(*) AS items, min(oldest) = max(newest) AS one_order
    FROM pairs GROUP BY user_id
),
weights AS (
    SELECT count(DISTINCT weight) AS distinct_weights, min(weight) AS smallest, max(weight) AS largest,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY weight) AS median
    FROM events WHERE reason IS NULL
),
invalid (reason, rows) AS (
    SELECT 'users: ' || reason, count(*) FROM given_users WHERE reason IS NOT NULL GROUP BY reason
    UNION ALL
    SELECT 'users: duplicate id', (SELECT count(*) FROM given_users WHERE reason IS NULL)
                                  - (SELECT count(*) FROM known_users)
    UNION ALL
    SELECT 'items: ' || reason, count(*) FROM given_items WHERE reason IS NOT NULL GROUP BY reason
    UNION ALL
    SELECT 'items: duplicate id', (SELECT count(*) FROM given_items WHERE reason IS NULL)
                                  - (SELECT count(*) FROM known_items WHERE valid)
    UNION ALL
    SELECT 'interactions: ' || reason, count(*) FROM events WHERE reason IS NOT NULL GROUP BY reason
)
SELECT (SELECT count(*) FROM known_users) AS users,
       (SELECT count(*) FROM known_items WHERE valid) AS items,
       coalesce(sum(people.events), 0)::bigint AS interactions,
       (SELECT count(DISTINCT occurred_at::date) FROM events WHERE reason IS NULL) AS days,
       count(*) AS users_with_events,
       count(*) FILTER (WHERE people.events = 1) AS users_with_one_event,
       count(*) FILTER (WHERE people.one_order) AS users_with_one_order,
       coalesce(sum(people.events - people.items), 0)::bigint AS repeats,
       (SELECT coalesce(json_object_agg(reason, rows), '{}') FROM invalid WHERE rows > 0) AS quarantine,
       (SELECT row_to_json(weights) FROM weights) AS weights
FROM people
