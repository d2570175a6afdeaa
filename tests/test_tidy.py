"""Style is a test: how long things may be, who may import whom, and what nothing may be called."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TOP = Path(__file__).parent.parent
SOURCE = TOP / "src" / "cloudlet"
FILE, FUNCTION, LINE = 400, 50, 110  # lines, lines, characters
ENGINE = (15, 3_500)  # files and lines of the interpreter of workflows

# What may import whom: a package may import those on the lines above its own, and itself.
ORDER = (
    ("errors", "clock", "ids", "arn", "scratch"),
    ("wire", "store"),
    ("identity", "telemetry"),
    ("kernel",),
    ("fabric", "functions", "workflow", "stacks"),
    ("services",),
    ("gateway", "deploy", "review", "dashboard"),
    ("app",),
    ("cli", "testing"),
    ("__main__",),
)
LEVEL = {package: level for level, packages in enumerate(ORDER) for package in packages}
BELOW_SERVICES = LEVEL["services"]
BANNED = {"util", "utils", "helper", "helpers", "common", "manager", "impl", "misc", "v2"}
BANNED_FILES = BANNED | {"base", "core", "shared"}
BASES = {"Exception", "Protocol", "Struct", "NamedTuple", "TypedDict", "Enum", "IntEnum", "StrEnum",
         "Generic", "asyncio.Protocol", "click.Group", "logging.Handler", "logging.Formatter"}
HOME = re.compile(r"(?<![\w.:*-])/(?:work|root)/")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of cloudlet, by its name."""
    return {name_of(path): ast.parse(path.read_text(), str(path)) for path in sorted(SOURCE.rglob("*.py"))}


@cache
def paths() -> dict[str, Path]:
    return {name_of(path): path for path in SOURCE.rglob("*.py")}


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree() -> list[Path]:
    """Every file that is part of the project."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=TOP,
                            capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := TOP / name).is_file()]


def where(module: str, node: ast.AST) -> str:
    return f"{paths()[module].relative_to(TOP)}:{getattr(node, 'lineno', 1)}"


def none(found: Iterator[str]) -> None:
    """Fail with all that was found, one a line."""
    lines = sorted(set(found))
    assert not lines, "\n  " + "\n  ".join(lines)


# -- how long things are


def test_no_file_is_longer_than_one_can_keep_in_mind():
    kinds = {".py", ".js", ".mjs", ".css"}
    none(f"{path.relative_to(TOP)} has {count} lines" for path in tree()
         if path.suffix in kinds and not path.is_relative_to(TOP / "tests")
         and (count := len(path.read_text().splitlines())) > FILE)


def test_no_function_is_longer_than_a_screen():
    none(f"{where(name, node)} {node.name} has {size} lines" for name, module in modules().items()
         for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
         and (size := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION)


def test_no_line_is_longer_than_the_page():
    none(f"{path.relative_to(TOP)}:{number} has {len(line)} characters" for path in tree()
         if path.suffix in {".py", ".mjs"} for number, line in enumerate(path.read_text().splitlines(), 1)
         if len(line) > LINE and "noqa: E501" not in line)


def test_the_interpreter_of_workflows_is_small():
    sizes = [len(path.read_text().splitlines()) for path in (SOURCE / "workflow").rglob("*.py")]
    files, lines = ENGINE
    assert len(sizes) <= files and sum(sizes) <= lines, (len(sizes), sum(sizes))


# -- who imports whom


def imports(name: str) -> Iterator[tuple[str, ast.stmt]]:
    """What a module imports of cloudlet when it is imported itself, not what only type checkers see."""
    for node in module_statements(modules()[name]):
        yield from ((target, node) for target in targets(name, node))


def module_statements(module: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.iter_child_nodes(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from module_statements(node)


def targets(name: str, node: ast.stmt) -> Iterator[str]:
    """The modules of cloudlet that a statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "cloudlet")
        return
    assert isinstance(node, ast.ImportFrom)
    if node.level:
        package = name if paths()[name].name == "__init__.py" else name.rpartition(".")[0]
        start = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
        start = f"{start}.{node.module}" if node.module else start
    else:
        start = node.module or ""
    if start.partition(".")[0] == "cloudlet":
        for alias in node.names:
            inner = f"{start}.{alias.name}"
            yield inner if inner in modules() else start


