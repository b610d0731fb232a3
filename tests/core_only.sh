#!/bin/sh
# Usage: core_only.sh BIN, where BIN belongs to an environment with the core dependencies only.
set -eu
bin=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$bin/python" - <<'PYTHON'
import importlib.util
import sys

for name in ("torch", "transformers", "tokenizers", "safetensors"):
    assert importlib.util.find_spec(name) is None, f"{name} is installed: this is not the core"
import mowa
PYTHON
"$bin/mowa" --help >/dev/null
"$bin/mowa" init --sample "$work/project" >/dev/null
cd "$work/project"
"$bin/mowa" run recipes/quickstart.toml --dry-run
"$bin/mowa" run recipes/quickstart.toml --to corpus
if "$bin/mowa" run recipes/quickstart.toml 2>"$work/message"; then
  echo "training without torch should have been refused" >&2
  exit 1
fi
grep -q "pip install 'mowa\[train\]'" "$work/message"
echo "core only: ok"
