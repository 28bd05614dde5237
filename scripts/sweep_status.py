"""Show where the cells of a sweep stand: python scripts/sweep_status.py runs=outputs/<name>."""

from typing import Any

from cxr_xai.experiments.command import command


@command("sweep_status")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the folder to the table."""
    from cxr_xai.experiments.sweep.watch import show_sweep

    show_sweep(settings["runs"], settings["watch"])


if __name__ == "__main__":
    main()
