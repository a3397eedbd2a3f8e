"""Local capture: the triggers on people's tables, made from the schema, compared with what a database has.

They write nothing but the key of the record into `sync_hints`: the difference against base is the truth (design section
9). On SQLite they call no function and read no clock, so that any client's statement goes through, whatever it trusts
or lacks. Whatever was missing or changed is made anew, and what could have slipped by is looked for by a scan. Must not
know what a hint leads to.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Text, text

from syncd.domain.resources import RESOURCES
from syncd.store.schema import MIRROR

#: PostgreSQL tells listeners here that people wrote.
CHANNEL = "syncd_local"
#: Columns whose change is no edit of a record.
_SILENT = {"synced_at", "ordinal"}
_LEAD = {"row_id", "shop_id", "parent_row_id", "deleted_at"}
_ALL = tuple(resource.name for resource in RESOURCES)
_SCAN = text(
    "INSERT INTO sync_hints (shop_id, resource, source)"
    " SELECT id, CAST(:resource AS text), 'scan' FROM shops ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger, or (without a table) the function behind them. `watches` are the resources that go unwatched
    without it, `stored` is what the database shows where it is in place."""

    table: str
    name: str
    watches: tuple[str, ...]
    create: tuple[str, ...]
    stored: str


def ensure(connection: Connection) -> tuple[str, ...]:
    """Make what is missing or changed, remove what is left of older ones; returns the resources that nobody may have
    watched for a while, of which every shop's are to be scanned now."""
    wanted, found = _wanted(connection), _found(connection)
    for table, name in found:
        if table and (table, name) not in wanted:
            _drop(connection, table, name)
    unwatched: list[str] = []
    for place, trigger in wanted.items():
        if found.get(place) == trigger.stored:
            continue
        if trigger.table and place in found:
            _drop(connection, *place)
        for statement in trigger.create:
            connection.exec_driver_sql(statement)
        unwatched += trigger.watches
    if not _flag_is_down(connection):
        connection.exec_driver_sql("DELETE FROM sync_apply")
        connection.exec_driver_sql("INSERT INTO sync_apply (id, active) VALUES (1, 0)")
        unwatched += _ALL
    resources = tuple(dict.fromkeys(unwatched))
    for resource in resources:
        connection.execute(_SCAN, {"resource": resource})
    return resources


def in_place(connection: Connection) -> bool:
    """Whether `ensure` would find nothing to do."""
    wanted = {place: trigger.stored for place, trigger in _wanted(connection).items()}
    return wanted == _found(connection) and _flag_is_down(connection)


def remove(connection: Connection) -> None:
    """Take all triggers off: a migration must neither be captured nor stopped by them."""
    for table, name in _found(connection):
        if table:
            _drop(connection, table, name)


def _flag_is_down(connection: Connection) -> bool:
    """A flag that stayed up, whoever put it up, would switch the capture off."""
    if _is_postgres(connection):
        return True
    return [tuple(row) for row in connection.execute(text("SELECT active FROM sync_apply"))] == [(0,)]


def _is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _wanted(connection: Connection) -> Mapping[tuple[str, str], Trigger]:
    if not _is_postgres(connection):
        return _sqlite()
    return _postgres(str(connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()))


def _watched() -> Iterator[tuple[str, str, bool]]:
    """Table, resource, and whether its rows are elements of a list."""
    for resource in RESOURCES:
        yield resource.table, resource.name, False
        for child in resource.children:
            yield child.table, resource.name, True


# --- SQLite -----------------------------------------------------------------------------------------------------------

#: An empty sync_apply, which only people can bring about, must not switch the capture off.
_NOT_OURS = "(SELECT active FROM sync_apply) IS NOT 1"


