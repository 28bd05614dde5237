"""Build a W&B workspace and a report of a sweep: python scripts/dashboard.py runs=outputs/<name>."""

from typing import Any

from cxr_xai.experiments.command import command


@command("dashboard")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the folder to the dashboard."""
    from cxr_xai.experiments.dashboard.run import run_dashboard

    run_dashboard(settings)


if __name__ == "__main__":
    main()
