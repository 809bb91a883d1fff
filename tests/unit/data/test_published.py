"""Numbers of test samples of the public data sets, for converted copies."""

import pytest

from pc3dad.data.published import published_kinds


@pytest.mark.parametrize(
    ("category", "kinds"),
    [
        ("tire", {"good": 25, "combined": 5, "contamination": 28, "cut": 27, "hole": 27}),
        ("chicken", {"good": 52, "anomaly": 54}),
        ("bottle1", {"good": 15, "anomaly": 19}),
        ("cabinet0", {"good": 15, "anomaly": 20}),
        ("CandyCane", {}),
        ("gear", {}),
    ],
)
def test_they_are_those_of_the_inventories(category, kinds):
    assert published_kinds(category) == kinds
