"""One worker thread per device. A device that never answers costs its lane, never the program.

Lane threads are daemons. A call that outlives its deadline is given up: its lane is abandoned and
replaced, and whoever waits gets LANE_TIMEOUT.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from kiosk.errors import ErrorCode, KioskError

P = ParamSpec("P")
T = TypeVar("T")
Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Lane:
    """Runs calls one after the other on its own thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = self._start()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(
            target=self._work, args=(self._jobs,), name=f"lane-{self.name}", daemon=True
        )
        thread.start()
        return thread

    @staticmethod
    def _work(jobs: "queue.SimpleQueue[Job | None]") -> None:
        while (job := jobs.get()) is not None:
            future, call, args, kwargs = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
                future.set_exception(error)
            else:
                future.set_result(result)

    def submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Queue a call; its result or error arrives in the future."""
        future: Future[T] = Future()
        with self._lock:
            self._jobs.put((future, call, args, kwargs))
        return future

    def run(self, timeout: float, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call and wait for it; after `timeout` seconds give the lane up: LANE_TIMEOUT."""
        future = self.submit(call, *args, **kwargs)
        try:
            return future.result(timeout)
        except TimeoutError:
            if future.done():
                raise  # the call itself raised it
            self.abandon()
            raise KioskError(ErrorCode.LANE_TIMEOUT, self.name) from None

    def abandon(self) -> None:
        """Leave a stuck thread behind and go on with a fresh one; queued calls move over."""
        with self._lock:
            stuck, self._jobs = self._jobs, queue.SimpleQueue()
            while not stuck.empty():
                job = stuck.get_nowait()
                if job is not None:
                    self._jobs.put(job)
            stuck.put(None)
            self._thread = self._start()

    def assert_here(self) -> None:
        """Fail loudly when device code runs on a wrong thread."""
        if threading.current_thread() is not self._thread:
            raise KioskError(ErrorCode.INTERNAL, f"not on lane {self.name}")

    def close(self) -> None:
        """Let the thread end after what is queued; never waits."""
        with self._lock:
            self._jobs.put(None)
