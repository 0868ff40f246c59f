"""Two nights of the shop: what somebody looks for, what is sold out and what is used up between them."""

from datetime import UTC, datetime, timedelta

from examples.common import DAY, Rows, Stage
from examples.shop.world import HERE, World

SEARCHED = {"en": "running shoes", "zh": "运动鞋"}
LIST = """
SELECT r.rank, r.item_id, r.title, p.stock, r.source
FROM chatrec.recommendations r JOIN store.products p ON p.sku = r.item_id
WHERE r.user_id = %s ORDER BY r.rank LIMIT %s
"""
BEST = """
SELECT item_id FROM chatrec.recommendations JOIN store.products ON sku = item_id
GROUP BY item_id ORDER BY count(*) DESC, item_id LIMIT 3
"""
NOT_OF_SPORTS = """
SELECT min(m.member_id) FROM store.members m
WHERE m.language = %s
AND EXISTS (SELECT FROM store.order_lines o WHERE o.member_id = m.member_id)
AND NOT EXISTS (SELECT FROM store.searches s WHERE s.member_id = m.member_id)
AND NOT EXISTS (SELECT FROM store.order_lines o JOIN store.products p USING (sku)
                WHERE o.member_id = m.member_id AND p.department LIKE 'Sports%%')
"""
LEFT = "SELECT count(*) FROM chatrec.recommendations WHERE item_id = ANY (%s)"
TWICE = """
SELECT p.shelf, count(*) FROM chatrec.recommendations r
JOIN store.products p ON p.sku = r.item_id
WHERE EXISTS (SELECT FROM store.order_lines o WHERE o.member_id = r.user_id AND o.sku = r.item_id)
GROUP BY p.shelf ORDER BY count(*) DESC, p.shelf
"""
COFFEE = """
SELECT min(member_id) FROM (
    SELECT o.member_id FROM store.order_lines o JOIN store.products p USING (sku)
    WHERE p.shelf = 'coffee beans' AND p.stock > 0 GROUP BY o.member_id, o.sku
    HAVING count(*) >= 3 AND max(o.ordered_at) < %s) AS drinkers
"""


def fill(stage: Stage, world: World) -> None:
    """Makes the tables and their rows."""
    stage.begin_anew(HERE / "schema.sql", "store")
    stage.load("store.products", world.catalogue())
    stage.load("store.members", world.people())
    stage.load("store.order_lines", world.orders())
    stage.load("store.searches", world.searches())


def a_day_passes(stage: Stage, searchers: dict[str, int], moment: datetime) -> list[str]:
    """Somebody searches in each language, and what was recommended most is sold out; returns its SKUs."""
    for language, member in searchers.items():
        stage.rows("INSERT INTO store.searches VALUES (%s, %s, %s)", (member, SEARCHED[language], moment))
    sold_out = [sku for (sku,) in stage.rows(BEST)]
    stage.rows("UPDATE store.products SET stock = 0, changed_at = %s WHERE sku = ANY (%s)", (moment, sold_out))
    return sold_out


def searchers(stage: Stage) -> dict[str, int]:
    """By language, a member who never bought anything for sports."""
    return {language: stage.rows(NOT_OF_SPORTS, (language,))[0][0] for language in SEARCHED}


def first_places(stage: Stage, member: int, places: int = 5) -> Rows:
    """rank, SKU, title, stock and source of the first rows of a list."""
    return stage.rows(LIST, (member, places))


def show(stage: Stage, users: int, seed: int) -> None:
    """Makes everything and shows it."""
    now = datetime.now(UTC)
    world = World(now - timedelta(hours=12), users, seed=seed)
    stage.stage(f"The shop's tables, {users:,} members", lambda: fill(stage, world))
    stage.say("The first night")
    stage.night(now - DAY)
    who = searchers(stage)
    before = {member: first_places(stage, member) for member in who.values()}
    sold_out = a_day_passes(stage, who, now - timedelta(minutes=5))
    often = stage.rows(LEFT, (sold_out,))[0][0]
    stage.say("The second night")
    stage.night(now)
    columns = ("rank", "sku", "title", "stock", "source")
    for language, member in who.items():
        stage.say(f"Member {member}, the first night")
        stage.table(columns, before[member])
        stage.say(f"After searching for {SEARCHED[language]}")
        stage.table(columns, first_places(stage, member))
    stage.say(f"Sold out since: {', '.join(sold_out)}, in {often:,} lists before")
    stage.shown.print(f"in {stage.rows(LEFT, (sold_out,))[0][0]} lists now")
    stage.say("What may be bought again, and comes again")
    stage.table(("shelf", "rows of members who bought the very thing before"), stage.rows(TWICE))
    ((drinker,),) = stage.rows(COFFEE, (now - 14 * DAY,))
    stage.say(f"Member {drinker}, whose coffee has run out")
    stage.table(columns, first_places(stage, drinker))
