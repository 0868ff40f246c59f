-- The queries that are not too old, by user, the newest first; those without a time come too, to be put away.
SELECT user_id, query, occurred_at
FROM (:queries) AS mapped
WHERE occurred_at IS NULL OR occurred_at >= :since
ORDER BY :user_order, occurred_at DESC NULLS LAST, query COLLATE "C"
