"""Reading records whole: both images of a record from the mirror tables and their twins.

What users left in a column is decoded strictly; what does not decode is named, never guessed. Where the database can,
the rows are held until the end of the transaction, and rows that others hold are passed over.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from syncd.domain.ledger import Images
from syncd.domain.record import Element, Record
from syncd.store.dialect import Dialect, Row
from syncd.store.kinds import Unreadable, moment_of
from syncd.store.sheets import Family

Lists = Mapping[str, Sequence[Element]]


class Reading:
    """One resource's rows on one connection."""

    def __init__(self, connection: Connection, dialect: Dialect, known: Family, *, hold: bool) -> None:
        self._connection = connection
        self._dialect = dialect
        self._known = known
        self._hold = hold

    def load(self, shop_id: int, row_ids: Sequence[int]) -> dict[int, Images]:
        """Both images of each row. A row that somebody else holds is left out; one that is nowhere has none.

        Base says whose record a row holds: one that a person moved to another shop stays this shop's."""
        wanted = sorted(set(row_ids))
        if not wanted:
            return {}
        listed = self._dialect.listed(wanted)
        rows = {
            row[0]: row
            for row in self._rows(
                self._known.parent.select(self._known.parent.table, "row_id", more=("deleted_at",), hold=self._hold),
                (listed,),
            )
        }
        unreadable: dict[int, dict[str, str]] = defaultdict(dict)
        elements = self._elements(listed, unreadable, twin=False)
        held = self._held_by_others(listed, rows, elements)
        bases, others = self._bases(shop_id, listed)
        images = {}
        for row_id in wanted:
            if row_id in held:
                continue
            local, deleted_at = None, None
            if row_id in others or (row_id in rows and rows[row_id][1] != shop_id and row_id not in bases):
                images[row_id] = Images(row_id, None, None)
                continue
            if row_id in rows:
                row, odd = rows[row_id], unreadable[row_id]
                if row[1] != shop_id:
                    odd["shop_id"] = str(row[1])
                fields, extra = self._known.parent.unpack(row[2:-1], odd)
                deleted_at = _date(row[-1], odd)
                local = Record(fields, _lists(self._known, elements[row_id]), extra)
            images[row_id] = Images(row_id, bases.get(row_id), local, deleted_at, dict(unreadable[row_id]))
        return images

    def _bases(self, shop_id: int, listed: Any) -> tuple[dict[int, Record], set[int]]:
        """What was agreed on, by row; and the rows of other shops."""
        elements = self._elements(listed, None, twin=True)
        bases, others = {}, set()
        for row in self._rows(self._known.parent.select(self._known.parent.twin, "row_id"), (listed,)):
            if row[1] != shop_id:
                others.add(row[0])
                continue
            fields, extra = self._known.parent.unpack(row[2:])
            bases[row[0]] = Record(fields, _lists(self._known, elements[row[0]]), extra)
        return bases, others

    def _elements(
        self, listed: Any, unreadable: dict[int, dict[str, str]] | None, *, twin: bool
    ) -> dict[int, dict[str, list[Element]]]:
        """The child elements by parent and list, in order."""
        found: dict[int, dict[str, list[Element]]] = defaultdict(lambda: defaultdict(list))
        for name, (_, sheet) in self._known.children.items():
            table = sheet.twin if twin else sheet.table
            hold = self._hold and not twin
            for row in self._rows(sheet.select(table, "parent_row_id", hold=hold), (listed,)):
                own_id, parent = row[0], row[2]
                odd = None if unreadable is None else unreadable[parent]
                fields, extra = sheet.unpack(row[4:], odd, f"{name}[{own_id}].")
                found[parent][name].append(Element(fields, extra, own_id))
        return found

    def _held_by_others(self, listed: Any, rows: Mapping[int, Row], elements: Mapping[int, Lists]) -> set[int]:
        """Records of which any row was passed over because another transaction holds it."""
        if not (self._hold and self._dialect.hold):
            return set()
        among = self._dialect.among
        there = f'SELECT row_id FROM "{self._known.parent.table}" WHERE {among("row_id")}'  # noqa: S608
        held = {row[0] for row in self._rows(there, (listed,))} - rows.keys()
        # Of a row that somebody deleted there is base alone to hold: else two of us would decide about it at once.
        twin = f'SELECT row_id FROM "{self._known.parent.twin}" WHERE {among("row_id")}'  # noqa: S608
        bare = {row[0] for row in self._rows(twin, (listed,))} - rows.keys() - held
        if bare:
            mine = self._rows(f"{twin} ORDER BY row_id{self._dialect.hold}", (self._dialect.listed(sorted(bare)),))
            held |= bare - {row[0] for row in mine}
        for name, (_, sheet) in self._known.children.items():
            there = f'SELECT row_id, parent_row_id FROM "{sheet.table}" WHERE {among("parent_row_id")}'  # noqa: S608
            taken = {element.row_id for lists in elements.values() for element in lists.get(name, ())}
            held |= {parent for own_id, parent in self._rows(there, (listed,)) if own_id not in taken}
        return held

    def _rows(self, statement: str, parameters: Row) -> Sequence[Any]:
        try:
            return self._dialect.rows(self._connection, statement, parameters)
        except Exception as error:
            if not self._dialect.cannot_read(error):
                raise
            return self._dialect.read_as_text(self._connection, statement, parameters)


def _lists(known: Family, found: Mapping[str, Sequence[Element]]) -> dict[str, tuple[Element, ...]]:
    """Every child list of the resource: those without a row are empty, not missing."""
    return {name: tuple(found.get(name, ())) for name in known.children}


def _date(found: Any, unreadable: dict[str, str]) -> datetime | None:
    try:
        return None if found is None else moment_of(found)
    except Unreadable as error:
        unreadable["deleted_at"] = str(error)
        return None
