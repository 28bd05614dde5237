"""Answers on the terminal, each as it comes."""

from collections import Counter
from collections.abc import Sequence

from rich.padding import Padding
from rich.text import Text

from cxr_xai.errors import UserError
from cxr_xai.experiments.doctor.case import Answer, Case, Outcome
from cxr_xai.experiments.doctor.run import CHECKS, examine
from cxr_xai.experiments.terminal import console, quiet_libraries

MARKS = {Outcome.OK: ("✓", "green"), Outcome.WARN: ("!", "yellow"), Outcome.BROKEN: ("✗", "bold red")}
INDENT = 13


def consult(case: Case) -> None:
    """Run all checks and print a line for each.

    Raises:
        UserError: something is broken.
    """
    console.print(f"[bold]doctor[/]: would this run? {case.outputs}", soft_wrap=True)
    quiet_libraries()
    answers = []
    for name in CHECKS:
        with console.status(f"{name} …"):
            answers.append(examine(case, name))
        print_answer(name, answers[-1])
    console.print(summarize(answers))
    if lost := [name for name, answer in zip(CHECKS, answers, strict=True) if answer.outcome is Outcome.BROKEN]:
        raise UserError(f"{', '.join(lost)} would stop a run; nothing was started.")


def print_answer(name: str, answer: Answer) -> None:
    """Print a mark, what was found and, below, what mends it."""
    mark, style = MARKS[answer.outcome]
    console.print(Padding(Text.assemble((mark, style), f" {name:{INDENT - 3}} ", answer.found), (0, 0)), soft_wrap=True)
    if answer.todo:
        console.print(Text(f"{'':{INDENT}}→ {answer.todo}", style.removeprefix("bold ")), soft_wrap=True)


def summarize(answers: Sequence[Answer]) -> str:
    """Count outcomes.

    >>> from cxr_xai.experiments.doctor.case import ok, warn
    >>> summarize([ok(""), ok(""), warn("", "")])
    '2 ok, 1 warn, 0 broken'
    """
    counts = Counter(answer.outcome for answer in answers)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome)
