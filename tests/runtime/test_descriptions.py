"""Errors in log lines and dead letters: one line, bounded, and nothing that is not to be quoted."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import IntegrityError

from axion_gen.runtime.descriptions import describe, faults_of, text_of

SECRET = "hunter2"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]


class Pets(BaseModel):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]


def refusal(value: object) -> ValidationError:
    try:
        Pets.model_validate_json(json.dumps(value))
    except ValidationError as error:
        return error
    raise AssertionError("it is valid")


def test_one_line_without_control_characters_of_bounded_length() -> None:
    error = ValueError("first\nERROR forged\r\x1b[2J\x9b31m \u2028 \u202e\x00 end")
    assert describe(error) == "ValueError: first ERROR forged [2J 31m end"
    assert len(describe(ValueError("x" * 1_000_000))) == 1024
    assert describe(KeyError()) == "KeyError"


def test_what_does_not_validate_is_not_quoted() -> None:
    error = refusal({"pets": [{"kind": SECRET}, {"kind": "cat", "lives": SECRET}]})
    said = faults_of(error)
    assert said == (
        "pets.0: 'kind' is none of 'cat', 'dog'; pets.1.cat.lives: Input should be a valid"
        " integer, unable to parse string as an integer"
    )
    assert text_of(error) == f"no valid Pets: {said}", "nor where a handler's own model refuses it"
    assert SECRET in str(error)


def test_too_many_faults_are_counted_only() -> None:
    assert faults_of(refusal({"pets": [1] * 1001})) == "1001 faults"


def test_parameters_of_statements_are_not_quoted() -> None:
    error = IntegrityError("insert into users", {"password": SECRET}, ValueError("not unique"))
    assert describe(error) == "IntegrityError: not unique"
    assert SECRET in str(error)


def test_a_group_says_what_is_in_it() -> None:
    inner = ExceptionGroup("inner", [KeyError("b"), refusal({"pets": [SECRET]})])
    error = ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("a"), inner])
    said = describe(error)
    assert said.startswith("ExceptionGroup: ValueError: a; KeyError: 'b'; ValidationError: ")
    assert SECRET not in said
