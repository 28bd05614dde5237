"""Ctrl-C comes after what must not be cut in two, here and in the processes that it starts."""

import os
import signal
import subprocess
import sys

import pytest

from cxr_xai.experiments.cluster.held import held


def test_ctrl_c_waits_and_children_are_spared() -> None:
    before, done = signal.getsignal(signal.SIGINT), list[int]()

    def interrupted() -> None:
        with held():
            os.kill(os.getpid(), signal.SIGINT)
            child = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
            done.append(subprocess.run([sys.executable, "-I", "-S", "-c", child], check=False).returncode)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == [0]
    assert signal.getsignal(signal.SIGINT) == before
