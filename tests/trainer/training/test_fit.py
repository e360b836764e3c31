from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from simsvc.errors import SettingsError
from tests.trainer.tiny_training import brightness, recipe
from trainer.models.age_model import AgeModel
from trainer.training import callbacks, fit
from trainer.training.loader import FaceLoader, TrainingData
from trainer.training.precision import autocast, computes_bf16
from trainer.training.recipes.recipe import Recipe, Stage


class Stopped(Exception):
    """Stands for whatever ends a run half way."""


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the run fail once the checkpoint of so many epochs is written."""
    whole = callbacks.Checkpointer.checkpoint

    def checkpoint(self: callbacks.Checkpointer, next_epoch: int) -> None:
        whole(self, next_epoch)
        if next_epoch == epochs:
            raise Stopped("as if killed")

    monkeypatch.setattr(callbacks.Checkpointer, "checkpoint", checkpoint)


def figures(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the history without its times."""
    return [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in history]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the last weights of a run."""
    state: dict[str, torch.Tensor] = torch.load(folder / "last.pth", weights_only=True)["model"]
    return state


def assert_same_run(left: Path, right: Path) -> None:
    """Assert that two folders hold the same history, best weights and last weights."""
    histories = [json.loads((folder / "history.json").read_text()) for folder in (left, right)]
    assert figures(histories[0]) == figures(histories[1])
    for one, other in ((weights(left), weights(right)), *[_best(left, right)]):
        assert one.keys() == other.keys()
        assert not [key for key in one if not torch.equal(one[key], other[key])]


def _best(left: Path, right: Path) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    return load_file(left / "best.safetensors"), load_file(right / "best.safetensors")


EASY = recipe(schedule="32x5", batch=16, loss="l2", lr=[1e-3, 3e-3, 2e-2], clip=100.0)
EASY_DATA = brightness(96, 24)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Path]:
    """Return history and folder of a run on the brightness task."""
    folder = tmp_path_factory.mktemp("learned")
    return fit.fit(EASY, EASY_DATA, folder), folder


@pytest.mark.slow
def test_learns(learned: tuple[list[dict[str, Any]], Path]) -> None:
    """On the easy task the loss falls and the error comes far below that of always saying the mean age."""
    history, _ = learned
    ages = EASY_DATA.ages_years
    of_the_mean = float(np.abs(ages[EASY_DATA.valid] - ages[EASY_DATA.train].mean()).mean())
    assert [epoch["epoch"] for epoch in history] == list(range(5))
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 2
    assert min(epoch["valid_mae"] for epoch in history) < of_the_mean / 2
    assert all(epoch["valid_mae"] <= epoch["valid_rmse"] for epoch in history)


@pytest.mark.slow
def test_leaves_its_files(learned: tuple[list[dict[str, Any]], Path]) -> None:
    """A run leaves its best weights, history, recipe and plot; the plot is a picture with something in it."""
    history, folder = learned
    assert json.loads((folder / "history.json").read_text()) == history
    assert (folder / "recipe.toml").read_text() == EASY.text
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder / "last.part").exists()
    assert torch.load(folder / "last.pth", weights_only=True)["next_epoch"] == 5


@pytest.mark.slow
def test_best_weights_are_the_best_epoch(learned: tuple[list[dict[str, Any]], Path]) -> None:
    """The best weights give on the validation faces the smallest error of the history."""
    history, folder = learned
    model = AgeModel(EASY.architecture)
    model.load_state_dict(load_file(folder / "best.safetensors"))
    loader = FaceLoader(EASY_DATA, EASY_DATA.valid, EASY, False)
    crops, targets = loader.create_batch(EASY_DATA.valid.tolist())
    with torch.no_grad(), autocast("cpu"):
        error = (model.eval().ages(model(crops)) - targets[:, 0]).abs().mean()
    assert float(error) == pytest.approx(min(epoch["valid_mae"] for epoch in history), abs=0.3)


@pytest.mark.slow
def test_a_finished_run_is_not_run_again(learned: tuple[list[dict[str, Any]], Path]) -> None:
    """Called again after its last epoch, a run gives its history and changes no weight."""
    history, folder = learned
    before = (folder / "last.pth").read_bytes()
    assert fit.fit(EASY, EASY_DATA, folder) == history
    assert (folder / "last.pth").read_bytes() == before


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        pytest.param({"schedule": "32x2"}, 1, id="within a cycle"),
        pytest.param({"schedule": "32x1,40x1", "cycle": "stage"}, 1, id="between cycles"),
        pytest.param({"schedule": "32x1,40x2", "cycle": "stage"}, 2, id="within the second cycle"),
        pytest.param({"schedule": "32x2", "mixup": 0.2, "ema": 0.9}, 1, id="with mixup and average"),
    ],
)
def test_resumes(
    changes: dict[str, object], epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is stopped and called again ends with the history and weights of one that went through."""
    chosen, data = recipe(**changes), brightness(16, 8)
    fit.fit(chosen, data, tmp_path / "through")
    with monkeypatch.context() as patch:
        stop_after(epochs, patch)
        with pytest.raises(Stopped):
            fit.fit(chosen, data, tmp_path / "stopped")
    assert len(json.loads((tmp_path / "stopped" / "history.json").read_text())) == epochs
    history = fit.fit(chosen, data, tmp_path / "stopped")
    assert [epoch["epoch"] for epoch in history] == list(range(chosen.epochs))
    assert_same_run(tmp_path / "through", tmp_path / "stopped")


