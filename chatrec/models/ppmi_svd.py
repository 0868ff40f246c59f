"""PPMI-SVD item vectors, and clusters of vectors."""

import faiss
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.models.cooccurrence import weighted_counts

LAGS = 10
DEVIATION = 0.05
"""Standard deviation of the vectors."""
ITERATIONS = 20
"""Iterations of k-means."""


def ppmi_vectors(histories: Interactions, items: int, width: int, seed: int) -> Array:
    """Returns U√Σ of the truncated SVD of positive pointwise mutual information, rotated at random.

    PPMI = max(0, log(S · T_ij / (r_i r_j))) with T = Σ_{k≤10} (N_k + N_kᵀ) / k, its sum S and its row sums r
    (Levy and Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization").

    Args:
        histories: Histories of users.
        items: Number of items.
        width: Dimensions of the vectors; those beyond the rank are random.
        seed: Seed of the random rotation and of the SVD's first vector.

    Returns:
        Item vectors, items × width, float32, with a standard deviation of DEVIATION.
    """
    random = np.random.default_rng(seed)
    counts = weighted_counts(histories, items, lambda lag: 1 / lag, LAGS)
    counts = (counts + counts.T).tocoo()
    rows = np.asarray(counts.sum(1)).ravel()
    information = np.log(rows.sum() * counts.data / (rows[counts.row] * rows[counts.col]))
    positive = information > 0
    matrix = csr_matrix((information[positive], (counts.row[positive], counts.col[positive])), counts.shape)
    vectors = random.normal(size=(items, width))
    rank = min(width, items - 2)
    if rank > 0 and matrix.nnz:
        left, values, _ = svds(matrix, rank, v0=random.normal(size=items), random_state=seed)
        vectors[:, :rank] = left * np.sqrt(values)
        rotation, _ = np.linalg.qr(random.normal(size=(width, width)))
        vectors = vectors @ rotation
    scaled: Array = (vectors * (DEVIATION / vectors.std())).astype(np.float32)
    return scaled


def clusters(vectors: Array, count: int, seed: int) -> tuple[Array, Array]:
    """Clusters vectors by spherical k-means.

    Args:
        vectors: Vectors of unit length, float32.
        count: Number of clusters; fewer are returned if a cluster becomes empty.
        seed: Seed of the first centres.

    Returns:
        Cluster of each vector, int64, and its cosine with the centre.
    """
    means = faiss.Kmeans(
        vectors.shape[1], count, niter=ITERATIONS, spherical=True, seed=seed % 2**31, min_points_per_centroid=1
    )
    means.train(vectors)
    similarity, nearest = means.index.search(vectors, 1)
    _, labels = np.unique(nearest[:, 0], return_inverse=True)
    return labels.astype(np.int64), similarity[:, 0]
