"""Read, audit, decode and divide a source: python scripts/prepare.py datamodule=nih datamodule.root=/data/nih."""

from typing import Any

from cxr_xai.experiments.command import command


@command("prepare")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the audit."""
    from cxr_xai.experiments.prepare import run_prepare

    run_prepare(settings, choices)


if __name__ == "__main__":
    main()