@pytest.mark.proof
@pytest.mark.slow
def test_resumes_after_a_kill(tmp_path: Path) -> None:
    """A process killed within an epoch loses that epoch alone; the next one ends like a run gone through."""
    chosen, data = recipe(schedule="32x3"), brightness(16, 8)
    fit.fit(chosen, data, tmp_path / "through")
    program = (
        "import os, signal\nfrom pathlib import Path\nfrom trainer.training import callbacks, fit\n"
        "from tests.trainer.tiny_training import brightness, recipe\n"
        "class Dies(callbacks.Schedule):\n"
        "    def after_batch(self):\n"
        "        if self.epoch == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "fit.Schedule = Dies\n"
        f"fit.fit(recipe(schedule='32x3'), brightness(16, 8), Path({str(tmp_path / 'killed')!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-500:]
    assert torch.load(tmp_path / "killed" / "last.pth", weights_only=True)["next_epoch"] == 1
    fit.fit(chosen, data, tmp_path / "killed")
    assert_same_run(tmp_path / "through", tmp_path / "killed")


def test_another_recipe_does_not_resume(tmp_path: Path) -> None:
    """A changed recipe of the same name is refused: it would go on with what another one learnt."""
    fit.fit(recipe(schedule="32x1"), brightness(16, 8), tmp_path)
    with pytest.raises(SettingsError, match="another recipe"):
        fit.fit(recipe(schedule="32x1", seed=7), brightness(16, 8), tmp_path)
    assert (tmp_path / "recipe.toml").read_text() == recipe(schedule="32x1").text


@pytest.mark.parametrize(("train", "valid"), [(7, 4), (16, 0)])
def test_too_few_faces(train: int, valid: int, tmp_path: Path) -> None:
    """Fewer faces than one step takes, or none to choose by, are refused before anything is written."""
    with pytest.raises(SettingsError, match=f"{train} faces to learn from and {valid} to choose by"):
        fit.fit(recipe(), brightness(train, valid), tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Watch(callbacks.Bf16):  # type: ignore[misc]  # fastai has no type information
    """Writes down what a run does while it does it; in the place of the callback it widens."""

    seen: list[dict[str, Any]] = []  # noqa: RUF012 - one list a test, emptied by its fixture

    def before_batch(self) -> None:
        super().before_batch()
        self.autocast = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def after_pred(self) -> None:
        raw = self.pred.dtype
        super().after_pred()
        self.types = raw, self.pred.dtype

    def after_batch(self) -> None:
        self.seen.append(
            {
                "training": self.training,
                "epoch": self.epoch,
                "shape": tuple(self.x.shape),
                "channels_last": self.x.is_contiguous(memory_format=torch.channels_last),
                "lr": [hyper["lr"] for hyper in self.opt.hypers],
                "wd": [hyper["wd"] for hyper in self.opt.hypers],
                "autocast": self.autocast,
                "types": self.types,
                "left": torch.is_autocast_enabled("cpu"),
                "optimizer": self.opt,
                "model": self.model,
                "labels": self.y[:, 0].tolist(),
            }
        )


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the list that every step of a run in this test is written to."""
    monkeypatch.setattr(fit, "Bf16", Watch)
    monkeypatch.setattr(Watch, "seen", [])
    return Watch.seen


def test_schedule(watched: list[dict[str, Any]], tmp_path: Path) -> None:
    """Every epoch has its stage's size, in training and validation, and the history says so."""
    history = fit.fit(recipe(schedule="32x1,40x2"), brightness(16, 8), tmp_path)
    sizes = [{step["shape"][2:] for step in watched if step["epoch"] == epoch} for epoch in range(3)]
    assert sizes == [{(32, 32)}, {(40, 40)}, {(40, 40)}]
    assert [epoch["size_px"] for epoch in history] == [32, 40, 40]
    assert all(step["shape"][:2] == (8, 3) and step["channels_last"] for step in watched)


def test_bf16(watched: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The network runs in bfloat16, the loss gets float32, and autocast is off again behind each step."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    fit.fit(recipe(schedule="32x1"), brightness(16, 8), tmp_path)
    assert {step["training"] for step in watched} == {True, False}
    for step in watched:
        assert step["autocast"] == (True, torch.bfloat16)
        assert step["types"] == (torch.bfloat16, torch.float32)
        assert not step["left"]


@pytest.mark.parametrize(
    ("device", "capabilities", "held"),
    [
        ("cpu", {"avx2": True, "avx512_bf16": False}, False),
        ("cpu", {"amx_bf16": True}, True),
        ("cpu", {"bf16": True}, True),
        ("cpu", {}, False),
        ("cuda", {}, True),
    ],
)
def test_a_device_that_would_emulate_bfloat16_computes_in_float32(
    monkeypatch: pytest.MonkeyPatch, device: str, capabilities: dict[str, bool], held: bool
) -> None:
    """Emulating it takes several times as long."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert computes_bf16(device) is held


def test_three_groups(watched: list[dict[str, Any]], tmp_path: Path) -> None:
    """Early body, late body and head each reach their own rate and keep their own decay."""
    fit.fit(recipe(schedule="32x1"), brightness(64, 8), tmp_path)
    rates = np.array([step["lr"] for step in watched if step["training"]])
    assert rates.shape == (8, 3)
    assert rates.max(axis=0) == pytest.approx([1e-3, 2e-3, 4e-3], rel=0.02)
    assert (rates[-1] < rates.max(axis=0) / 10).all()
    assert all(step["wd"] == [0.01, 0.02, 0.04] for step in watched)


def test_no_decay_on_norms_and_biases(watched: list[dict[str, Any]], tmp_path: Path) -> None:
    """Weights of convolutions and linear layers decay, batch norms and biases do not; nothing is left out."""
    fit.fit(recipe(schedule="32x1"), brightness(16, 8), tmp_path)
    model, optimizer = watched[-1]["model"], watched[-1]["optimizer"]
    bare = {
        parameter
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if name == "bias" or isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    }
    everything = [parameter for group in optimizer.param_lists for parameter in group]
    assert len(everything) == len(set(everything)) == len(list(model.parameters()))
    for parameter in everything:
        assert optimizer.state[parameter].get("do_wd", True) == (parameter not in bare)
    head = set(model.head.parameters())
    assert set(optimizer.param_lists[2]) == head
    assert not head & set(optimizer.param_lists[1])


@pytest.mark.proof
def test_no_decay_after_a_resume(
    watched: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not decay still does not after a resume."""
    chosen, data = recipe(schedule="32x2"), brightness(16, 8)
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        with pytest.raises(Stopped):
            fit.fit(chosen, data, tmp_path)
    fit.fit(chosen, data, tmp_path)
    model, optimizer = watched[-1]["model"], watched[-1]["optimizer"]
    assert optimizer.state[model.head.norm_1.weight]["do_wd"] is False
    assert optimizer.state[model.head.linear_1.weight].get("do_wd", True) is True


def test_mixup(watched: list[dict[str, Any]], tmp_path: Path) -> None:
    """Mixup mixes labels in training, between those of the batch, and leaves validation alone."""
    data = brightness(16, 8)
    fit.fit(recipe(schedule="32x1", mixup=0.4), data, tmp_path)
    labels = {
        training: [s["labels"] for s in watched if s["training"] == training] for training in (True, False)
    }
    assert set(np.float32(labels[False][0])) == set(data.ages_years[data.valid])
    mixed = np.float32(labels[True]).ravel()
    pure = data.ages_years[data.train]
    assert not set(mixed) <= set(pure)
    assert pure.min() <= mixed.min() <= mixed.max() <= pure.max()


@pytest.mark.proof
def test_average(tmp_path: Path) -> None:
    """The best weights of a run with an average are the average, not the last step's weights."""
    fit.fit(recipe(schedule="32x1", ema=0.9), brightness(32, 8), tmp_path)
    kept = torch.load(tmp_path / "last.pth", weights_only=True)
    best = load_file(tmp_path / "best.safetensors")
    assert kept["average_steps"] == 4
    assert all(torch.equal(best[key], value) for key, value in kept["average"].items())
    assert not torch.equal(best["head.linear_3.weight"], kept["model"]["head.linear_3.weight"])


def test_checkpoints_keep_their_distance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where epochs are shorter than the distance between checkpoints, the last one alone is written."""
    written: list[int] = []
    whole = callbacks.Checkpointer.checkpoint

    def checkpoint(self: callbacks.Checkpointer, next_epoch: int) -> None:
        written.append(next_epoch)
        whole(self, next_epoch)

    monkeypatch.setattr(callbacks.Checkpointer, "checkpoint", checkpoint)
    monkeypatch.setattr(fit, "Checkpointer", lambda *given: callbacks.Checkpointer(*given[:4], every_s=3600))
    history = fit.fit(recipe(schedule="32x3"), brightness(16, 8), tmp_path)
    assert written == [3]
    assert json.loads((tmp_path / "history.json").read_text()) == history
    assert len(history) == 3


def test_average_by_hand() -> None:
    """After n steps the average moves by 1 - (1 + n) / (10 + n) until the recipe's decay is reached."""
    average = callbacks.Average(0.25)
    layer = nn.Linear(1, 1, bias=False)
    average.learn = type("Run", (), {"model": layer, "training": True})()
    nn.init.constant_(layer.weight, 1.0)
    average.before_fit()
    expected = 1.0
    for value, decay in ((2.0, 2 / 11), (4.0, 0.25)):
        nn.init.constant_(layer.weight, value)
        average.after_batch()
        expected = decay * expected + (1 - decay) * value
    assert float(average.shadow["weight"]) == pytest.approx(expected)


def test_identity_weights_are_settled() -> None:
    """A run from dlib's weights starts with batch norms that fit the faces."""
    data = brightness(8, 8)
    model = fit.prepare(recipe(body="dlib_resnet", schedule="72x1", weights="pretrained"), data)
    crops, _ = FaceLoader(data, data.train, recipe(body="dlib_resnet", schedule="72x1"), False).create_batch(
        range(8)
    )
    with torch.no_grad():
        training, evaluation = model.body.train()(crops), model.body.eval()(crops)
    assert float((training - evaluation).abs().mean()) < 0.05 * float(evaluation.std())


@pytest.mark.parametrize(("cycle", "spans"), [("whole", [(0, 6)]), ("stage", [(0, 3), (3, 2), (5, 1)])])
def test_cycles(cycle: str, spans: list[tuple[int, int]]) -> None:
    """One cycle over everything, or one a stage."""
    chosen = Recipe("x", schedule=(Stage(32, 3), Stage(40, 2), Stage(48, 1)), cycle=cycle)
    assert fit.cycles(chosen) == spans
    assert [callbacks.size_at(chosen, epoch) for epoch in range(6)] == [32, 32, 32, 40, 40, 48]


def test_a_pack_on_the_device_gives_the_same_batches() -> None:
    """A batch is the same whether it is cut from an array or from a tensor that lies where the network is."""
    data = brightness(8, 4)
    batches = []
    for resident in (None, torch.from_numpy(data.squares)):
        torch.manual_seed(5)
        loader = FaceLoader(data, data.train, recipe(erase=0.5, colour=0.2), True, resident)
        batches.append(loader.create_batch([3, 1, 4]))
    assert torch.equal(batches[0][0], batches[1][0])
    assert torch.equal(batches[0][1], batches[1][1])


def test_targets() -> None:
    """A training batch carries each face's own weight and traits; validation weighs every face 1."""
    plain = brightness(8, 4)
    weights = np.linspace(0.5, 2, 12).astype(np.float32)
    traits = np.eye(12, 7, dtype=np.float32)
    data = TrainingData(plain.squares, plain.ages_years, plain.train, plain.valid, weights, traits)
    _, taught = FaceLoader(data, data.train, recipe(), True).create_batch([3, 1])
    assert taught[:, 0].tolist() == data.ages_years[[3, 1]].tolist()
    assert taught[:, 1].tolist() == weights[[3, 1]].tolist()
    assert taught[:, 2:].tolist() == traits[[3, 1]].tolist()
    _, asked = FaceLoader(data, data.valid, recipe(), False).create_batch([8, 9])
    assert asked[:, 1].tolist() == [1, 1]


@pytest.mark.proof
def test_traits_are_taught_and_not_kept(tmp_path: Path) -> None:
    """Scores of gender and group are learnt beside the age, and no weight of them is kept."""
    plain = brightness(32, 8)
    dark = plain.ages_years < plain.ages_years.mean()
    traits = np.zeros((40, 7), np.float32)
    traits[np.arange(40), dark.astype(int)] = 1
    data = TrainingData(plain.squares, plain.ages_years, plain.train, plain.valid, None, traits)
    chosen = recipe(schedule="32x2", traits=5.0, mixup=0.2, head="distribution", loss="distribution")
    fit.fit(chosen, data, tmp_path)
    best = load_file(tmp_path / "best.safetensors")
    assert not [key for key in best if key.startswith("traits")]
    AgeModel(chosen.architecture).load_state_dict(best)
    before = fit.prepare(chosen, data).traits
    assert before is not None
    learnt = weights(tmp_path)["traits.weight"] - before.weight.detach()
    assert float(learnt[:2].abs().max()) > 10 * float(learnt[2:].abs().max())
