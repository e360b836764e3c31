"""A recipe: everything that decides a training run, in one small TOML file."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simsvc.errors import SettingsError
from trainer.models.age_model import HEADS, POINTS, Architecture
from trainer.models.backbones import BODIES

RECIPES = Path(__file__).parents[1] / "recipes"
PUBLISHED = ("faceres",)  # Recipes of published networks: they teach and are joined as they are
LOSSES = ("smooth_l1", "l1", "l2", "distribution")
CYCLES = ("whole", "stage")
BALANCES = ("none", "age", "age_group")
_LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("lr", "scale", "shift", "erase", "distil", "backdrop", "gamma", "grey"), (0.0, 1.0)),
    **dict.fromkeys(("cast", "blur", "noise", "small", "compress", "cut"), (0.0, 1.0)),
    **dict.fromkeys(("clean", "doubt"), (0.0, 130.0)),
    **dict.fromkeys(("expectation", "traits"), (0.0, 100.0)),
    "hidden": (1, 4096),
    "dropout": (0, 0.95),
    "sigma_years": (0.1, 50),
    "weight_decay": (0, 10),
    "batch": (2, 4096),
    "mixup": (0, 10),
    "ema": (0, 0.99999),
    "rotate_deg": (0, 180),
    "colour": (0, 2),
    "clip": (0, 1e6),
    "seed": (0, 2**31),
    "fraction": (0.001, 1),
    "drop_path": (0, 0.9),
    "view": (1, 1.25),
    "epoch_faces": (0, 1e7),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """So many epochs at one input size."""

    size_px: int
    epochs: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """One experiment; names of several recipes are joined by commas, "" is none, 0 is without.

    Sources: `goes_on`: Loshchilov and Hutter, "SGDR", ICLR 2017. `sigma_years`: Gao et al., "Deep Label
    Distribution Learning with Label Ambiguity", IEEE TIP 2017, who use 2 for ages. `expectation`: Gao et al.,
    "Age Estimation Using Expectation of Label Distribution Learning", IJCAI 2018, equation 6. `mixup`: Zhang
    et al., ICLR 2018. `traits`: Caruana, "Multitask Learning", Machine Learning 28, 1997. `distil`: Hinton,
    Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2. `fold`: Dao et al.,
    "Knowledge Distillation as Semiparametric Inference", ICLR 2021, section 4.1 (cross-fitting).

    The loss "distribution" is the Kullback-Leibler divergence to a Gaussian of `sigma_years` around the label
    plus `expectation` times SmoothL1 of the expected value; the others are of the estimate in years. Traits
    are told by a linear layer behind the pooled features, which is not exported, so that neighbours look
    alike. Recipes that this one needs are trained first where their runs are missing.

    Teachers: labels are noisy, and what earlier models make of a face tells where. As a teacher, a run with a
    fold tells of just the faces that it never saw: of others it has learnt the label by heart, and its noise.
    A mixture's teachers teach as `teachers` do, and alone where a face has no label.
    """

    name: str  # of the recipe and its run
    body: str = "resnet34"  # this and the next four: see `trainer.models.age_model.Architecture`
    head: str = "regression"
    hidden: int = 512
    dropout: float = 0.5
    point: str = "mean"
    weights: str = "none"  # initial weights of the body: "none", "pretrained", or a .safetensors file
    goes_on: str = ""  # recipe whose run's best weights, of body and head, it begins with instead
    schedule: tuple[Stage, ...] = (Stage(64, 14), Stage(96, 6), Stage(128, 4))  # progressive resizing
    cycle: str = "whole"  # one one-cycle over the "whole" schedule, or one for each "stage"
    loss: str = "smooth_l1"  # one of `LOSSES`
    sigma_years: float = 2.0  # width of the label's Gaussian
    expectation: float = 0.2  # weight of the SmoothL1 term
    lr: tuple[float, float, float] = (1e-3, 1e-3, 1e-3)  # largest learning rates: early body, late body, head
    weight_decay: tuple[float, float, float] = (0.01, 0.01, 0.01)  # none of batch norms and biases
    batch: int = 64  # faces a step
    mixup: float = 0.0  # alpha of the Beta distribution
    ema: float = 0.0  # decay a step of the weights' exponential moving average
    scale: float = 0.15  # from here to erase, and from backdrop to cut: see `augment.Strength`
    shift: float = 0.1
    rotate_deg: float = 12.0
    colour: float = 0.25
    erase: float = 0.0
    clip: float = 5.0  # largest gradient norm
    seed: int = 42  # of everything random
    clean: float = 0.0  # years that labels of near-duplicates may be apart, see `selection.cleaned`
    balance: str = "none"  # loss weights by rarity, see `selection.loss_weights`
    flip_average: bool = False  # whether the exported model averages the crop and its mirror
    fraction: float = 1.0  # share of the training part that is learnt from, for quick comparisons
    traits: float = 0.0  # weight of the cross-entropies of gender and group while training
    teachers: str = ""  # recipes whose runs teach this one
    distil: float = 0.0  # share of the teachers' mean distribution in the target, the rest being the label's
    drop_path: float = 0.0  # rate at which training skips the last block, see `backbones.BodySpec.drop_paths`
    fold: str = ""  # "K/N" leaves the K-th of N parts of the training faces out
    doubt: float = 0.0  # years off the teachers' word that make a label wrong, see `distillation.corrected`
    mixture: str = ""  # teachers, recipes or `PUBLISHED`, corrected and weighted by age, see `mixture`
    mix: str = ""  # shares of kinds of source, "utkface:0.5,windows:0.5"; "" draws every face once an epoch
    epoch_faces: int = 0  # how many faces are drawn an epoch where `mix` is given
    view: float = 1.0  # side of what the model sees over that of the service's crop, up to `pack.CONTEXT`
    parts: str = ""  # recipes joined to an ensemble, which has this one's crop and point, see `ensemble`
    own_weights: str = ""  # kind of source whose photos an ensemble weighs by themselves, see `likeness`
    corrects: str = ""  # one of `PUBLISHED` that only has its scores of ages offset, see `correct`
    backdrop: float = 0.0
    gamma: float = 0.0
    grey: float = 0.0
    cast: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    small: float = 0.0
    compress: float = 0.0
    cut: float = 0.0
    text: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        _choose("body", self.body, BODIES)
        _choose("head", self.head, HEADS)
        _choose("point", self.point, POINTS)
        _choose("loss", self.loss, LOSSES)
        _choose("cycle", self.cycle, CYCLES)
        _choose("balance", self.balance, BALANCES)
        if (self.loss == "distribution") != (self.head == "distribution"):
            raise SettingsError('loss = "distribution" and head = "distribution" go together.')
        self._check_teaching()
        if self.drop_path and not BODIES[self.body].drop_paths:
            can = " or ".join(f'"{name}"' for name, spec in BODIES.items() if spec.drop_paths)
            raise SettingsError(f"drop_path needs body = {can}; leave it out.")
        if self.goes_on and self.weights != "none":
            raise SettingsError("A recipe that goes on from another has its weights; leave weights out.")
        if not self.schedule:
            raise SettingsError('schedule needs at least one stage, such as "64x10".')
        least = BODIES[self.body].min_px
        if any(stage.size_px < least for stage in self.schedule):
            raise SettingsError(f"schedule: {self.body} needs at least {least} pixels.")
        parse_fold(self.fold)
        for key, limits in _LIMITS.items():
            _within(key, getattr(self, key), *limits)

    def _check_teaching(self) -> None:
        if self.teachers and self.mixture:
            raise SettingsError("A recipe has teachers or a mixture of them, not both.")
        taught = bool(self.teachers or self.mixture)
        if taught != (self.distil > 0) or (taught and self.head != "distribution"):
            raise SettingsError('teachers and distil > 0 go together, and with head = "distribution".')
        if self.doubt and not self.teachers:
            raise SettingsError("doubt needs teachers, whose word is believed instead; leave it out.")
        if bool(self.mix) != (self.epoch_faces > 0 or bool(self.corrects)):
            raise SettingsError("mix and epoch_faces, or mix and corrects, go together.")
        if self.corrects and self.corrects not in PUBLISHED:
            raise SettingsError(f"corrects names a published network: {', '.join(PUBLISHED)}.")
        parse_mix(self.mix)
        if self.parts and (self.head != "distribution" or len(self.joined) < 2):
            raise SettingsError('parts names two or more recipes, all with head = "distribution".')
        if self.own_weights and not self.parts:
            raise SettingsError("own_weights is for parts joined; leave it out.")
        if self.parts and self.flip_average:
            raise SettingsError("flip_average is for single models, not for parts joined.")

    @property
    def architecture(self) -> Architecture:
        """What to build."""
        return Architecture(self.body, self.head, self.hidden, self.dropout, self.point)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the recipes whose runs must be there before this one."""
        before = [self.goes_on] if self.goes_on else []
        names = dict.fromkeys((*self.taught_by, *self.mixed, *before, *self.joined))
        return tuple(name for name in names if name not in PUBLISHED)

    @property
    def joined(self) -> tuple[str, ...]:
        """Names of the ensemble's recipes."""
        return _names(self.parts)

    @property
    def mixed(self) -> tuple[str, ...]:
        """Names of the mixture's teachers."""
        return _names(self.mixture)

    @property
    def taught_by(self) -> tuple[str, ...]:
        """Names of the teachers' recipes."""
        return _names(self.teachers)

    @property
    def epochs(self) -> int:
        """Of all stages."""
        return sum(stage.epochs for stage in self.schedule)

    @property
    def final_px(self) -> int:
        """Input size of the last stage, which the exported model keeps."""
        return self.schedule[-1].size_px

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, the schedule as it is written."""
        values = dataclasses.asdict(self)
        values.pop("text")
        values["schedule"] = ",".join(f"{s.size_px}x{s.epochs}" for s in self.schedule)
        return values


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _choose(key: str, value: str, choices: Any) -> None:
    if value not in choices:
        raise SettingsError(f"{key} = {value!r} is not known; choose one of {', '.join(choices)}.")


def _within(key: str, value: float | tuple[float, ...], low: float, high: float) -> None:
    if not all(low <= number <= high for number in (value if isinstance(value, tuple) else (value,))):
        raise SettingsError(f"{key} = {value} lies outside {low:g} to {high:g}.")


def parse_schedule(text: str) -> tuple[Stage, ...]:
    """Return the stages of "64x14,96x6".

    Raises:
        SettingsError: not of that form.
    """
    try:
        stages = tuple(Stage(*(int(n) for n in part.split("x", 1))) for part in text.split(","))
    except (ValueError, TypeError):
        raise SettingsError(f'schedule = "{text}" is not of the form "64x14,96x6".') from None
    if any(stage.size_px < 32 or stage.size_px > 256 or stage.epochs < 1 for stage in stages):
        raise SettingsError("A stage has 32 to 256 pixels and at least one epoch.")
    return stages


def parse_fold(text: str) -> tuple[int, int] | None:
    """Return (1, 4) for "1/4", None for "".

    Raises:
        SettingsError: not of that form.
    """
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text)
    part, parts = (int(number) for number in found.groups()) if found else (0, 0)
    if not 1 <= part <= parts or parts < 2:
        raise SettingsError(f'fold = "{text}" is not of the form "1/4".')
    return part, parts


def parse_mix(text: str) -> dict[str, float]:
    """Return the share of each kind of source of "utkface:0.5,windows:0.5", none for "".

    Raises:
        SettingsError: not of that form, or the shares do not sum to one.
    """
    if not text:
        return {}
    try:
        shares = {name.strip(): float(share) for name, share in (part.split(":") for part in text.split(","))}
    except ValueError:
        raise SettingsError(f'mix = "{text}" is not of the form "utkface:0.5,windows:0.5".') from None
    if min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise SettingsError(f'mix = "{text}": every share must be above 0, and all must sum to 1.')
    return shares


def parse(name: str, text: str) -> Recipe:
    """Return the recipe of a TOML text.

    Raises:
        SettingsError: not TOML, an unknown key, or a value of the wrong kind: said before any work is done.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The recipe {name} is not valid TOML: {error}.") from None
    known = {f.name: f for f in dataclasses.fields(Recipe)}
    unknown = sorted(set(values) - (set(known) - {"name", "text"}))
    if unknown:
        raise SettingsError(f"The recipe {name} has unknown keys: {', '.join(unknown)}.")
    typed = {key: _typed(name, key, value, known[key].default) for key, value in values.items()}
    return Recipe(name=name, text=text, **typed)


def _typed(name: str, key: str, value: Any, default: Any) -> Any:
    if key == "schedule":
        return parse_schedule(str(value))
    if isinstance(default, tuple):
        if not (isinstance(value, list) and len(value) == 3 and all(type(v) in (int, float) for v in value)):
            raise SettingsError(f"In the recipe {name}, {key} needs three numbers.")
        return tuple(float(v) for v in value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise SettingsError(f"In the recipe {name}, {key} must be of type {type(default).__name__}.")
    return value


def load(name: str, folder: Path = RECIPES) -> Recipe:
    """Return the recipe of that name (or the TOML file of that path).

    Raises:
        SettingsError: there is none, or it cannot be used.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not path.is_file():
        have = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
        raise SettingsError(f"There is no recipe {name!r}; there are: {have}.")
    return parse(path.stem, path.read_text(encoding="utf-8"))
