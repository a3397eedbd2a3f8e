"""Elements without a record: people deleted it before the shop knew it, or named one that never was.

They belong to nothing that could be sent, and reports count them. Must not decide when they go.
"""

from sqlalchemy import Connection

from syncd.domain.record import Element
from syncd.domain.resource import Resource
from syncd.store.dialect import Dialect, dialect_of
from syncd.store.guard import own_writes
from syncd.store.schema import base_name
from syncd.store.sheets import family


def loose(connection: Connection, shop_id: int, resource: Resource, row_id: int) -> list[tuple[str, Element]]:
    """The elements that name this row, by list, if it is neither in the mirror nor agreed on. What does not decode is
    kept as the text found."""
    dialect = dialect_of(connection)
    found = []
    for name, (_, sheet) in family(resource.name, dialect).children.items():
        shops = f"shop_id = {dialect.mark} AND {_alone(resource, sheet.table)}"
        wanted = sheet.select(sheet.table, "parent_row_id").replace(" ORDER BY", f" AND {shops} ORDER BY")
        for row in connection.exec_driver_sql(wanted, (dialect.listed([row_id]), shop_id)):
            odd: dict[str, str] = {}
            fields, extra = sheet.unpack(row[4:], odd)
            found.append((name, Element(fields | odd, extra, row[0])))
    return found


def clear(connection: Connection, shop_id: int, resource: Resource, row_id: int) -> None:
    """Take them away."""
    own_writes(connection)
    mark = dialect_of(connection).mark
    for child in resource.children:
        of = f"parent_row_id = {mark} AND shop_id = {mark} AND {_alone(resource, child.table)}"
        connection.exec_driver_sql(f'DELETE FROM "{child.table}" WHERE {of}', (row_id, shop_id))  # noqa: S608


def parents(resource: Resource, dialect: Dialect) -> list[str]:
    """Queries for the rows that are named so, one for each list. Three parameters each: shop, lowest, highest row."""
    mark = dialect.mark
    return [
        f'SELECT parent_row_id FROM "{child.table}" WHERE shop_id = {mark}'  # noqa: S608
        f" AND parent_row_id BETWEEN {mark} AND {mark} AND {_alone(resource, child.table)}"
        for child in resource.children
    ]


def _alone(resource: Resource, table: str) -> str:
    def none(where: str) -> str:
        return f'NOT EXISTS (SELECT 1 FROM "{where}" p WHERE p.row_id = "{table}".parent_row_id)'  # noqa: S608

    return f"{none(resource.table)} AND {none(base_name(resource.table))}"
