"""A folder as what a step reads."""

from mowa.workspace import Artifact


def artifact(path, kind, *, name=None, fingerprint="0" * 32, metrics=None, config=None):
    """An artifact of `kind` whose files lie in `path`."""
    return Artifact(
        path=path,
        kind=kind,
        name=name or f"proba/{kind}",
        version="dev",
        fingerprint=fingerprint,
        revision=1,
        config=config or {},
        runtime={},
        inputs=(),
        code={},
        created="",
        seconds=0.0,
        files=(),
        metrics=metrics or {},
    )
