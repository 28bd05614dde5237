"""Proof at the start of a run: known squares go through the transform and come back where its matrices say.

Boxes and masks follow ``transform.matrices``, pixels follow the transform itself. Should the two ever disagree, boxes
would miss their lesions without any error. So films with known squares are sent through, and once more without them:
both calls draw the same, so the difference shows the squares alone, whatever happened to gray levels.
"""

import torch
from torch import Tensor

from cxr_xai.data.transforms.draws import Stream, draw_uniform
from cxr_xai.data.transforms.transform import Transform
from cxr_xai.errors import UserError
from cxr_xai.findings import FINDINGS
from cxr_xai.types import Batch

TOLERANCE = 0.5
"""Pixels."""
FILMS, EPOCHS, NEEDED = 8, 2, 4
"""Films per epoch, epochs, and how many films of all must be judged."""
GRAY, STEP = 128, 64
"""Squares are brighter or darker than the film, in turn, so that its mean is the same with and without them."""
BORDER = 0.08
"""Share of the side that is left free, so that few squares leave the film."""
FAINTEST = 0.02
"""Smallest difference in gray that counts as a square, of the full range."""


def require_geometry(transform: Transform, image_size: int) -> float:
    """Return the residual of ``probe_geometry`` in pixels, for the certificate.

    Raises:
        UserError: it is above half a pixel, or undefined.
    """
    error = probe_geometry(transform, image_size)
    if error <= TOLERANCE:
        return error
    found = f"{error:.2f} pixels from where" if error > TOLERANCE else "with too few of its squares where"
    raise UserError(
        f"transform: {type(transform).__name__} brings probe films back {found} its matrices say: boxes would miss "
        "their lesions. Let it change less, make apply() and matrices() agree, or choose transform=none."
    )


def probe_geometry(transform: Transform, image_size: int) -> float:
    """Return the largest distance in pixels between where a point of a film is and where its matrix puts it.

    Each of 8 films in each of 2 epochs carries up to 25 squares in a pattern without symmetry. A square's place is the
    centroid of its difference from its surroundings; squares that are not wholly in view are left out. The places give,
    by least squares, the affine error of the film, which is taken at its corners. Films whose squares leave a corner
    less sure than half a square are not judged.

    Args:
        transform: as configured.
        image_size: side of the films in pixels, 32 or more.

    Returns:
        The largest error, or NaN where it is undefined: fewer than 4 films can be judged, or some film shows more of
        its squares elsewhere than near where its matrix puts them.
    """
    index = torch.arange(FILMS)
    parts = [_probe_epoch(transform, image_size, index, epoch) for epoch in range(EPOCHS)]
    places, shifts, whole, astray = (torch.cat(column) for column in zip(*parts, strict=True))
    corners = torch.tensor([[x, y] for x in (0, image_size) for y in (0, image_size)], dtype=torch.float64)
    errors, judged = _fit(places, shifts, whole, corners)
    if astray.any() or judged.sum() < NEEDED:
        return float("nan")
    return float(errors[judged].norm(dim=-1).max())


