"""Numbers of the released code are reproduced: modules, scores and steps of training."""

import pytest

from pc3dad.baselines.btp.golden import CASES
from pc3dad.testing.golden import run_case

FILES = (
    "10_btp_gfcm",
    "11_btp_mgfem",
    "12_btp_prompt_learner",
    "13a_btp_scores",
    "13b_btp_evaluate_end_to_end",
    "14_btp_losses",
    "16_btp_preprocess",
    "21d_btp_train",
)


@pytest.mark.parametrize("name", FILES)
def test_the_golden_cases_are_reproduced(test_data, name):
    result = run_case(test_data / "golden" / f"{name}.npz")
    assert result.problems == ()
    assert result.status == "PASS"


def test_every_case_has_a_file():
    assert sorted(CASES) == [f"{name.partition('_')[0]}_*" for name in FILES]
