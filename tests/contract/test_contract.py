"""The contract, on every registered method; `pc3dad methods check NAME` runs the same for a plug-in."""

from pathlib import Path

import pytest

from pc3dad import registry
from pc3dad.methods.checks import CHECKS, Subject, Verdict, check_method

ENTRIES = [pytest.param(entry, id=entry.slug) for entry in registry.methods()]


@pytest.fixture(scope="module", params=ENTRIES)
def subject(request):
    return Subject(request.param, {})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(subject, check):
    if skipped := check(subject):
        pytest.skip(skipped)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_method_has_a_readme_that_names_every_option(entry):
    readme = Path(entry.load(".card:__file__")).with_name("README.md").read_text(encoding="utf-8")
    for name in entry.config_class.model_fields:
        assert f"`{name}`" in readme or f"| {name} |" in readme, f"README does not explain {name}"


def test_a_wrong_option_is_a_failed_check_not_a_crash():
    results = list(check_method(registry.methods()["curvature"], {"no_such_option": 1}))
    assert [result.verdict for result in results] == [Verdict.FAILED]
    assert "no_such_option" in results[0].detail
