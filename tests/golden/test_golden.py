"""The golden files of this folder: small enough to travel with the code, so that they are always checked."""

from pathlib import Path

import pytest

from pc3dad.testing.golden import Status, run_case

FILES = sorted(Path(__file__).parent.glob("*.npz"))


def test_the_folder_holds_what_is_small():
    assert [path.stem for path in FILES] == [
        "03_gsclip_gddm",
        "04_gsclip_srm",
        "08a_gsclip_backprojection",
        "08c_gsclip_visibility_fill",
        "08d_gsclip_pointnet_input",
        "11_btp_mgfem",
        "13a_btp_scores",
        "14_btp_losses",
        "16_btp_preprocess",
        "20a_metrics_images",
        "20b_metrics_clouds",
        "22_clip_image_transform",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_number_of_the_reference_is_reproduced(path):
    result = run_case(path)
    assert result.problems == ()
    assert result.status is Status.PASS
