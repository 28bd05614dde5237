"""What follows the training of ``ablation=explainer``: a leaderboard of all arms on every cell."""

from cxr_xai.errors import UserError
from cxr_xai.experiments.leaderboard.run import Question, lead
from cxr_xai.experiments.leaderboard.subject import open_subject
from cxr_xai.experiments.sweep.plan import Compose, Plan, read_explainers
from cxr_xai.experiments.terminal import console


def rank_cells(plan: Plan, compose: Compose) -> None:
    """Rank the arms on every finished cell; explainers that are done are read, those that are not are computed.

    Args:
        plan: of a sweep whose arms differ in the explainer alone, all of its cells finished.
        compose: overrides → settings.

    Raises:
        UserError: an explainer refused in some cell; the others are ranked.
    """
    ablation = plan.ablation
    assert ablation is not None
    problems: dict[str, None] = {}
    for number, planned in enumerate(plan.cells, start=1):
        console.print(f"\n[bold]leaderboard {number} of {len(plan.cells)}[/]: {planned.folder.path}", soft_wrap=True)
        question = Question(
            read_explainers(ablation, planned, compose),
            ablation.reference,
            ablation.primary,
            ablation.max_studies,
            planned.settings["bootstrap"],
        )
        device = "cpu" if planned.settings["trainer"].get("accelerator") == "cpu" else "auto"
        subject = open_subject(str(planned.folder.path), None, planned.settings["paths"]["cache"], device)
        try:
            lead(subject, question, planned.settings)
        except UserError as error:
            problems[str(error)] = None
    if problems:
        raise UserError("; ".join(problems))
