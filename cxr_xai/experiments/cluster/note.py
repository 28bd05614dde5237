"""Note in its folder why a cell failed: ``python -m cxr_xai.experiments.cluster.note FOLDER STATUS OFFSET``."""

import signal
import sys

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.experiments.sweep.launch import last_words, record_failure


def note_failure(folder: RunFolder, code: int, offset: int) -> None:
    """Write ``failure.json``.

    Args:
        folder: of the cell.
        code: status of ``srun``; above 128 a signal ended the process.
        offset: where the last start begins in ``output.log``.
    """
    if code == 128 + signal.SIGKILL:
        record_failure(folder, "killed by SIGKILL; was there enough memory?", code)
        return
    text = folder.output.read_bytes()[offset:].decode(errors="replace") if folder.output.is_file() else ""
    record_failure(folder, last_words(text, code), code)


if __name__ == "__main__":
    note_failure(RunFolder(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
