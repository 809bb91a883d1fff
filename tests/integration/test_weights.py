"""`pc3dad weights` as a user meets it: list, info, import, verify, fetch; and what is refused."""

import hashlib
import io
import json
import os
import re
import shutil
import sys
import threading
import types
from contextlib import redirect_stdout
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from pc3dad.cards import WeightsFile
from pc3dad.cli.main import main
from pc3dad.weights import cards
from pc3dad.weights.layouts import layout_of

REPOSITORY = Path(__file__).resolve().parents[2]
SLUG = "pointnet2_sem_seg"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without weights."""
    for name, folder in (("PC3DAD_HOME", "home"), ("HF_HUB_CACHE", "hub")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    return tmp_path / "home"


@pytest.fixture
def pc3dad(capsys, monkeypatch, tmp_path):
    """Runs the command in this process, since each new one would import torch again."""

    def run(*words, code=0):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["pc3dad", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as end:
            main()
        done = capsys.readouterr()
        assert end.value.code == code, done.err
        return types.SimpleNamespace(stdout=done.out, stderr=done.err)

    return run


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file as the authors of PointNet++ saved theirs, with random values."""
    torch.manual_seed(0)
    state = {
        name: torch.tensor(0) if name.endswith("tracked") else torch.rand(shape)
        for name, shape in layout_of(SLUG).shapes.items()
    }
    path = tmp_path_factory.mktemp("owners") / "best_model.pth"
    torch.save({"epoch": 80, "class_avg_iou": np.float64(0.5), "model_state_dict": state}, path)
    return path


def narrow(text):
    return max(len(line) for line in text.splitlines() if "http" not in line) <= 80


def test_list_shows_every_card_with_licence_size_and_whether_it_is_here(pc3dad):
    done = pc3dad("weights", "list")
    for card in cards.CARDS:
        assert card.slug in done.stdout
    assert "licence: MIT" in done.stdout
    assert "402,018,241 bytes" in done.stdout
    assert narrow(done.stdout)
    facts = json.loads(pc3dad("weights", "list", "--json").stdout)
    assert [item["card"]["slug"] for item in facts] == [card.slug for card in cards.CARDS]
    assert {item["here"] for item in facts if not item["card"]["packaged"]} == {None}


@pytest.mark.parametrize("card", cards.CARDS, ids=lambda card: card.slug)
def test_info_shows_what_the_card_says(pc3dad, card):
    done = pc3dad("weights", "info", card.slug)
    for word in (card.title, card.architecture, card.source, card.files[0].name, card.files[0].sha256):
        assert word in done.stdout
    assert narrow(done.stdout)


def test_import_verify_and_a_copied_folder(pc3dad, home, checkpoint, tmp_path, monkeypatch):
    done = pc3dad("weights", "import", SLUG, checkpoint)
    made = home / "weights" / SLUG / "model.safetensors"
    assert done.stdout == f"{made}\n"
    assert "licence: MIT" in done.stderr
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    verified = " ".join(pc3dad("weights", "verify", "--all").stdout.split())
    assert f"{SLUG} ok {digest[:16]}..., recorded" in verified
    told = pc3dad("weights", "info", SLUG).stdout
    assert f"  sha256    {digest}\n  which is  the recorded one\n" in told
    assert "best_model.pth, sha256" in told
    shutil.copytree(home, tmp_path / "elsewhere")
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "elsewhere"))
    facts = json.loads(pc3dad("weights", "verify", SLUG, "--json").stdout)["files"]
    assert [(item["state"], item["identity"]) for item in facts] == [("ok", "recorded")]


@pytest.mark.parametrize("damage", ["cut", "flipped", "another network"])
def test_damaged_weights_fail_to_verify_with_the_reason(pc3dad, home, checkpoint, damage):
    pc3dad("weights", "import", SLUG, checkpoint)
    path = home / "weights" / SLUG / "model.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-5] ^= 8
    elif damage == "another network":
        content = content.replace(b'"conv1.weight"', b'"conv9.weight"')
    path.write_bytes(content[:-1] if damage == "cut" else content)
    words = {"cut": "bytes instead of", "flipped": "has sha256", "another network": "missing: conv1.weight"}
    done = pc3dad("weights", "verify", "--all", code=1)
    assert "REFUSED" in done.stdout
    assert words[damage] in " ".join(done.stdout.split())


def test_missing_weights_exit_with_3_and_say_where_they_come_from(pc3dad):
    done = pc3dad("weights", "verify", SLUG, code=3)
    text = " ".join(done.stdout.split())
    for word in ("not here", "https://github.com/yanx27", "licence: MIT", f"pc3dad weights fetch {SLUG}"):
        assert word in text


