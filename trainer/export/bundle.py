"""A trained model to a bundle: one ONNX graph and model.json, which vouches for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from simsvc.adapters.inference.bundle import DOCUMENT, FORMAT, GRAPH, LATER_OUTPUTS, OUTPUTS, load_bundle
from simsvc.adapters.inference.onnx_model import OnnxModel
from simsvc.domain.photo.crop import CROP_MARGIN
from simsvc.domain.photo.decode import READING
from simsvc.domain.photo.multiscale import FIRST_LOOK_PX, WORKING_SIDE_PX
from simsvc.domain.photo.tensor import to_tensor
from simsvc.errors import BundleDamaged
from simsvc.values import Crop
from trainer.datasets.pack import CROP_PX
from trainer.export.half_precision import with_half_weights
from trainer.export.projection import Projection
from trainer.models import backbones
from trainer.models.age_model import AgeModel
from trainer.models.mirror import with_mirror
from trainer.training.ensembles.activations import passed
from trainer.training.ensembles.ensemble import Ensemble, resizing

OPSET = 20
"""The newest that ONNX Runtime 1.23, the oldest we allow, runs in full. Source: its compatibility table."""
AGE_TOLERANCE_YEARS = 0.01
COSINE_TOLERANCE = 1e-4


def served_px(final_px: int, view: float = 1.0) -> int:
    """Return the side of the crops that a graph takes whose network sees `final_px`.

    The network learnt from packed crops of `CROP_PX`, enlarged where it sees more: the graph then takes crops
    of that side and enlarges them alike. A crop cut at once to the larger side is sharper than what was
    learnt from; on the validation part that cost 0.05 years (model face-taught-on). `view` is the side of
    what the network sees over the side of the packed crop.
    """
    return min(final_px, round(CROP_PX * view))


class ServedGraph(nn.Module):
    """What is exported: crops to ages and embeddings, through the hook; see `Prediction` for each output.

    The model is in evaluation mode; with `flip_average` both answers are averaged over the crop and its
    mirror. `seen_px` is the side that the network sees, where crops of `served_px` are to be enlarged to it.
    """

    def __init__(
        self,
        model: AgeModel | Ensemble,
        layer: str,
        projection: Projection,
        flip_average: bool = False,
        seen_px: int | None = None,
    ) -> None:
        super().__init__()
        self.model, self.layer, self.flip_average = model, layer, flip_average
        self.enlarge: Tensor | None
        enlarge = None
        if seen_px is not None and served_px(seen_px) != seen_px:
            enlarge = resizing(CROP_PX, CROP_PX, seen_px)  # products with it take a fifth of Resize's time
        self.register_buffer("enlarge", enlarge, persistent=False)
        self.register_buffer("mean", torch.from_numpy(projection.mean))
        self.register_buffer("matrix", torch.from_numpy(projection.matrix))

    @property
    def output_names(self) -> tuple[str, ...]:
        """What `forward` returns, in order; only a distribution head has shares."""
        return (*OUTPUTS, *LATER_OUTPUTS) if self.model.architecture.head == "distribution" else OUTPUTS

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of `output_names`; what is averaged over views is their mean."""
        if self.enlarge is not None:
            crops = self.enlarge @ (crops @ self.enlarge.T)
        views = 2 if self.flip_average else 1
        scores, activations = passed(self.model, self.layer, with_mirror(crops) if views == 2 else crops)
        ages = self.model.ages(scores).reshape(views, -1)
        view_ages = self.model.view_ages(scores) if isinstance(self.model, Ensemble) else ages.T
        if views == 2:  # the map is linear: the mean of both projections is that of the mean
            activations = activations.reshape(2, -1, activations.shape[1]).mean(dim=0)
        assert isinstance(self.mean, Tensor)  # noqa: S101 - tells mypy what register_buffer made
        assert isinstance(self.matrix, Tensor)  # noqa: S101 - as above
        projected = (activations - self.mean) @ self.matrix
        answers = (ages.mean(dim=0), projected / projected.norm(dim=1, keepdim=True).clamp_min(1e-12))
        if self.output_names == OUTPUTS:
            return answers
        shares = self.model.shares(scores)
        mean_shares = shares.reshape(views, -1, shares.shape[1]).mean(dim=0)
        return (*answers, mean_shares, view_ages)


