"""docs/resources.md as the descriptions of the resources say it. `python -m tests.house.resources_page` writes it."""

from syncd.domain.resource import Access, Field, Resource
from syncd.domain.resources import RESOURCES
from tests.house.sources import ROOT

PAGE = ROOT / "docs/resources.md"
HEAD = """# Resources and their tables

<!-- Written from `syncd/domain/resources.py` by `python -m tests.house.resources_page`; a test compares. -->

Every resource has a mirror table, and each list inside its records a child table. Besides the columns below, every
table has `row_id` (ours, never reused), `shop_id` (a row of `shops`) and `extra` (JSON: fields that syncd does not know
yet); parents have `deleted_at` (set when the shop no longer has the record) and `synced_at`; children have
`parent_row_id` and `ordinal`. A column is NULL where the shop sent null or nothing. Money is in cents, times are UTC.

Columns are named as the API names its fields. In the lists below a name without a mark holds text; `#` marks a whole
number, `.` a decimal number, `?` a yes or no, `@` a time, `{}` JSON. Columns in *italics* are set by the shop only.

| resource | key | scope | child tables |
|---|---|---|---|
"""
MARKS = {"int": "#", "decimal": ".", "text": "", "flag": "?", "time": "@", "json": "{}"}


def page() -> str:
    rows = [
        f"| [{r.name}](#{r.name}) | `{r.key}` | {f'`{r.scope}`' if r.scope else 'none'} | "
        + (", ".join(f"`{child.table}`" for child in r.children) or "-")
        + " |"
        for r in RESOURCES
    ]
    return HEAD + "\n".join(rows) + "\n" + "".join(_section(resource) for resource in RESOURCES)


def _section(resource: Resource) -> str:
    tables = [(resource.table, resource.fields), *((child.table, child.fields) for child in resource.children)]
    lists = "\n".join(f"* **`{table}`** {_columns(fields)}" for table, fields in tables)
    return f"\n## {resource.name}\n\nListed at `{resource.path}.json`{_looks(resource)}.\n\n{lists}\n"


def _looks(resource: Resource) -> str:
    said = []
    if resource.stamp:
        said.append(f"stamp `{resource.stamp}`")
    if resource.filters:
        said.append("filters that are tried: " + ", ".join(f"`{name}`" for name in resource.filters))
    return "; " + "; ".join(said) if said else ""


def _columns(fields: tuple[Field, ...]) -> str:
    return ", ".join(_column(field) for field in fields)


def _column(field: Field) -> str:
    mark = MARKS[field.kind.value]
    named = f"*{field.name}*" if field.access is Access.READ else field.name
    return f"{named}{f' `{mark}`' if mark else ''}"


if __name__ == "__main__":
    PAGE.write_text(page())