def _probe_epoch(transform: Transform, size: int, index: Tensor, epoch: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return ``(N, M, 2)`` places on the film, and ``_find`` of their squares."""
    films, places, side = draw_films(size, index)
    target = torch.zeros(len(index), len(FINDINGS))
    marked, plain = (
        transform(Batch(index, film, target), epoch).image for film in (films, torch.full_like(films, GRAY))
    )
    linear, offset = torch.split(transform.matrices(index, epoch).double(), [2, 1], dim=2)
    # The matrices hold for coordinates from -1 to 1: in pixels, that is about the center.
    expected = (places - size / 2) @ linear.transpose(1, 2) + (1 + offset.transpose(1, 2)) * size / 2
    return places, *_find((marked - plain)[:, 0].double(), expected, linear, side)


def draw_films(size: int, index: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return ``(N, 1, size, size)`` uint8 films, the ``(N, M, 2)`` centers of their squares (x, y), and their side."""
    count = min(5, max(3, size // 16))
    cell = size * (1 - 2 * BORDER) / count
    side = max(2, round(cell / 3))
    rows, columns = torch.meshgrid(torch.arange(count), torch.arange(count), indexing="ij")
    corner = size * BORDER + cell * torch.stack([columns, rows], dim=-1).view(-1, 2)
    jitter = draw_uniform(0, 0, index, 2 * count**2, Stream.PROBE).view(len(index), -1, 2)
    # A quarter of the cell stays free on both sides together, for the surroundings that a square is compared with.
    start = (corner + cell / 8 + jitter * (0.75 * cell - side)).round().long()
    pixels = torch.arange(size)
    inside = (pixels >= start[..., None]) & (pixels < start[..., None] + side)
    across, down = inside.float().unbind(2)  # (N, M, size)
    steps = torch.where(torch.arange(count**2) % 2 == 0, STEP, -STEP)
    films = GRAY + (steps[:, None] * down).transpose(1, 2) @ across
    return films.to(torch.uint8).unsqueeze(1), start.double() + side / 2, side


def _find(image: Tensor, expected: Tensor, linear: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Look for squares in windows around their expected places.

    Args:
        image: ``(N, S, S)`` what squares changed.
        expected: ``(N, M, 2)`` centers in pixels of the image.
        linear: ``(N, 2, 2)``, from the film to the image.
        side: of the squares, in pixels of the film.

    Returns:
        ``(N, M, 2)`` shifts in pixels of the image, ``(N, M)`` whether the whole square was found, and ``(N,)`` whether
        most of what changed lies outside all windows.
    """
    size, margin = image.shape[-1], max(2.0, side / 4)
    reach = int((side / 2 + margin) * linear.abs().sum(2).amax().item()) + 1
    steps = torch.arange(-reach, reach + 1)
    pixels = expected.floor().long()[:, :, None] + torch.cartesian_prod(steps, steps)  # (N, M, P, 2) as x, y
    away = pixels + 0.5 - expected[:, :, None]
    # In the film's own frame a window is an upright square again.
    film = (away @ torch.linalg.inv(linear).transpose(1, 2)[:, None]).abs().amax(-1)
    window, inside = film <= side / 2 + margin, ((pixels >= 0) & (pixels < size)).all(-1)
    x, y = pixels.clamp(0, size - 1).unbind(-1)
    number = torch.arange(len(image))[:, None, None].expand_as(x)
    gray = image[number, y, x]
    around = torch.where(window & (film > side / 2 + margin / 2), gray, torch.nan).nanmedian(-1, keepdim=True).values
    height = torch.where(film <= max(side / 4, 0.75), gray, torch.nan).nanmedian(-1, keepdim=True).values - around
    weights = torch.where(window, (gray - around) / height, 0)
    shifts = (weights[..., None] * away).sum(2) / weights.sum(-1, keepdim=True)
    missing = 1 - weights.sum(-1) / torch.linalg.det(linear).abs()[:, None] / side**2
    # A strip of 0.4 pixels hidden along one side moves the centroid by 0.2.
    whole = (inside | ~window).all(-1) & (height[..., 0].abs() > FAINTEST) & (missing.abs() * side < 0.4)
    near = torch.zeros(image.shape, dtype=torch.bool)
    near[tuple(place[window & inside] for place in (number, y, x))] = True
    return shifts, whole, _astray(image, near)


def _astray(image: Tensor, near: Tensor) -> Tensor:
    """Return ``(N,)`` whether most of what changed strongly lies outside ``near``, both ``(N, S, S)``."""
    changed = (image - image.flatten(1).median(1).values[:, None, None]).abs()
    strong = changed > (changed.amax((1, 2), keepdim=True) / 2).clamp(min=FAINTEST)
    return (strong & ~near).sum((1, 2)) > (strong & near).sum((1, 2))


def _fit(places: Tensor, shifts: Tensor, whole: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Fit ``shift = [x, y, 1] @ error`` to the whole squares of each film.

    Returns:
        ``(N, 4, 2)`` errors at the corners, and ``(N,)`` whether their variance is at most twice that of a square.
    """
    points, ends = (torch.cat([p, torch.ones_like(p[..., :1])], dim=-1) for p in (places, corners))
    weighted = (points * whole[..., None]).transpose(1, 2)
    inverse = torch.linalg.pinv(weighted @ points, hermitian=True)
    errors = inverse @ weighted @ torch.where(whole[..., None], shifts, 0)
    variance = ((ends @ inverse) * ends).sum(-1).amax(-1)
    return ends @ errors, (variance <= 2) & (whole.sum(1) > 3)
