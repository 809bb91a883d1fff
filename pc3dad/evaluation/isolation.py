"""Does fits and cells in a process of its own, which can be ended when one of them takes too long.

The parent writes one JSON line per unit of work to the standard input of the child and reads progress and the
outcome from its output. The child (`serve`) ends when its parent has gone.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from pc3dad import errors, registry
from pc3dad.config import build
from pc3dad.context import RunContext
from pc3dad.errors import MethodError, Pc3dadError
from pc3dad.evaluation.plan import make_plan
from pc3dad.evaluation.spec import BenchSpec
from pc3dad.evaluation.units import Cell, Fit, Plan
from pc3dad.evaluation.worker import Worker
from pc3dad.runs.store import RunStore

FIT, CELL = "fit", "cell"
LATE = "raise --time-limit or mend the method"
LISTEN_SECONDS = 1.0  # for messages that a child sent just before it ended
START_SECONDS = 600.0  # for imports and for opening the data sets; not counted against a method


class Isolated:
    """Does fits and cells in a child process.

    Args:
        plan: the benchmark; the child makes the same plan again.
        runs: run folder.
        ctx: surroundings.
        plugins: card files or folders of the benchmark.
        limit: seconds that one fit or one cell may take, reading its samples included.
    """

    def __init__(
        self, plan: Plan, runs: RunStore, ctx: RunContext, *, plugins: Sequence[Path], limit: float
    ) -> None:
        self._limit = limit
        self._progress = ctx.progress
        self._request = {
            "spec": plan.spec.model_dump(mode="json"),
            "plugins": [str(path) for path in plugins],
            "folder": str(runs.folder),
            "device": ctx.device,
            "workers": ctx.workers,
            "cache": ctx.cache,
        }
        self._child: _Child | None = None
        self._loaded = ""

    def fit(self, fit: Fit) -> None:
        """Trains a fit, or checks that it stands.

        Raises:
            Pc3dadError: as `Worker.fit`; MethodError also when it took too long or its process died.
        """
        self._do({"kind": FIT, "id": fit.id}, f"{fit.spec.variant} in training")
        self._loaded = fit.id

    def predict(self, cell: Cell, step: str) -> None:
        """Predicts a cell.

        Raises:
            Pc3dadError: as `Worker.predict`; MethodError also when it took too long or its process died.
        """
        if self._loaded != cell.fit.id:  # a new process: loading is not the cell's time
            self.fit(cell.fit)
        self._do({"kind": CELL, "id": cell.id, "step": step}, cell.fit.spec.variant)

    def close(self) -> None:
        """Ends the child."""
        if self._child is not None:
            self._child.kill()
            self._child, self._loaded = None, ""

    def _do(self, unit: dict[str, str], who: str) -> None:
        child = self._started()
        child.send(unit)
        self._await(child, self._limit, who)

    def _started(self) -> "_Child":
        if self._child is None:
            self._child = _Child(self._request)
            try:
                hint = "look at what the plug-ins and data sets do when they are opened"
                self._await(self._child, START_SECONDS, "the start of a process", hint)
            except Pc3dadError:
                self.close()
                raise
        return self._child

    def _await(self, child: "_Child", limit: float, who: str, hint: str = LATE) -> None:
        """Passes progress on until a unit of work is done; a child that is late or dead is replaced later."""
        end = time.monotonic() + limit
        while True:
            try:
                message = child.receive(end - time.monotonic())
            except queue.Empty:
                self.close()
                raise MethodError(f"{who} took longer than {limit:g} s and was ended", hint=hint) from None
            if message is None:
                self.close()
                cause = child.cause()
                hint = "it may lack memory" if cause.startswith("signal") else "mend the method"
                raise MethodError(f"{who} ended its process with {cause}", hint=hint)
            if "progress" in message:
                label, done, total = message["progress"]
                self._progress(label, done, total)
            elif "error" in message:
                raise _error(**message["error"])
            else:
                return


class _Child:
    """A child process, a thread that listens to it, and one that waits for its end."""

    def __init__(self, request: dict[str, Any]) -> None:
        # The child searches modules where this process does, not in the working directory.
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
        self._process = subprocess.Popen(  # noqa: S603  our own words
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the child
        )
        # Bounded: a method that reports faster than anybody reads waits, instead of filling the memory.
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue(maxsize=1000)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        threading.Thread(target=self._await_end, daemon=True).start()
        self.send(request)

    def send(self, message: dict[str, Any]) -> None:
        stream = self._process.stdin
        if stream is not None:
            with suppress(OSError, ValueError):  # it has gone, which `receive` tells
                stream.write(json.dumps(message) + "\n")
                stream.flush()

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """The next message, None once the child has ended.

        Raises:
            queue.Empty: there was none in that time, or the time is over.
        """
        if seconds <= 0:
            raise queue.Empty
        return self._messages.get(timeout=min(seconds, threading.TIMEOUT_MAX))

    def cause(self) -> str:
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """Ends it with all processes of its group."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):  # it has ended before
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._listener.join(LISTEN_SECONDS)

    def _listen(self) -> None:
        """Passes messages on; a process that left the group of the child may keep the pipe open for ever."""
        with suppress(ValueError), self._process.stdout or nullcontext(()) as lines:
            for line in lines:
                self._messages.put(json.loads(line))

    def _await_end(self) -> None:
        self._process.wait()
        self._listener.join(LISTEN_SECONDS)
        self._messages.put(None)


