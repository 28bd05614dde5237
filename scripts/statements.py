"""Test clinical statements on a run: python scripts/statements.py folder=outputs/demo/CELL."""

from typing import Any

from cxr_xai.experiments.command import command


@command("statements")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the folder to the tests."""
    from cxr_xai.experiments.statements.run import run_statements

    run_statements(settings)


if __name__ == "__main__":
    main()
