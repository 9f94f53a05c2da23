import inspect
from pathlib import Path

import pytest

from hub.mapping import VOCABULARY
from hub.mapping.signature import signature_of

DOCS = Path(__file__).parents[3] / "docs" / "mappings.md"


@pytest.mark.parametrize("name", VOCABULARY)
def test_every_converter_has_a_contract_and_a_promise(name):
    """Annotations that the engine can read, and a docstring that says what is given."""
    assert signature_of(VOCABULARY[name]).needed >= 1
    assert inspect.getdoc(VOCABULARY[name])
    assert VOCABULARY[name].__name__ == name
    assert "." not in name


@pytest.mark.parametrize("name", VOCABULARY)
def test_every_converter_is_in_the_guide(name):
    """An author of mappings finds each word of the vocabulary in docs/mappings.md."""
    assert f"| `{name}` |" in DOCS.read_text(encoding="utf-8")


def test_the_vocabulary_is_closed():
    """Nothing adds to it at run time: a package brings its own beside it."""
    with pytest.raises(TypeError):
        VOCABULARY["text"] = str  # type: ignore[index]  # the point of the test


def test_the_words_of_the_vocabulary_stay():
    """A recorded mapping names these words for ever: one may be added, none may go."""
    assert set(VOCABULARY) >= {
        "boolean", "boolean_si_no", "date_ddmmyyyy", "date_iso", "date_iso_or_1900", "date_odata",
        "date_of_moment", "date_yyyymmdd", "decimal_text", "document", "flag_x", "integer", "join_codes",
        "join_words", "latitude", "longitude", "lower", "masked_iban", "moment_iso",
        "moment_madrid", "moment_odata", "money", "money_eur", "partial_date", "signed_money",
        "text", "text_or_number", "typed_document", "upper", "url",
    }  # fmt: skip
