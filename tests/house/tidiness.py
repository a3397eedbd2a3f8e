"""What is not written in this project, and what to use instead: the checks of one Python file."""

import ast
import re
from collections.abc import Iterator

from tests.house.sources import Source, dotted, functions, imported_names, walk, within

LINES_MAX = 300
# Descriptions, not code: of the resources and of their tables. One place each, as long as what they describe.
LONG = ("syncd/store/schema", "syncd/domain/resources.py")
FUNCTION_LINES_MAX = 70
FORBIDDEN_PARTS = {
    "manager": "say what it keeps or decides",
    "handler": "say what it does with what",
    "helper": "say what it does",
    "helpers": "say what they do",
    "util": "say what it does",
    "utils": "say what they do",
    "utility": "say what it does",
    "processor": "say what it makes of what",
    "info": "say which facts",
}

# Where the clock, luck, the environment and waiting are real. Everybody else is handed them.
_HOST = ("syncd/host/",)
_CLOCK = "take the Clock that is passed in (syncd.ports)"
_DICE = "take the Dice that are passed in (syncd.ports)"
BANNED_CALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "datetime.datetime.now": (_CLOCK, _HOST),
    "datetime.datetime.utcnow": (_CLOCK, _HOST),
    "datetime.datetime.today": (_CLOCK, _HOST),
    "datetime.date.today": (_CLOCK, _HOST),
    "time.time": (_CLOCK, _HOST),
    "time.time_ns": (_CLOCK, _HOST),
    "time.monotonic": (_CLOCK, _HOST),
    "time.monotonic_ns": (_CLOCK, _HOST),
    "time.perf_counter": (_CLOCK, _HOST),
    "time.sleep": (_CLOCK, _HOST),
    "asyncio.sleep": (_CLOCK, _HOST),
    "uuid.uuid1": (_DICE, _HOST),
    "uuid.uuid4": (_DICE, _HOST),
    "os.urandom": (_DICE, _HOST),
    "os.environ": ("read it in syncd/service/settings.py", (*_HOST, "syncd/service/settings.py")),
    "os.getenv": ("read it in syncd/service/settings.py", (*_HOST, "syncd/service/settings.py")),
    "structlog.configure": ("syncd/host/logs.py configures it", ("syncd/host/logs.py",)),
    "logging.basicConfig": ("syncd/host/logs.py configures it", ("syncd/host/logs.py",)),
    "asyncio.gather": ("use asyncio.TaskGroup: it leaves nobody running", ()),
}
_LUCK_MODULES = {"random": {"random.Random"}, "secrets": {"secrets.compare_digest"}}
_PURE = "syncd/domain/"


def untidy(source: Source) -> Iterator[str]:
    """Every broken rule of one file, as lines for people."""
    is_mere_folder = source.is_test and not source.text
    if not ast.get_docstring(source.tree) and not is_mere_folder:
        yield source.at(source.tree, "a module begins with a docstring: what it is for, what it must not know")
    yield from _patches(source)
    yield from _swallowed(source)
    if source.is_product:
        for check in (_sizes, _names, _banned, _luck, _stubs, _sets, _forgotten_tasks, _pure):
            yield from check(source)
    elif source.is_test:
        yield from _test_sleeps(source)


def _sizes(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > LINES_MAX and not source.where.startswith(LONG):
        yield source.at(source.tree, f"{lines} lines; at most {LINES_MAX}, mostly half of that: split it")
    for function in functions(source.tree):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_LINES_MAX:
            yield source.at(function, f"{function.name} has {length} lines; at most {FUNCTION_LINES_MAX}")


def _names(source: Source) -> Iterator[str]:
    module = source.where.removesuffix(".py").split("/")[-1]
    for node, name in [(source.tree, module), *_defined(source.tree)]:
        for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name):
            is_log_level = name == "info" and isinstance(node, ast.FunctionDef)
            if (why := FORBIDDEN_PARTS.get(part.lower())) is not None and not is_log_level:
                yield source.at(node, f"`{name}`: `{part.lower()}` is too wide, {why}")
        if name == "data":
            yield source.at(node, "`data` is too wide: name what it is")
        if name.startswith("do_"):
            yield source.at(node, f"`{name}`: leave out `do_`")


