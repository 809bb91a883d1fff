"""Configuration errors name the key, the value and the nearest name, all at once."""

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from pc3dad import config
from pc3dad.config import Config
from pc3dad.errors import ConfigError


class Example(Config):
    presets: ClassVar = {"large": {"k": 100}}
    k: int = Field(default=10, ge=1)
    """Neighbours."""
    share: float = Field(default=0.1, gt=0, le=1)
    """Share."""


def test_defaults_then_preset_then_option():
    assert config.build(Example, "x", {}).k == 10
    assert config.build(Example, "x", {"preset": "large"}).k == 100
    assert config.build(Example, "x", {"preset": "large", "k": 3}).k == 3


def test_every_problem_is_reported_at_once_with_the_nearest_name():
    with pytest.raises(ConfigError) as caught:
        config.build(Example, "x", {"shares": 0.5, "k": 0})
    text = str(caught.value)
    assert "x.shares is unknown, did you mean 'share'?" in text
    assert "x.k=0 is refused" in text


def test_an_unknown_preset_lists_those_that_exist():
    with pytest.raises(ConfigError, match=r"x\.preset='huge' is unknown \(there are: large\)"):
        config.build(Example, "x", {"preset": "huge"})


def test_configurations_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Example().k = 3


def test_variants_are_parsed_with_values_of_every_kind():
    parsed = config.parse_variants("random, btp[agg=max,layers=[2, 5],deep=true,rate=1e-3]")
    assert parsed == [("random", {}), ("btp", {"agg": "max", "layers": [2, 5], "deep": True, "rate": 0.001})]


@pytest.mark.parametrize("text", ["a[k=1", "a]k=1", "a[k]", "a[=3]", "a[k=]"])
def test_a_malformed_variant_is_one_sentence(text):
    with pytest.raises(ConfigError):
        config.parse_variants(text)


options = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
    st.one_of(st.integers(-(2**40), 2**40), st.booleans(), st.lists(st.integers(0, 9)), st.just("word")),
)


@given(options)
def test_a_formatted_variant_parses_back(values):
    text = config.format_variant("name", values)
    assert config.parse_variants(text) == [("name", values)]


def test_a_broken_toml_file_is_named(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text("a = [")
    with pytest.raises(ConfigError, match=r"bench\.toml is not valid TOML"):
        config.read_toml(path)
    with pytest.raises(ConfigError, match="cannot read configuration"):
        config.read_toml(tmp_path / "absent.toml")
