"""The page about a checkpoint on other films: the sections of a run's page, and what must be said beside them."""

from dataclasses import replace
from pathlib import Path

from cxr_xai.artifacts.run_folder import RunFolder
from cxr_xai.files import whole
from cxr_xai.report.page import make_context, make_environment
from cxr_xai.report.results import read_results


def write_evaluated_report(folder: RunFolder) -> Path:
    """Write ``report.html`` of an evaluation from its folder alone.

    Args:
        folder: of a complete evaluation; its one part is shown as ``test``.

    Returns:
        The page's path.

    Raises:
        UserError: the evaluation is not complete.
    """
    results = read_results(folder)
    shown = replace(results, predictions=results.predictions.assign(part="test"))
    evaluation = {"adjudicated": None, **results.summary["evaluation"]}
    context = make_context(shown) | {"evaluation": evaluation, "scored_part": evaluation["part"]}
    page = make_environment().get_template("evaluated.html").render(context)
    with whole(folder.report) as partial:
        partial.write_text(page, encoding="utf-8")
    return folder.report
