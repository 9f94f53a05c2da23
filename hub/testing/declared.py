"""Rules that are checked without asking anything: declaration, contract, mapping, imports."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from hub.core.errors import MappingError, SettingsError
from hub.mapping import check_paths, examples_path, file_stem, load_schemas, run_examples
from hub.testing.bench import Bench
from hub.testing.manifest import changed_files, read_manifest
from hub.testing.rule import Finding

_SURFACE = frozenset({"hub.core", "hub.wire"})
_WAYS_ROUND = frozenset(
    {"aiohttp", "ctypes", "ftplib", "http.client", "httpx", "importlib", "logging",
     "multiprocessing", "os", "requests", "shutil", "smtplib", "socket", "sqlite3", "ssl",
     "structlog", "subprocess", "syslog", "tempfile", "urllib.request", "urllib3", "zeep"}
)  # fmt: skip
"""Modules with which a connector would go round the wire, the ledger or the log's redaction."""
_PRINTS = frozenset({"__import__", "breakpoint", "eval", "exec", "input", "open", "print"})
_REACHES = frozenset(
    {"create_connection", "create_datagram_endpoint", "create_subprocess_exec",
     "create_subprocess_shell", "create_unix_connection", "open_connection", "open_unix_connection",
     "write_bytes", "write_text"}
)  # fmt: skip
"""Methods with which a connector would open a file or a connection of its own."""


async def declaration(bench: Bench) -> AsyncIterator[Finding]:
    """Name, owner, echoes and blocks of the SPEC."""
    spec, where = bench.spec, bench.line(r"^SPEC\b")
    used = {name for needs in spec.blocks.values() for name in needs}
    faults = [
        (spec.name != bench.name, f"SPEC is called {spec.name}, its source {bench.name}"),
        (not spec.title.strip() or not spec.owner.strip(), "SPEC lacks a title or an owner"),
        (not spec.operations, "SPEC has no operation"),
        *(
            (not operation.echoes, f"operation {operation.name} declares no echo")
            for operation in spec.operations
        ),
        *(
            (operation.name not in used, f"operation {operation.name} feeds no block")
            for operation in spec.operations
        ),
        *(
            (name not in bench.operations, f"a block needs {name}, which is no operation")
            for name in sorted(used)
        ),
        *(
            (block not in bench.model.blocks, f"block {block} is not in the model, nor in BLOCKS")
            for block in spec.blocks
        ),
    ]
    for wrong, what in faults:
        if wrong:
            yield Finding(what=what, where=where)
    for name in ("Settings", "open_connector"):
        if not hasattr(bench.module, name):
            where = bench.shown(bench.folder / "__init__.py")
            yield Finding(what=f"the package offers no {name}", where=where)


async def no_legal_effect(bench: Bench) -> AsyncIterator[Finding]:
    """Nothing that changes a person's position in law can be asked."""
    for operation in bench.spec.operations:
        if operation.legal_effect:
            where = bench.line(r"legal_effect\s*=\s*True")
            what = f"operation {operation.name} has effects in law, and feeds a block"
            yield Finding(what=what, where=where)


async def contract_on_file(bench: Bench) -> AsyncIterator[Finding]:
    """CONTRACT.md, a manifest with origin and checksums, one payload schema per operation."""
    place = bench.shown(bench.contract / "contract.toml")
    if not (bench.contract / "CONTRACT.md").is_file():
        yield Finding(what="there is no CONTRACT.md", where=bench.shown(bench.contract))
    try:
        manifest = read_manifest(bench.contract)
    except SettingsError as error:
        yield Finding(what=str(error), where=place)
        return
    if not manifest.origin.strip():
        yield Finding(what="the manifest does not say where the contract comes from", where=place)
    for name in changed_files(bench.contract, manifest):
        what = f"{name} is not what was frozen"
        yield Finding(what=what, where=bench.shown(bench.contract / name))
    known = load_schemas(bench.contract).keys()
    for name in sorted(known ^ set(bench.operations)):
        lack = "has no operation" if name in known else "has no payload schema"
        yield Finding(what=f"{name} {lack}", where=bench.shown(bench.contract / "payloads"))


