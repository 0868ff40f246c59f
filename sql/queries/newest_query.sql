-- How many queries there are, and the newest moment of those that are not in the future.
SELECT count(*), max(occurred_at) FILTER (WHERE occurred_at <= :until)
FROM (:queries) AS mapped
