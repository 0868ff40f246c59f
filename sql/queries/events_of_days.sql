-- The events of some days. Their order depends only on their values, so that equal rows give an equal file.
SELECT :day AS day, user_id, item_id, event, weight,
       :microseconds AS occurred_at
FROM (:interactions) AS mapped
WHERE :day = ANY (:days)
ORDER BY day, :user_order, :item_order, occurred_at, event COLLATE "C", weight
