"""Start a program with the signals by which schedulers ask to stop held back, until it is ready to answer them.

A signal in the seconds in which a program imports its libraries would kill it. Blocked ones stay pending through
``exec``; ignored ones would be lost. ``python shield.py PROGRAM ARGUMENTS…``; imports nothing of the project.
"""

import os
import signal
import sys

HELD = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def main(arguments: list[str]) -> None:
    """Block, and become the program."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    os.execv(arguments[0], arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
