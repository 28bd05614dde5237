"""How far a test is, in films."""

from cxr_xai.experiments.terminal import ProgressBar


class Meter:
    """Counts films that were explained or predicted, and shows them on a bar while a test runs."""

    def __init__(self) -> None:
        self._bar: ProgressBar | None = None
        self._done = self._total = 0

    def start(self, words: str, total: int) -> None:
        """Show a bar of so many films."""
        self._bar, self._done, self._total = ProgressBar(words), 0, total
        self._bar(0, total + 1)  # leaves with `stop` alone: how many films a test needs is foretold, not counted

    def add(self, films: int) -> None:
        """Count films that are done."""
        self._done = min(self._done + films, self._total)
        if self._bar is not None:
            self._bar(self._done, self._total + 1)

    def stop(self) -> None:
        """Take the bar away, also after an error."""
        if self._bar is not None:
            self._bar(self._total + 1, self._total + 1)
            self._bar = None
