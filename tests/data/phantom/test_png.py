"""What is written comes back from another reader."""

import zlib

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from cxr_xai.data.phantom.png import encode_png

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(RNG.integers(0, 256, (5, 7), np.uint8), id="gray"),
        pytest.param(RNG.integers(0, 1 << 14, (6, 3), np.uint16), id="16-bit"),
        pytest.param(np.arange(40, dtype=np.uint16).reshape(4, 10)[:, ::2], id="16-bit view"),
    ],
)
@pytest.mark.parametrize("strategy", [zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY])
def test_gray_images_come_back(image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], strategy: int) -> None:
    data = encode_png(image, strategy)
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert read.dtype == image.dtype
    assert (read == image).all()


def test_color_is_stored_red_first() -> None:
    image = RNG.integers(0, 256, (4, 6, 4), np.uint8)
    read = cv2.imdecode(np.frombuffer(encode_png(image, zlib.Z_HUFFMAN_ONLY), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (read[..., [2, 1, 0, 3]] == image).all()  # OpenCV reads blue first
