"""Makes the WARC files of `corpus.py`: pages of a manual, invented pages, pages of the web.

    python benchmarks/pages.py FOLDER [--help-pages FOLDER] [--pages 1000] [--real-pages FOLDER]

`help.warc.gz` holds the Polish pages of LibreOffice's help (MPL-2.0), 2,561 in version 7.4: unpack
Debian's package with `apt-get download libreoffice-help-pl` and `dpkg -x PACKAGE.deb FOLDER`, and
give the folder. `web.warc.gz` holds invented pages of the sample's sites, 30 to 150 kB each, with
scripts, styles and navigation. `real.warc.gz` holds the 990 pages on which trafilatura measures
itself, 145 kB on average, in many languages: give the folder `tests` of its repository. Those of
Polish hosts come first, so that some of the first hundred are kept. Same arguments, same bytes.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from pathlib import Path
from urllib.parse import urlsplit

from mowa.sample._compose import compose
from mowa.sample._sites import Sites
from mowa.sample._warc import records_of, warc
from mowa.sample._web import HOSTS, Host, Page, page_url

_LEAST, _MOST = 30_000, 150_000  # characters of a page of the web
_SEED = 11


def help_warc(folder: Path, target: Path) -> int:
    """Write every HTML page under `folder`; returns how many there are."""
    host = Host("help.example", "Pomoc", (), "docs")
    pages = [
        Page(f"https://{host.domain}/{path.relative_to(folder).as_posix()}", host, body=raw)
        for path in sorted(folder.rglob("*.html"))
        if (raw := path.read_bytes())
    ]
    target.write_bytes(warc(list(records_of(target.name, pages, Sites(_SEED, pages), first=0))))
    return len(pages)


def web_warc(count: int, target: Path) -> int:
    """Write `count` pages on the sample's hosts, their sizes even on a logarithmic scale."""
    rng = random.Random(_SEED)
    pages = []
    for number, text in enumerate(compose("web", count, seed=_SEED, seen=set())):
        host = HOSTS[text.host]
        size = round(_LEAST * math.exp(rng.random() * math.log(_MOST / _LEAST)))
        url = page_url(host, text.title, number)
        pages.append(Page(url, host, text.title, text.paragraphs, size=size))
    target.write_bytes(warc(list(records_of(target.name, pages, Sites(_SEED, pages), first=0))))
    return len(pages)


def real_warc(folder: Path, target: Path) -> int:
    """Write the pages that `evaldata.json` under `folder` names; returns how many there are."""
    wanted = json.loads((folder / "evaldata.json").read_text("utf-8"))
    pages = []
    for address in sorted(wanted, key=lambda url: (".pl/" not in url, url)):
        path = next(
            path
            for part in ("cache", "eval")
            if (path := folder / part / wanted[address]["file"]).is_file()
        )
        url = address if "://" in address else f"https://{address}"
        host = Host(urlsplit(url).netloc, "", (), "web")
        pages.append(Page(url, host, body=path.read_bytes()))
    target.write_bytes(warc(list(records_of(target.name, pages, Sites(_SEED, pages), first=0))))
    return len(pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the WARC files go")
    parser.add_argument("--help-pages", type=Path, help="the unpacked package libreoffice-help-pl")
    parser.add_argument("--pages", type=int, default=1_000, help="invented pages")
    parser.add_argument("--real-pages", type=Path, help="the folder tests of trafilatura")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    made = {"web.warc.gz": web_warc(arguments.pages, arguments.folder / "web.warc.gz")}
    if arguments.help_pages is not None:
        target = arguments.folder / "help.warc.gz"
        made["help.warc.gz"] = help_warc(arguments.help_pages, target)
        if not made["help.warc.gz"]:
            parser.error(f"there is no HTML page under {arguments.help_pages}")
    if arguments.real_pages is not None:
        made["real.warc.gz"] = real_warc(arguments.real_pages, arguments.folder / "real.warc.gz")
    for name, count in made.items():
        size = (arguments.folder / name).stat().st_size
        print(f"{name}: {count:,} pages, {size / 1e6:,.1f} MB compressed")


if __name__ == "__main__":
    main()
