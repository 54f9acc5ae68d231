"""Why an update cannot be made."""


class UpdateError(Exception):
    """The update cannot be made, and nothing has changed; the text says why and what to do."""
