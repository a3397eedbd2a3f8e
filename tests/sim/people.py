"""What people do with commands of syncd: add a shop, and let its owner authorise it, each in a house of its own."""

from syncd.service import grants, shops
from syncd.service.wire import House
from syncd.simulator.shop import SimShop


async def add(shop: SimShop, house: House) -> None:
    """`syncd shop add` and `syncd auth login` for a simulated shop."""
    await shops.add(house, shops.Wanted(shop.name, f"https://{shop.host}", shop.client_ids[0]))
    await login(shop, house)


async def login(shop: SimShop, house: House) -> None:
    """The owner agrees, and somebody pastes what the browser brought."""
    answer = grants.Answer(shop.authorise(shop.client_ids[0]), shop.company_id)
    await grants.login(house, shop.name, answer, lambda _: None, 60.0)
