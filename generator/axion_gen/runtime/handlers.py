"""The base of the generated handlers."""

from abc import ABC
from difflib import get_close_matches

from .interceptors.dead_letter import DeadLettered


class Handlers(ABC):  # noqa: B024 - the generated class has the abstract methods
    """The base of the generated `Handlers`, one abstract method for each received message.

    The user's class is `@final`, so a type checker reports a missing method on the line of
    the class. What no checker sees, a method for a message that does not exist or no longer
    exists, is refused here, when the class is defined.
    """

    async def dead_lettered(self, letter: DeadLettered) -> None:  # noqa: B027 - may be left out
        """Called once a message has become a dead letter: nobody waits for it in vain.

        The letter is safe by then. What is raised here, or takes more than a minute, is tried
        again twice, then logged. It may be called twice for one message if the process dies
        meanwhile; what it emits has the same ids then.
        """

    def __init_subclass__(cls) -> None:
        """Refuse a method named `on_...` that handles no message of the contract."""
        super().__init_subclass__()
        if Handlers in cls.__bases__:  # the generated class, which says what there is
            return
        known = {name for base in cls.__mro__[1:] for name in vars(base) if name.startswith("on_")}
        for name in vars(cls):
            if name.startswith("on_") and name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                raise TypeError(
                    f"{cls.__qualname__}: `{name}` handles no message in the contract{hint}"
                )
