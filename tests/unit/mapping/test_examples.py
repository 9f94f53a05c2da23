from typing import Any

import pytest

from hub.mapping import Example, as_json, check_examples
from hub.mapping.examples import differences
from tests.unit.mapping.samples import change, dossier, payloads


def example(name: str = "all", **changed: Any) -> Example:
    expected = as_json(dossier().apply(payloads()))
    given = {"name": name, "payloads": payloads(), "expected": expected} | changed
    return Example(**given)


def test_an_example_that_comes_out_is_no_failure():
    """Payloads in, canonical JSON out, compared exactly."""
    assert check_examples(dossier(), [example()]) == ()


def test_a_mapping_without_examples_fails():
    """The example is the test: none is a failure."""
    assert check_examples(dossier(), []) == ("sample.dossier: there is no example",)


def test_examples_have_names_of_their_own():
    """Two examples of one name cannot be told apart in a report."""
    assert "two examples are called 'all'" in check_examples(dossier(), [example(), example()])[0]


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("bills/0/amount/amount", "153.00", "/bills/0/amount/amount is another value"),
        ("bills/0/status", ..., "/bills/0/status is not expected"),
        ("street/label", "x", "/street/label is missing"),
        ("bills", [], "/bills has 2 items, expected 0"),
        ("active", 1, "/active is a bool, expected a int"),
    ],
)
def test_what_comes_out_otherwise_is_named_by_place(path, value, why):
    """A failure names JSON pointers and no value."""
    given = example()
    failures = check_examples(dossier(), [example(expected=change(given.expected, path, value))])
    assert len(failures) == 1
    assert why in failures[0]
    assert "152" not in failures[0]


def test_an_example_that_is_refused_fails_with_the_refusal():
    """A payload that does not fit is a failure of the example, not an exception."""
    broken = example(payloads=change(payloads(), "person/Alta", "SECRET"))
    (failure,) = check_examples(dossier(), [broken])
    assert "since <- person/Alta" in failure
    assert "SECRET" not in failure


def test_equal_values_have_no_differences():
    """Nothing is said about what is equal."""
    assert list(differences({"a": [1, None]}, {"a": [1, None]})) == []
