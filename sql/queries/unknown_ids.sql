-- Events, those of ids that no row of the owner has, those of them that differ in case or blanks only, and an example.
WITH known AS (SELECT :id AS id, :key AS key FROM (
:owner
) AS given WHERE :id IS NOT NULL),
keys AS (SELECT key, min(id) AS id FROM known GROUP BY key),
events AS (SELECT :id AS id, :key AS key FROM (
:interactions
) AS given WHERE :id IS NOT NULL),
counted AS (SELECT id, key, count(*) AS events FROM events GROUP BY id, key),
unknown AS (SELECT * FROM counted WHERE NOT EXISTS (SELECT FROM known WHERE known.id = counted.id)),
alike AS (SELECT unknown.id, unknown.events, keys.id AS known FROM unknown JOIN keys USING (key))
SELECT (SELECT count(*) FROM events), (SELECT coalesce(sum(events), 0)::bigint FROM unknown),
       (SELECT coalesce(sum(events), 0)::bigint FROM alike),
       coalesce((SELECT min(ARRAY[id, known]) FROM alike),
                (SELECT ARRAY[min(id), (SELECT min(id) FROM known)] FROM unknown))