async def samples_cover_operations(bench: Bench) -> AsyncIterator[Finding]:
    """An answer on file for every operation, and three of them in all."""
    place = bench.shown(bench.contract / "contract.toml")
    try:
        manifest = read_manifest(bench.contract)
    except SettingsError as error:
        yield Finding(what=str(error), where=place)
        return
    for name in bench.operations:
        if not manifest.samples.get(name):
            yield Finding(what=f"operation {name} has no sample", where=place)
    named = {file for files in manifest.samples.values() for file in files}
    for file in sorted(named):
        if not (bench.contract / "samples" / file).is_file():
            yield Finding(what=f"the sample {file} is not there", where=place)
    if len(named) < 3:  # noqa: PLR2004 - data, nothing held, a refusal
        yield Finding(what=f"{len(named)} samples: three are the least", where=place)


async def mapping_examples(bench: Bench) -> AsyncIterator[Finding]:
    """Every block's mapping compiles, reads what the contract describes, and has examples."""
    schemas = load_schemas(bench.contract)
    for block in bench.spec.blocks:
        if block not in bench.model.blocks:
            continue
        file = bench.mappings / f"{file_stem(block)}.toml"
        examples = examples_path(bench.mappings, block)
        try:
            mapping = bench.mapping(block)
            for fault in check_paths(mapping, schemas):
                yield Finding(what=fault, where=_row(bench, file, fault))
            for fault in run_examples(mapping, examples):
                yield Finding(what=fault, where=bench.shown(examples))
        except MappingError as error:
            yield Finding(what=str(error), where=_row(bench, file, str(error)))


def _row(bench: Bench, file: Path, fault: str) -> str:
    """The line of the mapping row that *fault* speaks of."""
    target = re.search(r": ([A-Za-z0-9_.\[\]]+) <- ", fault)
    field = target.group(1).split(".")[-1].removesuffix("[]") if target else ""
    if field and file.is_file():
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if re.match(rf"{re.escape(field)}\s*=", line):
                return f"{bench.shown(file)}:{number}"
    return bench.shown(file)


async def only_the_surface(bench: Bench) -> AsyncIterator[Finding]:
    """Of the hub the plug-in surface alone; no way out, no log, no print of its own."""
    for path in bench.sources():
        for line, what in _strays(ast.parse(path.read_text("utf-8"))):
            yield Finding(what=what, where=f"{bench.shown(path)}:{line}")


def _strays(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [f"imports {a.name}" for a in node.names if _is_stray(a.name)]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            named = [f"{module}.{alias.name}" for alias in node.names]
            found = [f"imports {name}" for name in named if _is_stray(name)]
            found += [f"names {a.name}" for a in node.names if a.name in _REACHES]
        elif isinstance(node, ast.Attribute) and node.attr in _REACHES:
            found = [f"calls .{node.attr}()"]
        elif isinstance(node, ast.Name) and node.id in _PRINTS:
            found = [f"calls {node.id}()"]
        elif isinstance(node, ast.Call) and _opens_a_file(node):
            found = ["calls .open()"]
        else:
            continue
        yield from ((node.lineno, what) for what in found)


def _opens_a_file(node: ast.Call) -> bool:
    """Whether a method called `open` is given a file's mode, or belongs to a path."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "open":
        return False
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    modes = [arg.value for arg in given if isinstance(arg, ast.Constant)]
    above = node.func.value
    on_path = isinstance(above, ast.Call) and getattr(above.func, "id", "") == "Path"
    return on_path or any(re.fullmatch("[rwaxbt+]{1,3}", str(mode)) for mode in modes)


def _is_stray(name: str) -> bool:
    """Whether one imported *name*, with its module before it, is none that a connector may have."""
    if any(name == way or name.startswith(f"{way}.") for way in _WAYS_ROUND):
        return True
    inside = name == "hub" or name.startswith("hub.")
    return inside and not any(name == ok or name.startswith(f"{ok}.") for ok in _SURFACE)
