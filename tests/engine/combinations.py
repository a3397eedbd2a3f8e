"""Combinations of a shop's switches: few in which every pair of settings stands together, and all of a few switches.

Greedy and seeded, so that the same combinations come every time. Knows nothing of what a switch means but for the
combinations that no reader could walk.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from random import Random

Settings = dict[str, str]
Pair = tuple[str, str, str, str]

EVERY_FILTER = "created_at_min,created_at_max,updated_at_min,updated_at_max,modified_at_min,modified_at_max"

#: Every switch that a reader meets, with the settings that matter.
READING: Mapping[str, tuple[str, ...]] = {
    "paging": ("true", "false"),
    "page_size": ("5", "7", "10"),
    "past_end": ("empty", "repeat_last", "not_found"),
    "without_page": ("all", "first"),
    "list_order": ("id_asc", "id_desc", "shuffled_each_walk", "shuffled_each_call"),
    "filters": ("", EVERY_FILTER, "created_at_min", "updated_at_min,modified_at_min"),
    "fields": ("true", "false"),
    "thin_lists": ("true", "false"),
    "singular_for_one": ("true", "false"),
    "count": ("count", "bare", "total", "missing"),
    "stamps": ("moves", "stands_still", "absent"),
    "omit_empties": ("true", "false"),
    "extras": ("true", "false"),
    "generation": ("both", "v1", "api2"),
    "not_found": ("404", "empty_object", "error_object"),
    "times": ("mixed", "v1", "net"),
    "flags": ("mixed", "ints", "bools"),
    "ids": ("mixed", "strings"),
    "limit_header": ("X-FlickRocket-Shop-Api-Call-Limit", ""),
    "clock_skew_s": ("0", "7200", "-7200"),
}

#: The eight that decide how a shop is walked and what a look costs, with the settings that make a difference together.
WALKING: Mapping[str, tuple[str, ...]] = {
    "paging": ("true", "false"),
    "past_end": ("empty", "repeat_last"),
    "list_order": ("id_asc", "id_desc", "shuffled_each_walk"),
    "filters": ("", EVERY_FILTER),
    "fields": ("true", "false"),
    "thin_lists": ("true", "false"),
    "count": ("count", "missing"),
    "stamps": ("moves", "stands_still", "absent"),
}


def possible(settings: Mapping[str, str]) -> bool:
    """Whether such a shop can be read to its end: pages in a new order at every call, and no count that says when all
    of it was seen, is a shop of which nobody can ever know that."""
    endless = settings.get("list_order") == "shuffled_each_call" and settings.get("count") == "missing"
    return not (endless and settings.get("paging") == "true")


def pairwise(choices: Mapping[str, Sequence[str]] = READING, seed: int = 1) -> list[Settings]:
    """A few combinations in which every possible pair of settings of two switches stands together at least once."""
    rng = Random(seed)
    wanted = dict.fromkeys(_pairs_of(choices))
    found: list[Settings] = []
    while wanted:
        tries = [_grown(choices, wanted, next(iter(wanted)), rng) for _ in range(20)]
        best = max(tries, key=lambda settings: sum(pair in wanted for pair in pairs_in(settings)))
        for pair in pairs_in(best):
            wanted.pop(pair, None)
        found.append(best)
    return found


def every(choices: Mapping[str, Sequence[str]] = WALKING) -> list[Settings]:
    """Every possible combination of these switches; the others stand as in the shop's plainest form."""
    rows = product(*choices.values())
    return [settings for row in rows if possible(settings := dict(zip(choices, row, strict=True)))]


def spelt(settings: Settings) -> list[str]:
    """The combination as the simulated shop reads it."""
    return [f"{name}={value}" for name, value in settings.items()]


def pairs_in(settings: Mapping[str, str]) -> Iterator[Pair]:
    """Every pair of settings that stands together in this combination."""
    for one, other in combinations(sorted(settings), 2):
        yield one, settings[one], other, settings[other]


def _pairs_of(choices: Mapping[str, Sequence[str]]) -> Iterator[Pair]:
    for one, other in combinations(sorted(choices), 2):
        for left, right in product(choices[one], choices[other]):
            yield one, left, other, right


def _grown(choices: Mapping[str, Sequence[str]], wanted: Mapping[Pair, None], first: Pair, rng: Random) -> Settings:
    """A combination around one wanted pair: switch by switch, in a drawn order, the setting that makes most pairs."""
    settings: Settings = {first[0]: first[1], first[2]: first[3]}
    names = [name for name in choices if name not in settings]
    rng.shuffle(names)
    for name in names:
        open_choices = [choice for choice in choices[name] if possible({**settings, name: choice})]
        gains = {choice: _gain(settings, name, choice, wanted) for choice in open_choices}
        best = max(gains.values())
        settings[name] = rng.choice([choice for choice, gain in gains.items() if gain == best])
    return settings


def _gain(settings: Settings, name: str, choice: str, wanted: Mapping[Pair, None]) -> int:
    """How many wanted pairs this choice makes with what is set already."""
    return sum(_pair(name, choice, other, value) in wanted for other, value in settings.items())


def _pair(one: str, left: str, other: str, right: str) -> Pair:
    return (one, left, other, right) if one < other else (other, right, one, left)
