"""Test explainers on a run's network: python scripts/sanity.py folder=<run> explainers=[exact_cam,grad_cam]."""

from typing import Any

from cxr_xai.experiments.command import command


@command("sanity")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the tests."""
    from cxr_xai.experiments.sanity.run import run_sanity

    run_sanity(settings)


if __name__ == "__main__":
    main()
