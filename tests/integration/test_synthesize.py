"""`pc3dad data synthesize` as a user meets it."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from manifold3d import Manifold

FEW = ("--good", 2, "--defective", 2, "--points", 800, "--kinds", "dent,stain", "--smallest", 0.02)


@pytest.fixture
def part(tmp_path):
    """An STL file of a block, 60 x 40 x 20 mm."""
    mesh = Manifold.cube((60, 40, 20)).to_mesh64()
    triangles = np.asarray(mesh.vert_properties)[:, :3][np.asarray(mesh.tri_verts, dtype=np.int64)]
    rows = np.zeros(len(triangles), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows["corners"] = triangles
    path = tmp_path / "block.stl"
    path.write_bytes(bytes(80) + np.uint32(len(rows)).tobytes() + rows.tobytes())
    return path


def test_a_benchmark_runs_on_what_was_made_of_a_mesh(pc3dad, part):
    done = pc3dad("data", "synthesize", part.name, "--out", "mine", *FEW)
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["dent", "1"],
        ["stain", "1"],
        ["good", "2"],
    ]
    assert "block is 60 x 40 x 20 mm" in done.stderr
    command = done.stderr.splitlines()[-1].removeprefix("use it with: pc3dad ").split()
    assert command == ["bench", "--dataset", "arrays", "--root", "mine", "--methods", "random,fpfh_self"]
    table = pc3dad(*command[:-1], "random", "--metrics", "point/auroc", "--replicates", 0).stdout
    assert "block" in table


def test_json_lists_the_samples(pc3dad, part):
    words = (
        "--scale 25.4 --kinds dent --kinds hole --good 0 --defective 2 --points 800 --smallest 0.02 --json"
    )
    done = pc3dad("data", "synthesize", part.name, "--out", "o", *words.split())
    printed = json.loads(done.stdout)
    assert printed["sides_mm"] == pytest.approx([60 * 25.4, 40 * 25.4, 20 * 25.4])
    assert [one["id"] for one in printed["samples"]] == ["dent/000", "hole/000"]
    assert done.stderr == ""


def test_unknown_kinds_are_refused_with_those_that_exist(pc3dad, part, tmp_path):
    done = pc3dad("data", "synthesize", part.name, "--out", "o", "--kinds", "bulge,rust", code=2)
    assert "unknown kinds rust; choose from bend, bulge, contamination" in done.stderr
    assert not (tmp_path / "o").exists()


def test_ctrl_c_leaves_nothing(part, tmp_path):
    command = [
        sys.executable,
        "-m",
        "pc3dad",
        "data",
        "synthesize",
        part.name,
        "--out",
        "o",
        "--good",
        "10000",
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*.tmp/block/*/*.npz")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["block.stl"]
