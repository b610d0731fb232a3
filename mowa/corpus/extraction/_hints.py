"""What the name, the class and the like of an element hint at, as bits."""

from __future__ import annotations

import re
from functools import lru_cache

CELLS = ("td", "th")
# Elements that begin a line (HTML Standard, 15.3.3), less those that are no text.
TAGS = (
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details"),
    *("dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1"),
    *("h2", "h3", "h4", "h5", "h6", "header", "hgroup", "legend", "li", "main", "nav", "optgroup"),
    *("option", "p", "search", "section", "summary", "table", "tbody", "tfoot", "thead"),
)

# Words that templates of blogs, shops, forums and portals use in class, id and role.
_WORDS = {
    "comment": "comment comments commentlist disqus respond reply replies discussion feedback"
    " kommentar kommentare komentarz komentarze comentarios commentaires guestbook",
    "side": "sidebar sidebars side aside widget widgets rail secondary complementary column margin",
    "nav": "nav navi navigation navbar menu menus submenu breadcrumb breadcrumbs crumb crumbs path"
    " pagination pager paging toc tabs topbar skip sitemap dropdown menuitem navbox prevnext",
    "foot": "footer foot colophon bottom copyright legal imprint impressum disclaimer contentinfo"
    " stopka",
    "head": "header head masthead banner logo branding top topbar intro hero",
    "related": "related recommended recommend recommendation more similar popular trending latest"
    " recent linked also next previous prev other readmore zobacz polecane powiazane outbrain"
    " taboola teaser teasers promoted spotlight",
    "share": "share sharing social socials facebook twitter follow sharedaddy addthis like likes"
    " whatsapp bookmark",
    "ad": "ad ads adv advert adverts advertisement advertising sponsor sponsored promo promotion"
    " banner anzeige reklama werbung dfp adsense affiliate",
    "meta": "meta byline author authors date time timestamp posted info tag tags category"
    " categories label labels published postmeta dateline credit rating stats views",
    "pop": "cookie cookies consent gdpr rodo modal popup overlay newsletter subscribe subscription"
    " login signin signup register account paywall notice alert",
    "form": "form search input field button btn btns submit captcha",
    "content": "content contents entry text body story inhalt tresc artykul contenu contenido"
    " mw parser markdown richtext",
    "article": "article articlebody articletext articlecontent post postbody posting hentry main"
    " maincontent mainbody entrycontent blogpost single news blog artikel page node document",
    "image": "caption gallery image images photo photos picture slideshow video media figure thumb"
    " thumbnail player carousel slider zdjecie",
    "list": "list lists teaser card cards grid item items tile archive excerpt feed listing results"
    " archives index",
    "shop": "cart basket price product products shop checkout wishlist offer offers buy",
    "tool": "tool tools toolbar print action actions edit editsection download noprint screen"
    " reader sr hidden visually control controls icon icons",
    "profile": "profile avatar user username signature bio about biography nick member vcard"
    " postprofile",
    "reference": "references reflist footnotes footnote infobox hatnote catlinks ambox sources",
    "text": "lead standfirst summary abstract paragraph para perex intro quote blockquote answer",
}
GROUPS = (*_WORDS, "body", "hidden")
_BIT = {name: 1 << index for index, name in enumerate(GROUPS)}
_OF_WORD: dict[str, int] = {}
for _name, _words in _WORDS.items():
    for _word in _words.split():
        _OF_WORD[_word] = _OF_WORD.get(_word, 0) | _BIT[_name]
HIDDEN = _BIT["hidden"]

# The elements that mean something of themselves.
MEANT = ("article", "main", "nav", "aside", "header", "footer", "form", "figure", "blockquote")
_MEANT_BIT = {name: 1 << (len(GROUPS) + index) for index, name in enumerate(MEANT)}
BITS = len(GROUPS) + len(MEANT)

_NAMED = re.compile(
    r'(?:\A|\s)(class|id|role|itemprop|style|hidden|aria-hidden)(?:="([^"]*)")?(?=\s|\Z)'
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_UNSEEN = re.compile(r"display\s{0,4}:\s{0,4}none|visibility\s{0,4}:\s{0,4}hidden", re.IGNORECASE)
_MOST = 400  # characters of a value; utility classes by the dozen say nothing


@lru_cache(maxsize=1 << 16)
def hints_of(tag: str, attributes: str) -> int:
    """Bits of `GROUPS`, then of `MEANT`, for an element with these attributes."""
    bits = _MEANT_BIT.get(tag, 0)
    if len(attributes) > 4 * _MOST:
        attributes = attributes[: 4 * _MOST]
    for name, value in _NAMED.findall(attributes):
        if name == "style":
            bits |= HIDDEN if _UNSEEN.search(value) else 0
        elif name == "hidden":
            bits |= HIDDEN
        elif name == "aria-hidden":
            bits |= HIDDEN if value == "true" else 0
        else:
            for word in _WORD.findall(value[:_MOST]):
                bits |= _OF_WORD.get(word.lower(), 0)
    both = _BIT["content"] | _BIT["article"]
    return bits | _BIT["body"] if bits & both == both else bits
