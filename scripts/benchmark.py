"""Measure speed against baselines in the same run: python scripts/benchmark.py group=explain."""

from typing import Any

from cxr_xai.experiments.command import command


@command("benchmark")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the benchmarks."""
    from cxr_xai.experiments.benchmarks.run import run_benchmarks

    run_benchmarks(settings["group"], settings["repeats"], settings["output"])


if __name__ == "__main__":
    main()
