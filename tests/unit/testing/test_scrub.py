"""A recorded answer is about nobody: deny by default, the same shape, stable, checked again."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.core.document import parse_document
from hub.testing.scrub import FLAGS, Scrubber, allowed_words, declared_names

KEY = b"k" * 32
NAMES = frozenset({"a", "b", "c", "d", "nombre", "otro", "total", "n", "x"})
SCHEMA = {
    "type": "object",
    "properties": {
        "estado": {"type": "string", "enum": ["ALTA", "BAJA"]},
        "activo": {"type": "boolean"},
        "filas": {"type": "array", "items": {"$ref": "#/$defs/Fila"}},
    },
    "$defs": {"Fila": {"properties": {"clase": {"anyOf": [{"const": "A"}, {"type": "null"}]}}}},
}


def scrub(value, known=None, names=NAMES):
    """What a JSON answer becomes."""
    scrubber = Scrubber(KEY, allowed_words(SCHEMA), known or {}, names | {"filas"})
    return json.loads(scrubber.scrubbed(json.dumps(value).encode()))


def test_only_words_of_closed_lists_stay():
    """A declared word stays in its own field, a truth value where one is declared."""
    made = scrub({"estado": "ALTA", "nombre": "BAJA", "activo": True, "otro": True, "clase": "A"})
    assert (made["estado"], made["activo"], made["clase"]) == ("ALTA", True, "A")
    assert made["nombre"] != "BAJA"
    assert made["otro"] is False
    assert allowed_words(SCHEMA)["activo"] == FLAGS


def test_a_word_that_the_list_lacks_is_replaced():
    """Somebody wrote a name where a state belongs."""
    assert scrub({"estado": "Muñoz"})["estado"] != "Muñoz"


@pytest.mark.parametrize("number", ["99123456V", "99123456v", "X9123456L", "Z9123456G"])
def test_a_document_number_becomes_a_synthetic_one_with_its_letter(number):
    """NIF within 99000000 to 99999999, NIE with its own first letter."""
    made = scrub({"a": number})["a"]
    assert made != number.upper()
    found = parse_document(made)
    assert found.number[0] == number[0].upper() if found.type == "nie" else "9"
    assert re.fullmatch(r"99[0-9]{6}[A-Z]|[XYZ][0-9]{7}[A-Z]", made)


def test_an_iban_keeps_country_length_and_check():
    """Grouped or not, and never the account."""
    made = scrub({"a": "ES9121000418450200051332", "b": "ES91 2100 0418 4502 0005 1332"})
    assert made["a"] == made["b"].replace(" ", "")
    assert made["a"].startswith("ES")
    digits = "".join(str(int(letter, 36)) for letter in made["a"][4:] + made["a"][:4])
    assert int(digits) % 97 == 1
    assert made["a"][4:] != "21000418450200051332"


def test_dates_move_by_one_constant_and_sentinels_stay():
    """Distances between days are kept; what stands for "never" says so still."""
    made = scrub(
        {"a": "2026-03-10", "b": "2026-03-12T09:30:00", "c": "20260310", "d": "1900-01-01"}
    )
    assert made["a"] != "2026-03-10"
    assert made["a"].replace("-", "") == made["c"]
    assert dt.datetime.fromisoformat(made["b"]) != dt.datetime(2026, 3, 12, 9, 30)  # noqa: DTZ001
    assert made["d"] == "1900-01-01"


def test_a_time_is_replaced_and_its_form_and_zone_stay():
    """Minutes of a visit find a person; midnight stands for no time."""
    made = scrub({"a": "2026-03-12T09:37:41.123Z", "b": "2026-03-12 00:00:00", "c": "1900-05-07"})
    assert re.fullmatch(r"20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z", made["a"])
    assert "09:37:41.123" not in made["a"]
    assert made["b"][10:] == " 00:00:00"
    assert made["c"] != "1900-05-07"


FREE = [
    "2026-01-15 Llama Maria Garcia, tel 600123456",
    "1900-01-01 Pedro Ruiz 600999888",
    "9999-12-31T Pedro Ruiz",
    "2026-01-15T09:30:00 Pedro",
    "20010230",
    "2001-02-30",
    "19000231",
]


@pytest.mark.parametrize("text", FREE)
def test_what_only_begins_like_a_date_is_text(text):
    """Letter for letter; and so are the digits of a day that no month has."""
    made = scrub({"a": text})["a"]
    assert len(made) == len(text)
    assert not set(re.findall(r"\w{4,}", text)) & set(re.findall(r"\w{4,}", made))


@given(st.dates(), st.sampled_from(["", " ", "T", "T10:00:00 "]), st.text("abcdefgh", min_size=8))
def test_no_text_behind_a_date_survives(day, between, text):
    """Whatever the day, and whatever stands between."""
    value = f"{day.isoformat()}{between}{text}"
    assert text not in scrub({"a": value})["a"]


@pytest.mark.parametrize("key", ["maria.garcia@correo.es", "ES9121000418450200051332", "Maria"])
def test_a_name_that_nobody_declared_is_a_value(key):
    """Answers by person have people for names."""
    [made] = scrub({key: True})
    assert made != key
    assert [*scrub({"nombre": True})] == ["nombre"]


def test_a_contract_declares_the_names_that_its_documents_quote(tmp_path):
    """Whether EDMX, XSD, OpenAPI or JSON Schema; a sample declares nothing."""
    (tmp_path / "samples").mkdir()
    (tmp_path / "metadata.xml").write_text('<Property Name="AccountID" Type="Edm.String"/>')
    (tmp_path / "samples" / "one.json").write_text('{"Pedro": 1}')
    assert declared_names(tmp_path) >= {"AccountID"}
    assert "Pedro" not in declared_names(tmp_path)


def test_counts_of_rows_stay_and_other_numbers_do_not():
    """An answer must still agree with itself."""
    made = scrub({"total": 2, "filas": [{"n": 28079}, {"n": 28079}]})
    assert made["total"] == 2
    assert made["filas"][0] == made["filas"][1] != {"n": 28079}


def test_a_count_in_xml_stays_where_it_is_one():
    """So many siblings, or so many rows in one; a number that counts nothing is a value."""
    body = b"<a><n>2</n><m>3</m><f>x</f><f>y</f><l><r>2</r><r>2</r><r>2</r></l></a>"
    made = Scrubber(KEY, {}, {}).scrubbed(body).decode()
    assert "<n>2</n><m>3</m>" in made
    assert "<r>2</r>" not in made


def test_the_person_asked_about_becomes_the_samples_person():
    """So that the simulator can play the sample about anybody."""
    assert scrub({"a": "99123456V"}, {"99123456V": "99000002K"})["a"] == "99000002K"


def test_xml_loses_comments_attributes_and_texts_but_no_element():
    """What stands in an attribute, a tail or a comment is data too."""
    body = b"<a id='Juan Perez'><!-- Juan --><estado>BAJA</estado>Juan<nombre>Juan</nombre></a>"
    made = Scrubber(KEY, allowed_words(SCHEMA), {}).scrubbed(body).decode()
    assert "Juan" not in made
    assert "<estado>BAJA</estado>" in made
    assert len(re.findall(r"<nombre>[A-Z][a-z]{3}</nombre>", made)) == 1


@pytest.mark.parametrize("body", [b"plain", b"", b"<a", b"\xff\xfe\x00", b"<!DOCTYPE a><a/>"])
def test_what_cannot_be_read_is_not_written(body):
    """Neither JSON nor XML: nobody knows what stands in it."""
    with pytest.raises(ValueError, match="neither JSON nor XML"):
        Scrubber(KEY, {}, {}).scrubbed(body)


def test_what_would_still_stand_somewhere_is_refused():
    """A name that is a word of a list elsewhere: the sample is not written."""
    with pytest.raises(ValueError, match="would still stand"):
        scrub({"nombre": "ALTA", "estado": "ALTA"})


NEVER = ("1900-01-01", "9999-12-31", "19000101")
"""Days that say that there is none: they stay."""


@given(
    st.dictionaries(
        st.text("abc", min_size=1),
        st.text(min_size=4).filter(lambda text: text.strip() and not text.startswith(NEVER)),
    )
)
@example({"a": "0002-01-01"})
def test_no_text_survives(value):
    """Whatever is sent: lengths stay, letters and digits do not."""
    try:
        made = scrub(value, names=frozenset(value))
    except ValueError:
        return
    for name, text in value.items():
        assert len(made[name]) == len(text)
        if sum(letter.isalnum() and letter.isascii() for letter in text) >= 8:
            assert made[name] != text
