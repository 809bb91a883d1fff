"""What users may write, on the command line and in files."""

import pytest

from pc3dad.errors import ConfigError
from pc3dad.evaluation.spec import make_spec, parse_words


def test_words_and_tables_mean_the_same():
    word = make_spec({"methods": ["gsclip[preset=paper,views=3]"]}).methods[0]
    table = make_spec({"methods": [{"name": "gsclip", "preset": "paper", "set": {"views": 3}}]}).methods[0]
    assert word == table
    assert word.variant == "gsclip[preset=paper,views=3]"
    assert word.values == {"preset": "paper", "views": 3}


def test_without_anything_the_embedded_benchmark_runs():
    spec = make_spec({})
    assert [item.name for item in spec.datasets] == ["synthetic"]
    assert [item.name for item in spec.methods] == ["random", "curvature", "fpfh_self", "fpfh_knn"]
    assert spec.run_name == "synthetic"


def test_an_assignment_wins_over_every_variant_of_its_name():
    spec = make_spec({"methods": ["btp[agg=max,k=3]", "other"]}, ["btp.agg=mean"])
    assert [item.variant for item in spec.methods] == ["btp[agg=mean,k=3]", "other"]


@pytest.mark.parametrize("text", ["agg=max", "nobody.agg=max", "btp.agg"])
def test_a_wrong_assignment_is_one_sentence(text):
    with pytest.raises(ConfigError):
        make_spec({"methods": ["btp"]}, [text])


def test_the_same_variant_twice_is_refused():
    with pytest.raises(ConfigError, match="random occurs twice"):
        make_spec({"methods": ["random", "random"]})


@pytest.mark.parametrize(
    "values", [{"seeds": []}, {"seeds": "x"}, {"sedes": [1]}, {"name": "a/b"}, {"methods": [3]}]
)
def test_wrong_fields_are_named(values):
    with pytest.raises(ConfigError, match=r"bench\."):
        make_spec(values)


def test_words_split_at_commas_outside_brackets():
    assert [item["name"] for item in parse_words("a[x=[1,2],y=3],b")] == ["a", "b"]
