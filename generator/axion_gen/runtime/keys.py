"""A record's key, where the contract says of what type it is.

Text, ids and numbers are their text in UTF-8, as a client of any language writes them; what has
parts is JSON.
"""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json, to_jsonable_python

from .descriptions import faults_of
from .errors import InvalidMessageError


def encode_key(key: object) -> bytes:
    """A key as a record has it; bytes are taken as they are."""
    if isinstance(key, bytes):
        return key
    plain = to_jsonable_python(key, by_alias=True)
    return plain.encode() if isinstance(plain, str) else to_json(plain)


def read_key(key: bytes | None, type_: Any) -> Any:
    """A record's key as a value of its type.

    Raises:
        InvalidMessageError: it is none; it is not quoted.
    """
    adapter = _adapter(type_)
    try:
        if key is None:
            return adapter.validate_python(None)
        try:
            return adapter.validate_strings(key.decode())
        except ValidationError as error:
            return _read_json(adapter, key, error)
    except UnicodeDecodeError:
        raise InvalidMessageError("no valid key: it is not UTF-8") from None
    except ValidationError as error:
        what = "there is none" if key is None else faults_of(error)
        raise InvalidMessageError(f"no valid key: {what}") from None


def _read_json(adapter: TypeAdapter[Any], key: bytes, error: ValidationError) -> Any:
    """A key that is no text, but JSON; `error` is what text would have had wrong."""
    try:
        return adapter.validate_json(key)
    except ValidationError:
        if key[:1] in (b"{", b"["):
            raise
        raise error from None


def may_be_absent(type_: Any) -> bool:
    """Whether a record without a key is as the contract has it."""
    try:
        _adapter(type_).validate_python(None)
    except ValidationError:
        return False
    return True


@cache  # there are as many as the contract has
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)
