"""`pc3dad data prepare` as a user meets it, and prepared folders wherever a data set is read."""

import csv
import json
import subprocess
import sys
import time
from dataclasses import fields

import numpy as np

from pc3dad import registry
from pc3dad.data.prepare import prepare
from pc3dad.testing import trees
from pc3dad.types import Split

SMALL = "synthetic[points=500,train=1,good=2,defective=2,categories=bottle+flange]"
LARGE = "synthetic[points=30000,train=4,good=4,defective=4,categories=bottle+flange]"


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_without_root_it_says_where_the_data_set_comes_from_and_what_to_do(pc3dad):
    done = pc3dad("data", "prepare", "real3d_ad", "--out", "out", code=2)
    for word in ("CC BY 4.0", "https://github.com/M-3LAB/Real3D-AD", "<class>/train/", "--root UNPACKED"):
        assert word in done.stdout
    assert done.stderr == ""


def test_without_out_it_asks_for_one(pc3dad):
    done = pc3dad("data", "prepare", SMALL, code=2)
    assert done.stderr == "pc3dad: there is no folder to write to; pass --out FOLDER.\n"


def test_a_prepared_folder_is_read_verified_and_scored_like_its_source(pc3dad, tmp_path):
    pc3dad("data", "prepare", SMALL, "--out", "out")
    assert json.loads(pc3dad("data", "info", SMALL, "--root", "out", "--json").stdout)["found"] == {
        name: {"train": 1, "validation": 0, "test": 4, "unlabelled": 0} for name in ("bottle", "flange")
    }
    verified = [pc3dad("data", "verify", SMALL, *root).stdout for root in ((), ("--root", "out"))]
    assert verified[0] == verified[1]
    values = []
    for run, root in (("runs/a", ()), ("runs/b", ("--root", "out"))):
        pc3dad("bench", "--dataset", SMALL, "--methods", "curvature", "--out", run, *root)
        with (tmp_path / run / "metrics.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        values.append(
            [(row["category"], row["metric"], row["value"]) for row in rows if "AU" in row["metric"].upper()]
        )
    assert values[0]
    assert values[0] == values[1]


def test_a_killed_command_is_continued_and_gives_the_same_bytes(pc3dad, tmp_path):
    command = [sys.executable, "-m", "pc3dad", "data", "prepare", LARGE, "--out", "out"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out").glob("*/truths/*.npz"))) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.communicate()
    finished = len(list((tmp_path / "out").glob("*/truths/*.npz")))
    rows = json.loads(pc3dad("data", "prepare", LARGE, "--out", "out", "--json").stdout)
    assert finished - 1 <= rows[0]["kept"] <= finished
    assert [row["made"] + row["kept"] for row in rows] == [12, 12]
    pc3dad("data", "prepare", LARGE, "--out", "again", "--quiet")
    assert contents(tmp_path / "out") == contents(tmp_path / "again")


def test_samples_that_cannot_be_read_are_named_and_the_exit_code_is_3(pc3dad, tmp_path):
    trees.real3d_ad(tmp_path / "source", categories=["fish"])
    bad = next((tmp_path / "source").rglob("test/*_good.pcd"))
    content = bad.read_bytes()
    bad.write_bytes(content[:-1])
    words = ("data", "prepare", "real3d_ad", "--root", "source", "--out", "out", "--categories", "fish")
    done = pc3dad(*words, code=3)
    assert f"failed: fish {bad.stem}: " in done.stderr
    assert str(bad.name) in done.stderr
    refused = pc3dad("data", "info", "real3d_ad", "--root", "out", code=3).stderr
    assert "holds no finished category; run the same `pc3dad data prepare` again." in refused
    bad.write_bytes(content)
    pc3dad(*words)
    found = json.loads(pc3dad("data", "info", "real3d_ad", "--root", "out", "--json").stdout)["found"]
    assert found == {"fish": {"train": 4, "validation": 0, "test": 100, "unlabelled": 0}}


def test_real_scans_come_back_bit_by_bit(test_data, tmp_path):
    entry = registry.datasets()["eyecandies"]
    config = entry.configure({})
    source = entry.open(test_data / "data" / "eyecandies", config)
    (outcome,) = prepare(source, tmp_path / "out")
    assert (outcome.made, outcome.failures) == (58, ())
    copy = entry.open(tmp_path / "out", config)
    for split in (Split.VALIDATION, Split.TEST, Split.UNLABELLED):
        for ref in source.refs("CandyCane", split):
            pairs = [(source.load(ref), copy.load(ref)), (source.truth(ref), copy.truth(ref))]
            pairs.append((pairs[0][0].cloud, pairs[0][1].cloud))
            for one, other in pairs:
                for field in fields(one):
                    values = [getattr(item, field.name) for item in (one, other)]
                    if isinstance(values[0], np.ndarray):
                        values = [(value.dtype, value.shape, value.tobytes()) for value in values]
                    assert field.name == "cloud" or values[0] == values[1]
