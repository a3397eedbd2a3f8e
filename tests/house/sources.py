"""The project's own files as the house tests see them: parsed once, each with its place in the house."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file. `where` is its path from the root of the project, with slashes."""

    where: str
    text: str
    tree: ast.Module

    @property
    def is_product(self) -> bool:
        return self.where.startswith("syncd/")

    @property
    def is_test(self) -> bool:
        return self.where.startswith("tests/")

    def at(self, node: ast.AST, rule: str) -> str:
        """One broken rule as a line that an editor can jump to."""
        return f"{self.where}:{getattr(node, 'lineno', 1)}: {rule}"


def source(where: str, text: str) -> Source:
    return Source(where, text, ast.parse(text, where))


@cache
def tracked_files() -> tuple[str, ...]:
    """Every file that is, or would be, committed. Without git (an unpacked archive): all not hidden."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if "/." not in f"/{path}"]
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


@cache
def sources() -> tuple[Source, ...]:
    return tuple(source(name, (ROOT / name).read_text()) for name in tracked_files() if name.endswith(".py"))


@lru_cache(maxsize=2)  # the files are checked one after the other, each by a dozen checks
def walk(tree: ast.Module) -> tuple[ast.AST, ...]:
    """`ast.walk`, paid once a file."""
    return tuple(ast.walk(tree))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def within(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Everything that runs when `body` runs: without the bodies of functions that are only defined there."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


@lru_cache(maxsize=2)
def imported_names(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: `from datetime import datetime as d` gives datetime.datetime."""
    names: dict[str, str] = {}
    for node in walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                names[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    """The full name that an expression stands for, or None where it does not begin at an import."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return None
    return ".".join([names[node.id], *reversed(parts)])
