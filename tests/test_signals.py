"""Signals: answered at once, or noted until somebody asks; the handler that stood before has the last word."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from cxr_xai.signals import STOPPING, Interrupted, StopSignals


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Whatever a test does, the handlers of the test run stand again."""
    before = {signum: signal.getsignal(signum) for signum in STOPPING}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138), (signal.SIGUSR2, 140)])
def test_outside_of_training_a_signal_ends_the_run_at_once(signum: int, status: int) -> None:
    stop = StopSignals()
    with stop.listening(), pytest.raises(Interrupted, match=r"stopped by SIG\w+: the same command continues") as caught:
        os.kill(os.getpid(), signum)
    assert 128 + caught.value.signum == status


def test_in_training_it_is_noted_and_answered_when_asked() -> None:
    stop, steps = StopSignals(), []

    def train() -> None:
        with stop.deferred():
            for step in range(3):
                if step == 1:
                    os.kill(os.getpid(), signal.SIGUSR1)
                steps.append(step)
                if stop.received is not None:
                    stop.answer(stop.received, f" after step {step}")

    with stop.listening():
        with pytest.raises(Interrupted, match="stopped by SIGUSR1 after step 1: the same command"):
            train()
        assert stop.received == signal.SIGUSR1
    assert steps == [0, 1]
    assert stop.received is None


def test_a_signal_that_nobody_asked_for_is_answered_at_the_end() -> None:
    stop, done = StopSignals(), []

    def train() -> None:
        with stop.deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append(True)

    with pytest.raises(Interrupted):
        train()
    assert done == [True]


@pytest.mark.parametrize(
    ("message", "raised"),
    [
        ("loss is nan", RuntimeError),
        ("DataLoader worker (pid 3) is killed by signal: Terminated.", Interrupted),  # the signal went to a whole group
    ],
)
def test_an_error_of_training_is_no_interruption(message: str, raised: type[BaseException]) -> None:
    def train() -> None:
        with StopSignals().deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            raise RuntimeError(message)

    with pytest.raises(raised):
        train()


def test_the_handler_before_is_called_and_stands_again() -> None:
    called = []
    signal.signal(signal.SIGUSR1, lambda signum, frame: called.append(signum))
    before = signal.getsignal(signal.SIGUSR1)
    stop = StopSignals()
    with stop.listening(), pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGUSR1)
    assert called == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) is before


def test_listening_again_takes_the_signal_back_from_a_library() -> None:
    stop = StopSignals()
    with stop.deferred():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop.listen()
        assert stop.received is None
        with pytest.raises(Interrupted):
            stop.answer(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == stop._handle


def test_only_the_main_thread_listens() -> None:
    stop, before = StopSignals(), signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=stop.listen)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_child_process_dies_of_it_as_ever() -> None:
    code = (
        "import os, signal, time\nfrom cxr_xai.signals import STOP\n"
        "with STOP.deferred():\n"
        "    ready, write = os.pipe()\n"
        "    child = os.fork()\n"
        "    if child == 0:\n        os.write(write, b'.')\n        time.sleep(50)\n        os._exit(3)\n"
        "    os.read(ready, 1)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), STOP.received)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["-15", "None"]


def test_the_module_is_light() -> None:
    code = "import sys, cxr_xai.signals; print(sorted({'torch', 'numpy', 'hydra'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
