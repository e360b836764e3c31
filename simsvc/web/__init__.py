"""The web application: JSON API and pages.

`create_app` is imported when first asked for: gunicorn's master, which reads its settings from here, must
not load the engines, whose threads a fork would lose; a worker that inherits them aborts when it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simsvc.web.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    """Import the application factory late."""
    if name == "create_app":
        from simsvc.web.app import create_app  # noqa: PLC0415 - see above

        return create_app
    raise AttributeError(name)
