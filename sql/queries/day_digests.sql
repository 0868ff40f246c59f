-- One digest for each day of events: late, corrected and deleted rows all change the digest of their day.
-- Count and sum, because equal rows would cancel each other in an exclusive or.
SELECT day, count(*) AS events, coalesce(sum(hash), 0)::text AS hash
FROM (
    SELECT :day AS day,
           :hash AS hash
    FROM (:interactions) AS mapped
) AS hashed
GROUP BY day
ORDER BY day
