"""Explain films: python scripts/explain.py checkpoint=outputs/demo/CELL images=FOLDER explainers=[exact_cam]."""

from typing import Any

from cxr_xai.experiments.command import command


@command("explain")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand films and network to the explainers."""
    from cxr_xai.experiments.explain.run import run_explain

    run_explain(settings)


if __name__ == "__main__":
    main()
