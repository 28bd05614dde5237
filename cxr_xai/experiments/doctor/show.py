"""Answers on the terminal, each as it comes."""

from collections import Counter
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from cxr_xai.errors import UserError
from cxr_xai.experiments.doctor.case import Answer, Case, Outcome
from cxr_xai.experiments.doctor.run import CHECKS, examine
from cxr_xai.experiments.terminal import console, quiet_libraries

MARKS = {Outcome.OK: ("✓", "green"), Outcome.WARN: ("!", "yellow"), Outcome.BROKEN: ("✗", "bold red")}
NAME = 9


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
    line = Table.grid(padding=(0, 1))
    line.add_column(width=1)
    line.add_column(width=NAME)
    line.add_column(overflow="fold")
    line.add_row(Text(mark, style), name, Text(answer.found))
    if answer.todo:
        line.add_row("", "", Text(f"→ {answer.todo}", style.removeprefix("bold ")))
    console.print(line)


def summarize(answers: Sequence[Answer]) -> str:
    """Count outcomes.

    >>> from cxr_xai.experiments.doctor.case import ok, warn
    >>> summarize([ok(""), ok(""), warn("", "")])
    '2 ok, 1 warn, 0 broken'
    """
    counts = Counter(answer.outcome for answer in answers)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome)
