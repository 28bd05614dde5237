"""Hold subgroups against each other: python scripts/subgroups.py folder=outputs/demo/CELL."""

from typing import Any

from cxr_xai.experiments.command import command


@command("subgroups")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the comparison."""
    from cxr_xai.experiments.subgroups.run import run_subgroups

    run_subgroups(settings)


if __name__ == "__main__":
    main()
