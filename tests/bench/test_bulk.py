from __future__ import annotations

from pathlib import Path

import pytest

from simsvc.wiring.services import Services
from tests.bench import bulk
from tests.small_site import make_small_site


@pytest.mark.proof
def test_builds_and_estimates_are_held_against_the_bare_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without UTKFace, links to the composites are built from and estimated; each row has its peer's rate."""
    monkeypatch.setattr(bulk, "UTKFACE", tmp_path / "none")
    monkeypatch.setattr(bulk, "MOST", 20)
    monkeypatch.setattr(bulk, "BARE_S", 0.03)
    site = make_small_site(tmp_path, faces=15)
    services = Services(site)
    label = services.pipeline().index().label
    found = bulk.figures(site, services, tmp_path)
    assert found["photos"]["count"] == 20
    for name in ("index build", "estimates, on record", "estimates, not recorded"):
        row = found[name]
        assert row["of_bare_model"] == pytest.approx(row["a_second"] / row["bare_model_a_second"], abs=0.01)
        assert 0.0 < row["of_bare_model_by_cpu"] < 2.0
    assert found["estimates, on record"]["kb_a_record"] > 1
    assert found["index build"]["thumbnail_kb_a_face"] > 1
    assert services.pipeline().index().label == label, "the bench's own index stays in service"