def test_an_official_file_in_its_place_only_wants_to_be_imported(pc3dad, home, checkpoint):
    place = home / "weights" / SLUG / "best_model.pth"
    place.parent.mkdir(parents=True)
    shutil.copy(checkpoint, place)
    told = " ".join(pc3dad("weights", "verify", SLUG, code=3).stdout.split())
    assert f"`pc3dad weights import {SLUG} {place}` converts it once" in told
    pc3dad("weights", "import", SLUG, place)
    pc3dad("weights", "verify", SLUG)


class Bomb:
    def __reduce__(self):
        return os.system, ("touch was-run",)


def test_a_file_that_would_run_code_is_refused_with_one_sentence(pc3dad, tmp_path):
    torch.save({"model_state_dict": Bomb()}, tmp_path / "best_model.pth")
    done = pc3dad("weights", "import", SLUG, "best_model.pth", code=3)
    assert "which is no tensor and could run code: nothing of it was run" in done.stderr
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verify",), "name weights, or give --all"),
        (("verify", "--all", SLUG), "name weights, or give --all"),
        (("verify", SLUG, "--checks"), f"{SLUG} have no checks"),
        (("info", "clip_vit_b16"), "did you mean 'clip_vit_b_16'?"),
    ],
)
def test_wrong_use_exits_with_2(pc3dad, words, told):
    assert told in pc3dad("weights", *words, code=2).stderr


def test_fetch_refuses_at_once_where_downloads_are_forbidden(pc3dad):
    done = pc3dad("weights", "fetch", "clip_vit_l_14_336", code=3)  # HF_HUB_OFFLINE=1 in tests
    assert done.stdout == ""
    assert done.stderr == (
        "pc3dad: HF_HUB_OFFLINE forbids downloads; unset it, or copy ViT-L-14-336px.pt here and call "
        "`pc3dad weights import clip_vit_l_14_336 FILE`.\n"
    )


@pytest.fixture
def served(checkpoint, monkeypatch):
    """The card of PointNet++ with the address of a server in this test."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(checkpoint.parent)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/best_model.pth"
    file = WeightsFile(name="best_model.pth", form="torch", address=address, size="3.9 MB")
    card = cards.get(SLUG).model_copy(update={"files": (file,)})
    monkeypatch.setattr(cards, "CARDS", (card,))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetch_shows_licence_size_and_source_then_downloads_and_converts(pc3dad, served, home):
    done = pc3dad("weights", "fetch", SLUG)
    folder = home / "weights" / SLUG
    assert done.stdout == f"{folder / 'model.safetensors'}\n"
    words = ("MIT", "3.9 MB", "https://github.com/yanx27", served, "MiB: done")
    places = [done.stderr.index(word) for word in words]
    assert places == sorted(places)
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == [
        "model.safetensors",
        "model.safetensors.json",
    ]
    again = pc3dad("weights", "fetch", SLUG)
    assert again.stdout == done.stdout
    assert "are here; nothing was downloaded" in again.stderr


class Table:
    """What checks return."""

    def __init__(self, *, ok):
        self.ok = ok

    def to_text(self):
        return "patch AUROC  0.81"

    def to_plain(self):
        return {"patch": 0.81}


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_checks_print_their_table_and_decide_the_exit_code(pc3dad, checkpoint, monkeypatch, ok, code):
    pc3dad("weights", "import", SLUG, checkpoint)
    module = types.ModuleType("measured")
    module.run = lambda progress: Table(ok=ok)
    monkeypatch.setitem(sys.modules, "measured", module)
    monkeypatch.setattr(cards, "CARDS", (cards.get(SLUG).model_copy(update={"checks": "measured:run"}),))
    done = pc3dad("weights", "verify", SLUG, "--checks", code=code)
    assert done.stdout.splitlines()[-1] == "patch AUROC  0.81"
    facts = json.loads(pc3dad("weights", "verify", "--all", "--checks", "--json", code=code).stdout)
    assert facts["checks"] == {SLUG: {"patch": 0.81}}


def test_checks_that_this_installation_lacks_are_an_error(pc3dad, monkeypatch):
    monkeypatch.setattr(cards, "CARDS", (cards.get(SLUG).model_copy(update={"checks": "nowhere:run"}),))
    assert "cannot load nowhere:run" in pc3dad("weights", "verify", SLUG, "--checks", code=3).stderr


def test_the_page_shows_what_is_printed(pc3dad, tmp_path):
    page = (REPOSITORY / "docs" / "weights.md").read_text(encoding="utf-8")
    torch.save({"model_state_dict": Bomb()}, tmp_path / "hostile.pth")
    for words, code in (("list", 0), ("fetch clip_vit_l_14_336", 3), (f"import {SLUG} hostile.pth", 3)):
        done = pc3dad("weights", *words.split(), code=code)
        shown = page.partition(f"pc3dad weights {words}\n")[2] if words != "list" else page
        assert (done.stderr + done.stdout).strip() in shown
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(block, {})
    assert printed.getvalue() == "ViT-L-14-336-quickgelu openai MIT\nnot here\n"
