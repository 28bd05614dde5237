"""Pneumothorax with and without a chest drain: python scripts/drains.py folder=outputs/demo/CELL."""

from typing import Any

from cxr_xai.experiments.command import command


@command("drains")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the folder to the audit."""
    from cxr_xai.experiments.drains.run import run_drains

    run_drains(settings)


if __name__ == "__main__":
    main()
