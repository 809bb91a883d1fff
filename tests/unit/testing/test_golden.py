"""The golden runner on tiny folders with fake cases, and on the real folder."""

import hashlib
import json
import re
import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from pc3dad.errors import ConfigError, DataError, MethodError
from pc3dad.testing import golden
from pc3dad.testing.golden import Claim, Status, find_claims, load, main, run_case

REFERENCE = {"total": np.array(6.0), "index": np.array([2, 0, 1]), "deep/mean": np.array([2.0, np.nan])}


@pytest.fixture
def folder(tmp_path):
    """A folder with one file, `sum.npz`, that lists the outputs `REFERENCE`."""
    write(tmp_path, "sum", REFERENCE)
    return tmp_path


def write(folder, name, outputs, **words):
    """Writes a golden file and adds it to the manifest."""
    path = folder / f"{name}.npz"
    arrays = {f"out/{key}": value for key, value in outputs.items()}
    np.savez(
        path, config=json.dumps({"size": 3}), **arrays, **{"in/x": np.arange(3.0), "weights/a/b": np.ones(2)}
    )
    list_in_manifest(path, **words)


def list_in_manifest(path, **words):
    manifest = path.parent / "MANIFEST.json"
    content = json.loads(manifest.read_text()) if manifest.exists() else {}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    content[path.name] = {"sha256": digest, "tol": 1e-5} | words
    manifest.write_text(json.dumps(content))


def claims(outputs, pattern="sum*"):
    """A case that returns `outputs`, or raises them if they are an exception."""

    def case(_file):
        if isinstance(outputs, Exception):
            raise outputs
        return outputs

    return [Claim(pattern, case, "fake.golden")]


def run(folder, outputs, *arguments):
    return main([str(folder), *arguments], claims(outputs))


def test_a_case_gets_the_file_without_prefixes(folder):
    file = load(folder / "sum.npz")
    assert file.name == "sum"
    assert file.config == {"size": 3}
    assert file.weights.keys() == {"a/b"}
    assert file.inputs["x"].tolist() == [0, 1, 2]
    assert file.outputs.keys() == REFERENCE.keys()


def test_equal_outputs_pass_with_difference_zero(folder, capsys):
    assert run(folder, REFERENCE) == 0
    assert capsys.readouterr().out == "sum  PASS      0.0e+00\n"


def test_a_small_difference_passes_and_is_printed(folder, capsys):
    assert run(folder, REFERENCE | {"total": np.array(6.0 + 1.2e-5)}) == 0
    assert capsys.readouterr().out == "sum  PASS      2.0e-06\n"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"total": np.array(6.1)}, "out/total: difference 1.7e-02, tolerance 1.0e-05"),
        ({"index": np.array([0, 2, 1])}, "out/index: difference 2, must be equal, 2 of 3 are not"),
        ({"deep/mean": np.array([np.nan, 2.0])}, "out/deep/mean: NaN at other places"),
        ({"deep/mean": np.array([2.0, 2.0])}, "out/deep/mean: NaN at other places"),
        ({"deep/mean": np.array([[2.0, np.nan]])}, "out/deep/mean: shape (1, 2), expected (2,)"),
        ({"extra": np.array(1.0)}, "out/extra: unknown to the reference"),
        ({"total": None}, "out/total: type object, expected float64"),
    ],
)
def test_a_wrong_output_fails_and_is_named(folder, capsys, change, problem):
    assert run(folder, REFERENCE | change) == 1
    head, line = capsys.readouterr().out.splitlines()
    assert head.startswith("sum  FAIL")
    assert line.startswith(f"    {problem}")


def test_every_output_left_out_is_named(folder, capsys):
    assert run(folder, {"total": np.array(6.0)}) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "    out/deep/mean: left out",
        "    out/index: left out",
    ]


def test_the_manifest_loosens_the_tolerance_of_some_keys(tmp_path):
    write(tmp_path, "sum", REFERENCE, tol_by_key={"out/tot*": 0.1})
    assert run(tmp_path, REFERENCE | {"total": np.array(6.1)}) == 0
    assert run(tmp_path, REFERENCE | {"deep/mean": np.array([2.1, np.nan])}) == 1


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("first\nsecond"), "ValueError: first"),
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_a_case_that_raises_fails_with_one_line(folder, capsys, error, text):
    assert run(folder, error) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [f"    fake.golden raised {text}"]


def test_a_case_that_returns_no_mapping_fails(folder, capsys):
    assert run(folder, [1.0]) == 1
    assert "fake.golden raised AttributeError" in capsys.readouterr().out


def test_a_file_without_a_case_is_unknown_which_is_no_failure(folder, capsys):
    assert main([str(folder)], []) == 0
    assert capsys.readouterr().out == "sum  UNKNOWN         -\n"


def test_lines_are_sorted_and_aligned(folder, capsys):
    write(folder, "a_longer_name", REFERENCE)
    assert main([str(folder)], claims(REFERENCE)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "a_longer_name  UNKNOWN         -",
        "sum            PASS      0.0e+00",
    ]


