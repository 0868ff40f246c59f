-- The recent queries, by user, the newest first. Queries without a time are included, for the quarantine.
SELECT user_id, query, occurred_at
FROM (:queries) AS mapped
WHERE occurred_at IS NULL OR occurred_at >= :since
ORDER BY :user_order, occurred_at DESC NULLS LAST, query COLLATE "C"
