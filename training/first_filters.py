"""What the first convolution starts from: the patches that photographs are made of.

Coates and Ng (2012, "Learning feature representations with k-means"): contrast-normalized patches are
whitened and clustered on the sphere; the centers are edges, gratings and blobs of color. A network on
millions of pictures finds such filters by itself (Krizhevsky et al., 2012, Fig. 3); from a few
photographs in half an hour it finds mostly blobs, so it starts from these and adjusts them.
"""

from __future__ import annotations

import numpy as np
import torch
from crops import Batches, Versions, normalized
from torch import Tensor

PATCHES = 200_000
KEPT = 0.99  # share of the variance that whitening keeps: what is left out is grain
ITERATIONS = 60


def first_filters(photographs: list[Versions], count: int, side: int, seed: int) -> Tensor:
    """Filters (count, 3, side, side) of unit norm and zero mean, learned from patches of the photographs."""
    generator = torch.Generator().manual_seed(seed)
    patches = _patches(photographs, side, seed)
    patches = patches - patches.mean(1, keepdim=True)
    contrast = patches.std(1, keepdim=True)
    patches = patches / (contrast + contrast.mean() / 2)
    values, axes = torch.linalg.eigh(patches.T @ patches / len(patches))
    values, axes = values.flip(0), axes.flip(1)
    kept = int((values.cumsum(0) / values.sum() < KEPT).sum()) + 1
    white = patches @ (axes[:, :kept] / values[:kept].sqrt())
    white = white / white.norm(dim=1, keepdim=True).clamp(min=1e-6)
    centers = _spherical_kmeans(white, count, generator)
    # between the patch that a center stands for and the direction that detects it in raw pixels
    filters = (centers @ axes[:, :kept].T).view(count, 3, side, side)
    filters = filters - filters.mean((1, 2, 3), keepdim=True)
    unit: Tensor = filters / filters.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return unit


def _patches(photographs: list[Versions], side: int, seed: int) -> Tensor:
    random = np.random.default_rng(seed)
    found = []
    for crops, _, _ in Batches(photographs, 100, seed):
        windows = normalized(crops / 255).unfold(2, side, 1).unfold(3, side, 1)
        rows = random.integers(windows.shape[2], size=(100, 40))
        columns = random.integers(windows.shape[3], size=(100, 40))
        picture = torch.arange(100)[:, None]
        taken = windows[picture, :, torch.from_numpy(rows), torch.from_numpy(columns)]
        found.append(taken.reshape(-1, 3 * side * side))
        if len(found) * 4000 >= PATCHES:
            break
    return torch.cat(found)


def _spherical_kmeans(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Centers (count, d) of unit norm; a point belongs to the center it is most like, up to its sign."""
    start = torch.randperm(len(points), generator=generator)[:count]
    centers = points[start]
    for _ in range(ITERATIONS):
        likeness = points @ centers.T
        strength, nearest = likeness.abs().max(1)
        sign = likeness.gather(1, nearest[:, None]).sign()
        centers = torch.zeros_like(centers).index_add_(
            0, nearest, points * sign * strength[:, None]
        )
        empty = centers.norm(dim=1) < 1e-6
        spare = torch.randperm(len(points), generator=generator)[:count]
        centers[empty] = points[spare][empty]
        centers = centers / centers.norm(dim=1, keepdim=True)
    return centers
