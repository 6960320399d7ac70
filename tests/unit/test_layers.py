"""The layers of the code, read off its imports: what may know what, and who may touch the world.

    L5 edge     cli
    L4 wiring   pipeline
    L3 I/O      readers, staging, journal, results, summary, …, hubspot/client, hubspot/push, …
    L2 pure     core, hubspot/wire, hubspot/judge, …
    L1 nouns    model, errors
    aside       sandbox: knows nothing of ours, so that one misreading cannot pass every test

An import for types alone counts like any other: it is knowledge of a name.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import etl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(etl.__file__).parent

LAYERS: Final = {
    1: "etl etl.model etl.errors",
    2: "etl.core.* etl.hubspot etl.hubspot.wire etl.hubspot.access etl.hubspot.judge etl.hubspot.settled "
    "etl.hubspot.blame etl.hubspot.wording etl.hubspot.recognize etl.hubspot.culprits etl.hubspot.paths "
    "etl.hubspot.label_wire etl.hubspot.objects etl.hubspot.builtin_types etl.hubspot.endpoint "
    "etl.hubspot.record_wire etl.hubspot.limit_wire etl.hubspot.record_caps etl.hubspot.key_wire "
    "etl.hubspot.key_judge etl.hubspot.read_judge etl.hubspot.read_wire etl.hubspot.turned_types",
    3: "etl.readers.* etl.ahead etl.by_hash etl.narrow etl.partitions etl.staging etl.journal etl.facts etl.runs etl.results "
    "etl.summary etl.run_folder etl.ingest etl.lock etl.label_lock_file etl.logs etl.settings etl.plan "
    "etl.hubspot.client etl.hubspot.push etl.hubspot.compare etl.hubspot.settle etl.hubspot.existing "
    "etl.hubspot.transport etl.hubspot.account etl.hubspot.quota etl.hubspot.settings_check etl.hubspot.labels "
    "etl.hubspot.label_admin etl.hubspot.label_room etl.hubspot.meter etl.hubspot.pace etl.hubspot.parallel "
    "etl.stop etl.surplus etl.hubspot.replace etl.hubspot.single etl.hubspot.limits etl.hubspot.usage_report "
    "etl.hubspot.ceilings etl.plan_limits etl.kept_source etl.key_cache etl.hubspot.look_up etl.check.* "
    "etl.doctor.* etl.hubspot.record_reader etl.id_file etl.export etl.sink etl.row_spans etl.fates etl.failures "
    "etl.hubspot.read_room etl.hubspot.either_side etl.hubspot.reading etl.hubspot.crew etl.hubspot.sharing",
    4: "etl.pipeline.*",
    5: "etl.cli.* etl.__main__",
}
"""Modules by layer; ``.*`` takes a package with all in it."""

SANDBOX: Final = "etl.sandbox.*"

FENCES: Final = {
    "aiohttp": f"etl.hubspot.transport {SANDBOX}",
    "structlog": "etl.logs",
    "sqlite3": "etl.journal",
    "fcntl": "etl.lock",
    "click": "etl.cli.*",
    "rich": "etl.cli.*",
    "obstore": "etl.readers.cloud etl.readers.cloud_trouble",
}
"""Third parties, and the only modules that may know them."""

IMPURE: Final = frozenset(
    [
        "aiohttp",
        "asyncio",
        "click",
        "fcntl",
        "logging",
        "random",
        "rich",
        "shutil",
        "socket",
        "sqlite3",
        "structlog",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
    ]
)
"""What waits, tells the time, draws lots, prints or reaches a disk or a network."""


@dataclass(slots=True)
class Module:
    """What one file imports and does."""

    name: str
    imports: set[str] = field(default_factory=set)
    """Whole names: ``etl.hubspot.wire``, ``asyncio``, ``urllib.parse``."""
    inner_imports: list[int] = field(default_factory=list)
    """Lines with an import inside a function."""
    relative_imports: list[int] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    """Dotted names that are called or read: ``print``, ``sys.exit``, ``os.environ``."""


def module_name(path: Path) -> str:
    """Name the module of a file."""
    parts = ("etl", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES: Final = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Name the modules that a statement imports, also those taken out of their package."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.module is not None:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in FILES else node.module


def read(name: str) -> Module:
    """Read one module."""
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    module = Module(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module.imports.update(imported(node))
            if isinstance(node, ast.ImportFrom) and node.level:
                module.relative_imports.append(node.lineno)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            module.inner_imports += [
                inner.lineno
                for inner in ast.walk(node)
                if isinstance(inner, ast.Import | ast.ImportFrom)
            ]
        elif isinstance(node, ast.Name):
            module.calls.add(node.id)
        elif isinstance(node, ast.Attribute):
            module.calls.add(ast.unparse(node))
    return module


MODULES: Final = {name: read(name) for name in FILES}


def is_in(name: str, patterns: str) -> bool:
    """Tell whether a module is one of those listed."""
    return any(
        name == pattern.removesuffix(".*")
        or (pattern.endswith(".*") and name.startswith(pattern.removesuffix("*")))
        for pattern in patterns.split()
    )


def layers_of(name: str) -> list[int]:
    """List the layers that a module stands in: one, unless the table is wrong."""
    return [layer for layer, patterns in LAYERS.items() if is_in(name, patterns)]


def ours(module: Module) -> list[str]:
    """List what a module imports of ours."""
    return sorted(name for name in module.imports if name.partition(".")[0] == "etl")


def foreign(module: Module, names: Iterable[str]) -> set[str]:
    """List which of these third parties a module imports."""
    return {
        wanted
        for wanted in names
        if any(name == wanted or name.startswith(f"{wanted}.") for name in module.imports)
    }


def test_the_walk_sees_what_is_there() -> None:
    """The walk finds modules, packages, names taken out of a package and imports for types."""
    assert {"etl", "etl.cli", "etl.core.keep", "etl.sandbox.server"} <= MODULES.keys()
    assert "etl.model" in MODULES["etl.core.resolve"].imports
    assert "etl.hubspot.paths" in MODULES["etl.hubspot.endpoint"].imports
    assert foreign(MODULES["etl.sandbox.server"], ["aiohttp"]) == {"aiohttp"}


def test_every_module_has_its_layer() -> None:
    """A new file gets a line in the table before it gets into the product."""
    misplaced = {
        name: layers_of(name)
        for name in MODULES
        if not is_in(name, SANDBOX) and len(layers_of(name)) != 1
    }
    assert misplaced == {}


@pytest.mark.parametrize("name", ["etl", "etl.model", "etl.errors"])
def test_nouns_know_nothing_of_ours(name: str) -> None:
    """The nouns can be read without reading anything else."""
    assert ours(MODULES[name]) == []


def test_nothing_imports_upwards() -> None:
    """A rule can be understood, tested and changed without the layers that use it."""
    upwards = [
        f"{module.name} (L{layer}) imports {name} (L{above})"
        for module in MODULES.values()
        for layer in layers_of(module.name)
        for name in ours(module)
        for above in layers_of(name)
        if above > layer
    ]
    assert upwards == []


def test_nothing_imports_in_a_circle() -> None:
    """There is an order in which the files can be read."""
    unread = {name: set(ours(module)) - {name} for name, module in MODULES.items()}
    while ready := [name for name, needs in unread.items() if not needs & unread.keys()]:
        for name in ready:
            del unread[name]
    assert unread == {}


def test_the_sandbox_knows_nothing_of_ours() -> None:
    """The emulator reads HubSpot's documents, not our reading of them."""
    known = {
        module.name: [name for name in ours(module) if not is_in(name, SANDBOX)]
        for module in MODULES.values()
        if is_in(module.name, SANDBOX)
    }
    assert {name: imports for name, imports in known.items() if imports} == {}


