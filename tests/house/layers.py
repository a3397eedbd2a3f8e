"""Who may import whom, as a table, and the check of one file against it."""

import ast
import sys
from collections.abc import Iterator

from tests.house.sources import Source, walk

# Each floor and what of syncd it may name. A floor may always name itself and `syncd` (for the version).
FLOORS: dict[str, frozenset[str]] = {
    "domain": frozenset({"errors"}),  # errors lie on the ground too, and import nothing
    "errors": frozenset(),
    "ports": frozenset({"domain"}),
    "remote": frozenset({"domain", "ports", "errors"}),
    "store": frozenset({"domain", "ports", "errors"}),
    "host": frozenset({"domain", "ports", "errors"}),
    "engine": frozenset({"domain", "ports", "errors"}),
    "simulator": frozenset({"domain"}),
    "service": frozenset(
        {"domain", "ports", "errors", "remote", "store", "host", "engine", "simulator"},
    ),
    "cli": frozenset({"service", "errors"}),
    "__main__": frozenset({"cli"}),
}

# Each package from outside, and the only places that may name it.
OUTSIDERS: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("syncd/store/", "migrations/"),
    "alembic": ("syncd/store/", "migrations/"),
    "psycopg": ("syncd/store/",),
    "pysqlite3": ("syncd/store/",),
    "httpx": ("syncd/remote/", "syncd/simulator/", "syncd/service/wire.py", "syncd/service/doors.py"),
    "apscheduler": ("syncd/host/",),
    "structlog": ("syncd/host/", "syncd/remote/", "syncd/store/", "syncd/engine/", "syncd/service/"),
    "cryptography": ("syncd/host/",),
    "pydantic": ("syncd/service/",),
    "pydantic_core": ("syncd/service/",),
    "pydantic_settings": ("syncd/service/",),
    "starlette": ("syncd/service/", "syncd/simulator/"),
    "uvicorn": ("syncd/service/", "syncd/simulator/"),
    "jinja2": ("syncd/service/",),
    "prometheus_client": ("syncd/service/",),
    "typer": ("syncd/cli/",),
    "click": ("syncd/cli/",),
    "rich": ("syncd/cli/",),
    "orjson": ("syncd/remote/", "syncd/store/", "syncd/simulator/"),
}


def broken_layers(source: Source) -> Iterator[str]:
    """Every import of one file of syncd/ or migrations/ that the tables do not allow."""
    floor = source.where.removeprefix("syncd/").split("/")[0].removesuffix(".py")
    if source.is_product and floor not in FLOORS and floor != "__init__":
        yield source.at(source.tree, f"`{floor}` is on no floor: FLOORS says who may import whom")
        return
    for node, module in _imports(source.tree):
        first, *rest = module.split(".")
        if first == "syncd":
            yield from _inside(source, node, floor, rest[0] if rest else "")
        elif first not in sys.stdlib_module_names:
            yield from _outside(source, node, first)


def _inside(source: Source, node: ast.AST, floor: str, named: str) -> Iterator[str]:
    if not source.is_product:
        if named not in {"store", "domain"}:
            yield source.at(node, f"migrations may import syncd.store and syncd.domain, not syncd.{named}")
    elif floor == "__init__":
        yield source.at(node, "syncd/__init__.py imports nothing of syncd: everybody imports it")
    elif named in FLOORS and named != floor and named not in FLOORS[floor]:
        allowed = ", ".join(sorted(FLOORS[floor])) or "only the standard library"
        yield source.at(node, f"{floor} must not import {named} (it may import: {allowed})")


def _outside(source: Source, node: ast.AST, package: str) -> Iterator[str]:
    places = OUTSIDERS.get(package)
    if places is None:
        yield source.at(node, f"{package} is no dependency of syncd; OUTSIDERS names them, and who may use them")
    elif not source.where.startswith(places):
        yield source.at(node, f"{package} is named only in {', '.join(places)}")


def _imports(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Each imported module, those inside functions and under TYPE_CHECKING too."""
    for node in walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "syncd":
                for alias in node.names:
                    yield node, f"syncd.{alias.name}"
            else:
                yield node, node.module
