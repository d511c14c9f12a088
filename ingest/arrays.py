"""Columns of files as NumPy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64Array = npt.NDArray[np.int64]
Int8Array = npt.NDArray[np.int8]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def mask(values: pa.Array) -> BoolArray:
    """A column of booleans; NULL is False."""
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)
