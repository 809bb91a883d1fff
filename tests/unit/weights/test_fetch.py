"""Downloads from a server in this test: right, wrong, broken off, forbidden."""

import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from pc3dad.errors import DataError, WeightsError
from pc3dad.io.locks import locked
from pc3dad.weights import fetch

BODY = np.random.default_rng(0).bytes(3 * fetch.MIB + 17)
SHA256 = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `body`; `stop_at` closes the connection early, `status` refuses."""

    body, etag, status, stop_at, ranges = BODY, '"one"', 200, None, True

    def handle_error(self, *arguments):
        """The client may close the connection."""


class Handler(BaseHTTPRequestHandler):
    """A server of files as they are in the world: ranges if the tag still fits, else all."""

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        if server.status != 200:
            self.send_error(server.status)
            return
        wanted = self.headers.get("Range", "")
        begin = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.etag:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        body = server.body[begin:]
        self.send_response(206 if begin else 200)
        if server.length:
            self.send_header("Content-Length", str(len(body)))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        self.wfile.write(body[: None if server.stop_at is None else max(0, server.stop_at - begin)])

    def log_message(self, *arguments):
        """Nothing."""


@pytest.fixture
def server(home, monkeypatch):
    """The server, with what was asked of it in `requests`."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server(("127.0.0.1", 0), Handler)
    running.requests, running.length = [], True
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def served(card, server):
    """The card of the file on the server."""

    def make(**file):
        address = f"http://127.0.0.1:{server.server_port}/official.pt"
        return card(file={"address": address, "sha256": SHA256, **file})

    return make


def names(home):
    return sorted(path.name for path in (home / "weights" / "small").iterdir() if path.name != ".lock")


def test_a_file_arrives_whole_and_reports_progress(home, served):
    steps = []
    path = fetch.download(served(), progress=lambda *step: steps.append(step))
    assert path == home / "weights" / "small" / "official.pt"
    assert path.read_bytes() == BODY
    assert names(home) == ["official.pt"]
    assert steps[-1] == ("official.pt, MiB", 4, 4)


def test_without_a_published_digest_it_arrives_too(served):
    assert fetch.download(served(sha256="")).read_bytes() == BODY


def test_a_wrong_digest_is_refused_and_nothing_is_kept(home, served):
    with pytest.raises(WeightsError) as refused:
        fetch.download(served(sha256="0" * 64))
    assert f"has sha256 {SHA256}, published is 0000" in str(refused.value)
    assert names(home) == []


def test_a_file_of_another_size_is_refused_before_it_is_read(home, served):
    with pytest.raises(WeightsError, match=f"has {len(BODY)} bytes, published are 5"):
        fetch.download(served(bytes=5))
    assert names(home) == []


@pytest.mark.parametrize("length", [True, False])
def test_a_download_that_broke_goes_on_from_there(home, served, server, length):
    server.stop_at = fetch.MIB + 5
    with pytest.raises(
        WeightsError, match=f"after {fetch.MIB + 5} of {len(BODY)} bytes; the same command goes on"
    ):
        fetch.download(served())
    assert names(home) == ["official.pt.part", "official.pt.part.json"]
    server.stop_at = None
    assert fetch.download(served()).read_bytes() == BODY
    assert server.requests[1]["Range"] == f"bytes={fetch.MIB + 5}-"
    assert names(home) == ["official.pt"]


@pytest.mark.parametrize("reason", ["another file", "no tag", "no ranges", "weak tag", "damaged state"])
def test_a_download_that_cannot_go_on_begins_anew(home, served, server, reason):
    if reason in {"no tag", "weak tag"}:
        server.etag = "" if reason == "no tag" else 'W/"one"'
    server.stop_at, server.body = fetch.MIB, bytes(len(BODY))
    with pytest.raises(WeightsError, match="goes on from there"):
        fetch.download(served())
    server.stop_at, server.body = None, BODY
    server.ranges = reason != "no ranges"
    if reason == "another file":
        server.etag = '"two"'
    if reason == "damaged state":
        (home / "weights" / "small" / "official.pt.part.json").write_text("{")
    assert fetch.download(served()).read_bytes() == BODY


def test_what_was_killed_after_the_last_byte_needs_no_network(home, served, server):
    folder = home / "weights" / "small"
    folder.mkdir(parents=True)
    (folder / "official.pt.part").write_bytes(BODY)
    (folder / "official.pt.part.json").write_text(json.dumps({"etag": "", "bytes": str(len(BODY))}))
    assert fetch.download(served()).read_bytes() == BODY
    assert server.requests == []


def test_a_refusal_names_address_page_and_way_out(home, served, server):
    server.status = 404
    with pytest.raises(WeightsError) as refused:
        fetch.download(served())
    text = str(refused.value)
    for word in (
        "official.pt answers 404 Not Found",
        "https://example.org",
        "pc3dad weights import small FILE",
    ):
        assert word in text
    assert names(home) == []


def test_without_a_network_it_fails_with_one_sentence(home, card, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(WeightsError, match=r"cannot be reached: .*refused; copy official.pt here"):
        fetch.download(card(file={"address": f"http://127.0.0.1:{port}/official.pt"}))


@pytest.mark.parametrize("value", ["1", "true", "ON"])
def test_it_does_not_even_try_where_downloads_are_forbidden(home, served, server, monkeypatch, value):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids downloads; unset it, or copy"):
        fetch.download(served())
    assert server.requests == []
    assert not home.exists()


def test_two_commands_do_not_download_into_the_same_file(home, served):
    folder = home / "weights" / "small"
    folder.mkdir(parents=True)
    with locked(folder), pytest.raises(DataError, match="wait until it has ended, or end it"):
        fetch.download(served())


def test_what_comes_with_the_package_is_not_downloaded(home, card):
    with pytest.raises(WeightsError, match="small is not downloaded; it is a part of pc3dad"):
        fetch.download(card(file={"address": ""}))


def test_a_length_that_nobody_announced_is_no_trouble(served, server):
    server.length = False
    assert fetch.download(served()).read_bytes() == BODY
