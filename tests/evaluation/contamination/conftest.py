"""Corpora of a few texts with their indexes."""

import pytest
from small_corpora import context_in, write_corpus

from mowa.evaluation.contamination import Against, ContaminationIndexConfig, build_index


@pytest.fixture
def indexed(tmp_path):
    """Index texts: a list of them, or shards as `write_corpus` takes them."""

    def make(texts, name="korpus", workers=1, **config):
        shards = texts if isinstance(texts, dict) else {"a-00000-000": texts}
        root = tmp_path / name
        corpus = write_corpus(root / "corpus", shards)
        out = root / "index"
        out.mkdir()
        build_index(
            corpus,
            out,
            context_in(root, workers),
            config=ContaminationIndexConfig(**config),
            about={"name": name, "fingerprint": name},
        )
        return Against(name, name, corpus, out)

    return make