def write_bundle(
    graph: ServedGraph, size_px: int, about: dict[str, Any], folder: Path, crops: Sequence[Crop]
) -> tuple[float, float]:
    """Write a bundle; an old one in the folder is replaced only when the new one is whole and proved.

    `about` has the parts of model.json that tell of the training: name, training, recipe, metrics. Graph and
    bundle are compared on `crops`, of side `size_px`: what is returned is the largest age difference in years
    and the smallest cosine.

    Raises:
        BundleDamaged: they differ by more than `AGE_TOLERANCE_YEARS` or `COSINE_TOLERANCE`.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write_graph(graph, size_px, part / GRAPH)
    document = _document(graph, size_px, about, part)
    (part / DOCUMENT).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    proof = parity(graph, part, crops)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return proof


def write_graph(graph: ServedGraph, size_px: int, path: Path) -> None:
    """Write the graph as ONNX, without notes of the machine that exported it.

    The weights of a model that `half_precision.round_weights` rounded are stored in half precision.
    """
    torch.onnx.export(
        graph,
        (torch.zeros(2, 3, size_px, size_px),),
        path,
        input_names=["crops"],
        output_names=list(graph.output_names),
        dynamic_shapes=({0: torch.export.Dim("faces", min=1, max=4096)},),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    loaded = onnx.load(path)
    del loaded.metadata_props[:]
    for node in loaded.graph.node:
        del node.metadata_props[:]  # the exporter's notes name files of this machine
        node.doc_string = ""
    onnx.save(with_half_weights(loaded), path)


def _document(graph: ServedGraph, size_px: int, about: dict[str, Any], folder: Path) -> dict[str, Any]:
    view = float(about["recipe"].get("view", 1.0))
    spec = backbones.BODIES[graph.model.architecture.body]
    content = (folder / GRAPH).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {
        "format": FORMAT,
        "name": about["name"],
        "version": f"{about['name']}-{digest[:8]}",
        "files": {GRAPH: {"sha256": digest, "bytes": len(content)}},
        "input": {"size_px": size_px, "mean": list(spec.mean), "std": list(spec.std)},
        "crop": {
            "margin": round(CROP_MARGIN * view, 4),
            "detector": "libfacedetection",
            "working_side_px": WORKING_SIDE_PX,
            "first_look_px": FIRST_LOOK_PX,
            "first_decode_px": FIRST_LOOK_PX,
            "reading": READING,
        },
        "layer": graph.layer,
        "flip_average": graph.flip_average,
        "dims": int(graph.get_buffer("matrix").shape[1]),
        "arch": _arch(graph.model),
        **{key: value for key, value in about.items() if key != "name"},
    }


def _arch(model: AgeModel | Ensemble) -> dict[str, Any]:
    """Return what the model is built from; an ensemble's members differ in all but their head and point."""
    if isinstance(model, Ensemble):
        whole = model.architecture
        return {"body": "+".join(model.bodies), "head": whole.head, "point": whole.point}
    return model.architecture.as_dict()


def parity(graph: ServedGraph, folder: Path, crops: Sequence[Crop]) -> tuple[float, float]:
    """Return the largest age difference in years and the smallest cosine between torch and the bundle.

    Raises:
        BundleDamaged: they differ by more than 0.01 year or 1e-4 of cosine.
    """
    bundle = load_bundle(folder)
    served = OnnxModel(bundle).predict(crops)
    with torch.no_grad():
        ages, embeddings, *_ = graph(torch.from_numpy(to_tensor(crops, bundle.mean, bundle.std)))
    age_gap = float(np.abs(ages.numpy() - served.ages_years).max())
    cosine = float((embeddings.numpy() * served.embeddings).sum(axis=1).min())
    if age_gap > AGE_TOLERANCE_YEARS or cosine < 1 - COSINE_TOLERANCE:
        raise BundleDamaged(
            f"The exported graph does not compute what the model does: ages differ by up to {age_gap:.4f} "
            f"years, embeddings have a cosine of {cosine:.6f}. Nothing was put into service."
        )
    return age_gap, cosine
