"""The model cannot be used."""

from __future__ import annotations

from typing import ClassVar

from simsvc.errors.base import SimsvcError
from simsvc.messages import N_


class BundleError(SimsvcError):
    """The model bundle cannot be used."""

    code = "bundle_error"


class BundleMissing(BundleError):
    """The model bundle is missing."""

    code = "bundle_missing"
    template = N_(
        "There is no model: the bundle folder has no model.json. Reinstall simsvc, or create a bundle with "
        "`python -m trainer export`."
    )


class BundleDamaged(BundleError):
    """The files of the model bundle do not match its manifest."""

    code = "bundle_damaged"
    templates: ClassVar = {
        "files": N_("The model cannot be used: %(problem)s. Reinstall simsvc, or export the bundle again."),
        "card": N_(
            "The model card is not valid. Create it again with `python -m trainer card`, or delete "
            "model_card.json from the bundle folder."
        ),
        "copied": "The model files changed while they were being copied. Try again.",
        "kept": N_("The kept model cannot be used: its model.json has changed. Restore it from a backup."),
        "graph": N_(
            "The model cannot be used: its graph must take `crops` and return `age_years` and `embedding`. "
            "Export the bundle again."
        ),
        "unloadable": N_("The model cannot be loaded: %(problem)s. Export the bundle again."),
        "doubt_model": N_(
            "The model cannot be used: the doubt score in its model.json was fitted on a different model. "
            "Fit it again with `python -m trainer doubt`."
        ),
        "doubt": N_(
            "The model cannot be used: the doubt score in its model.json is not valid. Fit it again with "
            "`python -m trainer doubt`."
        ),
        "calibration_model": N_(
            "The model cannot be used: the calibration in its model.json was measured on a different model, "
            "so its ranges would be wrong. Calibrate this model with `python -m trainer calibrate`."
        ),
        "calibration": N_(
            "The model cannot be used: the calibration in its model.json is not valid. Calibrate the model "
            "again with `python -m trainer calibrate`."
        ),
        "rules": N_(
            "The model cannot be used: %(problem)s. Correct its model.json, or export the bundle again."
        ),
        "quality_model": N_(
            "The model cannot be used: the quality thresholds in its model.json were measured on a different "
            "model. Measure this model with `python -m trainer withhold`."
        ),
    }


class ModelNotLogged(BundleError):
    """The model is not one that the log has."""

    code = "model_not_logged"
    templates: ClassVar = {
        "start": N_(
            "The model %(version)s in the bundle folder was not in service before, and is not the one that "
            "came with simsvc, so it is not used. If you put it there, run `flask model accept`; otherwise "
            "restore the bundle folder."
        ),
        "replaced": N_(
            "The model in the bundle folder was replaced by %(version)s while the service ran. Estimates "
            "come from the earlier model until a restart. If you put it there, run `flask model accept` and "
            "restart; otherwise restore the bundle folder."
        ),
        "restart": N_(
            "The model in the bundle folder is now %(version)s. Restart the service to use it; until then, "
            "estimates come from the earlier model."
        ),
        "changed": N_(
            "%(file)s of the model was changed while it was in service. Reinstall simsvc, or restore the "
            "bundle folder from a backup, then restart."
        ),
    }


class BundleUnreadable(BundleError):
    """The service account cannot read a file of the model."""

    code = "bundle_unreadable"
    template = N_(
        "The service account cannot read %(file)s of the model. Make it the owner of the model folder and "
        "everything in it (`chown -R`), then try again."
    )


class BundleUnreachable(BundleError):
    """A kept model cannot be fetched from the object store now."""

    code = "bundle_unreachable"
    template = N_("The kept models cannot be fetched now. %(problem)s")


class EngineMissing(BundleError):
    """The inference engine is not installed."""

    code = "engine_missing"
    templates: ClassVar = {
        "torch": (
            "PyTorch is not installed. Install it with `pip install 'simsvc[train]'`, or use `--engine onnx`."
        ),
        "openvino": N_(
            "OpenVINO is not installed. Install it with `pip install 'simsvc[openvino]'`, or do not set "
            "SIMSVC_ENGINE."
        ),
        "cuda": (
            "ONNX Runtime finds no CUDA. Install `onnxruntime-gpu` in place of `onnxruntime`, and CUDA, "
            "or do not set SIMSVC_RAY_DEVICE."
        ),
    }


class PriorUnfit(BundleError):
    """An age prior is set, but the model gives no age distribution."""

    code = "prior_unfit"
    template = N_(
        "SIMSVC_AGE_PRIOR is set, but the model gives no age distribution, so the prior cannot be applied. "
        "Unset it, or use a model exported with a distribution."
    )


class DetectorDamaged(BundleError):
    """The files of the face detector are missing or changed."""

    code = "detector_damaged"
    template = N_("The face detector cannot be used: %(problem)s. Reinstall simsvc.")
