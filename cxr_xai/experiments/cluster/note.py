"""Note in its folder why a cell failed: ``python -m cxr_xai.experiments.cluster.note FOLDER EPOCHS STATUS OFFSET``."""

import signal
import sys

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.errors import UserError
from cxr_xai.experiments.failures import is_said_by_another
from cxr_xai.experiments.sweep.launch import last_words, record_failure
from cxr_xai.experiments.sweep.states import CellState, read_status
from cxr_xai.signals import STOPPING


def note_end(folder: RunFolder, epochs: int, code: int, offset: int) -> None:
    """Write ``failure.json``, unless another process works in the folder, or has finished the cell.

    Args:
        folder: of the cell.
        epochs: that it must reach to be finished.
        code: status of ``srun``; above 128 a signal ended the process.
        offset: where the last start begins in ``output.log``.
    """
    if not is_settled(folder, epochs):
        record_failure(folder, explain_code(folder, code, offset), code)


def note_error(folder: RunFolder, epochs: int, error: Exception) -> None:
    """Write ``failure.json`` for an error that ends a task, by the rule of ``note_end``."""
    if is_said_by_another(error) or is_settled(folder, epochs):
        return
    said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    record_failure(folder, " ".join(said.split())[:300], 1)


def is_settled(folder: RunFolder, epochs: int) -> bool:
    """Whether a cell is at work or finished, whatever became of one of its tasks; the report comes last."""
    state = read_status(folder, epochs).state
    return state is CellState.RUNNING or (state is CellState.FINISHED and folder.report.is_file())


def explain_code(folder: RunFolder, code: int, offset: int) -> str:
    """Return why a start ended."""
    if code == 128 + signal.SIGKILL:
        return "killed by SIGKILL; was there enough memory?"
    if code - 128 in STOPPING:  # the script asks only where it does not queue the task again
        return "queued again as often as may be; raise hydra.launcher.time, or look into output.log"
    text = folder.output.read_bytes()[offset:].decode(errors="replace") if folder.output.is_file() else ""
    return last_words(text, code)


if __name__ == "__main__":
    note_end(RunFolder(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
