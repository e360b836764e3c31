"""Names of the actors in the log."""

from __future__ import annotations

from simsvc.values.events import actor_of
from simsvc.wiring.services import Services


def actor_names(services: Services) -> dict[str, str]:
    """Return the names of all accounts and tokens by their actors, such as "user:<id>"."""
    return {actor_of(actor): name for actor, name in services.all_names().items()}
