"""From the published files to a batch: every figure of the group, in the order of the path."""

from cxr_xai.experiments.benchmarks.batches import measure_batches
from cxr_xai.experiments.benchmarks.films import measure_films
from cxr_xai.experiments.benchmarks.index import measure_index
from cxr_xai.experiments.benchmarks.phantom import measure_phantom
from cxr_xai.experiments.benchmarks.shards import measure_shards
from cxr_xai.experiments.benchmarks.smote import measure_smote
from cxr_xai.experiments.benchmarks.splits import measure_splits
from cxr_xai.experiments.benchmarks.timing import Figure
from cxr_xai.experiments.benchmarks.transforms import measure_transforms

STEPS = (
    measure_index,
    measure_splits,
    measure_films,
    measure_batches,
    measure_shards,
    measure_transforms,
    measure_smote,
    measure_phantom,
)


def measure_data(repeats: int) -> list[Figure]:
    """Measure index, split, films, batches, shards, transforms, synthetic studies and the phantom."""
    return [figure for measure in STEPS for figure in measure(repeats)]
