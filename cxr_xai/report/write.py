"""One self-contained page from one run folder."""

from pathlib import Path

from cxr_xai.artifacts.ledger import note_read
from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.files import whole
from cxr_xai.report.page import render_page
from cxr_xai.report.results import read_results


def write_report(folder: RunFolder) -> Path:
    """Write ``report.html`` into a run folder: styles, figures and pictures inside, nothing loaded from elsewhere.

    Pieces that the run did not leave (boxes, panels) are left out of the page and named there. The page shows what
    became of test labels, which the ledger notes.

    Args:
        folder: of a complete run.

    Returns:
        The page's path.

    Raises:
        UserError: the folder is not a complete run.
    """
    studies = folder.read_summary()["classification"]["test"]["studies"]
    note_read(folder.ledger, "test labels", "report", studies)
    page = render_page(read_results(folder))
    with whole(folder.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return folder.report
