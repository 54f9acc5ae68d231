"""What every generated model refuses, whatever the document says of it."""

from math import inf, nan
from typing import Any

import pytest
from pydantic import ValidationError

from axion_gen.runtime.models import Model


class Reading(Model, frozen=True):
    celsius: float
    more: Any = None


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_what_is_no_number_of_json_is_refused_before_it_is_sent(number: float) -> None:
    with pytest.raises(ValidationError):
        Reading(celsius=number)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_and_when_it_comes(text: str) -> None:
    with pytest.raises(ValidationError):
        Reading.model_validate_json(f'{{"celsius": {text}}}')


def test_where_the_document_says_nothing_of_a_value_it_is_null() -> None:
    assert Reading(celsius=1, more=[nan]).model_dump_json() == '{"celsius":1.0,"more":[null]}'