@cache
def _sqlite() -> Mapping[tuple[str, str], Trigger]:
    made = [trigger for watched in _watched() for trigger in _sqlite_table(*watched)]
    resolved = (
        "CREATE TRIGGER syncd_sync_conflicts_update AFTER UPDATE OF resolution ON sync_conflicts"
        " WHEN NEW.resolution IS NOT NULL AND NEW.resolution IS NOT OLD.resolution BEGIN"
        " INSERT INTO sync_hints (shop_id, resource, key, source)"
        " VALUES (NEW.shop_id, NEW.resource, NEW.key, 'person'); END"
    )
    made.append(Trigger("sync_conflicts", "syncd_sync_conflicts_update", (), (resolved,), resolved))
    return {(trigger.table, trigger.name): trigger for trigger in made}


def _sqlite_table(table: str, resource: str, is_element: bool) -> Iterator[Trigger]:
    row = "parent_row_id" if is_element else "row_id"
    differs = " OR ".join(f'OLD."{name}" IS NOT NEW."{name}"' for name in _compared(table))

    def hint(side: str) -> str:
        return (
            "INSERT INTO sync_hints (shop_id, resource, row_id, source)"  # noqa: S608
            f" VALUES ({side}.shop_id, '{resource}', {side}.{row}, 'local');"
        )

    moved = f"(OLD.shop_id IS NOT NEW.shop_id OR OLD.{row} IS NOT NEW.{row})"
    parts = (
        ("insert", "INSERT", "", hint("NEW")),
        ("update", "UPDATE", f"({differs}) AND ", hint("NEW")),
        # What stands for both records costs only statements that name such a column.
        ("move", f"UPDATE OF shop_id, {row}", f"{moved} AND ", hint("OLD")),
        ("delete", "DELETE", "", hint("OLD")),
    )
    for verb, event, when, body in parts:
        name = f"syncd_{table}_{verb}"
        create = f'CREATE TRIGGER {name} AFTER {event} ON "{table}" WHEN {when}{_NOT_OURS} BEGIN {body} END'
        yield Trigger(table, name, (resource,), (create,), create)


def _compared(table: str) -> list[str]:
    """The columns whose change is an edit, likely ones first: texts, then the rest, then those that say whose row it
    is. Comparing ends at the first that differs, and is a good part of what a trigger costs people's statements."""
    columns = [column for column in MIRROR.tables[table].columns if column.name not in _SILENT]
    return [column.name for column in sorted(columns, key=lambda each: (each.name in _LEAD, _is_no_text(each)))]


def _is_no_text(column: Column[Any]) -> bool:
    return not isinstance(column.type, Text)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

# People need no rights on sync_hints: the function writes as its owner. So nothing in it may be looked up by names
# that they could make first.
_CAPTURE = """
DECLARE
  old_shop bigint;
  old_row bigint;
  new_shop bigint;
  new_row bigint;
BEGIN
  IF TG_LEVEL = 'STATEMENT' THEN
    IF TG_OP = 'TRUNCATE' THEN
      INSERT INTO {schema}.sync_hints (shop_id, resource, source)
      SELECT id, TG_ARGV[0], 'scan' FROM {schema}.shops ORDER BY id;
    END IF;
    PERFORM pg_notify('{channel}', '');
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    old_shop := OLD.shop_id;
    IF TG_ARGV[1] = 'element' THEN
      old_row := OLD.parent_row_id;
    ELSE
      old_row := OLD.row_id;
    END IF;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    new_shop := NEW.shop_id;
    IF TG_ARGV[1] = 'element' THEN
      new_row := NEW.parent_row_id;
    ELSE
      new_row := NEW.row_id;
    END IF;
    INSERT INTO {schema}.sync_hints (shop_id, resource, row_id, source)
    VALUES (new_shop, TG_ARGV[0], new_row, 'local');
  END IF;
  IF old_row IS NOT NULL AND (old_shop IS DISTINCT FROM new_shop OR old_row IS DISTINCT FROM new_row) THEN
    INSERT INTO {schema}.sync_hints (shop_id, resource, row_id, source)
    VALUES (old_shop, TG_ARGV[0], old_row, 'local');
  END IF;
  RETURN NULL;
END
"""

