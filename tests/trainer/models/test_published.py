from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer.models import faceres, published
from trainer.models.faceres import FaceresNet


def test_tells_what_the_published_network_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The scores of 100 ages are the network's own; an age of 100 years gets next to nothing."""
    torch.manual_seed(0)
    net = FaceresNet().eval()
    monkeypatch.setattr(faceres, "published", lambda _kept: net)
    model = published.faceres_model(tmp_path)
    faces = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        scores, wanted = model(faces), net(faces)
        assert scores[:, : faceres.AGES].numpy() == pytest.approx(wanted.numpy(), abs=1e-5)
        assert float(model.shares(scores)[:, faceres.AGES].max()) < 1e-6
