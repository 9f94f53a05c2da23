"""Compile a mapping file to one fast function; converters, code lists, lineage and checks."""

from __future__ import annotations

from hub.mapping.codes import CodeList, CodeLists, parse_codes
from hub.mapping.converters import VOCABULARY
from hub.mapping.digest import canonical_json, value_digest
from hub.mapping.engine import Mapping, compile_mapping, digest_of, unknown_codes
from hub.mapping.examples import Example, as_json, check_examples
from hub.mapping.files import (
    examples_path,
    file_stem,
    load_codes,
    load_examples,
    load_mapping,
    load_schemas,
    run_examples,
)
from hub.mapping.schemas import Coverage, Schemas, check_paths, coverage
from hub.mapping.signature import BLANK, Converter
from hub.mapping.table import mapping_table
from hub.mapping.walk import Lineage

__all__ = [
    "BLANK",
    "VOCABULARY",
    "CodeList",
    "CodeLists",
    "Converter",
    "Coverage",
    "Example",
    "Lineage",
    "Mapping",
    "Schemas",
    "as_json",
    "canonical_json",
    "check_examples",
    "check_paths",
    "compile_mapping",
    "coverage",
    "digest_of",
    "examples_path",
    "file_stem",
    "load_codes",
    "load_examples",
    "load_mapping",
    "load_schemas",
    "mapping_table",
    "parse_codes",
    "run_examples",
    "unknown_codes",
    "value_digest",
]