def package_of(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_every_package_has_its_place_in_the_order():
    none(f"{name}: add {package_of(name)!r} to ORDER" for name in modules()
         if package_of(name) and package_of(name) not in LEVEL)


def test_a_package_imports_only_what_stands_below_it():
    none(f"{where(name, node)} {package_of(name)} imports {target}"
         for name in modules() if package_of(name)
         for target, node in every_import(name)
         if package_of(target) and package_of(target) != package_of(name)
         and LEVEL[package_of(target)] >= LEVEL[package_of(name)])


def every_import(name: str) -> Iterator[tuple[str, ast.stmt]]:
    """Also what only type checkers see and what functions import: the law has no back door."""
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((target, node) for target in targets(name, node))


def test_no_service_imports_another():
    def service(name: str) -> str:
        parts = name.split(".")
        return parts[2] if parts[:2] == ["cloudlet", "services"] and len(parts) > 2 else ""

    none(f"{where(name, node)} imports {target}" for name in modules() if service(name)
         for target, node in every_import(name) if service(target) not in ("", service(name)))


def test_what_stands_below_the_services_names_none():
    names = {path.name for path in (SOURCE / "services").iterdir() if (path / "__init__.py").exists()}
    none(f"{where(name, node)} says {node.value!r}" for name, module in modules().items()
         if package_of(name) and LEVEL[package_of(name)] < BELOW_SERVICES and package_of(name) != "kernel"
         for node in ast.walk(module) if isinstance(node, ast.Constant) and node.value in names
         and f"{node.value}" not in allowed_words(name, node))


def allowed_words(name: str, node: ast.Constant) -> str:
    """A line may name a service if it says why: ``# names a service: …``."""
    line = paths()[name].read_text().splitlines()[node.lineno - 1]
    return str(node.value) if "names a service:" in line else ""


def test_imports_stand_at_the_top_or_say_why_not():
    def hidden(module: ast.Module) -> Iterator[ast.stmt]:
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from (node for node in ast.walk(function)
                            if isinstance(node, ast.Import | ast.ImportFrom))

    none(f"{where(name, node)} {ast.unparse(node)}" for name, module in modules().items()
         for group in [list(hidden(module))] for node in group if not explained(name, node, group))


def explained(name: str, node: ast.stmt, group: list[ast.stmt]) -> bool:
    """Whether the import, or the one right above it, has a comment that says why it is here."""
    lines = paths()[name].read_text().splitlines()
    if "  # " in "\n".join(lines[node.lineno - 1 : node.end_lineno]):
        return True
    above = next((one for one in group if one.end_lineno == node.lineno - 1), None)
    return above is not None and explained(name, above, group)


def test_imports_have_no_cycles():
    graph = {name: {target for target, _ in imports(name) if target in modules() and target != name}
             for name in modules()}
    seen: dict[str, int] = {}
    found: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        seen[name] = 1
        for target in sorted(graph[name]):
            if seen.get(target) == 1:
                cycle = (*path[path.index(target):], target) if target in path else (name, target)
                found.append(" → ".join(cycle))
            elif target not in seen:
                visit(target, (*path, target))
        seen[name] = 2

    for name in graph:
        if name not in seen:
            visit(name, (name,))
    none(iter(found))


# -- what things are called and what they say


def test_nothing_has_a_name_that_says_nothing():
    def words(identifier: str) -> set[str]:
        return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower().split("_"))

    none(name for name in modules() if set(name.split(".")) & BANNED_FILES)
    none(f"{where(name, node)} {node.name}" for name, module in modules().items()
         for node in ast.walk(module) if isinstance(node, ast.ClassDef) and words(node.name) & BANNED)


def test_every_module_says_what_it_is():
    none(f"{where(name, module)} has no docstring" for name, module in modules().items()
         if not ast.get_docstring(module))


def test_every_public_function_says_what_it_does():
    none(f"{where(name, node)} {node.name} has no docstring" for name, module in modules().items()
         for node in public_functions(module) if not ast.get_docstring(node))


def public_functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public classes, functions and methods; not those whose Protocol says it, such as a resource's verbs."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node
            told = "resource" in " ".join(ast.unparse(one) for one in node.decorator_list) \
                or any("Protocol" in ast.unparse(one) for one in node.bases)
            yield from (one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
                        and not one.name.startswith("_") and not told and "overload" not in decorators(one))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_") \
                and "overload" not in decorators(node):
            yield node


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return " ".join(ast.unparse(one) for one in node.decorator_list)


def test_nothing_is_inherited_but_errors_and_protocols():
    classes = {node.name: node for module in modules().values() for node in ast.walk(module)
               if isinstance(node, ast.ClassDef)}

    def allowed(base: str) -> bool:
        plain = base.partition("[")[0]
        if plain in BASES or plain.rpartition(".")[2] in BASES or plain.endswith(("Error", "Exception")):
            return True
        found = classes.get(plain.rpartition(".")[2])
        return found is not None and any(is_error(ast.unparse(one), classes) or
                                         is_empty_struct(found) for one in found.bases)

    none(f"{where(name, node)} {node.name}({ast.unparse(base)})" for name, module in modules().items()
         for node in ast.walk(module) if isinstance(node, ast.ClassDef)
         for base in node.bases if not allowed(ast.unparse(base)))


def is_empty_struct(node: ast.ClassDef) -> bool:
    """A struct without fields, which only says how its kind is read."""
    return any("Struct" in ast.unparse(base) for base in node.bases) \
        and not any(isinstance(one, ast.AnnAssign | ast.FunctionDef) for one in node.body)


def is_error(base: str, classes: dict[str, ast.ClassDef]) -> bool:
    plain = base.rpartition(".")[2]
    if plain.endswith(("Error", "Exception")):
        return True
    found = classes.get(plain)
    return found is not None and any(is_error(ast.unparse(one), classes) for one in found.bases)


def test_an_error_is_two_lines():
    none(f"{where(name, node)} {node.name} has no docstring" for name, module in modules().items()
         if name.endswith(".errors") for node in module.body
         if isinstance(node, ast.ClassDef) and not ast.get_docstring(node))


# -- what does not belong here


def test_nobodys_home_is_in_the_tree():
    none(f"{path.relative_to(TOP)}:{number} {line.strip()[:80]}" for path in tree()
         if path != Path(__file__) and path.suffix not in {".png", ".gz"}
         for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1) if HOME.search(line))


def test_an_operation_asks_nobody_but_its_call_for_time_and_chance():
    forbidden = {"time", "uuid", "random", "secrets"}
    none(f"{where(name, node)} imports {word}" for name in modules() if name.startswith("cloudlet.services.")
         for node in ast.walk(modules()[name]) if isinstance(node, ast.Import | ast.ImportFrom)
         if not getattr(node, "level", 0)
         for word in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module])
         if word in forbidden)
