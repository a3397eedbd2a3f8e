"""Seeded products, categories, licences, prices and currency rates."""

from dataclasses import dataclass
from functools import lru_cache

from syncd.simulator.ground import DAY_S, Ground, Wire, spaced_id, words
from syncd.simulator.resources import CATEGORIES, LICENSES, PRODUCTS

NOUNS = words(
    "Yoga|Gitarre|Astronomy|Baking|Watercolour|Chess|Español|Photography|Garden|Sailing|Jazz Piano|Cinéma|"
    "Beekeeping|Latin|Woodwork|Calligraphy|Meditation|Climbing|Ceramics|Wine"
)
FORMS = words(
    "for Beginners|Masterclass|Workbook|The Complete Course|Live Sessions|Handbook|in 30 Days|Studio Edition|"
    "Stories|Collection|Vol. 2|Übungen"
)
TOPICS = words("Film|Music|E-Books|Courses|Software|Merchandise|Kids|Health|Travel|Art|Science|Language")
LICENCES = words("Unlimited streaming|Download to own|Rental 48 h|E-book personal|Multi user|Physical item")
LANGUAGES = (("en", 1), ("de", 2), ("es", 8), ("fr", 12), ("it", 10), ("pt", 6))
DIGITAL = (1, 4, 5, 7, 9, 16, 24, 29, 30)
FILMS = (1, 9)
PHYSICAL, PHYSICAL_LICENCE = 6, 6
AMOUNTS = (299, 499, 799, 999, 1299, 1499, 1999, 2499, 2999, 4900, 9900, 19800)
CURRENCIES = (("eur", 1.0), ("usd", 1.0831), ("gbp", 0.8457), ("chf", 0.9412))
RATES = tuple(
    (code, float(rate))
    for code, rate in map(
        str.split,
        words(
            "AED 4.3949|AUD 1.6215|BRL 5.8123|CAD 1.4702|CHF 0.9412|CZK 25.31|DKK 7.4604|EUR 1|GBP 0.8457|"
            "JPY 163.42|NOK 11.7405|PLN 4.3068|SEK 11.4812|USD 1.0831"
        ),
    )
)
UNPUBLISHED = "2000-01-01T00:00:00"
CDN = "https://cdn.shop.example"


@dataclass(frozen=True, slots=True)
class Ware:
    """What an order must know of a product."""

    id: int
    product_id: str
    title: str
    version: str
    product_type: int
    license_id: int
    price: int
    gtin: str
    weight: float


def product_key(_: Ground, place: int) -> int:
    """The id of the product at a place."""
    return spaced_id(75_001, place)


def is_physical(ground: Ground, place: int) -> bool:
    """Every sixth product is a thing; the last one of a small shop is too, but never the only one."""
    return place % 6 == 5 or (ground.products < 6 and 0 < place == ground.products - 1)


