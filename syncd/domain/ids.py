"""Names of things that cross the whole house: a record's KEY as people write it."""

from dataclasses import dataclass

from syncd.errors import UsageProblem


@dataclass(frozen=True, slots=True)
class RecordKey:
    """`shop/resource/id`, as commands and messages show it."""

    shop: str
    resource: str
    key: str

    def __str__(self) -> str:
        return f"{self.shop}/{self.resource}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> "RecordKey":
        """Read `shop/resource/id`; raises UsageProblem."""
        parts = text.split("/", 2)
        if len(parts) != 3 or not all(parts):
            raise UsageProblem(
                f"{text!r} is not a record's key",
                hint="Write it as shop/resource/id, as in demo/orders/267227.",
            )
        return cls(*parts)
