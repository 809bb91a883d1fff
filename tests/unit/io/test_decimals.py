"""Plain decimals are parsed to the bit as `float` does, and any other text is declined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc3dad.io import decimals
from pc3dad.io.decimals import parse_decimals


def plain(text):
    """Slow twin: Python's own `float`, one number after the other."""
    return np.array([[float(word) for word in line.split()] for line in text.decode().splitlines()])


@st.composite
def tables(draw):
    """Text of a table with a fixed number of decimals per column."""
    places = draw(st.lists(st.integers(0, 8), min_size=1, max_size=5))
    rows = draw(st.integers(1, 30))
    numbers = st.floats(-9_999_999, 9_999_999, allow_nan=False)
    lines = [" ".join(f"{draw(numbers):.{count}f}" for count in places) for _ in range(rows)]
    return "\n".join(lines).encode() + draw(st.sampled_from([b"", b"\n"]))


@given(tables())
def test_numbers_are_equal_to_the_bit(text):
    table = parse_decimals(text, delimiter=b" ")
    if table is not None:  # seven digits before the dot and more than eight behind are declined together
        assert table.tobytes() == plain(text).tobytes()


@given(tables(), st.integers(0, 10**9), st.integers(0, 255))
def test_a_changed_byte_never_gives_a_wrong_number(text, place, byte):
    changed = bytearray(text)
    changed[place % len(text)] = byte
    table = parse_decimals(bytes(changed), delimiter=b" ")
    if table is not None:
        assert table.tobytes() == plain(bytes(changed)).tobytes()


def test_ordinary_tables_are_accepted():
    text = b"1.250000 -0.500000 12.000000 1\n-0.000000 3.125000 -7.000001 0\n"
    assert parse_decimals(text, delimiter=b" ").tobytes() == plain(text).tobytes()
    assert parse_decimals(text.replace(b" ", b","), delimiter=b",").tobytes() == plain(text).tobytes()


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\n", b"1 2\n3", b"1 2\n\n3 4", b"1  2\n", b" 1 2\n", b"1 2 \n", b"1e5 2\n", b"+1 2\n",
        b"nan 2\n", b"1.2.3 4\n", b"1-2 4\n", b"- 4\n", b". 4\n", b".5 4\n", b"--1 4\n", b"# a\n1 2\n",
        b"1,5 2\n", b"0x1 2\n", b"1.25 2\n1.5 2\n", b"123456789 2\n", b"1234567.123456789 2\n",
        b"1 2\r\n", "\u0661 2\n".encode(),
    ],
)  # fmt: skip
def test_anything_else_is_declined(text):
    assert parse_decimals(text, delimiter=b" ") is None


def test_pieces_join_without_a_seam(monkeypatch):
    text = b"".join(b"%d.%03d %d\n" % (index, index % 1000, -index) for index in range(500))
    whole = parse_decimals(text, delimiter=b" ")
    monkeypatch.setattr(decimals, "PIECE", 7)
    assert parse_decimals(text, delimiter=b" ").tobytes() == whole.tobytes() == plain(text).tobytes()
