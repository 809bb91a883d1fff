"""The table of checks is readable and says when the encoders do not keep what training is for."""

from dataclasses import replace

import pytest

from pc3dad.encoders.embedded import checks
from pc3dad.encoders.embedded.checks import CheckTable, Row
from pc3dad.encoders.embedded.families import NOUNS, TEST, TRAINING, VALIDATION


def row(tested_on, inputs, what, value):
    return Row(tested_on, inputs, what, 288, value, 0.5123, 0.61 if inputs == "clouds" else None, 0.5)


@pytest.fixture
def table():
    return CheckTable(
        tuple(
            row(tested_on, inputs, what, 0.7)
            for tested_on in checks.SETS
            for inputs in ("pictures", "clouds")
            for what in ("object", "patch", "name of 8", "name of 126")
        )
    )


def test_the_table_fits_a_terminal_of_80_columns(table):
    lines = table.to_text().split("\n")
    assert len(lines) == 1 + len(table.rows)
    assert max(map(len, lines)) <= 80
    assert "75.0" in lines[1]  # the aim stands beside what was reached


def test_a_check_at_chance_is_not_ok(table):
    assert table.ok
    failed = replace(table.rows[0], tiny=0.5)
    assert not CheckTable((failed, *table.rows[1:])).ok


def test_one_name_that_is_never_said_is_not_ok(table):
    """Families unseen have to be named among all nouns, too."""
    failed = [replace(one, tiny=0.0) if one.what == "name of 126" else one for one in table.rows]
    assert not CheckTable(tuple(failed)).ok


def test_unseen_kinds_are_reported_but_promise_nothing(table):
    rows = [replace(one, tiny=0.4) if one.tested_on == "both unseen" else one for one in table.rows]
    assert CheckTable(tuple(rows)).ok


def test_sets_are_what_their_names_say():
    assert set(checks.SETS["families unseen"][0]) == set(checks.SETS["both unseen"][0]) == set(TEST)
    assert not set(TEST) & set(TRAINING)
    assert not set(checks.SEEN) & set(checks.NEW)
    assert set(NOUNS) == {*TRAINING, *VALIDATION, *TEST}


def test_rows_become_plain_data(table):
    plain = table.to_plain()
    assert plain[0]["tested_on"] == "families unseen"
    assert plain[0]["tiny"] == 0.7
