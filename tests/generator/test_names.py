"""Names of documents, and texts, as Python."""

import ast
import keyword
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axion_gen.render.names import class_name, constant_name, handler_name
from axion_gen.render.text import LINE_LENGTH, docstring, literal

NAMES = [
    # what the document says, class, handler, constant
    ("item.created", "ItemCreated", "on_item_created", "ITEM_CREATED"),
    ("item-created", "ItemCreated", "on_item_created", "ITEM_CREATED"),
    ("itemCreated", "ItemCreated", "on_item_created", "ITEM_CREATED"),
    ("item_created", "ItemCreated", "on_item_created", "ITEM_CREATED"),
    ("ITEM_CREATED", "ItemCreated", "on_item_created", "ITEM_CREATED"),
    ("userID", "UserID", "on_user_id", "USER_ID"),
    ("HTTPError", "HTTPError", "on_httperror", "HTTPERROR"),
    ("3d.print", "N3dPrint", "on_3d_print", "N3D_PRINT"),
    ("größe", "Größe", "on_größe", "GRÖSSE"),
    ("名前", "名前", "on_名前", "名前"),
    ("ﬁle", "File", "on_file", "FILE"),
    ("client", "Client_", "on_client", "CLIENT"),
    ("none", "None_", "on_none", "NONE"),
    ("contract", "Contract_", "on_contract", "CONTRACT_"),
    ("a\u202eb", "AB", "on_a_b", "A_B"),
    ("...", None, None, None),
    ("", None, None, None),
]


@pytest.mark.parametrize(("text", "klass", "handler", "constant"), NAMES)
def test_names(text: str, klass: str | None, handler: str | None, constant: str | None) -> None:
    assert (class_name(text), handler_name(text), constant_name(text)) == (klass, handler, constant)


@given(st.text())
def test_every_name_is_one_that_python_keeps(text: str) -> None:
    for name in (class_name(text), handler_name(text), constant_name(text)):
        if name is not None:
            assert name.isidentifier()
            assert not keyword.iskeyword(name)
            assert unicodedata.normalize("NFKC", name) == name


@given(st.text())
def test_a_docstring_is_one_string_and_shows_all_it_holds(text: str) -> None:
    source = docstring(text)
    (statement,) = ast.parse(source).body
    assert isinstance(statement, ast.Expr)
    value = ast.literal_eval(statement.value)
    assert all(
        character.isprintable()
        or character in "\n\u3000"
        or unicodedata.category(character) in ("Zs", "Cn", "Co")
        for character in value
    )


@given(st.text(st.characters(codec="utf-8")))
def test_a_literal_is_the_text_again(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    assert literal(text).isprintable()


def test_a_long_description_is_wrapped() -> None:
    lines = docstring("word " * 60, indent=8).splitlines()
    assert max(len(line) for line in lines) <= LINE_LENGTH
    assert len(lines) > 3
