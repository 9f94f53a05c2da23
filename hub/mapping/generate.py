"""Write the one Python function that a mapping is at run time.

The source holds no text of the mapping file but Python literals made by `repr` and field
names that the canonical types have. It does the least for a value that fits; whatever
does not fit raises, and `hub.mapping.walk` then says which row, path and types. Both read
the same plan with the same `Parameter.settle`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from hub.mapping.plan import (
    EMPTY,
    Call,
    EachRow,
    ScalarRow,
    Shape,
    ShapeRow,
    Source,
    missing_node,
    missing_rows,
    root_node,
)
from hub.mapping.signature import ABSENT, Misfit, Parameter

Names = dict[str, Any]

_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_]")


def generate(shape: Shape, name: str) -> tuple[str, Callable[[Any], Any]]:
    """The source of the function for *shape*, and the function; *name* is for tracebacks."""
    writer = _Writer()
    writer.line("def apply(payloads):")
    writer.depth += 1
    writer.line("node = payloads if payloads.__class__ is dict else root_node(payloads)")
    writer.line(f"return {writer.shape(shape, 'node')}")
    source = "\n".join(writer.lines) + "\n"
    code = compile(source, f"<mapping {name}>", "exec")
    exec(code, writer.names)  # noqa: S102 - written above, from a checked plan  # nosec B102
    function: Callable[[Any], Any] = writer.names["apply"]
    return source, function


def lack() -> None:
    """Refuse: something that must be there is missing."""
    raise Misfit("missing")


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0
        self.count = 0
        self.names: Names = {
            "EMPTY": EMPTY,
            "ABSENT": ABSENT,
            "UNSET": UNSET,
            "missing_node": missing_node,
            "missing_rows": missing_rows,
            "root_node": root_node,
            "lack": lack,
        }
        self._bound: dict[int, str] = {}

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def new(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def bind(self, stem: str, value: Any, owner: Any = None) -> str:
        """A global name of the function for *value*; the same owner gets the same name."""
        key = id(value if owner is None else owner)
        if key not in self._bound:
            name = self.new(_NOT_A_NAME.sub("_", stem) + "_")
            self.names[name], self._bound[key] = value, name
        return self._bound[key]

    def shape(self, shape: Shape, node: str) -> str:
        """Lines that fill every field from *node*; the expression that builds the value."""
        nodes: dict[tuple[str, ...], str] = {(): node}
        arguments = []
        for row in shape.rows:
            self.line(f"# {row.field.row}")
            arguments.append(f"{row.field.name}={self.row(row, nodes)}")
        arguments += [f"{name}=UNSET" for name in shape.unread]
        return f"{self.bind(shape.type.__name__, shape.type)}({', '.join(arguments)})"

    def row(self, row: ScalarRow | ShapeRow | EachRow, nodes: dict[tuple[str, ...], str]) -> str:
        match row:
            case ScalarRow(many=False):
                found = self.call(row.call, nodes)
                self.demand(found, optional=row.field.optional)
                self.limit(row, found)
                return found
            case ScalarRow():
                return self.many(row, nodes)
            case ShapeRow():
                return self.nested(row, nodes)
            case EachRow():
                return self.each(row, nodes)

    def parent(self, source: Source, nodes: dict[tuple[str, ...], str]) -> str:
        """The variable of the object above the last key; each object is looked up once."""
        for end in range(1, len(source.keys)):
            path = source.keys[:end]
            if path not in nodes:
                above, name = nodes[path[:-1]], self.new("node")
                self.line(f"{name} = {above}.get({path[-1]!r})")
                self.line(f"if {name}.__class__ is not dict: {name} = missing_node({name})")
                nodes[path] = name
        return nodes[source.keys[:-1]]

    def read(self, source: Source, nodes: dict[tuple[str, ...], str], default: str = "") -> str:
        if not source.keys:
            return nodes[()]
        parent, name = self.parent(source, nodes), self.new("value")
        self.line(f"{name} = {parent}.get({source.keys[-1]!r}{default})")
        return name

    def settled(self, source: Source, place: Parameter, nodes: dict[tuple[str, ...], str]) -> str:
        default = ", ABSENT" if place.takes_blank else ""
        found = self.read(source, nodes, default)
        if found == nodes[()]:
            found = self.new("value")
            self.line(f"{found} = {nodes[()]}")
        self.settle(found, place)
        return found

    def settle(self, found: str, place: Parameter) -> None:
        settle = self.bind("settle", place.settle, owner=place)
        fine = f"if {found}.__class__ is not str or not {found} or {found}.isspace(): "
        test = fine if str in place.accepts else ""
        self.line(f"{test}{found} = {settle}({found})")

    def call(self, call: Call, nodes: dict[tuple[str, ...], str]) -> str:
        """Lines that leave the converted value, or None, in a variable."""
        values = [
            self.settled(source, place, nodes)
            for source, place in zip(call.sources, call.places, strict=True)
        ]
        return self.convert(call, values)

    def convert(self, call: Call, values: list[str]) -> str:
        result, function = values[0], self.bind(f"via_{call.name}", call.function)
        later = zip(values[1:], call.places[1:], strict=True)
        needed = [value for value, place in later if not place.takes_none]
        some = values[:1] if not call.places[0].takes_none else values
        self.line(f"if {' or '.join(f'{value} is not None' for value in some)}:")
        self.depth += 1
        for value in needed:
            self.line(f"if {value} is None: lack()")
        self.line(f"{result} = {function}({', '.join(values)})")
        self.depth -= 1
        return result

    def demand(self, found: str, *, optional: bool) -> None:
        if not optional:
            self.line(f"if {found} is None: lack()")

    def limit(self, row: ScalarRow, found: str) -> None:
        if row.check is not None:
            self.line(f"{self.bind('check', row.check)}({found})")

    def nested(self, row: ShapeRow, nodes: dict[tuple[str, ...], str]) -> str:
        if not row.source.keys:
            return self.kept(self.shape(row.shape, nodes[()]))
        found = self.read(row.source, nodes)
        self.line(f"if {found}.__class__ is not dict: {found} = missing_node({found})")
        self.line(f"if {found} is EMPTY:")
        self.line(f"    {found} = None" if row.field.optional else "    lack()")
        self.line("else:")
        self.depth += 1
        self.line(f"{found} = {self.shape(row.shape, found)}")
        self.depth -= 1
        return found

    def kept(self, expression: str) -> str:
        name = self.new("value")
        self.line(f"{name} = {expression}")
        return name

    def rows(self, source: Source, nodes: dict[tuple[str, ...], str], missing: str) -> str:
        """Lines that leave the list, or *missing*, in a variable, and open the loop over it."""
        listed = self.read(source, nodes)
        if listed == nodes[()]:
            listed = self.kept(nodes[()])
        self.line(f"if {listed}.__class__ is not list: {listed} = missing_rows({listed})")
        self.line(f"if {listed} is None:")
        self.line(f"    {missing.format(listed)}")
        self.line("else:")
        return listed

    def each(self, row: EachRow, nodes: dict[tuple[str, ...], str]) -> str:
        listed = self.rows(row.source, nodes, _lacking(row.field.optional, row.may_lack))
        self.depth += 1
        built, item = self.new("built"), self.new("item")
        self.line(f"{built} = []")
        self.line(f"for {item} in {listed}:")
        self.depth += 1
        self.line(f"if {item}.__class__ is not dict: lack()")
        if row.only is not None:
            chosen = self.call(row.only, {(): item})
            self.demand(chosen, optional=False)
            self.line(f"if not {chosen}: continue")
        self.line(f"{built}.append({self.shape(row.shape, item)})")
        self.depth -= 1
        self.line(f"{listed} = tuple({built})")
        self.depth -= 1
        return listed

    def many(self, row: ScalarRow, nodes: dict[tuple[str, ...], str]) -> str:
        listed = self.rows(row.call.sources[0], nodes, _lacking(row.field.optional, row.may_lack))
        self.depth += 1
        built, item = self.new("built"), self.new("item")
        self.line(f"{built} = []")
        self.line(f"for {item} in {listed}:")
        self.depth += 1
        self.settle(item, row.call.places[0])
        self.convert(row.call, [item])
        self.demand(item, optional=False)
        self.limit(row, item)
        self.line(f"{built}.append({item})")
        self.depth -= 1
        self.line(f"{listed} = tuple({built})")
        self.depth -= 1
        return listed


def _lacking(optional: bool, may_lack: bool) -> str:  # noqa: FBT001 - two facts of one field
    if may_lack:
        return "{} = ()"
    return "{} = None" if optional else "lack()"
