"""The mapping of the demo's shop, which is the default: a worked example of the three SELECTs."""

USERS = """
SELECT user_no AS user_id, years_old AS age, sex, job
FROM shop.users
"""

ITEMS = """
SELECT movie_no AS item_id, name AS title, released::text AS year, kinds AS groups,
       in_stock AS available, changed_at AS updated_at
FROM shop.movies
"""

INTERACTIONS = """
SELECT user_no AS user_id, movie_no AS item_id, 'rating' AS event, rated_at AS occurred_at
FROM shop.ratings
"""
