import pytest
import torch

from mowa.inference import TorchEngine
from tests.inference.families import family, tokenizer


@pytest.fixture(scope="session")
def engine_of():
    """An engine with a toy model of a family, the same one each time."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = TorchEngine(family(name), tokenizer(), device=torch.device("cpu"))
        return made[name]

    return get
