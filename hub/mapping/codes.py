"""Code lists (`codes.toml`): what a source's codes mean, and what happens to an unknown one.

`unknown = "keep"` shows the raw code (`Code.known` is false, counted as drift), `"refuse"`
is for codes that decide a state. Never a silent default: a list that sorts rows into
classes says with `keep_in` to which class the rows of an unknown code belong.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from hub.core.errors import MappingError
from hub.core.model.canonical import Code
from hub.mapping.signature import Converter, Parameter, Signature

SEPARATOR = "/"
"""Joins the parts of a code that several source fields form: `0100/0002`."""

Language = Literal["es", "en"]


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One code: its labels, and the canonical word it stands for where it decides a state."""

    es: str
    en: str | None = None
    word: str | None = None


class CodeList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One list. A code `""` means that a blank in the source is a value of its own."""

    unknown: Literal["keep", "refuse"]
    codes: dict[str, Entry]
    from_: str | tuple[str, ...] = field(name="from", default=())
    """The fields of a row that form the code, where the list sorts rows (`only`)."""
    classes: dict[str, frozenset[str]] = field(default_factory=dict)
    keep_in: str | None = None
    """The class of rows whose code is unknown, where those are kept."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The fields that form the code, one or several."""
        return (self.from_,) if isinstance(self.from_, str) else self.from_

    def label(self, code: str, language: Language = "es") -> str | None:
        """The label of *code*; None for an unknown code or where a translation is lacking."""
        entry = self.codes.get(code)
        return None if entry is None else (entry.es if language == "es" else entry.en)


class CodeLists(Struct, frozen=True):
    """All lists of a system, and the exact text that they were read from."""

    text: str = ""
    lists: Mapping[str, CodeList] = field(default_factory=dict)


def parse_codes(text: str, name: str = "codes") -> CodeLists:
    """The code lists in *text*; MappingError (under *name*) names every mistake."""
    try:
        lists = msgspec.convert(tomllib.loads(text), dict[str, CodeList])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise MappingError(name, "codes.toml", "text", str(error)) from None
    mistakes = [line for key, codes in lists.items() for line in _mistakes(key, codes)]
    if mistakes:
        raise MappingError(name, "codes.toml", f"{len(mistakes)} mistakes", "; ".join(mistakes))
    return CodeLists(text, lists)


def _mistakes(key: str, codes: CodeList) -> Iterator[str]:
    for name, chosen in codes.classes.items():
        if chosen - codes.codes.keys():
            yield f"{key}.classes.{name} names codes that the list lacks"
    if codes.keep_in is not None and codes.keep_in not in codes.classes:
        yield f"{key}.keep_in names no class of the list"
    if codes.keep_in is not None and codes.unknown == "refuse":
        yield f"{key}.keep_in contradicts unknown = 'refuse'"
    yield from _code_mistakes(key, codes)


def _code_mistakes(key: str, codes: CodeList) -> Iterator[str]:
    if not codes.codes:
        yield f"{key} is empty"
    parts = {code.count(SEPARATOR) + 1 for code in codes.codes if code}
    if len(codes.paths) > 1 and parts - {len(codes.paths)}:
        yield f"{key} has codes of another number of parts than its `from`"
    if any(code != code.strip() for code in codes.codes):
        yield f"{key} has codes with blanks around them"
    worded = {entry.word is not None for entry in codes.codes.values()}
    if len(worded) > 1:
        yield f"{key} gives words to some codes and not to others"


def code_converter(codes: CodeList, count: int) -> tuple[Converter, Signature]:
    """Gives the Code of *count* values; ValueError for an unknown code that is refused."""
    known = {code: Code(code=code, label=entry.es) for code, entry in codes.codes.items()}
    keep = codes.unknown == "keep"

    def look_up(*values: str | int) -> Code:
        key = form(values)
        found = known.get(key)
        if found is not None:
            return found
        if keep:
            return Code(code=key, known=False)
        raise ValueError("a code that its list lacks")

    return look_up, _signature(codes, count, Code)


def word_converter(codes: CodeList, count: int) -> tuple[Converter, Signature]:
    """Gives the canonical word of *count* values; ValueError when the list is not one of words."""
    words = {code: entry.word for code, entry in codes.codes.items() if entry.word is not None}
    if not words:
        raise ValueError("the list gives no words to its codes")
    if codes.unknown == "keep":
        raise ValueError("a list of words decides a state: it must say unknown = 'refuse'")

    def look_up(*values: str | int) -> str:
        found = words.get(form(values))
        if found is None:
            raise ValueError("a code that its list lacks")
        return found

    return look_up, _signature(codes, count, Literal[tuple(sorted(set(words.values())))])


def picker(codes: CodeList, wanted: str) -> tuple[Callable[..., bool], Signature]:
    """Says whether a row belongs to the class *wanted*; ValueError when the list cannot sort."""
    if wanted not in codes.classes:
        raise ValueError(f"the list has no class {wanted!r}")
    if not codes.paths:
        raise ValueError("the list does not say with `from` which fields form the code")
    if codes.unknown == "keep" and codes.keep_in is None:
        raise ValueError("the list keeps unknown codes and must say with `keep_in` where")
    if codes.codes.keys() - frozenset().union(*codes.classes.values()):
        raise ValueError("the list has codes in no class: rows would vanish")
    chosen, known = codes.classes[wanted], codes.codes.keys()
    keep = codes.keep_in == wanted

    def picks(*values: str | int) -> bool:
        key = form(values)
        if key in known:
            return key in chosen
        if codes.unknown == "refuse":
            raise ValueError("a code that its list lacks")
        return keep

    return picks, _signature(codes, len(codes.paths), bool)


def form(values: tuple[str | int, ...]) -> str:
    """The code that *values* form: each without blanks around it, joined by SEPARATOR."""
    if len(values) == 1:
        return str(values[0]).strip()
    if all(value == "" for value in values):
        return ""
    return SEPARATOR.join(str(value).strip() for value in values)


def _signature(codes: CodeList, count: int, returns: Any) -> Signature:
    place = Parameter(accepts=frozenset({str, int}), takes_blank="" in codes.codes)
    return Signature(parameters=(place,) * count, needed=count, returns=returns)
