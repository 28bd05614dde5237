"""Score any checkpoint on any data set: python scripts/evaluate.py checkpoint=outputs/demo/CELL datamodule=nih ..."""

from typing import Any

from cxr_xai.experiments.command import command


@command("evaluate")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the evaluation."""
    from cxr_xai.experiments.evaluate.run import run_evaluate

    run_evaluate(settings, choices)


if __name__ == "__main__":
    main()