def _defined(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Names that this file gives: classes, functions, parameters, variables, attributes."""
    for node in walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node, node.name
        elif isinstance(node, ast.arg):
            yield node, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node, node.attr


def _banned(source: Source) -> Iterator[str]:
    names = imported_names(source.tree)
    for node in walk(source.tree):
        name = dotted(node, names) if isinstance(node, ast.Attribute | ast.Name) else None
        if name in BANNED_CALLS:
            instead, allowed = BANNED_CALLS[name]
            if not source.where.startswith(allowed or ("-",)):
                yield source.at(node, f"{name}: {instead}")


def _luck(source: Source) -> Iterator[str]:
    """Functions of `random` and `secrets`, and generators that nobody seeded."""
    if source.where.startswith(_HOST):
        return
    names = imported_names(source.tree)
    for node in walk(source.tree):
        name = (dotted(node, names) if isinstance(node, ast.Attribute | ast.Name) else None) or ""
        allowed = _LUCK_MODULES.get(name.split(".")[0])
        if allowed is not None and "." in name and name not in allowed:
            yield source.at(node, f"{name}: {_DICE}")
        if isinstance(node, ast.Call) and dotted(node.func, names) == "random.Random" and not node.args:
            yield source.at(node, f"random.Random without a seed: {_DICE}")


def _stubs(source: Source) -> Iterator[str]:
    names = imported_names(source.tree)
    for node in walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield source.at(node, "what is landed is finished; a Protocol in syncd.ports says what is to come")
        if isinstance(node, ast.ClassDef) and not any(
            (dotted(base, names) or "").endswith(("Protocol", "ABC"))
            for base in [b.value if isinstance(b, ast.Subscript) else b for b in node.bases]
        ):
            for function in node.body:
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and _is_empty(function):
                    yield source.at(function, f"{function.name} has no body")


def _is_empty(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return not function.decorator_list and all(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and statement.value.value is Ellipsis
        for statement in function.body
    )


def _sets(source: Source) -> Iterator[str]:
    """Loops over a set that is written in the loop: their order differs from process to process."""
    for node in walk(source.tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            over = node.iter
            is_call = isinstance(over, ast.Call) and isinstance(over.func, ast.Name)
            if isinstance(over, ast.Set | ast.SetComp) or (
                is_call and over.func.id in {"set", "frozenset"}  # type: ignore[union-attr]
            ):
                yield source.at(over, "a set has no order that can be repeated: loop over sorted(...)")


def _forgotten_tasks(source: Source) -> Iterator[str]:
    for node in walk(source.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            owner = called.value if isinstance(called, ast.Attribute) else None
            if (
                isinstance(called, ast.Attribute)
                and called.attr in {"create_task", "ensure_future"}
                and isinstance(owner, ast.Name)
                and owner.id in {"asyncio", "loop"}
            ):
                yield source.at(node, "a task that nobody holds can vanish: start it in a TaskGroup")


def _pure(source: Source) -> Iterator[str]:
    if source.where.startswith(_PURE):
        for node in walk(source.tree):
            if isinstance(node, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith):
                yield source.at(node, "domain is pure: nothing waits here")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                yield source.at(node, "domain is pure: nothing is read or written here")


def _swallowed(source: Source) -> Iterator[str]:
    """`except Exception` around an await hides bugs as faults. With a bare raise at the end it cleans up."""
    for node in walk(source.tree):
        if not isinstance(node, ast.Try | ast.TryStar):
            continue
        waits = any(isinstance(n, ast.Await | ast.AsyncFor | ast.AsyncWith) for n in within(node.body))
        for arm in node.handlers:
            caught = arm.type.elts if isinstance(arm.type, ast.Tuple) else [arm.type]
            wide = any(
                kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
                for kind in caught
            )
            last = arm.body[-1]
            if waits and wide and not (isinstance(last, ast.Raise) and last.exc is None):
                yield source.at(arm, "except Exception around an await: name the errors of syncd.errors")


def _patches(source: Source) -> Iterator[str]:
    instead = "hand over another transport, clock, dice or database"
    for node in walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
            if any(module.startswith("unittest.mock") for module in modules) or modules == [
                "mock",
                "unittest",
            ]:
                yield source.at(node, f"unittest.mock: {instead}")
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"setattr", "setitem"}
            and isinstance(node.value, ast.Name)
            and node.value.id == "monkeypatch"
        ):
            yield source.at(node, f"monkeypatch.{node.attr}: {instead}")


def _test_sleeps(source: Source) -> Iterator[str]:
    names = imported_names(source.tree)
    for node in walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node, names) == "time.sleep":
            yield source.at(
                node, "time.sleep: wait for the event itself (process.wait, Event.wait, a poll of the clock)"
            )
