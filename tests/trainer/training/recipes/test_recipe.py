from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.errors import SettingsError
from trainer.training.recipes.recipe import RECIPES, Stage, load, parse, parse_fold, parse_schedule

SHIPPED = sorted(path.stem for path in RECIPES.glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes(name: str) -> None:
    """Every recipe under trainer/recipes loads, keeps its text, and reads back the same from its values."""
    recipe = load(name)
    assert recipe.name == name
    assert recipe.text == (RECIPES / f"{name}.toml").read_text()
    assert recipe.epochs == sum(stage.epochs for stage in recipe.schedule)
    assert recipe.as_dict()["schedule"].endswith(f"{recipe.final_px}x{recipe.schedule[-1].epochs}")


def test_origin() -> None:
    """origin.toml is the origin's recipe: ResNet34, SmoothL1, mixup, growing sizes, rates by depth."""
    recipe = load("origin")
    assert (recipe.body, recipe.head, recipe.hidden, recipe.dropout) == ("resnet34", "regression", 512, 0.5)
    assert (recipe.loss, recipe.mixup) == ("smooth_l1", 0.2)
    sizes = [stage.size_px for stage in recipe.schedule]
    assert len(sizes) >= 3
    assert sizes == sorted(set(sizes))
    assert recipe.cycle == "stage"
    assert recipe.lr[0] < recipe.lr[1] < recipe.lr[2]
    assert len(set(recipe.weight_decay)) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("bodi = 'resnet18'", "unknown keys: bodi"),
        ("name = 'x'", "unknown keys: name"),
        ("text = 'x'", "unknown keys: text"),
        ("body = ", "not valid TOML"),
        ("body = 'vgg16'", "'vgg16' is not known; choose one of resnet18"),
        ("head = 'ordinal'", "choose one of regression"),
        ("loss = 'huber'", "choose one of smooth_l1"),
        ("cycle = 'twice'", "choose one of whole"),
        ("head = 'distribution'", "go together"),
        ("loss = 'distribution'", "go together"),
        ("body = 18", "body must be of type str"),
        ("batch = '64'", "batch must be of type int"),
        ("batch = 64.0", "batch must be of type int"),
        ("batch = true", "batch must be of type int"),
        ("dropout = true", "dropout must be of type float"),
        ("lr = 0.001", "lr needs three numbers"),
        ("lr = [0.1, 0.1]", "lr needs three numbers"),
        ("lr = [0.1, 0.1, '0.1']", "lr needs three numbers"),
        ("lr = [true, true, true]", "lr needs three numbers"),
        ("schedule = ''", "not of the form"),
        ("schedule = 64", "not of the form"),
        ("schedule = '64'", "not of the form"),
        ("schedule = '64x2,'", "not of the form"),
        ("schedule = '64x2x3'", "not of the form"),
        ("schedule = '64x0'", "at least one epoch"),
        ("schedule = '16x3'", "32 to 256 pixels"),
        ("schedule = '64x3,512x1'", "32 to 256 pixels"),
        ("body = 'dlib_resnet'\nschedule = '64x3,131x1'", "dlib_resnet needs at least 71 pixels"),
        ("dropout = 1.5", "dropout = 1.5 lies outside"),
        ("dropout = nan", "dropout = nan lies outside"),
        ("batch = 1", "batch = 1 lies outside"),
        ("ema = 1.0", "ema = 1.0 lies outside"),
        ("lr = [1e-3, -1e-3, 1e-3]", "lr = .* lies outside"),
        ("weight_decay = [0, inf, 0]", "weight_decay = .* lies outside"),
        ("seed = -1", "seed = -1 lies outside"),
        ("drop_path = 0.1", 'drop_path needs body = "dlib_resnet" or "dinov2_small"'),
        ("doubt = 30", "doubt needs teachers"),
        ("doubt = 131", "doubt"),
    ],
)
def test_refused(text: str, why: str) -> None:
    """What a recipe cannot say is refused, with a sentence, when it is read."""
    with pytest.raises(SettingsError, match=why):
        parse("bad", text)


def test_whole_numbers_are_numbers() -> None:
    """Where a number with a fraction belongs, a whole one will do."""
    recipe = parse("x", "clip = 1\nlr = [1, 0, 1]\nweight_decay = [0, 1, 0.5]")
    assert (recipe.clip, recipe.lr, recipe.weight_decay) == (1.0, (1.0, 0.0, 1.0), (0.0, 1.0, 0.5))
    assert all(isinstance(value, float) for value in (recipe.clip, *recipe.lr, *recipe.weight_decay))


@given(st.lists(st.tuples(st.integers(32, 256), st.integers(1, 99)), min_size=1, max_size=5))
def test_schedule_reads_what_as_dict_writes(stages: list[tuple[int, int]]) -> None:
    """A schedule written as in model.json reads back the same."""
    schedule = tuple(Stage(*stage) for stage in stages)
    text = parse("x", f'schedule = "{",".join(f"{s}x{e}" for s, e in stages)}"').as_dict()["schedule"]
    assert parse_schedule(text) == schedule


def test_empty_recipe() -> None:
    """An empty file is the default recipe."""
    assert parse("x", "").body == "resnet34"


def test_recipe_of_a_path(tmp_path: Path) -> None:
    """A TOML file of any folder is loaded by its path and named by its file."""
    (tmp_path / "mine.toml").write_text('body = "resnet18"\n')
    recipe = load(str(tmp_path / "mine.toml"))
    assert (recipe.name, recipe.body) == ("mine", "resnet18")


def test_no_such_recipe() -> None:
    """A name without a recipe gives a sentence with the names that there are."""
    with pytest.raises(SettingsError, match=r"no recipe 'orign'; there are: .*origin"):
        load("orign")


@pytest.mark.parametrize("text", ["4", "0/4", "5/4", "1/1", "1/4/2", "a/b", "-1/4"])
def test_no_fold(text: str) -> None:
    """What is no part of at least two is refused before any work."""
    with pytest.raises(SettingsError, match='not of the form "1/4"'):
        parse("x", f'fold = "{text}"')


def test_fold() -> None:
    """A fold is a part of so many; none where nothing is said."""
    assert parse_fold("2/4") == (2, 4)
    assert parse_fold("") is None
