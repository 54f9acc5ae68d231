"""Whether a service lives, and whether it may be given work."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """What probes ask for."""

    alive: bool
    """The poll task goes round. An outage of brokers or of a database changes nothing here:
    a restart would not end it."""
    ready: bool
    """The bus runs and the group is joined; with no partition too, and however far behind."""
    reasons: tuple[str, ...]
    """Why not, and what is held up, for people."""
