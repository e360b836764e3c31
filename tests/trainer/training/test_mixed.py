from __future__ import annotations

import numpy as np
import pytest

from simsvc.errors import SettingsError
from trainer.training.mixed import VALID_FACES, draws, few
from trainer.training.recipes.recipe import parse_mix


def test_sources_share_what_their_kind_has() -> None:
    """Each kind is drawn by its share, its sources evenly, and each face of a source alike."""
    sources = np.array(["utkface"] * 6 + ["windows:a"] * 3 + ["windows:b"])
    likely = draws(sources, {"utkface": 0.6, "windows": 0.4})
    assert likely == pytest.approx([0.1] * 6 + [0.2 / 3] * 3 + [0.2])


def test_a_kind_without_faces() -> None:
    """A mix that draws from a source that is not there is refused, with what to do."""
    with pytest.raises(SettingsError, match="--source"):
        draws(np.array(["utkface"]), {"utkface": 0.5, "unlabelled": 0.5})


def test_a_large_source_does_not_choose_alone() -> None:
    """At most so many faces of a source choose the best epoch, always the same ones."""
    sources = np.array(["large"] * 1000 + ["small"] * 20)
    chosen = few(np.arange(1020), sources, 1)
    assert np.count_nonzero(chosen < 1000) == VALID_FACES
    assert np.count_nonzero(chosen >= 1000) == 20
    assert np.array_equal(chosen, few(np.arange(1020), sources, 1))


@pytest.mark.parametrize("text", ["utkface", "utkface:x", "utkface:0.5", "utkface:1.5,windows:-0.5"])
def test_a_mix_of_another_form(text: str) -> None:
    """Shares that are none, or do not sum to one, are refused before any work."""
    with pytest.raises(SettingsError, match="mix"):
        parse_mix(text)
