from __future__ import annotations

import numpy as np
import pytest

from simsvc.errors import SettingsError
from trainer.evaluation.neighbours import Traits
from trainer.export.projection import METHODS, find

GENDERS, GROUPS = np.array(["male", "female"]), np.array(["white", "black", "asian"])


def faces(count: int, seed: int = 0) -> tuple[np.ndarray, Traits]:
    """Return activations in which age, gender and group are faint beside loud noise that means nothing."""
    random = np.random.default_rng(seed)
    ages = random.integers(0, 60, count).astype(np.float32)
    gender, group = random.integers(0, 2, count), random.integers(0, 3, count)
    told = np.column_stack([np.sin(ages / 20), np.cos(ages / 20), gender * 2 - 1, np.eye(3)[group] * 2])
    loud = random.normal(0, 1, (count, 10)) * 12
    mixed, _ = np.linalg.qr(np.random.default_rng(9).normal(size=(16, 16)))
    x = np.concatenate([told + random.normal(0, 0.2, told.shape), loud], axis=1) @ mixed + 3
    return x.astype(np.float32), Traits(ages, GENDERS[gender], GROUPS[group])


def agreement(method: str, dims: int) -> tuple[float, float, float]:
    """Return how far the nearest face of a gallery agrees: gender, group, |age gap|."""
    x, traits = faces(1500)
    asked, wanted = faces(200, 1)
    found = find(method, dims, x, traits)
    nearest = (found.apply(asked) @ found.apply(x).T).argmax(axis=1)
    return (
        float((traits.genders[nearest] == wanted.genders).mean()),
        float((traits.groups[nearest] == wanted.groups).mean()),
        float(np.abs(traits.ages_years[nearest] - wanted.ages_years).mean()),
    )


@pytest.mark.parametrize("method", ["lda", "ridge"])
def test_supervised_projections_find_what_matters(method: str) -> None:
    """Where age, gender and group are drowned by noise, supervised maps find them and components do not."""
    gender, group, gap = agreement(method, 64)
    blind = agreement("pca", 8)
    assert gender > 0.95 > blind[0]
    assert group > 0.95 > blind[1]
    assert gap < blind[2] / 2


@pytest.mark.parametrize("method", METHODS)
def test_embeddings_are_unit_vectors(method: str) -> None:
    """Every method gives float32 embeddings of unit length and at most the length asked for."""
    x, traits = faces(300)
    found = find(method, 32, x, traits)
    assert found.mean.dtype == found.matrix.dtype == np.float32
    assert found.mean.shape == (16,)
    assert found.matrix.shape[0] == 16
    assert found.matrix.shape[1] <= 32
    assert np.linalg.norm(found.apply(x), axis=1) == pytest.approx(np.ones(300), abs=1e-5)


def test_none_and_centred() -> None:
    """Without a transform only lengths change; "centred" takes the mean away first."""
    x, traits = faces(100)
    for method, mean in (("none", 0 * x.mean(axis=0)), ("centred", x.mean(axis=0))):
        wanted = (x - mean) / np.linalg.norm(x - mean, axis=1, keepdims=True)
        assert find(method, 256, x, traits).apply(x) == pytest.approx(wanted, abs=1e-5)


def test_white() -> None:
    """Whitened components have equal variance and do not correlate."""
    x, traits = faces(2000)
    found = find("white", 12, x, traits)
    covariance = np.cov(((x - found.mean) @ found.matrix).T)
    assert covariance == pytest.approx(np.eye(12), abs=0.02)


def test_layers_count_alike() -> None:
    """Of two layers put side by side neither drowns the other, however loud it is."""
    random = np.random.default_rng(2)
    quiet, loud = random.normal(0, 1, (200, 4)), random.normal(0, 1000, (200, 6))
    x = np.concatenate([quiet, loud], axis=1).astype(np.float32)
    traits = Traits(np.zeros(200, np.float32), np.full(200, ""), np.full(200, ""))
    found = find("centred", 10, x, traits, (4, 6))
    parts = (x - found.mean) @ found.matrix
    assert parts[:, :4].var(axis=0).sum() == pytest.approx(1, rel=1e-3)
    assert parts[:, 4:].var(axis=0).sum() == pytest.approx(1, rel=1e-3)


def test_ungiven_traits() -> None:
    """Faces without gender or group do not stop ridge; lda says what it needs."""
    x, traits = faces(100)
    bare = Traits(traits.ages_years, np.full(100, ""), np.full(100, ""))
    assert find("ridge", 64, x, bare).matrix.shape == (16, 21)
    with pytest.raises(SettingsError, match="21 numbers, more than 20"):
        find("ridge", 20, x, bare)
    with pytest.raises(SettingsError, match="gender and group"):
        find("lda", 64, x, bare)
    with pytest.raises(SettingsError, match="choose one of"):
        find("umap", 64, x, bare)
