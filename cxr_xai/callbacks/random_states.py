"""All global random states of a process, as plain types."""

import random
from typing import Any

import numpy as np
import torch


def read_random_states(device: torch.device) -> dict[str, Any]:
    """Return the states of the generators of Python, numpy and torch, and of the device where it has its own."""
    # Ours draw from none of them, but libraries may from the old global one.
    numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    key = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    states = {
        "python": random.getstate(),
        "numpy": {**numpy, "state": {"key": key, "pos": int(numpy["state"]["pos"])}},
        "torch": torch.get_rng_state(),
    }
    return {**states, "cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else states


def set_random_states(states: dict[str, Any], device: torch.device) -> None:
    """Set what ``read_random_states`` returned; a device of another kind than then keeps its own state."""
    random.setstate(states["python"])
    inner = states["numpy"]["state"]
    np.random.set_state(  # noqa: NPY002  # see above
        {**states["numpy"], "state": {**inner, "key": inner["key"].numpy().astype(np.uint32)}}
    )
    torch.set_rng_state(states["torch"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
