"""The base of the generated models."""

from collections.abc import Mapping
from functools import partial
from operator import is_
from typing import Any, Final, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ItemT = TypeVar("ItemT")

_IS_NONE: Final = partial(is_, None)


class Model(BaseModel, frozen=True):
    """The base of all models: a message is a value and does not change.

    A property that may be absent, but not null, has the default None; None leaves it out when
    the message is sent. One that may be null, too, is `Field(default=None)`: there None is sent
    as null, and what was not given at all is left out. NaN and the infinities are no numbers
    of JSON, and would be sent as null: they are refused.
    """

    model_config = ConfigDict(validate_by_name=True, protected_namespaces=(), allow_inf_nan=False)

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Have None leave out what must not be null."""
        super().__init_subclass__(**keywords)
        for name, value in list(vars(cls).items()):
            if value is None and not name.startswith("_"):
                setattr(cls, name, Field(default=None, exclude_if=_IS_NONE))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with changes that are validated: what is sent keeps to the contract.

        Raises:
            pydantic.ValidationError: it would not.
        """
        copy = super().model_copy(deep=deep)
        if not update:
            return copy
        given = {name: getattr(copy, name) for name in copy.model_fields_set}
        return type(self)(**(given | dict(update)))


def _distinct(items: list[ItemT]) -> list[ItemT]:
    # As text, for an item may be a list or a dict, and `1` is not `true`.
    if len(set(map(repr, items))) < len(items):
        raise ValueError("two items are equal")
    return items


Distinct: Final = AfterValidator(_distinct)
"""Of a list: no two of its items are equal."""
