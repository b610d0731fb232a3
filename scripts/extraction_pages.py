# ruff: noqa: INP001  # scripts are no package
"""Invented pages whose main text is known: templates of blogs, papers, shops, forums and wikis.

Main text carries `MAIN` in each run of text, and what may be counted either way (`EITHER`: titles,
captions, notes) does too, so that a block can be labelled whatever a parser makes of the page.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

MAIN, EITHER = "\ue000", "\ue001"


def _listed(names: str) -> list[str]:
    return [" ".join(name.split()) for name in names.split("|")]


_BODIES = _listed(
    """entry-content|post-content|article-body|article__body|content|story-body|single-content|
    post-body entry-content|td-post-content tagdiv-type|field field--name-body|article-text|
    post_text|richtext|text||main-content|col-md-8|page-content|body-text|artikel-text|tresc|
    wpb_wrapper|prose|articleBody|c-article__content|news-text|entry|node__content|single-post|
    blog-post-content|the-content|elementor-widget-theme-post-content|mw-parser-output|inhalt|
    markdown-body|text_content|detail-text|ArticleText|post hentry|content clearfix|texto|contenu|
    storytext|js-article-inner"""
)
_WRAPS = _listed(
    """container|row|wrapper|inner|wrap|site|page|l-grid|elementor-section|col-12|content-wrapper|
    site-content|has-sidebar|with-sidebar right-sidebar|layout|grid|main|page-body|clearfix|outer|
    columns|td-container|site-inner|region region-content|block block-system|main-content-area|app|
    comments-open single single-post|sticky-header menu-open|ads-enabled theme-light|article-page"""
)
_CLASSES = {
    "body": _BODIES,
    "side": _listed(
        "sidebar|widget-area|aside|secondary|col-md-4|right-column|rail|region-sidebar|side|"
    ),
    "widget": _listed("widget|block|box|module|card|panel|widget_recent_entries|teaser-list|"),
    "comments": _listed(
        "comments|comments-area|comment-list|disqus|responses|reader-comments|kommentare|"
    ),
    "related": _listed(
        "related-posts|related|recommended|jp-relatedposts|more-stories|teasers|see-also|box|"
    ),
    "meta": _listed("entry-meta|meta|byline|post-info|article-meta|posted-on|author-date|info|"),
    "foot": _listed("site-footer|footer|colophon|footer-widgets|bottom|page-footer|"),
    "nav": _listed("main-navigation|menu|nav|navbar|top-menu|site-nav|menu-primary|"),
    "share": _listed("share|social|sharedaddy|share-buttons|addthis_toolbox|article-tools|"),
    "cookie": _listed("cookie-notice|cookie-banner|gdpr|consent|modal|cc-window|"),
}

_SYLLABLES = _listed(
    """ba|be|bo|da|de|do|fa|go|gra|ka|ke|ko|kra|la|le|lo|ma|me|mi|mo|na|ne|ni|no|pa|pe|po|pra|ra|re|
    ro|sa|se|si|so|sta|sto|ta|te|ti|to|tra|wa|we|wi|wo|za|ze|zo|ści|ów|nia|cie|dzi|rze|szo|ży|ię|ą|
    em|er|en|un|st|ing|tion|der|und|les|que|ment"""
)
_LABELS = _listed(
    """Home|About us|Contact|Kontakt|Strona główna|O nas|Sport|Kultur|Politik|Wirtschaft|News|Blog|
    Shop|Archiv|Impressum|Login|Rejestracja|Galeria|Forum|FAQ|Help|Privacy policy|Newsletter|Video|
    Polityka prywatności|Regulamin|Mapa strony|RSS|Podcast|English|Deutsch|Polski|Menu"""
)


class Site:
    """One template: what its pages have in common is drawn once."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"extraction/{seed}")
        pick = self.rng.choice
        self.hashed = self.rng.random() < 0.15
        self.semantic = self.rng.random() < 0.6
        self.kind = self.rng.choices(
            ["article", "blog", "wiki", "shop", "forum", "docs", "office", "old"],
            [30, 22, 8, 8, 9, 6, 9, 8],
        )[0]
        self.classes = {name: pick(words) for name, words in _CLASSES.items()}
        self.wraps = [pick(_WRAPS) for _ in range(self.rng.randint(0, 6))]
        self.inner = [pick(_WRAPS) for _ in range(self.rng.choice([0, 0, 0, 1, 2, 3]))]
        self.has = {
            name: self.rng.random() < chance
            for name, chance in {
                "cookie": 0.5,
                "side": 0.65,
                "comments": 0.5,
                "related": 0.65,
                "share": 0.6,
                "tags": 0.5,
                "bio": 0.3,
                "newsletter": 0.35,
                "crumbs": 0.4,
                "inside": 0.4,
                "fat_footer": 0.5,
                "about": 0.35,
                "early_side": 0.25,
                "lead": 0.4,
                "teaser_text": 0.5,
                "login": 0.25,
                "mega": 0.3,
                "notice": 0.35,
            }.items()
        }
        self.paragraph = self.rng.choices(["p", "div", "br", "p-div"], [75, 8, 12, 5])[0]
        self.cjk = self.rng.random() < 0.04
        self.length = self.rng.choice([1, 2, 4, 8, 12, 20])
        self.long = self.rng.choice([15, 25, 40, 60])
        self.menu = [self.label() for _ in range(self.rng.choice([4, 7, 10, 25, 60]))]

    # ---- text

    def word(self) -> str:
        """A word of one to four syllables."""
        return "".join(
            self.rng.choices(_SYLLABLES, k=self.rng.choices([1, 2, 3, 4], [4, 5, 3, 1])[0])
        )

    def label(self) -> str:
        """What stands on a button or in a menu."""
        if self.rng.random() < 0.6:
            return self.rng.choice(_LABELS)
        return " ".join(self.word() for _ in range(self.rng.randint(1, 4))).capitalize()

    def sentence(self, words: int | None = None) -> str:
        """A sentence with commas, now and then a number or a name."""
        rng = self.rng
        count = words or max(3, int(rng.gauss(self.long / 2.5, 5)))
        if self.cjk:
            return "".join(chr(rng.randrange(0x4E00, 0x9000)) for _ in range(count * 2)) + "。"
        made = [self.word() for _ in range(count)]
        for at in range(2, count - 2, 7):
            made[at] += rng.choice([",", "", "", " –"])
        if rng.random() < 0.3:
            made[rng.randrange(count)] = rng.choice([str(rng.randrange(2030)), self.word().title()])
        return (
            " ".join(made).capitalize()
            + rng.choices([".", "?", "!", ":", ".”"], [40, 3, 3, 1, 2])[0]
        )

    def prose(self, sentences: int | None = None) -> str:
        """A paragraph."""
        return " ".join(
            self.sentence() for _ in range(sentences or max(1, int(self.rng.gauss(3.5, 2))))
        )

    def headline(self) -> str:
        """A title of three to twelve words."""
        return " ".join(self.word() for _ in range(self.rng.randint(3, 12))).capitalize()

    def link(self, text: str) -> str:
        """The text as a link."""
        return f'<a href="/{self.rng.randrange(10**5)}">{text}</a>'

    def linked(self, text: str, mark: str, chance: float = 0.25) -> str:
        """The text with a mark, and perhaps with a link and bold words in it."""
        words = text.split(" ")
        for _ in range(self.rng.choice([1, 1, 2, 4])):
            if self.rng.random() < chance and len(words) > 3:
                at = self.rng.randrange(len(words) - 1)
                words[at] = (
                    self.link(words[at]) if self.rng.random() < 0.7 else f"<b>{words[at]}</b>"
                )
        return mark + " ".join(words)

    # ---- markup

    def tag(self, name: str, inside: str, css: str = "") -> str:
        """An element; on some sites classes are hashes."""
        if self.hashed and css:
            css = f"css-{abs(hash_of(css)) % 16**6:06x}"
        return f'<{name} class="{css}">{inside}</{name}>' if css else f"<{name}>{inside}</{name}>"

    def meaning(self, name: str) -> str:
        """The element for it, or a mere div."""
        return name if self.semantic else "div"

    def list_of(self, items: list[str], css: str = "") -> str:
        """A list of links."""
        return self.tag("ul", "".join(f"<li>{self.link(item)}</li>" for item in items), css)

    # ---- furniture

    def nav(self) -> str:
        """The menu."""
        inner = self.list_of(self.menu, self.rng.choice(["menu", "", "nav-list"]))
        if self.has["mega"]:
            inner += "".join(
                self.tag(
                    "div", f"<h4>{self.label()}</h4>" + self.list_of(self.menu[:9]), "dropdown"
                )
                for _ in range(3)
            )
        return self.tag(self.meaning("nav"), inner, self.classes["nav"])

    def head(self) -> str:
        """Logo, slogan, search, menu."""
        parts = [self.link(self.headline()), self.tag("p", self.sentence(6), "site-description")]
        if self.has["login"]:
            parts.append(f"<form><label>{self.label()}</label><p>{self.sentence(8)}</p></form>")
        parts.append(self.nav())
        return self.tag(self.meaning("header"), "".join(parts), "site-header")

    def meta(self) -> str:
        """Author, date and section."""
        rng = self.rng
        author = f"{self.word().title()} {self.word().title()}"
        day = f"{rng.randint(1, 28)}.{rng.randint(1, 12)}.20{rng.randint(10, 26)}"
        bits = [self.link(author), f"<time>{day}</time>", self.link(self.label()), "3 min"]
        rng.shuffle(bits)
        return self.tag(
            rng.choice(["div", "p", "div"]),
            " | ".join(bits[: rng.randint(1, 4)]),
            self.classes["meta"],
        )

    def share(self) -> str:
        """Buttons of networks."""
        names = self.rng.sample(["Facebook", "Twitter", "Share", "E-Mail", "Drucken", "Wyślij"], 4)
        if self.rng.random() < 0.5:
            return self.list_of(names, self.classes["share"])
        return self.tag("div", " ".join(map(self.link, names)), self.classes["share"])

    def teaser(self, *, text: bool) -> str:
        """A headline of something else, perhaps with how it begins."""
        name = self.rng.choice(["h3", "h4", "div", "p", "h2"])
        inner = self.tag(name, self.link(self.headline()))
        if self.rng.random() < 0.4:
            inner += self.meta()
        if text:
            more = f" {self.link(self.label())}" if self.rng.random() < 0.4 else ""
            inner += self.tag(
                self.rng.choice(["p", "div"]), self.prose(self.rng.randint(1, 3)) + more
            )
        return self.tag(
            self.rng.choice(["li", "div", self.meaning("article")]),
            inner,
            self.rng.choice(["teaser", "item", "post", "card", ""]),
        )

    def related(self) -> str:
        """Links to other pages."""
        count = self.rng.randint(3, 9)
        head = self.tag(self.rng.choice(["h2", "h3", "div"]), self.label())
        if self.rng.random() < 0.4:
            return self.tag(
                self.meaning("aside"),
                head + self.list_of([self.headline() for _ in range(count)]),
                self.classes["related"],
            )
        teasers = "".join(self.teaser(text=self.has["teaser_text"]) for _ in range(count))
        return self.tag(
            self.rng.choice(["div", "section"]), head + teasers, self.classes["related"]
        )

    def comments(self) -> str:
        """What readers wrote, and the form for it."""
        made = []
        for _ in range(self.rng.choice([0, 1, 3, 8, 20])):
            who = self.tag(
                "div",
                f"{self.link(self.word().title())} {self.rng.randint(1, 28)}.05.2020",
                self.rng.choice(["comment-author", "comment-meta", ""]),
            )
            said = "".join(
                f"<p>{self.prose(self.rng.randint(1, 4))}</p>"
                for _ in range(self.rng.randint(1, 3))
            )
            reply = self.link("Reply") if self.rng.random() < 0.5 else ""
            made.append(
                self.tag("li", who + self.tag("div", said, "comment-content") + reply, "comment")
            )
        fields = f"<p>{self.sentence(12)}</p><p>Name</p><p>E-Mail</p>"
        form = f"<form><h3>{self.label()}</h3>{fields}</form>"
        return self.tag(
            self.rng.choice(["div", "section"]),
            f"<h3>{self.rng.randint(0, 30)} Comments</h3>" + self.tag("ol", "".join(made)) + form,
            self.classes["comments"],
        )

    def side(self) -> str:
        """A column of boxes."""
        boxes = []
        for _ in range(self.rng.randint(2, 7)):
            title = self.tag(self.rng.choice(["h3", "h2", "div", "h4"]), self.label())
            inner = self.rng.choice(
                [
                    lambda: self.list_of([self.headline() for _ in range(self.rng.randint(3, 10))]),
                    lambda: f"<p>{self.prose(self.rng.randint(1, 4))}</p>",
                    lambda: " ".join(self.link(self.word()) for _ in range(25)),
                    lambda: "".join(self.teaser(text=True) for _ in range(3)),
                    lambda: self.list_of([f"{self.word().title()} 20{n}" for n in range(10, 22)]),
                    lambda: f"<form><p>{self.sentence()}</p></form>",
                ]
            )()
            boxes.append(self.tag("div", title + inner, self.classes["widget"]))
        return self.tag(self.meaning("aside"), "".join(boxes), self.classes["side"])

    def foot(self) -> str:
        """The end of the page."""
        parts = []
        if self.has["fat_footer"]:
            parts += [
                self.tag(
                    "div",
                    f"<h4>{self.label()}</h4>" + self.list_of([self.label() for _ in range(6)]),
                )
                for _ in range(4)
            ]
        if self.has["about"]:
            parts.append(f"<p>{self.prose(self.rng.randint(1, 4))}</p>")
        parts.append(self.tag("p", f"© 2021 {self.headline()}. {self.sentence(6)}", "copyright"))
        return self.tag(self.meaning("footer"), "".join(parts), self.classes["foot"])

    def cookie(self) -> str:
        """The banner that asks."""
        inner = f"<p>{self.prose(self.rng.randint(1, 6))} {self.link(self.label())}</p>"
        return self.tag("div", inner, self.classes["cookie"])

    def newsletter(self) -> str:
        """A box that wants an address."""
        return self.tag(
            "div",
            f"<h3>{self.label()}</h3><p>{self.prose(2)}</p>",
            self.rng.choice(["newsletter", "subscribe", "box", "cta", ""]),
        )

    def inside(self) -> str:
        """What interrupts an article."""
        return self.rng.choice(
            [
                lambda: self.tag("div", "Anzeige", "ad"),
                lambda: self.tag(
                    "p",
                    f"{self.label()}: {self.link(self.headline())}",
                    self.rng.choice(["read-more", "related-inline", "", "also"]),
                ),
                self.newsletter,
                self.related,
                self.share,
                lambda: self.tag(
                    "figure", f"<img src=a><figcaption>{EITHER}{self.sentence(9)}</figcaption>"
                ),
                lambda: self.tag("div", f"{EITHER}{self.sentence(9)}", "wp-caption-text"),
            ]
        )()

    # ---- the main text

    def paragraphs(self, count: int) -> list[str]:
        """Main text, as the site writes it."""
        made = []
        for _ in range(count):
            text = self.linked(self.prose(), MAIN)
            name = self.paragraph if self.paragraph != "p-div" else self.rng.choice(["p", "div"])
            made.append(f"{text}<br><br>" if name == "br" else self.tag(name, text))
        return made

    def extra(self) -> str:
        """A heading, list, table, quotation or code in the main text."""
        rng = self.rng
        items = rng.randint(2, 9)
        return rng.choices(
            [
                lambda: self.tag(rng.choice(["h2", "h3", "h4"]), MAIN + self.headline()),
                lambda: self.tag("p", f"<b>{MAIN}{self.headline()}</b>"),
                lambda: self.tag(
                    rng.choice(["ul", "ol"]),
                    "".join(
                        f"<li>{self.linked(self.sentence(rng.randint(2, 18)), MAIN)}</li>"
                        for _ in range(items)
                    ),
                ),
                lambda: self.tag(
                    "table",
                    "".join(
                        "<tr>"
                        + "".join(
                            f"<td>{MAIN}{self.word()} {rng.randrange(99)}</td>" for _ in range(3)
                        )
                        + "</tr>"
                        for _ in range(items)
                    ),
                ),
                lambda: self.tag("blockquote", f"<p>{MAIN}{self.prose(2)}</p>"),
                lambda: self.tag(
                    "pre", MAIN + "\n".join(f"{self.word()}({n})" for n in range(items))
                ),
                lambda: self.tag("p", MAIN + self.sentence(4)),
                lambda: self.tag(
                    "ul",
                    "".join(f"<li>{self.link(MAIN + self.headline())}</li>" for _ in range(items)),
                ),
            ],
            [40, 12, 20, 6, 12, 4, 10, 5],
        )[0]()

    def article(self) -> str:
        """Main text with what stands in it."""
        rng = self.rng
        count = max(1, int(self.length * rng.uniform(0.5, 1.7)))
        parts = self.paragraphs(count)
        for _ in range(rng.randint(0, 1 + count // 3)):
            parts.insert(rng.randrange(len(parts) + 1), self.extra())
        if self.has["inside"]:
            for _ in range(rng.randint(1, 3)):
                parts.insert(rng.randrange(len(parts) + 1), self.inside())
        if self.has["lead"]:
            parts.insert(
                0,
                self.tag(
                    rng.choice(["p", "div", "h2"]),
                    MAIN + self.prose(2),
                    rng.choice(["lead", "intro", "excerpt", "standfirst", ""]),
                ),
            )
        return "".join(parts)

    def forum(self) -> str:
        """Posts with profiles beside them."""
        posts = []
        css = self.rng.choice(["post", "message", "postbody", "forum-post", "comment"])
        for _ in range(self.rng.randint(1, 10)):
            who = self.tag(
                "div",
                f"{self.link(self.word())}<p>Posts: {self.rng.randrange(999)}</p>",
                "postprofile",
            )
            text = "".join(self.paragraphs(self.rng.randint(1, 4)))
            signature = (
                self.tag("div", self.sentence(7), "signature") if self.rng.random() < 0.4 else ""
            )
            posts.append(
                self.tag(
                    "div", who + self.meta() + self.tag("div", text, "content") + signature, css
                )
            )
        return "".join(posts)

    def wiki(self) -> str:
        """Sections with links to edit them, contents, a box, references."""
        box = self.tag(
            "table",
            "".join(
                f"<tr><th>{EITHER}{self.word()}</th><td>{EITHER}{self.word()}</td></tr>"
                for _ in range(9)
            ),
            "infobox",
        )
        parts = [box, *self.paragraphs(2), self.tag("div", self.list_of(self.menu[:8]), "toc")]
        for _ in range(self.rng.randint(1, 6)):
            edit = self.tag("span", f"[{self.link('edytuj')}]", "mw-editsection")
            parts.append(f"<h2>{EITHER}{self.headline()}{edit}</h2>")
            parts += self.paragraphs(self.rng.randint(1, 4))
        notes = "".join(f"<li>{EITHER}{self.sentence(9)}</li>" for _ in range(6))
        parts.append(self.tag("ol", notes, "references"))
        parts.append(self.tag("div", self.list_of(self.menu[:5]), "catlinks"))
        return "".join(parts)

    def shop(self) -> str:
        """Price and buttons, a description, data, reviews."""
        price = self.tag("div", f"{self.rng.randint(5, 999)},99 zł {self.label()}", "price")
        data = "".join(
            f"<tr><td>{MAIN}{self.word()}</td><td>{self.word()}</td></tr>" for _ in range(6)
        )
        return (
            price
            + self.tag("div", self.article(), "product-description")
            + f"<table>{data}</table>"
        )

    def work(self, title: str) -> str:
        """The article with its head and what follows it."""
        rng = self.rng
        kinds: dict[str, Callable[[], str]] = {
            "forum": self.forum,
            "wiki": self.wiki,
            "shop": self.shop,
        }
        body = kinds.get(self.kind, self.article)()
        text = self.tag(rng.choice(["div", "div", "section"]), body, self.classes["body"])
        for css in self.inner:
            text = self.tag("div", text, css)
        css = rng.choice(["entry-title", "title", "", "headline"])
        before = [self.tag("h1", EITHER + title, css)]
        if rng.random() < 0.8:
            before.append(self.meta())
        if self.has["crumbs"]:
            crumbs = " » ".join(map(self.link, self.menu[:3]))
            before.insert(0, self.tag("div", crumbs, "breadcrumbs"))
        if self.has["share"] and rng.random() < 0.5:
            before.append(self.share())
        after = [self.share()] if self.has["share"] else []
        if self.has["tags"]:
            words = ", ".join(self.link(self.word()) for _ in range(5))
            css = rng.choice(["tags", "post-tags", "entry-footer", ""])
            after.append(self.tag("div", f"Tags: {words}", css))
        if self.has["bio"]:
            inner = f"<h4>{self.word().title()}</h4><p>{self.prose(2)}</p>"
            css = rng.choice(["author-bio", "about-author", "box", ""])
            after.append(self.tag("div", inner, css))
        css = rng.choice(["post hentry category-news tag-foo", "article", "", "node"])
        return self.tag(self.meaning("article"), "".join([*before, text, *after]), css)

    def tail(self) -> str:
        """What follows the article in the same column."""
        rng = self.rng
        names = ("related", "newsletter", "comments")
        parts = [getattr(self, name)() for name in names if self.has[name]]
        rng.shuffle(parts)
        if self.has["notice"] and rng.random() < 0.5:
            parts.append(f"<p>{self.prose(2)}</p>")
        elif self.has["notice"]:
            parts.append(self.tag("div", self.prose(1), "notice"))
        return "".join(parts)

    def page(self) -> tuple[str, str]:
        """One page as HTML, and its title."""
        rng = self.rng
        title = self.headline()
        css = rng.choice(["main", "content-area", "", "primary"])
        main = self.tag(self.meaning("main"), self.work(title) + self.tail(), css)
        if self.has["side"]:
            main = self.side() + main if self.has["early_side"] else main + self.side()
        if self.kind == "old":
            cells = [self.nav(), main, self.side()]
            main = "<table><tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr></table>"
        for css in self.wraps:
            main = self.tag("div", main, css)
        parts = [self.head(), main, self.foot()]
        if self.has["cookie"]:
            parts.insert(rng.choice([0, len(parts)]), self.cookie())
        head = f"<html><head><title>{title}</title></head>"
        return f"{head}<body>{''.join(parts)}</body></html>", title


def hash_of(text: str) -> int:
    """A number for a text, the same in each process."""
    value = 7
    for sign in text:
        value = (value * 31 + ord(sign)) % (1 << 32)
    return value


def pages(sites: int, each: int) -> Iterator[tuple[int, str, str]]:
    """Number of the site, page and title; same arguments, same pages."""
    for number in range(sites):
        site = Site(number)
        for _ in range(each):
            html, title = site.page()
            yield number, html, title
