"""A sealed text and the place that it is bound to: what has to be sealed anew when the key changes."""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SealedText:
    """`place` is a table and column of the state database. Shop, field and generation are what the seal is bound to."""

    place: str
    shop_id: int
    field: str
    generation: int
    text: str = dataclasses.field(repr=False)
