"""Score maps that any program made: python scripts/score.py maps=my_maps datamodule=nih datamodule.root=/data/nih."""

from typing import Any

from cxr_xai.experiments.command import command


@command("score")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the scoring."""
    from cxr_xai.experiments.score.run import run_score

    run_score(settings, choices)


if __name__ == "__main__":
    main()
