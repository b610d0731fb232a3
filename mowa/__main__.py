"""``python -m mowa`` is the command ``mowa``."""

from mowa.cli import main

if __name__ == "__main__":
    main()
