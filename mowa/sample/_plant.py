"""What is planted among the good documents, and how often."""

from __future__ import annotations

from dataclasses import replace

from mowa.sample import _planted
from mowa.sample._builder import Builder, Paper
from mowa.sample._compose import Document
from mowa.sample._personal import KINDS, LOOK_ALIKES
from mowa.sample._reserved import cases, plant_reservations
from mowa.sample._truth import Truth
from mowa.sample._warc import PIXEL
from mowa.sample._web import HOSTS, Host, Page, page_url

__all__ = ["Good", "good_truth", "plant", "spare_documents"]

Good = dict[str, list[tuple[Document, Host]]]
"""The good documents by form; those of the web with the host that they stand on."""

_MIRROR = Host(
    "odbicie.example", "Najlepsze artykuły", ("Wszystko", "O serwisie"), "blog", coding="gzip"
)
_MIRRORED = "nauka"
_SPAM = Host("uslugi-24h.example", "Usługi 24h", ("Oferta", "Cennik"), "shop", robots=None)
_LONG = 1_100_000  # characters of the one long page


def good_truth(document: Document) -> Truth:
    """The truth about a good document; `document` is the name that its copies share with it."""
    return Truth("good", document=document.name, register=document.kind, language="pol")


def plant(builder: Builder, good: Good, scale: int) -> None:
    """Plant everything: at `scale` 1 at least once, at 5 about as often as docs/sample.md says."""
    _plant_copies(builder, good, scale)
    _plant_near_copies(builder, good, scale)
    _plant_mirror(builder, good)
    _plant_languages(builder, scale)
    _plant_spam(builder, scale)
    _plant_remains(builder, scale)
    _plant_personal_data(builder, scale)
    _plant_mojibake(builder, scale)
    plant_reservations(builder, max(1, scale // 2))
    _plant_bad_papers(builder)
    _plant_other_answers(builder, scale)
    _plant_policies(builder)
    _plant_damage(builder, scale)


def spare_documents(scale: int) -> int:
    """How many good documents that stand nowhere else `plant` uses up."""
    policies = len(cases()) * max(1, scale // 2)
    return policies + (2 + 6 + 4 + 4 + 1) * scale + 3 + 3  # languages, data, mojibake, damage


def _any_host(builder: Builder) -> Host:
    return HOSTS[builder.rng.choice(sorted(HOSTS))]


def _copy(document: Document, what: str) -> Truth:
    return replace(
        good_truth(document),
        kind="duplicate",
        expected="duplicate",
        reason="exact-duplicate",
        what=what,
        duplicate_of=document.name,
    )


def _plant_copies(builder: Builder, good: Good, scale: int) -> None:
    """Within each form and from one to another; across forms the title is part of the text."""
    rng = builder.rng
    for document, _ in rng.sample(good["web"], 4 * scale):
        host, truth = _any_host(builder), _copy(document, "other-host")
        builder.page(host, document.title, document.text, truth)
    originals = {truth.document: page for page, truth in builder.pages if truth.kind == "good"}
    for document, _ in rng.sample(good["web"], scale):
        # The same page at another address: a session in the query, a counter.
        original = originals[document.name]
        url = f"{original.url}?sesja={rng.randrange(10**6)}"
        builder.add_page(
            replace(original, url=url, same_as=original.url), _copy(document, "same-page")
        )
    for document, _ in rng.sample(good["stories"], scale):
        builder.story(document.page, _copy(document, "same-form"))
        host = HOSTS["opowiadania"]
        builder.page(host, document.title, document.text, _copy(document, "other-form"))
        builder.note("", document.page, _copy(document, "other-form"))
    for document, _ in rng.sample(good["web"], scale):
        builder.story(document.page, _copy(document, "other-form"))
        builder.note("", document.page, _copy(document, "other-form"))
    for document, _ in rng.sample(good["notes"], 3 * scale):
        builder.note(document.title, document.text, _copy(document, "same-form"))


def _plant_near_copies(builder: Builder, good: Good, scale: int) -> None:
    rng = builder.rng
    for index in range(10 * scale):
        form = ("web", "notes")[index // 5 % 2]
        change = _planted.CHANGES[index % len(_planted.CHANGES)]
        fitting = [document for document, _ in good[form] if len(document.paragraphs) > 2]
        document = rng.choice(fitting or [good[form][0][0]])
        other = rng.choice(good[form])[0].paragraphs[0]
        title, texts = _planted.near_copy(change, document.title, document.paragraphs, other, rng)
        text = "\n\n".join(texts)
        truth = replace(
            good_truth(document),
            kind="near-duplicate",
            expected="duplicate",
            reason="near-duplicate",
            document=None,
            near_duplicate_of=document.name,
            change=change,
            similarity=_planted.similarity(document.page, f"{title}\n\n{text}"),
        )
        if form == "web":
            builder.page(_any_host(builder), title, text, truth)
        else:
            builder.note(title, text, truth)


def _plant_mirror(builder: Builder, good: Good) -> None:
    """A host that copies another one whole, with furniture of its own."""
    for document, host in good["web"]:
        if host is HOSTS[_MIRRORED]:
            truth = replace(_copy(document, "mirror"), kind="mirror", mirror_of=document.name)
            builder.page(_MIRROR, document.title, document.text, truth)


def _plant_languages(builder: Builder, scale: int) -> None:
    rng = builder.rng
    for language in _planted.LANGUAGES * scale:
        truth = Truth("foreign", "reject", "language", language=language)
        builder.page(_any_host(builder), "", _planted.foreign(language, rng), truth)
        builder.note("", _planted.foreign(language, rng), truth)
    builder.story(
        _planted.foreign("eng", rng), Truth("foreign", "reject", "language", language="eng")
    )
    for language in _planted.VARIETIES * scale:
        truth = Truth("variety", "quarantine", "protected-variety", language=language)
        builder.page(HOSTS["gwary"], "", _planted.foreign(language, rng), truth)
        builder.note("", _planted.foreign(language, rng), truth)
    for index in range(2 * scale):
        document = builder.fresh()
        language = _planted.LANGUAGES[index % len(_planted.LANGUAGES)]
        text = _with(
            document, _planted.foreign(language, rng).partition("\n\n")[0], rng.randint(1, 9)
        )
        truth = replace(good_truth(document), kind="mixed-language", other_language=language)
        builder.page(_any_host(builder), document.title, text, truth)


def _with(document: Document, paragraph: str, place: int) -> str:
    texts = list(document.paragraphs)
    texts.insert(min(place, len(texts)), paragraph)
    return "\n\n".join(texts)


def _plant_spam(builder: Builder, scale: int) -> None:
    rng = builder.rng
    for _ in range(scale):
        truth = Truth("spam-list", "reject", "stop_word_share", language="pol")
        builder.page(HOSTS["poradnik"], "", _planted.spam_list(rng), truth)
        builder.note("", _planted.spam_list(rng), truth)
    for number in range(9 * scale):
        title, text = _planted.templated(number)
        truth = Truth(
            "templated-spam", "reject", "templated", language="pol", what=f"template-{number % 3}"
        )
        if number % 4 == 3:
            builder.note(title, text, truth)
        else:
            builder.page(_SPAM, title, text, truth)


def _plant_remains(builder: Builder, scale: int) -> None:
    """Pages without anything to keep: garbage, fragments, furniture, walls."""
    rng = builder.rng
    for what in _planted.GARBAGE * scale:
        reason = "language" if what == "letters" else "alphabetic_word_share"
        truth = Truth("garbage", "reject", reason, what=what)
        builder.page(_any_host(builder), "", _planted.garbage(what, rng), truth)
        builder.note("", _planted.garbage(what, rng), truth)
    builder.story("", Truth("empty", "reject", "empty"))
    builder.story(_planted.short(rng), Truth("short", "reject", "characters", language="pol"))
    for index in range(scale):
        for form in ("page", "note"):
            for kind, text in (
                ("empty", ""),
                ("short", _planted.short(rng)),
                ("short", _planted.short(rng)),
            ):
                truth = Truth(kind, "reject", "empty" if kind == "empty" else "characters")
                if form == "note":
                    builder.note("", text, truth)
                else:
                    bare = (b"", b"<html><head></head><body>\n</body></html>\n")[index % 2]
                    body = None if text else bare
                    builder.page(_any_host(builder), "", text, truth, body=body)
        for _ in range(2):
            truth = Truth("furniture", "reject", "no-main-text", language="pol")
            builder.page(_any_host(builder), "", "", truth)
            title, text = rng.choice(_planted.phrases("soft_404"))
            truth = Truth("soft-404", "reject", "no-main-text", language="pol")
            builder.page(_any_host(builder), title, text, truth)
        title, text = rng.choice(_planted.phrases("login"))
        truth = Truth("login-wall", "reject", "no-main-text", language="pol")
        builder.page(_any_host(builder), title, text, truth)


def _plant_personal_data(builder: Builder, scale: int) -> None:
    rng, kinds, alike = builder.rng, sorted(KINDS), sorted(LOOK_ALIKES)
    for index in range(6 * scale):
        document = builder.fresh()
        made = [(kinds[(3 * index + at) % len(kinds)]) for at in range(3)]
        sentences = [(kind, *_planted.personal_sentence(kind, rng)) for kind in made]
        values = tuple({"kind": kind, "value": value} for kind, _, value in sentences)
        truth = replace(good_truth(document), kind="personal-data", personal_data=values)
        text = _with(
            document, " ".join(sentence for _, sentence, _ in sentences), rng.randint(1, 9)
        )
        if index % 3 == 2:
            builder.note(document.title, text, truth)
        else:
            builder.page(
                HOSTS[rng.choice(("urzad", "klub", "sklep", "forum"))], document.title, text, truth
            )
    for index in range(4 * scale):
        document = builder.fresh()
        made = [alike[(2 * index + at) % len(alike)] for at in range(2)]
        sentences = [(kind, *_planted.look_alike_sentence(kind, rng)) for kind in made]
        values = tuple({"kind": kind, "value": value} for kind, _, value in sentences)
        truth = replace(good_truth(document), kind="look-alike", look_alikes=values)
        text = _with(
            document, " ".join(sentence for _, sentence, _ in sentences), rng.randint(1, 9)
        )
        builder.page(
            HOSTS[rng.choice(("urzad", "klub", "sklep", "nauka"))], document.title, text, truth
        )


def _plant_mojibake(builder: Builder, scale: int) -> None:
    hosts = [host for host in HOSTS.values() if host.encoding == "utf-8"]
    for index in range(4 * scale):
        document, what = builder.fresh(), _planted.MOJIBAKE[index % len(_planted.MOJIBAKE)]
        title, right_title = _planted.mojibake(what, document.title)
        text, right = _planted.mojibake(what, document.text)
        truth = replace(good_truth(document), kind="mojibake", mojibake=what, text=right)
        if index % 4 == 3:
            builder.note(title, text, truth)
        else:
            truth = replace(truth, text=f"{right_title}\n\n{right}")
            builder.page(builder.rng.choice(hosts), title, text, truth)


def _plant_bad_papers(builder: Builder) -> None:
    for what in ("scanned", "encrypted", "cut"):
        document = builder.fresh()
        truth = Truth(
            "bad-paper",
            "skip",
            {"scanned": "needs-ocr", "cut": "invalid-pdf"}.get(what, what),
            what=what,
        )
        paper = Paper(document.title, "Redakcja", (document.paragraphs,), **{what: True})
        builder.paper(paper, document.page, truth)


def _plant_other_answers(builder: Builder, scale: int) -> None:
    """What an archive holds besides pages: a missing page, a redirect, an image, an error."""
    for _ in range(2 * scale):
        original = builder.rng.choice(builder.pages)[0]
        site, number = original.host, len(builder.pages)
        answers = (
            Page(page_url(site, "stary-adres", number), site, "Nie ma takiej strony", status=404),
            Page(
                page_url(site, "przeniesione", number + 1), site, status=301, location=original.url
            ),
            Page(
                f"https://{site.domain}/obrazki/{number + 2}.gif",
                site,
                media="image/gif",
                body=PIXEL,
            ),
            Page(page_url(site, "awaria", number + 3), site, "Błąd serwera", status=500),
        )
        for page in answers:
            reason = "not-html" if page.media == "image/gif" else "http-status"
            builder.add_page(page, Truth("skipped", "skip", reason))


def _plant_policies(builder: Builder) -> None:
    """Each host's robots.txt, or the answer that there is none."""
    hosts = {page.host.domain: page.host for page, _ in builder.pages}
    for domain, host in hosts.items():
        url = f"https://{domain}/robots.txt"
        if host.robots is None:
            page = Page(url, host, "Nie ma takiej strony", status=404)
            builder.add_page(page, Truth("skipped", "skip", "http-status", what="policy-file"))
        else:
            page = Page(url, host, media="text/plain", body=host.robots.encode())
            builder.add_page(page, Truth("skipped", "skip", "not-html", what="policy-file"))


def _plant_damage(builder: Builder, scale: int) -> None:
    """A page with a giant table, bodies that are cut, and two records that their files end in."""
    document = builder.fresh()
    truth = replace(good_truth(document), kind="long-page")
    builder.page(HOSTS["przyroda"], document.title, document.text, truth, size=_LONG)
    plain = next(host for host in HOSTS.values() if not host.coding)
    for damage, reason, count in (
        ("chunked", "bad-http-body", scale),
        ("member", "truncated-gzip", 1),
        ("length", "truncated-warc", 1),
    ):
        for _ in range(count):
            document = builder.fresh()
            truth = replace(
                good_truth(document), kind="broken", expected="skip", reason=reason, what=damage
            )
            builder.page(plain, document.title, document.text, truth, damage=damage)
