"""Where the libraries of training keep their caches: under `work/`, not in the home folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

CACHES: Final = Path("work/cache")
FOLDERS: Final = {
    "CUDA_CACHE_PATH": "cuda",
    "FASTAI_HOME": "fastai",
    "HF_HOME": "huggingface",
    "MPLCONFIGDIR": "matplotlib",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TORCH_HOME": "torch",
    "TRITON_HOME": "triton",
}
"""Environment variable to folder; without it ~/.nv, ~/.fastai, ~/.cache, ~/.config, /tmp and ~/.triton.

Sources: the documentation of CUDA ("Environment Variables"), fastai, Hugging Face Hub, Matplotlib, PyTorch
and Triton."""


def keep_in_work() -> None:
    """Name a folder for each cache; one that the environment already names stays."""
    for name, folder in FOLDERS.items():
        os.environ.setdefault(name, str((CACHES / folder).absolute()))