@pytest.mark.parametrize("names", [("sum",), ("sum.npz",), ("s*",)])
def test_names_choose_files(folder, capsys, names):
    write(folder, "other", REFERENCE)
    assert main([str(folder), *names], []) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["sum"]


def test_one_failure_among_several_files_decides_the_exit_code(folder):
    write(folder, "sum_of_others", {"total": np.array(7.0)})
    assert run(folder, REFERENCE) == 1


def test_a_changed_file_fails_even_without_a_case(folder, capsys):
    path = folder / "sum.npz"
    path.write_bytes(path.read_bytes() + b"x")
    assert main([str(folder)], []) == 1
    assert "file changed" in capsys.readouterr().out


def refused(folder, capsys, *arguments, given=()):
    """Exit code and the one line on stderr."""
    code = main([str(folder), *arguments], given)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return code, line


def test_an_unknown_name_is_wrong_use(folder, capsys):
    code, line = refused(folder, capsys, "sun")
    assert code == 2
    assert "did you mean 'sum'?" in line


def test_no_folder_is_wrong_use(capsys):
    with pytest.raises(SystemExit) as stopped:
        main([], [])
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_two_cases_for_one_file_are_an_error_that_names_both(folder, capsys):
    both = [*claims(REFERENCE), Claim("*m", claims(REFERENCE)[0].case, "other.golden")]
    code, line = refused(folder, capsys, given=both)
    assert code == 2
    assert "fake.golden (sum*) and other.golden (*m)" in line
    with pytest.raises(ConfigError):
        run_case(folder / "sum.npz", both)


NUMPY_ARRAY = (
    b"\x93NUMPY\x01\x00\x46\x00"
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }".ljust(70)
    + bytes(8)
)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not an archive", NUMPY_ARRAY])
def test_a_damaged_file_is_unreadable(folder, capsys, content):
    (folder / "sum.npz").write_bytes(content)
    list_in_manifest(folder / "sum.npz")
    code, line = refused(folder, capsys)
    assert code == 3
    assert "sum.npz" in line


def test_a_file_cut_inside_an_array_is_unreadable(folder, capsys):
    path = folder / "sum.npz"
    data = bytearray(path.read_bytes())
    data[100:140] = bytes(40)
    path.write_bytes(data)
    list_in_manifest(path)
    assert refused(folder, capsys)[0] == 3


@pytest.mark.parametrize(
    "arrays",
    [
        {"out/x": np.ones(2)},
        {"config": "{}"},
        {"config": "[]", "out/x": np.ones(2)},
        {"config": "{", "out/x": np.ones(2)},
        {"config": "{}", "out/x": np.ones(2), "output/y": np.ones(2)},
        {"config": "{}", "out/x": np.array([None])},
    ],
)
def test_an_archive_of_another_kind_is_no_golden_file(tmp_path, arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=r"x\.npz"):
        load(tmp_path / "x.npz")


def test_without_a_manifest_nothing_is_compared(folder, capsys):
    (folder / "MANIFEST.json").unlink()
    code, line = refused(folder, capsys)
    assert code == 3
    assert "MANIFEST.json" in line


def test_a_file_that_the_manifest_does_not_list_is_an_error(folder, capsys):
    (folder / "new.npz").write_bytes((folder / "sum.npz").read_bytes())
    code, line = refused(folder, capsys, "new")
    assert code == 3
    assert "does not list new.npz" in line


@pytest.mark.parametrize("name", ["missing", "empty", "file"])
def test_a_folder_that_cannot_be_read_is_an_error(tmp_path, capsys, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    code, line = refused(tmp_path / name, capsys)
    assert code == 3
    assert name in line


def test_cases_are_found_beside_the_code_and_in_mounted_folders(tmp_path, monkeypatch):
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "golden.py").write_text("CASES = {'toy_*': lambda file: file.inputs}\n")
    mounted = import_module("pc3dad.baselines")
    monkeypatch.setattr(mounted, "__path__", [*mounted.__path__, str(tmp_path)])
    monkeypatch.setattr(mounted.__spec__, "submodule_search_locations", [str(tmp_path)])
    found = [claim for claim in find_claims() if claim.pattern == "toy_*"]
    assert [claim.owner for claim in found] == ["pc3dad.baselines.toy.golden"]


def test_a_module_of_cases_that_cannot_be_used_is_named(monkeypatch):
    monkeypatch.setattr(golden, "_modules", lambda: iter(["toy_without_cases"]))
    monkeypatch.setitem(sys.modules, "toy_without_cases", ModuleType("toy_without_cases"))
    with pytest.raises(MethodError, match="toy_without_cases cannot be used: AttributeError"):
        find_claims()


def test_on_the_real_folder_no_case_fails(test_data, capsys):
    folder = test_data / "golden"
    assert main([str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [path.stem for path in sorted(folder.glob("*.npz"))]
    assert all(re.fullmatch(rf"\S+ +({Status.PASS}|{Status.UNKNOWN}) +\S+", line) for line in lines)
