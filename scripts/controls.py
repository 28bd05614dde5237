"""Score the image-free controls on all boxes: python scripts/controls.py datamodule=nih datamodule.root=/data/nih."""

from typing import Any

from cxr_xai.experiments.command import command


@command("controls")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the controls."""
    from cxr_xai.experiments.controls.run import run_controls

    run_controls(settings, choices)


if __name__ == "__main__":
    main()
