"""A handler for a message that does not exist is refused when its class is defined."""

import pytest

from .items import Context, ItemCreate, Quiet


def test_a_misspelled_handler_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"`on_item_creat` handles no message .* `on_item_create`"):

        class Misspelled(Quiet):
            async def on_item_creat(self, message: ItemCreate, context: Context) -> None: ...


def test_other_methods_are_the_users_own() -> None:
    class Fine(Quiet):
        def once(self) -> int:
            return 1

    assert Fine().once() == 1
