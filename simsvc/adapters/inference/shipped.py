"""The models that came with simsvc."""

from __future__ import annotations

SHIPPED = frozenset({"e020d0d8495cbae4fe9ab414873eaebff816a2ce3dacf916143fb3bdbaf81bfd"})
"""SHA-256 of the model.json in `simsvc/bundle/model`, kept here so that whoever replaces the bundle does not
replace it, too."""
