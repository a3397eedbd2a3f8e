"""What a shop does with list elements is seen: what it does not heed is refused visibly, once, and shown as it is."""

import asyncio
from typing import Any

import pytest

from syncd.simulator.switches import FILTERS, Switches
from tests.engine.push_kit import push_desk
from tests.support.databases import TestDatabase

SHOP: dict[str, Any] = {"products": 6, "orders": 4, "customers": 4, "categories": 4, "themes": 1}
OF = "parent_row_id = (SELECT row_id FROM products WHERE id = :id)"
REMOVE = f"DELETE FROM product_locales WHERE language_id = 'de' AND {OF}"
EDIT = f"UPDATE product_locales SET description = 'Mine' WHERE language_id = 'en' AND {OF}"
ADD = (
    "INSERT INTO product_images (shop_id, parent_row_id, ordinal, src, position)"
    " SELECT shop_id, row_id, 9, 'https://x.example/new.jpg', 9 FROM products WHERE id = :id"
)


@pytest.mark.parametrize(
    ("switches", "edit", "path"),
    [
        (("child_lists=merge",), REMOVE, "locales[de]"),
        (("child_lists=replace",), REMOVE, ""),
        (("ignored_fields=locales.description",), EDIT, "locales[en].description"),
        (("child_lists=merge",), EDIT, ""),
        (("ignored_fields=images",), ADD, "images[https://x.example/new.jpg]"),
        (("child_lists=replace",), ADD, ""),
    ],
    ids=["removal unheeded", "removal", "field unheeded", "field", "element unheeded", "element"],
)
def test_what_a_shop_does_not_heed_is_refused_visibly(
    database: TestDatabase, switches: tuple[str, ...], edit: str, path: str
) -> None:
    async def scene() -> None:
        rich = Switches.named("rich").flipped([f"filters={FILTERS}", *switches])
        async with push_desk(database.url, switches=rich, **SHOP) as desk:
            key = desk.at.sim.keys("products")[0]
            desk.sql(edit, id=int(key))
            for _ in range(3):
                await desk.push()
                await desk.pull("products")
                desk.at.clock.passed_s += 120
            assert len([write for write in desk.at.sim.books.writes if write.by == "api"]) == 1
            refused = desk.sql("SELECT path, reason FROM sync_refused_edits")
            assert [row["path"] for row in refused] == ([path] if path else [])
            assert desk.sql("SELECT * FROM sync_outbox") == []
            assert desk.sql("SELECT * FROM sync_conflicts") == []
            assert desk.at.differences("products") == []

    asyncio.run(scene())
