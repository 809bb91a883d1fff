"""Numbers of the released code are reproduced: sentences, aligner, losses, scores and steps of training."""

import pytest

from pc3dad.baselines.align3d.golden import CASES
from pc3dad.testing.golden import run_case

FILES = (
    "02c_align3d_dual_prompts",
    "17_align3d_alignment",
    "18_align3d_losses",
    "19_align3d_scores",
    "21c_align3d_train",
)


@pytest.mark.parametrize("name", FILES)
def test_the_golden_cases_are_reproduced(test_data, name):
    result = run_case(test_data / "golden" / f"{name}.npz")
    assert result.problems == ()
    assert result.status == "PASS"


def test_every_case_has_a_file():
    assert sorted(CASES) == [f"{name.partition('_')[0]}_*" for name in FILES]
