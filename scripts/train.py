"""Train a classifier, explain it every epoch, and write a run folder with its report."""

from typing import Any

from cxr_xai.experiments.check import check_choices
from cxr_xai.experiments.command import command


@command("train")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the run."""
    check_choices(settings, choices)  # before the seconds that torch takes to import
    from cxr_xai.experiments.run import run_training

    run_training(settings, choices)


if __name__ == "__main__":
    main()
