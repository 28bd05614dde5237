"""Requests to stop wait while something must not be cut in two."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from cxr_xai.signals import STOPPING, Handler


@contextmanager
def held() -> Iterator[None]:
    """Keep Ctrl-C and requests to stop from this process, and from those that it starts, until the end of the body.

    Handlers are changed, for another thread may receive a signal; signals are blocked, for a child inherits only that.
    """
    signals, came = (signal.SIGINT, *STOPPING), list[int]()
    before: dict[int, Handler] = {each: signal.signal(each, lambda number, _: came.append(number)) for each in signals}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        for each in dict.fromkeys(came):
            signal.raise_signal(each)
