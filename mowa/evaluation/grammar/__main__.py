"""`python -m mowa.evaluation.grammar` writes the items of the task `grammar` again."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from mowa.evaluation.grammar._generate import ITEMS, SEED, generate, write_items


def main() -> None:
    """Write the items, or print a few pairs of each phenomenon for a reader."""
    parser = argparse.ArgumentParser(prog="python -m mowa.evaluation.grammar", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="another draw of the same templates")
    parser.add_argument("--out", type=Path, default=ITEMS, help="the file to write")
    parser.add_argument(
        "--show", type=int, metavar="N", help="print N pairs of each, write nothing"
    )
    arguments = parser.parse_args()
    pairs = generate(seed=arguments.seed)
    if arguments.show is None:
        write_items(pairs, arguments.out)
        print(f"{arguments.out}: {len(pairs)} pairs")
        return
    for name in dict.fromkeys(pair.phenomenon for pair in pairs):
        print(f"\n{name}")
        mine = [pair for pair in pairs if pair.phenomenon == name]
        for pair in random.Random(arguments.seed).sample(mine, min(arguments.show, len(mine))):
            print(f"  {pair.good}\n  * {pair.bad}")


if __name__ == "__main__":
    main()
