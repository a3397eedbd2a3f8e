"""Seeded customers from several countries, with none to three addresses, and who is behind each order."""

from dataclasses import dataclass
from random import Random

from syncd.simulator.ground import DAY_S, Ground, Wire, spaced_id, words
from syncd.simulator.resources import CUSTOMERS

FIRST = words(
    "Anna|Björn|Chloé|David|Élodie|Farid|Greta|Henrik|Inès|Jonas|Karin|Luca|María|Nikolaus|Olga|Pedro|"
    "Quentin|Rosa|Sven|Théo|Ursula|Vera|William|Zoë"
)
LAST = words(
    "Müller|Schmidt|Dubois|Rossi|García|Novák|Jensen|O'Neill|Smith|Fischer|Moreau|Bianchi|López|Weiß|"
    "van Dijk|Kowalski|Andersson|Silva|Brown|Huber"
)


@dataclass(frozen=True, slots=True)
class Land:
    """A country that the shop sells to."""

    name: str
    code: str
    language: str
    currency: str
    dial: str
    places: tuple[tuple[str, str, str, str], ...]  # city, zip, province, province code


LANDS = (
    Land("Germany", "DE", "de", "EUR", "+49", (("Dortmund", "44227", "", ""), ("Jena", "07743", "", ""))),
    Land("Austria", "AT", "de", "EUR", "+43", (("Wien", "1010", "", ""), ("Graz", "8010", "Steiermark", "ST"))),
    Land("France", "FR", "fr", "EUR", "+33", (("Lyon", "69002", "", ""), ("Orléans", "45000", "", ""))),
    Land("Spain", "ES", "es", "EUR", "+34", (("Málaga", "29001", "Andalucía", "AN"),)),
    Land("Italy", "IT", "it", "EUR", "+39", (("Torino", "10121", "Piemonte", "TO"),)),
    Land("United Kingdom", "GB", "en", "GBP", "+44", (("Leeds", "LS1 4AP", "", ""),)),
    Land("United States", "US", "en", "USD", "+1", (("Oakland", "94607", "California", "CA"),)),
    Land("Switzerland", "CH", "de", "CHF", "+41", (("Zürich", "8001", "Zürich", "ZH"),)),
)
STREETS = words("Hauptstraße|Rue de la Gare|Calle Mayor|Via Roma|Station Road|Lindenweg|Market Street")

HOME = words("address1|address2|zip|city|phone|country|country_name|country_code|province|province_code")
ADDRESSES = CUSTOMERS.branch_by_name["addresses"]


@dataclass(frozen=True, slots=True)
class Face:
    """What an order must know of a customer."""

    id: int
    token: str
    email: str
    first_name: str
    last_name: str
    company: str
    land: Land


def customer_token(ground: Ground, place: int) -> str:
    """The token of the customer at a place."""
    return ground.token("customer", place)


def face(ground: Ground, place: int) -> Face:
    """The customer at a place, as an order sees them."""
    luck = ground.number("face", place)
    first, last = FIRST[luck % len(FIRST)], LAST[luck // 64 % len(LAST)]
    plain = f"{first}.{last}".lower().encode("ascii", "ignore").decode().replace("'", "").replace(" ", "")
    return Face(
        id=spaced_id(15_475, place),
        token=customer_token(ground, place),
        email=f"{plain}.{place}@mail.example",
        first_name=first,
        last_name=last,
        company=f"{last} & Co" if luck // 2**20 % 5 == 0 else "",
        land=LANDS[luck // 2**30 % len(LANDS)],
    )


def customer_times(ground: Ground, place: int) -> tuple[str, str]:
    """(created_at, updated_at) of a customer."""
    age = (1 - place / (ground.customers + 1)) * 900 * DAY_S
    return ground.ago(age), ground.ago(age * ground.share("customer-age", place))


def buyer(ground: Ground, order: int) -> int:
    """The place of the customer behind an order: some buy often, most seldom."""
    return int(ground.customers * ground.share("buyer", order) ** 1.5)


def customer(ground: Ground, place: int) -> Wire:
    """The customer at a place, whole but for what they bought. The address fields repeat the default address."""
    who = face(ground, place)
    dice = ground.dice("customer", place)
    created, updated = customer_times(ground, place)
    addresses = [_address(ground, place, n, who, dice) for n in range(dice.choice((0, 1, 1, 1, 2, 3)))]
    home = addresses[0] if addresses else ADDRESSES.blank
    return CUSTOMERS.blank | {
        **{name: home[name] for name in HOME},
        "id": who.id,
        "token": who.token,
        "email": who.email,
        "first_name": who.first_name,
        "last_name": who.last_name,
        "name": f"{who.first_name} {who.last_name}",
        "company": who.company,
        "language": who.land.language,
        "default": bool(addresses),
        "title": dice.randint(0, 2),
        "created_at": created,
        "updated_at": updated,
        "note": "asks for invoices by post" if dice.random() < 0.05 else "",
        "tags": dice.choice(("", "", "", "newsletter", "newsletter,vip", "wholesale")),
        "group_member_of": [],
        "player_refresh_token": f"{dice.getrandbits(128):032x}",
        "player_token_expires": ground.ago(-30 * DAY_S),
        "loyalty_points": dice.randint(0, 900),
        "addresses": addresses,
    }


def _address(ground: Ground, place: int, n: int, who: Face, dice: Random) -> Wire:
    city, code, province, province_code = dice.choice(who.land.places)
    return {
        "id": 150_000 + 4 * place + n,
        "token": ground.token(f"address-{n}", place),
        "first_name": who.first_name,
        "last_name": who.last_name,
        "name": f"{who.first_name} {who.last_name}",
        "company": who.company,
        "address1": f"{dice.choice(STREETS)} {dice.randint(1, 190)}",
        "address2": "2nd floor" if dice.random() < 0.15 else "",
        "zip": code,
        "city": city,
        "phone": f"{who.land.dial} {dice.randint(100, 999)} {dice.randint(10_000, 9_999_999)}",
        "language": who.land.language,
        "country": who.land.name,
        "country_name": who.land.name,
        "country_code": who.land.code,
        "default": n == 0,
        "province": province,
        "province_code": province_code,
    }
