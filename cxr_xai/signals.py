"""SIGTERM, SIGUSR1 and SIGUSR2, by which schedulers ask a run to stop: answered at once, or after a training step.

Files of a run are whole or absent, so outside of training a signal may end it anywhere. While training is on it is only
noted; whoever trains asks ``received`` after each step, writes what must not be lost and calls ``answer``.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

Handler = Callable[[int, FrameType | None], Any] | int | None


class Interrupted(BaseException):
    """A signal ended the run; scripts print the message and exit with ``128 + signum``, as a shell would say it."""

    def __init__(self, signum: int, where: str = "") -> None:
        self.signum = signum
        super().__init__(
            f"stopped by {signal.Signals(signum).name}{where}: the same command continues where it stopped"
        )


class StopSignals:
    """What was received, and who answered before us.

    Attributes:
        received: number of the first signal that was noted; None before.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._deferred = False
        self._process: int | None = None
        self._before: dict[int, Handler] = {}

    def listen(self) -> None:
        """Install the handlers, again where a library has put its own in their place; other threads cannot."""
        if threading.current_thread() is not threading.main_thread():
            return
        for signum in STOPPING:
            if (handler := signal.getsignal(signum)) != self._handle:
                self._before.setdefault(signum, handler)
                signal.signal(signum, self._handle)
        self._process = os.getpid()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen inside; whatever stood before stands again afterwards."""
        outermost = self._process is None
        self.listen()
        try:
            yield
        finally:
            if outermost:
                for signum, handler in self._before.items():
                    signal.signal(signum, handler)
                self.received, self._process, self._before = None, None, {}

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Only note signals inside: the body asks for them where nothing is lost, and the end of it answers."""
        with self.listening():
            self._deferred = True
            try:
                yield
            except RuntimeError as error:
                # A signal to a whole group ends a loader's processes too, before the step is over.
                if self.received is None or "DataLoader worker" not in str(error):
                    raise
            finally:
                self._deferred = False
            if self.received is not None:
                self.answer(self.received)

    def answer(self, signum: int, where: str = "") -> None:
        """End the run: by the handler that stood before (a launcher's, which queues the job again), or by raising.

        Raises:
            Interrupted: nobody else ended the process.
        """
        before = self._before.get(signum)
        if callable(before):
            before(signum, None)
        raise Interrupted(signum, where)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a loader's process, which inherited the handler
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)
        elif self._deferred:
            self.received = self.received or signum
        else:
            self.answer(signum)


STOP = StopSignals()
"""Signals belong to the process, and so does this."""
