"""Recipes: those of every method name things that exist, and a wrong one is refused by file and key."""

from pathlib import Path

import pytest

from pc3dad import registry
from pc3dad.errors import ConfigError
from pc3dad.evaluation.recipes import FOLDER, read_recipe, recipes_of
from pc3dad.metrics.base import resolve_metrics
from pc3dad.weights import cards

BASELINES = Path(__file__).resolve().parents[3] / "baselines"
FILES = sorted(BASELINES.glob(f"*/{FOLDER}/*.toml"))
GOOD = """
title = "Toy"
source = "nobody"
status = "not run here"
protocol = "one-vs-rest"
seeds = [1]
method = { name = "curvature" }
dataset = { name = "synthetic", train = ["synthetic:flange"] }

[[published]]
metric = "object/auroc"
printed = "O-AUROC"
value = 80.1
source = "x"
certainty = "primary"
"""


@pytest.fixture(params=FILES, ids=lambda path: f"{path.parents[1].name}/{path.stem}")
def path(request):
    return request.param


def training_sets(recipe):
    """Data set and categories of each training set."""
    pairs = [text.partition(":")[::2] for text in recipe.dataset.train]
    return [(name, words.split("+")) for name, words in pairs]


def test_every_recipe_is_that_of_its_folder_and_cites_where_it_is_from(path):
    recipe = read_recipe(path)
    assert recipe.method.name == path.parents[1].name
    assert recipe.source
    assert all(item.source for item in recipe.published)
    resolve_metrics([item.metric for item in recipe.published])


def test_every_recipe_names_data_sets_and_categories_that_exist(path):
    recipe, datasets = read_recipe(path), registry.datasets()
    card = datasets[recipe.dataset.name].ready
    datasets[card.slug].configure(recipe.dataset.values)
    assert recipe.dataset.categories == "all" or set(recipe.dataset.categories) <= set(card.categories)
    assert recipe.dataset.train
    for name, categories in training_sets(recipe):
        assert set(categories) <= set(datasets[name].ready.categories)
        assert (name == recipe.dataset.name) == (recipe.protocol == "one-vs-rest")


def test_every_recipe_sets_fields_of_its_method(path):
    recipe, methods = read_recipe(path), registry.methods()
    if recipe.method.name not in methods.entries:
        pytest.skip(f"{recipe.method.name} is not there yet")
    config = methods[recipe.method.name].configure(recipe.method.values)
    assert getattr(config, "encoder", "tiny") in {card.slug for card in cards.CARDS}


def test_recipes_are_found_by_the_package_of_their_method():
    assert recipes_of("pc3dad.baselines.curvature") == {}
    for method in {path.parents[1].name for path in FILES}:
        names = [path.stem for path in FILES if path.parents[1].name == method]
        assert list(recipes_of(f"pc3dad.baselines.{method}")) == names


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("seeds = [1]", "seed = 1", "recipe.seed is unknown, did you mean 'seeds'"),
        ("80.1", "0.801e3", "recipe.published.0.value"),
        ('"one-vs-rest"', '"leave-one-out"', "recipe.protocol"),
        ('source = "nobody"', "", "recipe.source"),
        ("title =", "title title =", "is not valid TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_by_file_and_key(tmp_path, old, new, key):
    path = tmp_path / "toy.toml"
    path.write_text(GOOD)
    assert read_recipe(path).published[0].value == 80.1
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        read_recipe(path)
    assert str(path) in caught.value.message
    assert key in caught.value.message
