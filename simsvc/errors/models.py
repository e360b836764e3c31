"""The model cannot be used."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class BundleError(SimsvcError):
    """The model bundle cannot be used."""

    code = "bundle_error"


class BundleMissing(BundleError):
    """No bundle lies where one is expected."""

    code = "bundle_missing"
    template = N_(
        "There is no model: the bundle folder holds no model.json. Install simsvc again, or write a bundle "
        "with `python -m trainer export`."
    )


class BundleDamaged(BundleError):
    """The bundle's files and its manifest disagree."""

    code = "bundle_damaged"
    templates: ClassVar = {
        "files": N_(
            "The model cannot be used: %(problem)s. Install simsvc again, or export the bundle anew."
        ),
        "card": N_(
            "The model card cannot be understood. Write it anew with `python -m trainer card`, or delete "
            "model_card.json from the bundle folder."
        ),
        "copied": "The model's files changed while they were copied. Start again.",
        "kept": (
            "The kept model cannot be used: its model.json is not the one that was in service. Put it back "
            "from a back-up."
        ),
        "graph": N_(
            "The model cannot be used: its graph must take `crops` and give `age_years` and `embedding`. "
            "Export the bundle anew."
        ),
        "unloadable": N_("The model cannot be loaded: %(problem)s. Export the bundle anew."),
        "doubt_model": N_(
            "The model cannot be used: the doubt score in its model.json was fitted on another model. Fit it "
            "again with `python -m trainer doubt`."
        ),
        "doubt": N_(
            "The model cannot be used: the doubt score in its model.json cannot be understood. Fit it again "
            "with `python -m trainer doubt`."
        ),
        "calibration_model": N_(
            "The model cannot be used: the calibration in its model.json was measured on another model, so "
            "its intervals would be wrong. Calibrate this model with `python -m trainer calibrate`."
        ),
        "calibration": N_(
            "The model cannot be used: the calibration in its model.json cannot be understood. Calibrate the "
            "model again with `python -m trainer calibrate`."
        ),
        "rules": N_(
            "The model cannot be used: %(problem)s. Correct its model.json, or export the bundle anew."
        ),
        "quality_model": N_(
            "The model cannot be used: the quality thresholds in its model.json were measured on another "
            "model. Measure this one with `python -m trainer withhold`."
        ),
    }


class BundleUnreadable(BundleError):
    """The account of this process may not read a file of the model."""

    code = "bundle_unreadable"
    template = N_(
        "The service's account may not read %(file)s of the model. Make that account the owner of the "
        "model's folder and of all in it (`chown -R`), and try again."
    )


class EngineMissing(BundleError):
    """What should run the model is not installed."""

    code = "engine_missing"
    templates: ClassVar = {
        "torch": (
            "PyTorch is not installed here. Install it with `pip install 'simsvc[train]'`, or use the other "
            "engine: `--engine onnx`."
        ),
        "openvino": N_(
            "OpenVINO is not installed here. Install it with `pip install 'simsvc[openvino]'`, or leave "
            "SIMSVC_ENGINE out."
        ),
    }


class PriorUnfit(BundleError):
    """A prior over ages is set, and the model gives no distribution to apply it to."""

    code = "prior_unfit"
    template = N_(
        "SIMSVC_AGE_PRIOR is set, but the model gives no distribution over ages, so it cannot be applied. "
        "Leave it out, or put a model into service that was exported with a distribution."
    )


class DetectorDamaged(BundleError):
    """The face detector's files are missing or not as they were shipped."""

    code = "detector_damaged"
    template = N_("The face detector cannot be used: %(problem)s. Install simsvc again.")
