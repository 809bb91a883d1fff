"""Does fits and cells in a process of its own, which can be ended when one of them takes too long.

The parent writes one JSON line per unit of work to the standard input of the child and reads progress and the
outcome from its output. The child (`python -m pc3dad.evaluation.isolation`) ends when its parent has gone.
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
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pc3dad import errors, registry
from pc3dad.config import build
from pc3dad.context import Progress, RunContext
from pc3dad.errors import MethodError, Pc3dadError
from pc3dad.evaluation.plan import Cell, Fit, Plan, make_plan
from pc3dad.evaluation.spec import BenchSpec
from pc3dad.evaluation.worker import Worker
from pc3dad.runs.store import RunStore

FIT, CELL = "fit", "cell"
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
        }
        self._child: _Child | None = None

    def fit(self, fit: Fit) -> None:
        """Trains a fit, or checks that it stands.

        Raises:
            Pc3dadError: as `Worker.fit`; MethodError also when it took too long or its process died.
        """
        self._do({"kind": FIT, "id": fit.id}, f"{fit.spec.variant} in training")

    def predict(self, cell: Cell, step: str) -> None:
        """Predicts a cell.

        Raises:
            Pc3dadError: as `Worker.predict`; MethodError also when it took too long or its process died.
        """
        self._do({"kind": CELL, "id": cell.id, "step": step}, cell.fit.spec.variant)

    def close(self) -> None:
        """Ends the child."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _do(self, unit: dict[str, str], who: str) -> None:
        child = self._started()
        child.send(unit)
        self._await(child, self._limit, who)

    def _started(self) -> "_Child":
        if self._child is None:
            self._child = _Child(self._request)
            try:
                self._await(self._child, START_SECONDS, "the start of a process")
            except Pc3dadError:
                self.close()
                raise
        return self._child

    def _await(self, child: "_Child", limit: float, who: str) -> None:
        """Passes progress on until a unit of work is done; a child that is late or dead is replaced later."""
        end = time.monotonic() + limit
        while True:
            try:
                message = child.receive(end - time.monotonic())
            except queue.Empty:
                self.close()
                hint = "raise --time-limit or mend the method"
                raise MethodError(f"{who} took longer than {limit:g} s and was ended", hint=hint) from None
            if message is None:
                self.close()
                raise MethodError(f"{who} ended its process with {child.cause()}", hint="it may lack memory")
            if "progress" in message:
                label, done, total = message["progress"]
                self._progress(label, done, total)
            elif "error" in message:
                raise _error(**message["error"])
            else:
                return


class _Child:
    """A child process and a thread that listens to it."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pc3dad.evaluation.isolation"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the child
        )
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
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
            queue.Empty: there was none in that time.
        """
        return self._messages.get(timeout=max(0.0, seconds))

    def cause(self) -> str:
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """Ends it with all processes that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError, ValueError):  # it has gone, which `receive` tells
                    stream.close()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._messages.put(json.loads(line))
        self._messages.put(None)


def _error(kind: str, message: str, hint: str) -> Pc3dadError:
    found = getattr(errors, kind, MethodError)
    made: Pc3dadError = found(message, hint=hint)
    return made


def _serve() -> None:
    """The child: makes the plan, then does one unit per line until the parent closes the pipe."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a method prints must not mix with messages
    requests = _requests()
    first = requests.get()
    progress = _progress(replies)
    plugins = [Path(path) for path in first["plugins"]]
    worker: Worker | None = None
    try:
        spec = build(BenchSpec, "bench", first["spec"])
        plan = make_plan(spec, methods=registry.methods(plugins), datasets=registry.datasets(plugins))
        ctx = RunContext(device=first["device"], workers=first["workers"], progress=progress)
        worker = Worker(RunStore.open(Path(first["folder"])), ctx)
        cells = {cell.id: cell for cell in plan.cells}
        fits = {fit.id: fit for fit in plan.fits}
    except Pc3dadError as error:
        _reply(replies, _described(error))
        return
    _reply(replies, {"done": True})
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
            _reply(replies, _described(error))
        else:
            _reply(replies, {"done": True})


def _requests() -> "queue.Queue[dict[str, Any]]":
    """Lines of standard input; a thread reads them and ends the process when the parent has gone."""
    found: queue.Queue[dict[str, Any]] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            found.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return found


def _progress(replies: IO[str]) -> Progress:
    return lambda label, done, total: _reply(replies, {"progress": [label, done, total]})


def _described(error: Pc3dadError) -> dict[str, Any]:
    return {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}


def _reply(replies: IO[str], message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


if __name__ == "__main__":
    _serve()
