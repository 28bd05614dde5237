"""Rank explainers of one network by what is true: python scripts/leaderboard.py folder=outputs/demo/CELL."""

from typing import Any

from cxr_xai.experiments.command import command


@command("leaderboard")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the leaderboard."""
    from cxr_xai.experiments.leaderboard.run import run_leaderboard

    run_leaderboard(settings)


if __name__ == "__main__":
    main()
