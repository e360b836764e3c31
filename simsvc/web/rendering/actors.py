"""Names of the actors in the log."""

from __future__ import annotations

from flask_babel import gettext

from simsvc.values.events import COMMAND, PROGRAM, VISITOR, actor_of
from simsvc.wiring.services import Services


def actor_names(services: Services) -> dict[str, str]:
    """Return the names of all accounts and tokens by their actors, such as "user:<id>"."""
    return {actor_of(actor): name for actor, name in services.all_names().items()}


def actor_words(actor: str) -> str:
    """Return what pages and reports call an actor that is no account or token; others stay as they are."""
    said = {
        COMMAND: gettext("command line"),
        PROGRAM: gettext("program without an account"),
        VISITOR: gettext("someone not signed in"),
    }
    return str(said.get(actor, actor))
