"""The package stays light: help and cards load neither torch nor sklearn nor trimesh."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "sklearn", "trimesh", "scipy", "open_clip", "peft", "torch_geometric", "PIL", "tifffile"}


def loaded_by(code):
    """Top-level modules that a fresh interpreter holds after running `code`."""
    end = "\nimport sys; print('|' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code + end], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("|")[2].split())


def test_import_loads_nothing_heavy():
    assert not loaded_by("import pc3dad") & (HEAVY | {"numpy", "typer"})


def test_help_loads_nothing_heavy():
    code = "import pc3dad.cli.main as main, sys\nsys.argv = ['pc3dad', '--help']\n"
    code += "try:\n    main.main()\nexcept SystemExit:\n    pass"
    assert not loaded_by(code) & (HEAVY | {"numpy"})


def test_listing_methods_and_data_sets_loads_nothing_heavy():
    code = "from pc3dad import registry; list(registry.methods()); list(registry.datasets())"
    assert not loaded_by(code) & HEAVY


def test_metrics_need_numpy_and_scipy_only():
    code = "from pc3dad.metrics import auroc, average_precision, f1_max"
    assert not loaded_by(code) & (HEAVY - {"scipy"})


def test_readers_and_geometry_never_load_torch():
    code = "import pc3dad.io.clouds, pc3dad.geometry.neighbors, pc3dad.data.eyecandies, pc3dad.runs.table"
    assert "torch" not in loaded_by(code)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of the tracked files, so that no stale build folder can help."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
    build = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, str(target)], cwd=source, check=True, capture_output=True)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_one_top_level_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"pc3dad"}


@pytest.mark.parametrize(
    "name",
    [
        "pc3dad/py.typed",
        "pc3dad/cli/main.py",
        "pc3dad/baselines/curvature/card.py",
        "pc3dad/baselines/curvature/README.md",
        "pc3dad/data/manifests/mvtec3d_ad.json",
        "pc3dad/data/manifests/anomaly_shapenet_v2_pcd_test_ids.csv",
        "pc3dad/report/templates/run.html",
    ],
)
def test_the_wheel_holds(wheel, name):
    assert name in zipfile.ZipFile(wheel).namelist()
