-- The number of queries, and the newest time among those that are not in the future.
SELECT count(*), max(occurred_at) FILTER (WHERE occurred_at <= :until)
FROM (:queries) AS mapped