_RESOLVED = """
BEGIN
  INSERT INTO {schema}.sync_hints (shop_id, resource, key, source)
  VALUES (NEW.shop_id, NEW.resource, NEW.key, 'person');
  PERFORM pg_notify('{channel}', '');
  RETURN NULL;
END
"""

_FOREIGN = "pg_catalog.current_setting('syncd.origin', true) IS DISTINCT FROM 'daemon'"


@cache
def _postgres(schema: str) -> Mapping[tuple[str, str], Trigger]:
    made = [_function(schema, "syncd_capture", _CAPTURE), _function(schema, "syncd_resolved", _RESOLVED)]
    for table, resource, is_element in _watched():
        call = f"EXECUTE FUNCTION {schema}.syncd_capture('{resource}', '{'element' if is_element else 'record'}')"
        # OLD.* IS DISTINCT FROM NEW.* would not do: the type json has no equality.
        kinds = (
            ("syncd_capture", f"AFTER INSERT OR DELETE ON {{}} FOR EACH ROW WHEN ({_FOREIGN})"),
            ("syncd_capture_update", f"AFTER UPDATE ON {{}} FOR EACH ROW WHEN ({_FOREIGN} AND OLD *<> NEW)"),
            (
                "syncd_notice",
                f"AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {{}} FOR EACH STATEMENT WHEN ({_FOREIGN})",
            ),
        )
        for name, when in kinds:
            made.append(_trigger(schema, table, name, (resource,), f"{when.format(_at(schema, table))} {call}"))
    when = "FOR EACH ROW WHEN (NEW.resolution IS NOT NULL AND NEW.resolution IS DISTINCT FROM OLD.resolution)"
    rest = f"AFTER UPDATE OF resolution ON {schema}.sync_conflicts {when} EXECUTE FUNCTION {schema}.syncd_resolved()"
    made.append(_trigger(schema, "sync_conflicts", "syncd_resolved", (), rest))
    return {(trigger.table, trigger.name): trigger for trigger in made}


def _at(schema: str, table: str) -> str:
    return f'{schema}."{table}"'


def _function(schema: str, name: str, form: str) -> Trigger:
    body = form.format(schema=schema, channel=CHANNEL)
    create = (
        f"CREATE OR REPLACE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = pg_catalog, pg_temp AS $syncd${body}$syncd$"
    )
    return Trigger("", name, _ALL, (create,), body)


def _trigger(schema: str, table: str, name: str, watches: tuple[str, ...], rest: str) -> Trigger:
    create = f"CREATE TRIGGER {name} {rest}"
    # The server tells triggers in words of its own, which change with its version: a comment holds the digest of ours.
    digest = hashlib.blake2b(create.encode(), digest_size=16).hexdigest()
    comment = f"COMMENT ON TRIGGER {name} ON {_at(schema, table)} IS '{digest}'"
    return Trigger(table, name, watches, (create, comment), digest)


# --- what is there ----------------------------------------------------------------------------------------------------

_THERE = r"""
SELECT c.relname, t.tgname,
       CASE WHEN t.tgenabled IN ('O', 'A') THEN coalesce(obj_description(t.oid, 'pg_trigger'), '') ELSE 'off' END
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace AND t.tgname LIKE 'syncd\_%'
UNION ALL
SELECT '', p.proname, p.prosrc
  FROM pg_proc p
 WHERE p.pronamespace = current_schema()::regnamespace AND p.proname IN ('syncd_capture', 'syncd_resolved')
"""


_THERE_SQLITE = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'syncd_*'"


def _found(connection: Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute(text(_THERE if _is_postgres(connection) else _THERE_SQLITE))
    return {(row[0], row[1]): row[2] for row in rows}


def _drop(connection: Connection, table: str, name: str) -> None:
    on = f' ON "{table}"' if _is_postgres(connection) else ""
    connection.exec_driver_sql(f'DROP TRIGGER "{name}"{on}')
