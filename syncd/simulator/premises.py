"""Seeded theme settings and the company that owns the shop."""

from syncd.simulator.catalogue import CDN, LANGUAGES, product_key
from syncd.simulator.ground import DAY_S, Ground, Wire, words
from syncd.simulator.resources import COMPANIES, THEME_SETTINGS

NAMES = words("Lantern & Reel|Papier & Ton|North Light Shop|Casa Azul")


def theme_key(_: Ground, place: int) -> int:
    """The id of the theme settings at a place."""
    return 1202 + 7 * place


def theme_setting(ground: Ground, place: int) -> Wire:
    """The theme settings at a place."""
    name = NAMES[(ground.seed + place) % len(NAMES)]
    domain = f"shop-{ground.company_id}-{place}.example"
    number = theme_key(ground, place)
    branches = THEME_SETTINGS.branch_by_name
    texts = {"shop_name": name, "shop_description": "Courses, films and books, made with care."}
    return THEME_SETTINGS.blank | {
        "id": number,
        "company_id": ground.company_id,
        "name": name,
        "domain": domain,
        "enabled": True,
        "shop_icon": f"{CDN}/icons/{ground.company_id}.png",
        "homepage_url": f"https://{domain}/",
        "shop_domain": domain,
        "sub_domain": f"shop{ground.company_id}",
        "theme_id": number,
        "sample_product_id": product_key(ground, 0),
        "sample_product_license_id": 1,
        "affiliate_percentage": 10,
        "affiliates_enabled": True,
        "newsletter_enabled": place == 0,
        "updated_at": ground.ago((40 + place) * DAY_S),
        "cookie_banner": "short",
        "theme": branches["theme"].blank
        | {"id": number, "company_id": ground.company_id, "assignment": 1, "name": f"{name} theme", "valid": True}
        | {"created_at": ground.ago((1600 - place) * DAY_S), "allow_edit_design": True, "liquid_theme": True},
        "locales": [
            branches["locales"].blank | texts | {"id": 35_000_000 + 10 * place + n, "language_id": language}
            for n, (_, language) in enumerate(LANGUAGES[:2])
        ],
    }


def company(ground: Ground, _: int) -> Wire:
    """The company that owns the shop; `external_access_token` is a secret that the real API sends too."""
    return COMPANIES.blank | {
        "id": ground.company_id,
        "account_level": 2,
        "affiliate_mode": 1,
        "commission_model": 1,
        "affiliates_active": True,
        "api_active": True,
        "name": NAMES[ground.seed % len(NAMES)] + " GmbH",
        "email": f"owner@shop-{ground.company_id}.example",
        "city": "Dortmund",
        "zip": "44227",
        "address1": "Emil-Figge-Straße 80",
        "country": "Germany",
        "country_code": "DE",
        "phone": "+49 231 555 0100",
        "created_at": ground.ago(1700 * DAY_S),
        "updated_at": ground.ago(60 * DAY_S),
        "external_access_token": f"{ground.number('external', 0):016x}{ground.number('external', 1):016x}",
    }
