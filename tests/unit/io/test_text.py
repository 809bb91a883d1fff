"""Text clouds and label tables: delimiters, headers, and the number of the first bad line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pc3dad.errors import DataError
from pc3dad.io.clouds import read_cloud
from pc3dad.io.text import read_label_table

POINTS = [[1, 2, 3], [4, 5, 6], [-7, 8, 9.5]]


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@settings(deadline=None, max_examples=60)
@given(
    delimiter=st.sampled_from([",", ";", " ", "\t", ", ", "  "]),
    end=st.sampled_from(["\n", "\r\n"]),
    suffix=st.sampled_from([".xyz", ".txt", ".asc", ".csv", ".pts"]),
    extra=st.integers(0, 4),
    start=st.sampled_from(["", "\ufeff", "# made by a scanner\n", "\n"]),
    n_points=st.integers(1, 30),
    last_end=st.booleans(),
)
def test_any_delimiter_and_line_end(
    tmp_path_factory, delimiter, end, suffix, extra, start, n_points, last_end
):
    points = np.random.default_rng(n_points).normal(size=(n_points, 3)).astype(np.float32)
    rows = [delimiter.join(map(repr, [*map(float, point), *[0.5] * extra])) for point in points]
    text = start + end.join(rows) + (end if last_end else "")
    cloud = read_cloud(write(tmp_path_factory.mktemp("text") / f"a{suffix}", text))
    assert np.array_equal(cloud.xyz, points)
    assert cloud.rgb is None
    assert cloud.normals is None


@pytest.mark.parametrize(
    "header", ["label,Z,y,x,r,g,b,NX,ny,nz", '//"label","z","y","x","r","g","b","nx","ny","nz"']
)
def test_a_header_names_the_columns(tmp_path, header):
    path = write(tmp_path / "a.csv", f"{header}\ngood,3,2,1,255,0,51,0,0,2\nbad,6,5,4,0,0,0,1,0,0\n")
    cloud = read_cloud(path)
    assert cloud.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert np.allclose(cloud.rgb, [[1, 0, 0.2], [0, 0, 0]])
    assert np.allclose(cloud.normals, [[0, 0, 1], [1, 0, 0]])


def test_the_point_count_of_a_pts_file_is_checked(tmp_path):
    assert len(read_cloud(write(tmp_path / "a.pts", "2\n1 2 3 9\n4 5 6 9\n"))) == 2
    with pytest.raises(DataError, match="promises 3 points but 2 follow"):
        read_cloud(write(tmp_path / "a.pts", "3\n1 2 3 9\n4 5 6 9\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3\n4 5\n", "line 2 is not a row"),
        ("1 2 3\n\n# x\n4 5 6 7\n", "line 4 is not a row"),
        ("1 2 3\n4 five 6\n", "line 2 is not a row"),
        ("1,2,3\n4,,6\n", "line 2 is not a row"),
        ("1,5;2,5;3,5\n", "line 1 is not a row"),
        ("1 2 3\n4 5\x00 6\n", "line 2 is not a row"),
        ("a,b,c\n1,2,3\n", "line 1 is not a row"),
        ("x,y,z,name\n1,2,3,a\n4,5\n", "line 3 is not a row"),
        ("1 2\n3 4\n", "lines have 2 columns"),
        ("# only words\n\n", "no row of numbers"),
        ("x,y,z\n", "no row of numbers"),
        ("nan nan nan\ninf 0 0\n1e39 0 0\n", "none of its 3 points is finite"),
        (b"\xff\xfe1\x00 \x002\x00", "line 1 is not a row"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_cloud(write(tmp_path / "a.txt", text))


def test_a_cut_file_is_a_shorter_cloud_or_refused(tmp_path):
    data = b"1.5 2.5 3.5\n4.5 5.5 6.5\n"
    for length in range(len(data)):
        path = write(tmp_path / "a.xyz", data[:length])
        try:
            cloud = read_cloud(path)
        except DataError:
            continue
        assert len(cloud) in (1, 2)


def test_label_tables_hold_coordinates_and_labels(tmp_path):
    table = read_label_table(write(tmp_path / "a.txt", "1 2 3 0\n4 5 6 1\n"))
    assert table.xyz is not None
    assert table.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert table.labels is not None
    assert table.labels.tolist() == [0, 1]


def test_one_row_still_has_two_dimensions(tmp_path):
    table = read_label_table(write(tmp_path / "a.txt", "1,2,3,1"))
    assert table.xyz is not None
    assert table.xyz.shape == (1, 3)
    assert table.labels is not None
    assert table.labels.shape == (1,)


def test_one_column_holds_labels_and_three_hold_anomalous_points(tmp_path):
    labels = read_label_table(write(tmp_path / "a.txt", "0\n1\n1\n"))
    assert labels.xyz is None
    assert labels.labels is not None
    assert labels.labels.tolist() == [0, 1, 1]
    points = read_label_table(write(tmp_path / "a.txt", "1;2;3\n4;5;6\n"))
    assert points.labels is None
    assert points.xyz is not None
    assert points.xyz.shape == (2, 3)


def test_labels_other_than_0_and_1_are_warned_of(tmp_path, caplog):
    read_label_table(write(tmp_path / "a.txt", "0\n1\n"))
    assert not caplog.records
    read_label_table(write(tmp_path / "a.txt", "0\n255\n"))
    assert "found 0, 255" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3 nan\n", "row 1 holds"),
        ("1 2 3 0\n1 inf 3 0\n", "row 2 holds"),
        ("1 2\n", "2 columns"),
        ("0\nx\n", "line 2"),
        ("", "empty"),
    ],
)
def test_bad_label_tables_are_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_label_table(write(tmp_path / "a.txt", text))


def test_a_comment_names_columns_only_if_it_has_as_many_words_as_a_row(tmp_path):
    text = "# z y x of a scanner\n// z y x, in metres\n1 2 3\n4 5 6\n"
    assert read_cloud(write(tmp_path / "a.txt", text)).xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read_cloud(write(tmp_path / "a.txt", "# z y x\n1 2 3\n")).xyz.tolist() == [[3, 2, 1]]


def test_a_header_of_another_width_is_refused(tmp_path):
    with pytest.raises(DataError, match="names 3 columns but the first row has 4"):
        read_cloud(write(tmp_path / "a.txt", "z y x\n1 2 3 4\n"))


@pytest.mark.parametrize("names", ["Label Z Y X R", "labels,z,y,x,scalar_field"])
def test_a_header_names_the_columns_of_a_label_table(tmp_path, names):
    row = "1,6,5,4,9" if "," in names else "1 6 5 4 9"
    table = read_label_table(write(tmp_path / "a.txt", f"{names}\n{row}\n"))
    assert table.xyz is not None
    assert table.xyz.tolist() == [[4, 5, 6]]
    assert table.labels is not None
    assert table.labels.tolist() == [1]


def test_the_one_column_beside_coordinates_holds_labels_whatever_its_name(tmp_path):
    table = read_label_table(write(tmp_path / "a.txt", "//X Y Z Scalar_field\n4 5 6 1\n"))
    assert table.labels is not None
    assert table.labels.tolist() == [1]


def test_a_label_table_of_many_columns_must_name_its_labels(tmp_path):
    with pytest.raises(DataError, match="unclear which holds labels"):
        read_label_table(write(tmp_path / "a.txt", "x y z nx ny nz\n1 2 3 0 0 1\n"))
