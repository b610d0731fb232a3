import pytest


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A tokenizer and tokens of some hundred short documents."""
    from tiny_training import make_world

    return make_world(tmp_path_factory.mktemp("world"))
