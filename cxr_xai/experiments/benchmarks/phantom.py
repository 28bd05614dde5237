"""What drawing a phantom costs."""

import tempfile
import time
from pathlib import Path

from cxr_xai.data.phantom import PhantomSpec, write_phantom
from cxr_xai.experiments.benchmarks.timing import Figure


def measure_phantom(repeats: int) -> list[Figure]:
    """Measure films drawn per second of processor time; drawn once, whatever ``repeats`` says."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        write_phantom(Path(folder) / "phantom", PhantomSpec(train_val_patients=60, test_patients=30), workers=0)
        seconds = time.process_time() - start
        films = len(list((Path(folder) / "phantom").glob("images_*/images/*.png")))
    what = f"phantom of {films} films at 256 px, one core"
    return [Figure(what, seconds, 1.0, films / seconds, "images/s", "≥ 50")]
