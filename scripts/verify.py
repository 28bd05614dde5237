"""Check a run folder: recompute its numbers and compare code, data and split with its certificate."""

from typing import Any

from cxr_xai.experiments.command import command


@command("verify")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the folder to the checks."""
    from cxr_xai.experiments.verify import run_verify

    run_verify(settings)


if __name__ == "__main__":
    main()