@lru_cache(maxsize=20_000)
def ware(ground: Ground, place: int) -> Ware:
    """The product at a place, as an order line sees it."""
    luck = ground.number("ware", place)
    code = f"{luck:016X}"
    physical = is_physical(ground, place)
    noun, form = NOUNS[luck % len(NOUNS)], FORMS[luck // 32 % len(FORMS)]
    return Ware(
        id=product_key(ground, place),
        product_id=f"0001-{code[:4]}-{code[4:8]}-{place & 0xFFFF:04X}",
        title=f"{noun} {form}" if place < len(NOUNS) else f"{noun} {form} {place}",
        version=f"{1 + luck % 3}.{luck // 7 % 10}",
        product_type=PHYSICAL if physical else DIGITAL[luck // 512 % len(DIGITAL)],
        license_id=PHYSICAL_LICENCE if physical else 1 + luck // 8192 % 5,
        price=AMOUNTS[luck // 65536 % len(AMOUNTS)],
        gtin=f"40{luck % 10**11:011d}" if physical else "",
        weight=50 + luck % 4000 / 2 if physical else 0,
    )


def product_times(ground: Ground, place: int) -> tuple[str, str]:
    """(created_at, updated_at) of a product."""
    age = (1 - place / (ground.products + 1)) * 1000 * DAY_S
    return ground.ago(age), ground.ago(age * ground.share("product-age", place) ** 2)


def product(ground: Ground, place: int) -> Wire:
    """The product at a place, whole."""
    item = ware(ground, place)
    dice = ground.dice("product", place)
    created, updated = product_times(ground, place)
    physical, film = item.product_type == PHYSICAL, item.product_type in FILMS
    tongues = LANGUAGES[: dice.choice((1, 1, 2, 2, 3))]
    shelves = dice.sample(range(ground.categories), min(ground.categories, dice.choice((0, 1, 1, 2))))
    sources = [f"{CDN}/p/{item.id}/{n}.jpg" for n in range(dice.randint(0, 3))]
    return PRODUCTS.blank | {
        "id": item.id,
        "product_id": item.product_id,
        "title": item.title,
        "comment": "" if dice.random() < 0.5 else f"Shelf {dice.randint(1, 40)}, checked {created[:10]}",
        "version": item.version,
        "created_at": created,
        "updated_at": updated,
        "published_at": UNPUBLISHED if dice.random() < 0.1 else created,
        "release_date": created[:10] + "T00:00:00",
        "valid": dice.random() < 0.97,
        "product_type": item.product_type,
        "runtime": dice.randint(5, 240) if film else 0,
        "attribute_set_id": dice.choice((None, None, 3, 8)),
        "owner_company_id": ground.company_id,
        "allow_download_trial": item.product_type == 4,
        "pre_sales": dice.random() < 0.03,
        "weight": item.weight,
        "drm_protected": not physical and dice.random() < 0.7,
        "gtin": item.gtin,
        "supplier": dice.randint(1, 9) if physical else 0,
        "manage_stock": physical,
        "items_in_stock": dice.randint(0, 500) if physical else 0,
        "hide_on_shop_catalog": dice.random() < 0.04,
        "mirrored": dice.random() < 0.02,
        "age_rating": dice.choice(("0", "6", "12", "16")),
        "locales": [_locale(item, code, 100 * place + n) for n, (code, _) in enumerate(tongues)],
        "categories": [
            {"category_id": category_key(ground, shelf), "created_at": created, "id": 5_000_000 + 100 * place + n}
            for n, shelf in enumerate(shelves)
        ],
        "price_license_binding": [_binding(ground, item, hd) for hd in ((False, True) if film else (False,))],
        "images": [
            {"id": 10_000_000 + 100 * place + n, "src": source, "position": n + 1} for n, source in enumerate(sources)
        ],
        "chapters": [
            {"id": 15_000_000 + 100 * place + n, "position": n, "start_time": n * 300, "title": f"Chapter {n}"}
            for n in range(1, dice.randint(3, 6) if film else 1)
        ],
        "content_files": [
            {
                "id": 20_000_000 + 100 * place + n,
                "valid": True,
                "content_type": dice.choice((1, 2, 7, 10)),
                "download_url": f"{CDN}/f/{item.product_id}/{n}",
            }
            for n in range(0 if physical else dice.randint(1, 2))
        ],
        "themes": [{"theme_id": -1}],
    }


def _locale(item: Ware, code: str, number: int) -> Wire:
    return PRODUCTS.branch_by_name["locales"].blank | {
        "id": 1_000_000 + number,
        "src": f"{CDN}/covers/{item.id}-{code}.jpg",
        "language_id": code,
        "title": item.title if code == "en" else f"{item.title} ({code})",
        "description": f"<p>{item.title}: all that you need, from the first step on.</p>",
        "version": item.version,
        "seo_keywords": item.title.lower().replace(" ", ","),
        "seo_title": item.title,
    }


def _binding(ground: Ground, item: Ware, hd: bool) -> Wire:
    price_id = price_key(ground, AMOUNTS.index(item.price))
    numbers = {"compare_price_id": None, "audio_type": 0, "num_users": 1}
    return {"license_id": item.license_id, "price_id": price_id, "hd": hd, **numbers}


def category_key(_: Ground, place: int) -> int:
    """The id of the category at a place."""
    return spaced_id(197, place)


def category_times(ground: Ground, place: int) -> tuple[str, str]:
    """(created_at, updated_at) of a category."""
    age = (1500 - place) * DAY_S
    return ground.ago(age), ground.ago(age * ground.share("category-age", place))


def category(ground: Ground, place: int) -> Wire:
    """The category at a place: a tree, four to a branch, parents before children."""
    created, updated = category_times(ground, place)
    topic = TOPICS[place % len(TOPICS)]
    title = topic if place < len(TOPICS) else f"{topic} {place}"
    blank = CATEGORIES.branch_by_name["locales"].blank
    locales = [
        blank | {"id": 25_000_000 + 10 * place + n, "language_id": code, "title": f"{title} ({code})"}
        for n, (code, _) in enumerate(LANGUAGES[: 1 + place % 3])
    ]
    return CATEGORIES.blank | {
        "id": category_key(ground, place),
        "title": title,
        "enabled": place % 11 != 10,
        "parent_id": None if place < 4 else category_key(ground, place // 4 - 1),
        "position": place % 4,
        "created_at": created,
        "updated_at": updated,
        "locales": locales,
    }


def price_key(_: Ground, place: int) -> int:
    """The id of the price at a place."""
    return spaced_id(672, place)


def price(ground: Ground, place: int) -> Wire:
    """The price at a place, in the four currencies of the shop."""
    cents = AMOUNTS[place]
    lands = (("United Kingdom", "GB", 100), ("Switzerland", "CH", 200))[: place % 3]
    return {
        "id": price_key(ground, place),
        "title": f"Price {cents / 100:.2f}" if place else "Default pricing for new items",
        "valid": True,
        "created_at": ground.ago((1400 - place) * DAY_S),
        "modified_at": ground.ago((400 - 9 * place) * DAY_S),
        "currencies": [{"currency": code, "price": int(cents * rate)} for code, rate in CURRENCIES],
        "countries": [
            {"country_name": name, "country_code": code, "price": cents + more} for name, code, more in lands
        ],
    }


def licence(ground: Ground, place: int) -> Wire:
    """The licence at a place; ids are small, as in the reference."""
    physical = place + 1 == PHYSICAL_LICENCE
    limit = 0 if physical else 5 + place
    limits = "total_downloads|annual_downloads|total_concurrent_devices|annual_concurrent_devices"
    return LICENSES.blank | {
        "id": place + 1,
        "name": LICENCES[place],
        "valid": True,
        "created_at": ground.ago((1450 - place) * DAY_S),
        "created_by_user_id": 1004,
        "company_id": ground.company_id,
        "assignment": 2,
        "allow_play": int(not physical),
        "burn_play": 100 if place == 1 else 0,
        "drm": int(not physical),
        "disable_on_clock_rollback": place == 2,
        "expire_after_first_use": 172_800 if place == 2 else 0,
        "expire_after_first_use_mode": int(place == 2),
        **dict.fromkeys(words(limits), limit),
        "maximum_downloads": 2 * limit,
        "physical": physical,
        "physical_weight": 0.25 if physical else 0,
        "type": place,
        "export_mp3": place == 1,
        "export_epub": place == 3,
        "copy_prot_level_analog": 100 * place,
        "locales": [
            {"id": 30_000_000 + 10 * place + n, "language_id": number, "name": LICENCES[place], "description": ""}
            for n, (_, number) in enumerate(LANGUAGES[:2])
        ],
    }


def rate(ground: Ground, place: int) -> Wire:
    """The currency rate at a place, as of the opening day."""
    code, value = RATES[place]
    return {"date": ground.ago(0)[:10] + "T00:00:00", "rate_to_eur": value, "currency": code}
