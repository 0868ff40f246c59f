-- Events, those of ids that no row of the owner has, those of them that differ in case or blanks only, and an example.
WITH known AS (SELECT :id AS id, :key AS key FROM (
:owner
) AS given WHERE :id IS NOT NULL),
keys AS (SELECT key, min(id) AS id FROM known GROUP BY key),
events AS (SELECT :id AS id, :key AS key, count(*) AS events FROM (
:interactions
) AS given WHERE :id IS NOT NULL GROUP BY 1, 2),
unknown AS (SELECT * FROM events WHERE NOT EXISTS (SELECT FROM known WHERE known.id = events.id)),
alike AS (SELECT unknown.id, unknown.events, keys.id AS known FROM unknown JOIN keys USING (key)),
chosen AS (
    SELECT coalesce((SELECT min(ARRAY[id, known]) FROM alike),
                    (SELECT min(ARRAY[unknown.id, known.id]) FROM unknown, (SELECT min(id) AS id FROM known) AS known
                     WHERE known.id IS NOT NULL)) AS ids
)
SELECT coalesce(sum(events), 0)::bigint,
       (SELECT coalesce(sum(events), 0)::bigint FROM unknown),
       (SELECT coalesce(sum(events), 0)::bigint FROM alike),
       (SELECT convert_to(ids[1]::text, ':encoding') FROM chosen),
       (SELECT convert_to(ids[2]::text, ':encoding') FROM chosen)
FROM events
