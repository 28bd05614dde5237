"""Would this run? python scripts/doctor.py <overrides of train.py> checks machine, data and settings in seconds."""

import sys
from typing import Any

from cxr_xai.experiments.command import chosen_launcher, command


@command("doctor")
def main(settings: dict[str, Any], choices: dict[str, str]) -> None:
    """Hand the configuration to the checks."""
    launcher = chosen_launcher()
    from cxr_xai.experiments.doctor.case import Case
    from cxr_xai.experiments.doctor.show import consult

    consult(Case(settings, choices, *launcher))


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word not in ("-m", "--multirun")]  # of a sweep, one cell is looked at
    main()
