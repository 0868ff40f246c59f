"""Two runs of the shop: what somebody looks for, what is sold out and what is used up between them."""

from datetime import UTC, datetime, timedelta

from examples.common import DAY, Rows, Stage
from examples.shop.world import HERE, World

SEARCHED = {"en": "running shoes", "zh": "运动鞋"}
LIST = """
SELECT r.rank, r.item_id, r.title, p.stock,
       (SELECT count(*) FROM store.order_lines o WHERE o.member_id = r.user_id AND o.sku = r.item_id) AS bought,
       r.source
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
REGULAR = """
SELECT p.shelf, o.member_id, o.sku, o.member_id = r.user_id IS TRUE AS listed
FROM (SELECT member_id, sku, count(*) AS times, max(ordered_at) AS latest FROM store.order_lines GROUP BY 1, 2) AS o
JOIN store.products p ON p.sku = o.sku AND p.stock > 0
LEFT JOIN chatrec.recommendations r ON r.user_id = o.member_id AND r.item_id = o.sku
WHERE o.times >= 3 AND o.latest < %s AND p.shelf = ANY (%s)
ORDER BY 1, 2, 3
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
    """rank, SKU, title, stock, how often the member bought it, and source of the first rows of a list."""
    return stage.rows(LIST, (member, places))


def used_up(stage: Stage, moment: datetime) -> Rows:
    """shelf, member, SKU and whether it is in the list, of all that is bought regularly and may come again."""
    again = stage.settings.rules.repeat
    return stage.rows(REGULAR, (moment - again.after_days * DAY, list(again.groups)))


def show(stage: Stage, users: int, seed: int) -> None:
    """Makes everything and shows it."""
    now = datetime.now(UTC)
    world = World(now - timedelta(hours=12), users, seed=seed)
    stage.stage(f"The shop's tables, {users:,} members", lambda: fill(stage, world))
    stage.say("The first run")
    stage.run(now - DAY)
    who = searchers(stage)
    before = {member: first_places(stage, member) for member in who.values()}
    sold_out = a_day_passes(stage, who, now - timedelta(minutes=5))
    often = stage.rows(LEFT, (sold_out,))[0][0]
    stage.say("The second run")
    stage.run(now)
    columns = ("rank", "sku", "title", "stock", "bought", "source")
    for language, member in who.items():
        stage.say(f"Member {member}, the first run")
        stage.table(columns, before[member])
        stage.say(f"After searching for {SEARCHED[language]}")
        stage.table(columns, first_places(stage, member))
    stage.say(f"Sold out since: {', '.join(sold_out)}, in {often:,} lists before")
    stage.shown.print(f"in {stage.rows(LEFT, (sold_out,))[0][0]} lists now")
    regular = used_up(stage, now)
    again = stage.settings.rules.repeat
    stage.say(f"Bought three times or more, and not for {again.after_days:.0f} days")
    rows = [[listed for of, _, _, listed in regular if of == shelf] for shelf in again.groups]
    names = ("shelf", "what somebody buys again and again", "is in the list")
    stage.table(
        names,
        [
            (shelf, len(each), f"{sum(each) / max(len(each), 1):.0%}")
            for shelf, each in zip(again.groups, rows, strict=True)
        ],
    )
    drinker = next(member for shelf, member, _, listed in regular if shelf == "coffee beans" and listed)
    stage.say(f"Member {drinker}, whose coffee has run out")
    stage.table(columns, first_places(stage, drinker))