def _error(kind: str, message: str, hint: str) -> Pc3dadError:
    found = getattr(errors, kind, MethodError)
    made: Pc3dadError = found(message, hint=hint)
    return made


def serve() -> None:
    """The child: makes the plan, then does one unit per line until the parent closes the pipe."""
    replies = _Replies(os.dup(1))
    requests = _requests(os.dup(0))
    with Path(os.devnull).open() as nothing:  # what methods and their processes read and print
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdin = Path(os.devnull).open()  # noqa: SIM115  as long as the process
    first = requests.get()
    plugins = [Path(path) for path in first["plugins"]]
    try:
        spec = build(BenchSpec, "bench", first["spec"])
        plan = make_plan(spec, methods=registry.methods(plugins), datasets=registry.datasets(plugins))
        ctx = RunContext(
            device=first["device"],
            workers=first["workers"],
            cache=first["cache"],
            progress=replies.progress,
        )
        worker = Worker(RunStore.open(Path(first["folder"])), ctx)
    except Pc3dadError as error:
        replies.send(_described(error))
        return
    cells = {cell.id: cell for cell in plan.cells}
    fits = {fit.id: fit for fit in plan.fits}
    replies.send({"done": True})
    while True:
        unit = requests.get()
        try:
            if unit["id"] not in {**cells, **fits}:
                raise errors.DataError("the data changed while the benchmark ran", hint="run it again")
            if unit["kind"] == FIT:
                worker.fit(fits[unit["id"]])
            else:
                worker.predict(cells[unit["id"]], unit["step"])
        except Pc3dadError as error:
            replies.send(_described(error))
        else:
            replies.send({"done": True})


def _requests(descriptor: int) -> "queue.Queue[dict[str, Any]]":
    """Lines of a pipe; a thread reads them and ends the process when the parent has gone.

    It reads without any lock: processes that a method forks inherit every lock as it is.
    """
    found: queue.Queue[dict[str, Any]] = queue.Queue()

    def read() -> None:
        rest = b""
        while data := os.read(descriptor, 1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                found.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return found


class _Replies:
    """Writes messages to the parent, one line each, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._stream = os.fdopen(descriptor, "w")
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        try:
            with self._lock:
                self._stream.write(json.dumps(message) + "\n")
                self._stream.flush()
        except OSError:  # the parent has gone
            os._exit(0)

    def progress(self, label: str, done: int, total: int) -> None:
        """The progress callback of methods."""
        self.send({"progress": [str(label), int(done), int(total)]})


def _described(error: Pc3dadError) -> dict[str, Any]:
    kind = next(cls.__name__ for cls in type(error).__mro__ if hasattr(errors, cls.__name__))
    return {"error": {"kind": kind, "message": error.message, "hint": error.hint}}
