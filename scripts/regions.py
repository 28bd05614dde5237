"""Explain a run by regions of the chest: python scripts/regions.py folder=outputs/demo/CELL."""

from typing import Any

from cxr_xai.experiments.command import command


@command("regions")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the folder to the explanation of regions and findings."""
    from cxr_xai.experiments.global_explanations.run import run_regions

    run_regions(settings)


if __name__ == "__main__":
    main()
