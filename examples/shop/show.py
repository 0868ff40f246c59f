"""Runs the shop twice: the effect of searches, of items that sell out and of items bought repeatedly."""

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
    """Creates the tables and their rows."""
    stage.reset(HERE / "schema.sql", "store")
    stage.load("store.products", world.catalogue())
    stage.load("store.members", world.people())
    stage.load("store.order_lines", world.orders())
    stage.load("store.searches", world.searches())


def next_day(stage: Stage, searchers: dict[str, int], moment: datetime) -> list[str]:
    """Adds a search in each language, and sells out the items recommended most; returns their SKUs."""
    for language, member in searchers.items():
        stage.rows("INSERT INTO store.searches VALUES (%s, %s, %s)", (member, SEARCHED[language], moment))
    sold_out = [sku for (sku,) in stage.rows(BEST)]
    stage.rows("UPDATE store.products SET stock = 0, changed_at = %s WHERE sku = ANY (%s)", (moment, sold_out))
    return sold_out


def searchers(stage: Stage) -> dict[str, int]:
    """Returns a member without purchases in sports for each language."""
    return {language: stage.rows(NOT_OF_SPORTS, (language,))[0][0] for language in SEARCHED}


def top_rows(stage: Stage, member: int, count: int = 5) -> Rows:
    """Returns the first rows of a list: rank, SKU, title, stock, the member's purchases, and source."""
    return stage.rows(LIST, (member, count))


def used_up(stage: Stage, moment: datetime) -> Rows:
    """Returns the regular purchases that may be recommended again: shelf, member, SKU, and whether it is listed."""
    again = stage.settings.rules.repeat
    return stage.rows(REGULAR, (moment - again.after_days * DAY, list(again.groups)))


def show(stage: Stage, users: int, seed: int) -> None:
    """Creates the tables, runs twice and prints the results."""
    now = datetime.now(UTC)
    world = World(now - timedelta(hours=12), users, seed=seed)
    stage.timed(f"The shop's tables, {users:,} members", lambda: fill(stage, world))
    stage.heading("The first run")
    stage.run(now - DAY)
    members = searchers(stage)
    before = {member: top_rows(stage, member) for member in members.values()}
    sold_out = next_day(stage, members, now - timedelta(minutes=5))
    lists_before = stage.rows(LEFT, (sold_out,))[0][0]
    stage.heading("The second run")
    stage.run(now)
    columns = ("rank", "sku", "title", "stock", "bought", "source")
    for language, member in members.items():
        stage.heading(f"Member {member}, the first run")
        stage.table(columns, before[member])
        stage.heading(f"After searching for {SEARCHED[language]}")
        stage.table(columns, top_rows(stage, member))
    stage.heading(f"Sold out since then: {', '.join(sold_out)}, in {lists_before:,} lists before")
    stage.terminal.print(f"in {stage.rows(LEFT, (sold_out,))[0][0]} lists now")
    regular = used_up(stage, now)
    again = stage.settings.rules.repeat
    stage.heading(f"Bought three times or more, last at least {again.after_days:.0f} days ago")
    listed_of = {group: [listed for shelf, *_, listed in regular if shelf == group] for group in again.groups}
    names = ("shelf", "regular purchases", "in the list")
    stage.table(
        names,
        [(shelf, len(listed), f"{sum(listed) / max(len(listed), 1):.0%}") for shelf, listed in listed_of.items()],
    )
    drinker = next(member for shelf, member, _, listed in regular if shelf == "coffee beans" and listed)
    stage.heading(f"Member {drinker}, whose coffee has run out")
    stage.table(columns, top_rows(stage, drinker))
