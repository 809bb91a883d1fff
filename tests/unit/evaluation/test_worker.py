"""What a method returns is checked before anything is kept."""

import numpy as np
import pytest

from pc3dad.errors import MethodError
from pc3dad.evaluation.worker import check_prediction
from pc3dad.types import PROPAGATIONS, Prediction

VALID = np.array([True, True, False])
SCORES = np.array([0.5, 1.0, np.nan], dtype=np.float32)


@pytest.mark.parametrize("propagation", PROPAGATIONS)
def test_a_prediction_that_keeps_the_contract_passes(propagation):
    given = Prediction("a", np.float32(1.5), SCORES, propagation=propagation)
    checked = check_prediction(given, VALID, ("object", "point"))
    assert type(checked.object_score) is float
    np.testing.assert_array_equal(checked.point_scores, SCORES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"object_score": float("nan")}, "object score of 'a' is nan"),
        ({"point_scores": None}, "'a' has no point scores although the card promises them"),
        ({"point_scores": SCORES[:2]}, r"'a' has point scores of shape \(2,\) for 3 points"),
        ({"point_scores": SCORES[::-1]}, "'a' has 1 point scores that are not finite"),
        ({"point_scores": np.array(["x"] * 3)}, "'a' has point scores of type <U1"),
        ({"propagation": "guessed"}, "'a' has propagation 'guessed'; use one of native, nearest"),
        ({"extras": {"more": np.array([object()])}}, "extra 'more' of 'a' is object"),
    ],
)
def test_a_prediction_that_breaks_it_is_refused_in_one_sentence(changes, message):
    words = {"sample_id": "a", "object_score": 1.0, "point_scores": SCORES} | changes
    with pytest.raises(MethodError, match=message):
        check_prediction(Prediction(**words), VALID, ("object", "point"))
