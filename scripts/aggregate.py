"""Average folds and seeds, compare arms, write tables: python scripts/aggregate.py runs=outputs/sweep."""

from typing import Any

from cxr_xai.experiments.command import command


@command("aggregate")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the aggregation."""
    from cxr_xai.experiments.aggregate.run import run_aggregate

    run_aggregate(settings, choices)


if __name__ == "__main__":
    main()
