"""Numbers of the released code are reproduced: modules, scores and steps of training."""

import pytest

from pc3dad.baselines.gsclip.golden import CASES
from pc3dad.testing.golden import run_case

FILES = (
    "02b_gsclip_text_geometry_prompts",
    "03_gsclip_gddm",
    "04_gsclip_srm",
    "07_gsclip_losses",
    "08b_gsclip_scores_end_to_end",
    "21a_gsclip_train_stage1",
    "21b_gsclip_train_stage2",
)


@pytest.mark.parametrize("name", FILES)
def test_the_golden_cases_are_reproduced(test_data, name):
    result = run_case(test_data / "golden" / f"{name}.npz")
    assert result.problems == ()
    assert result.status == "PASS"


def test_every_case_has_a_file():
    assert sorted(CASES) == [f"{name.partition('_')[0]}_*" for name in FILES]
