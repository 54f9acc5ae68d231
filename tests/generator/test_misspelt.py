"""What was most probably meant otherwise, and what follows from another mistake alone."""

from pathlib import Path

import pytest

from .generating import found_in, small


def rules(folder: Path, text: str) -> list[str]:
    return [finding.rule for finding in found_in(folder, text)]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("fromat", "format"),
        ("requird", "required"),
        ("propertes", "properties"),
        ("propertiess", "properties"),
        ("tpye", "type"),
        ("additionalproperties", "additionalProperties"),
        ("minLenght", "minLength"),
        ("item", "items"),
        ("enums", "enum"),
        ("Enum", "enum"),
    ],
)
def test_a_keyword_that_is_nearly_one(tmp_path: Path, key: str, meant: str) -> None:
    (finding,) = found_in(tmp_path, small(payload=f"{{description: a thing, {key}: a}}"))
    assert finding.rule == "schema-keyword-unknown"
    assert finding.help == f"did you mean `{meant}`?"
    assert (finding.location.line, finding.location.column) == (10, 41)


@pytest.mark.parametrize(
    "keywords",
    [
        "note: a, iff: b, tile: c, typography: d, x-fromat: e, customKeyword: f, a: g, schema: h",
        "properties: {fromat: {type: string}, requird: {type: string}}",
        "type: string, tpye: string",
        "default: {fromat: a}",
    ],
)
def test_what_is_no_misspelt_keyword(tmp_path: Path, keywords: str) -> None:
    expected = ["schema-keyword-unknown"] if "tile" in keywords else []
    assert rules(tmp_path, small(payload=f"{{{keywords}}}")) == expected


def test_an_empty_enum(tmp_path: Path) -> None:
    (finding,) = found_in(tmp_path, small(payload="{properties: {a: {enum: []}}}"))
    assert finding.message == "`enum` is empty"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("([", "no regular expression"), ("(?=a)b", "none for pydantic"), ("(a)\\1", "none for")],
)
def test_patterns_that_are_not_checked(tmp_path: Path, pattern: str, said: str) -> None:
    (finding,) = found_in(
        tmp_path, small(payload=f"{{properties: {{a: {{pattern: '{pattern}'}}}}}}")
    )
    assert finding.rule == "schema-pattern"
    assert said in finding.message


def test_a_channel_is_not_unused_that_a_wrong_operation_means(tmp_path: Path) -> None:
    text = small().replace("action: receive", "action: recieve")
    assert rules(tmp_path, text) == ["invalid-value"]
