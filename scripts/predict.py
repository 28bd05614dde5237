"""Predict films without labels: python scripts/predict.py checkpoint=outputs/demo/CELL folder=FILMS."""

from typing import Any

from cxr_xai.experiments.command import command


@command("predict")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand network and films to the prediction."""
    from cxr_xai.experiments.predict.run import run_predict

    run_predict(settings)


if __name__ == "__main__":
    main()