def test_only_the_command_line_knows_the_sandbox() -> None:
    """No rule of the product can behave differently because it talks to the sandbox."""
    knowing = [
        module.name
        for module in MODULES.values()
        if any(is_in(name, SANDBOX) for name in module.imports)
        and not is_in(module.name, f"{SANDBOX} etl.cli.*")
    ]
    assert knowing == []


def test_the_core_is_pure() -> None:
    """Nothing in L1 and L2 waits, prints, draws lots or reaches a disk or a network."""
    impure = {
        module.name: foreign(module, IMPURE)
        for module in MODULES.values()
        if layers_of(module.name) in ([1], [2])
    }
    assert {name: found for name, found in impure.items() if found} == {}


@pytest.mark.parametrize(("library", "allowed"), FENCES.items())
def test_a_library_has_one_door(library: str, allowed: str) -> None:
    """A third party can be replaced in the one place that knows it."""
    trespassers = [
        module.name
        for module in MODULES.values()
        if foreign(module, [library]) and not is_in(module.name, allowed)
    ]
    assert trespassers == []


@pytest.mark.parametrize(
    "name", ["print", "input", "sys.exit", "sys.argv", "os.environ", "os.getenv"]
)
def test_only_the_edge_speaks_to_the_process(name: str) -> None:
    """Nothing but the command line prints, exits or reads the environment."""
    assert [
        module.name
        for module in MODULES.values()
        if name in module.calls and not is_in(module.name, "etl.cli.*")
    ] == []


def test_no_function_imports() -> None:
    """What a file needs stands at its top, where a circle would show."""
    assert {m.name: m.inner_imports for m in MODULES.values() if m.inner_imports} == {}


def test_only_commands_load_modules_by_name() -> None:
    """What a command does is loaded when it is called, for start-up; nothing else hides an import in a text."""
    by_name = {"importlib.import_module", "import_module", "__import__"}
    assert [m.name for m in MODULES.values() if by_name & m.calls] == ["etl.cli.commands.work"]


def test_imports_are_absolute() -> None:
    """A reader sees where a name comes from without knowing where the file is."""
    assert {m.name: m.relative_imports for m in MODULES.values() if m.relative_imports} == {}
