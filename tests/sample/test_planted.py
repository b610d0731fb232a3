"""Each thing that is planted in the sample is found in its files by a way of the test's own."""

import gzip
import json
import re
import zlib
from collections import Counter, defaultdict
from datetime import date
from statistics import median

import py3langid
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator

from mowa.sample import read_truth, write_sample
from mowa.sample._sites import makes
from mowa.sample._web import HOSTS

SIZE = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), seed=5, size=SIZE).folder


@pytest.fixture(scope="module")
def truth(folder):
    return read_truth(folder)


@pytest.fixture(scope="module")
def answers(folder):
    """By address: status, headers and decoded body, as a browser would have them."""
    found = {}
    for path in sorted((folder / "web").iterdir()):
        with path.open("rb") as file:
            for record in ArchiveIterator(file, parse_http=False):
                if record.headers["WARC-Type"] == "response":
                    found[record.headers["WARC-Target-URI"]] = answer(record.reader.read())
    return found


@pytest.fixture(scope="module")
def notes(folder):
    found = {}
    for path in sorted((folder / "notes").iterdir()):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        elif path.suffix == ".gz":
            data = gzip.decompress(data)
        for line in data.decode().splitlines():
            row = json.loads(line)
            found[row["id"]] = row
    return found


def answer(block):
    head, _, body = block.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = unchunked(body)
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    elif headers.get("content-encoding") == "deflate":
        body = zlib.decompress(body)
    return int(status.split()[1]), headers, body


def unchunked(body):
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size or b"0", 16)], body[int(size or b"0", 16) + 2 :]
        if size == b"0":
            break
    return whole


def visible(html):
    import html as entities

    html = re.sub(r"(?is)<(style|script)\b.*?</\1>", " ", html)
    text = entities.unescape(re.sub(r"<[^>]+>", " ", html))
    return " ".join(text.split())


def page(answers, line):
    return visible(answers[line.url][2].decode(line.encoding))


def flat(text):
    return " ".join(text.split())


def text_of(line, answers, notes):
    if line.url:
        return page(answers, line)
    return flat(notes[line.key]["title"] + " " + notes[line.key]["text"])


def pages(truth):
    return [line for line in truth if line.make and line.kind != "broken"]


def test_there_are_two_dozen_hosts_and_more_of_ten_makes_and_all_have_good_pages(truth):
    assert len(HOSTS) == 24
    good = [line for line in truth if line.kind == "good" and line.host]
    assert {line.make for line in good} >= set(makes()) - {"shop"}
    assert {line.make for line in pages(truth)} == set(makes())
    assert len(makes()) == 10
    assert len({line.host for line in good}) >= 20
    assert all(line.host.endswith(".example") for line in truth if line.host)


def test_sizes_of_pages_are_spread_from_five_to_a_hundred_and_fifty_kilobytes(truth, answers):
    ordinary = [line for line in pages(truth) if line.kind not in ("empty", "long-page")]
    sizes = sorted(len(answers[line.url][2]) for line in ordinary)
    assert sizes[0] >= 5_000
    assert sizes[-1] <= 150_000
    assert 22_000 < median(sizes) < 40_000
    assert sum(size < 12_000 for size in sizes) > 0.05 * len(sizes)
    assert sum(size > 60_000 for size in sizes) > 0.05 * len(sizes)
    [long] = [line for line in truth if line.kind == "long-page"]
    assert len(answers[long.url][2]) > 1_000_000


def test_the_whole_of_the_text_stands_on_its_page_among_furniture(truth, answers):
    for line in pages(truth):
        if line.kind in ("good", "reserved", "personal-data", "duplicate", "mirror"):
            shown = re.sub(r"\[\d+\] ?", "", page(answers, line)).replace(" ", "")
            for paragraph in line.text.split("\n\n"):
                assert paragraph.replace(" ", "") in shown, (line.make, paragraph)
            assert len(shown) > len(line.text.replace(" ", "")) + 200


def test_encodings_lie_as_the_truth_says(truth, answers):
    lies = Counter()
    for line in pages(truth):
        _, headers, body = answers[line.url]
        if not body:
            continue
        claim = re.search(r"charset=(\S+)", headers["content-type"])
        assert (claim[1] if claim else None) == line.claimed_encoding
        body.decode(line.encoding)
        if line.kind != "empty":
            meta = re.search(rb"""<meta [^>]*charset="?([\w-]+)""", body)
            assert (meta[1].decode() if meta else None) == line.claimed_in_page
        lies[line.encoding, line.claimed_encoding, line.claimed_in_page] += 1
    assert {
        ("windows-1250", "utf-8", "windows-1250"),
        ("windows-1250", None, "iso-8859-2"),
        ("iso-8859-2", "iso-8859-2", "windows-1250"),
        ("iso-8859-2", None, None),
        ("utf-8", None, None),
        ("utf-8", "iso-8859-1", "utf-8"),
    } < set(lies)


def test_bodies_travel_whole_gzipped_deflated_and_in_chunks(answers):
    codings = {
        (headers.get("content-encoding"), headers.get("transfer-encoding"))
        for _, headers, _ in answers.values()
    }
    assert codings >= {
        (None, None), ("gzip", None), ("deflate", None), (None, "chunked"), ("gzip", "chunked"),
    }  # fmt: skip


def test_texts_in_other_languages_are_in_them_to_the_identifier(truth):
    codes = {"bel": "be", "ces": "cs", "deu": "de", "eng": "en", "hsb": "hsb", "lit": "lt",
             "rus": "ru", "slk": "sk", "ukr": "uk", "pol": "pl"}  # fmt: skip
    told = defaultdict(list)
    for line in truth:
        if line.kind in ("good", "foreign"):
            told[line.language].append(py3langid.classify(line.text)[0] == codes[line.language])
    assert told.keys() == codes.keys()
    for language, right in told.items():
        # The identifier knows no Upper Sorbian.
        assert language == "hsb" or sum(right) >= 0.9 * len(right), language


def test_silesian_and_kashubian_are_written_with_their_letters(truth):
    varieties = defaultdict(str)
    for line in truth:
        if line.kind == "variety":
            assert line.expected == "quarantine"
            varieties[line.language] += line.text
    assert varieties.keys() == {"szl", "csb"}
    assert set("ůś") <= set(varieties["szl"])
    assert set("ëòôãù") <= set(varieties["csb"])


def test_a_polish_page_with_a_foreign_paragraph_is_mostly_polish(truth):
    mixed = [line for line in truth if line.kind == "mixed-language"]
    assert mixed
    for line in mixed:
        languages = Counter(py3langid.classify(text)[0] for text in line.text.split("\n\n"))
        assert len(languages) > 1
        assert py3langid.classify(line.text)[0] == "pl" or line.other_language in (
            "bel",
            "rus",
            "ukr",
        )


def test_spam_of_one_template_differs_only_by_the_town(truth):
    spam = defaultdict(set)
    for line in truth:
        if line.kind == "templated-spam":
            spam[line.what].add(line.text)
    assert len(spam) == 3
    for texts in spam.values():
        one, other, *_ = sorted(texts)
        ours, theirs = Counter(one.split()), Counter(other.split())
        assert (ours & theirs).total() > 0.8 * ours.total()


def test_garbage_is_of_four_sorts_and_no_polish(truth):
    sorts = defaultdict(list)
    for line in truth:
        if line.kind == "garbage":
            sorts[line.what].append(line.text)
    assert sorts.keys() == {"digits", "letters", "base64", "code"}
    assert all(sum(c.isdigit() for c in text) > 0.4 * len(text) for text in sorts["digits"])
    assert all(re.fullmatch(r"[A-Za-z0-9+/=\s]+", text) for text in sorts["base64"])
    assert all(text.count("function") > 20 for text in sorts["code"])
    assert not any(re.search(r"\bsię\b.*\bnie\b", text) for text in sorts["letters"])


def weighted(digits, weights):
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def letters_as_numbers(text):
    return [int(sign) if sign.isdigit() else ord(sign) - 55 for sign in text]


def is_pesel(value):
    total = weighted(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    date(1900 + int(value[:2]), int(value[2:4]), int(value[4:6]))
    return len(value) == 11 and total % 10 == 0


def is_nip(value):
    digits = value.replace("-", "")
    return weighted(digits[:9], (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(digits[9])


def is_regon(value):
    return weighted(value[:8], (8, 9, 2, 3, 4, 5, 6, 7)) % 11 % 10 == int(value[8])


def is_id_card(value):
    numbers = letters_as_numbers(value.replace(" ", ""))
    return len(numbers) == 9 and weighted(numbers, (7, 3, 1, 9, 7, 3, 1, 7, 3)) % 10 == 0


def is_passport(value):
    numbers = letters_as_numbers(value)
    return weighted(numbers[:2] + numbers[3:], (7, 3, 1, 7, 3, 1, 7, 3)) % 10 == numbers[2]


def is_iban(value):
    plain = value.replace(" ", "")
    moved = plain[4:] + plain[:4]
    return len(plain) == 28 and int("".join(map(str, letters_as_numbers(moved)))) % 97 == 1


def is_land_register(value):
    court, number, check = value.split("/")
    order = "0123456789XABCDEFGHIJKLMNOPRSTUWYZ"
    numbers = [order.index(sign) for sign in court + number]
    return weighted(numbers, (1, 3, 7) * 4) % 10 == int(check)


def is_card(value):
    digits = [int(sign) for sign in value.replace(" ", "")]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(digits) == 16 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


CHECKS = {
    "pesel": is_pesel,
    "nip": is_nip,
    "regon": is_regon,
    "id-card": is_id_card,
    "passport": is_passport,
    "iban": is_iban,
    "land-register": is_land_register,
    "card": is_card,
    "email": lambda value: re.fullmatch(r"[\w.]+@\w+\.example", value),
    "phone": lambda value: re.fullmatch(r"(?:(?:\+|00)48 \d\d|\(\d\d\)) 0\d\d \d\d \d\d", value),
    "address": lambda value: re.fullmatch(r"ul\. \w+ \d+/\d+, \d\d-\d{3} [\w ]+", value),
}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("pesel", "44051401359"),
        ("nip", "526-025-02-74"),
        ("regon", "123456785"),
        ("id-card", "ABA300000"),
        ("passport", "ZS0000177"),
        ("iban", "PL61 1090 1014 0000 0712 1981 2874"),
        ("land-register", "WA1M/00012345/1"),
        ("card", "4111 1111 1111 1111"),
    ],
)
def test_the_checks_of_this_test_know_a_right_number_and_a_wrong_one(kind, value):
    assert CHECKS[kind](value)
    wrong = value[:-1] + str((int(value[-1]) + 1) % 10)
    assert not CHECKS[kind](wrong)


def test_personal_data_stand_in_their_texts_with_valid_check_digits(truth, answers, notes):
    kinds = Counter()
    for line in truth:
        if line.personal_data:
            text = text_of(line, answers, notes)
            for datum in line.personal_data:
                assert datum["value"] in text
                assert datum["value"] in line.text
                assert CHECKS[datum["kind"]](datum["value"]), datum
                kinds[datum["kind"]] += 1
    assert kinds.keys() == CHECKS.keys()


def test_look_alikes_stand_in_their_texts_and_fail_the_checks(truth, answers, notes):
    kinds = Counter()
    for line in truth:
        for datum in line.look_alikes:
            kind, value = datum["kind"], datum["value"]
            assert value in text_of(line, answers, notes)
            if kind == "wrong-pesel":
                assert not is_pesel(value)
            if kind == "wrong-iban":
                assert not is_iban(f"PL{value}")
            if kind in ("isbn", "ean"):
                assert weighted(value, (1, 3) * 6 + (1,)) % 10 == 0
            kinds[kind] += 1
    assert len(kinds) == 8


def test_mojibake_is_undone_by_the_wrong_turn_taken_back(truth, answers, notes):
    sorts = Counter()
    for line in truth:
        if line.mojibake:
            shown = answers[line.url][2].decode() if line.url else notes[line.key]["text"]
            wrong, right = {
                "utf-8-as-windows-1250": ("cp1250", "utf-8"),
                "utf-8-as-iso-8859-1": ("latin-1", "utf-8"),
                "iso-8859-2-as-windows-1250": ("cp1250", "iso-8859-2"),
            }[line.mojibake]
            paragraph = max(line.text.split("\n\n"), key=len)
            broken = "".join(
                bytes([byte]).decode(wrong, "ignore") or chr(byte)
                for byte in paragraph.encode(right)
            )
            assert broken != paragraph
            assert flat(visible(broken)) in flat(visible(shown))
            sorts[line.mojibake] += 1
    assert len(sorts) == 3


def robots_deny(text, agent, path):
    """RFC 9309, as far as these files go: groups by agent, the longest rule decides."""
    groups, agents, rules = defaultdict(list), [], False
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition("#")[0].partition(":"))
        if name.lower() == "user-agent":
            agents = [value.lower()] if rules else [*agents, value.lower()]
            rules = False
        elif name.lower() in ("allow", "disallow"):
            rules = True
            for one in agents:
                groups[one].append((len(value), name.lower() == "allow", value))
    found = groups.get(agent.lower(), groups.get("*", []))
    matching = [rule for rule in found if rule[2] and path.startswith(rule[2])]
    return bool(matching) and not max(matching)[1]


def test_reservations_are_made_by_the_protocols_that_the_truth_names(truth, answers):
    met = Counter()
    for line in pages(truth):
        if not line.host.startswith(
            ("roboty", "sygnal", "aipref", "tdm", "noai", "noimage", "ai-", "rsl", "zast")
        ):
            assert line.reserved == "unknown"
            continue
        _, headers, body = answers[line.url]
        base = f"https://{line.host}"
        path = line.url.removeprefix(base)
        robots = answers[f"{base}/robots.txt"][2].decode()
        html = body.decode(line.encoding)
        denied = any(robots_deny(robots, agent, path) for agent in ("GPTBot", "CCBot"))
        tdm = tdm_reservation(answers, base, path, headers, html)
        found = {
            "robots": denied,
            "content-signal": "ai-train=no" in robots,
            "aipref": "train-ai=" in robots + headers.get("content-usage", ""),
            "tdmrep": tdm is not None,
            "noai": re.search(r"\bnoai\b", headers.get("x-robots-tag", "") + meta(html, "robots"))
            is not None,
            "ai.txt": f"{base}/ai.txt" in answers,
            "rsl": 'type="application/rsl+xml"' in html and "License: " in robots,
            "prose": "eksploracji tekstów i danych" in html or "2019/790" in html,
        }
        assert {name for name, there in found.items() if there} == set(line.protocols), line.url
        if tdm is not None:
            assert line.reserved == ("deny" if tdm else "allow")
        met[line.reserved, line.protocols] += 1
    assert {value for value, _ in met} == {"deny", "allow", "review", "unknown"}
    assert {name for _, protocols in met for name in protocols} == {
        "robots", "content-signal", "aipref", "tdmrep", "noai", "ai.txt", "rsl", "prose",
    }  # fmt: skip


def meta(html, name):
    found = re.search(rf'<meta name="{name}" content="([^"]*)"', html)
    return found[1] if found else ""


def tdm_reservation(answers, base, path, headers, html):
    """The page over the header over the file, in which the first location that fits decides."""
    for said in (meta(html, "tdm-reservation"), headers.get("tdm-reservation", "")):
        if said:
            return int(said)
    file = answers.get(f"{base}/.well-known/tdmrep.json")
    if file is None:
        return None
    return next(
        (
            rule["tdm-reservation"]
            for rule in json.loads(file[2])
            if path.startswith(rule["location"].rstrip("*"))
        ),
        None,
    )


def test_licences_stand_where_the_truth_says(truth, answers):
    urls = {
        "CC-BY-4.0": "/by/4.0/",
        "CC-BY-SA-4.0": "/by-sa/4.0/",
        "CC-BY-NC-ND-4.0": "/by-nc-nd/4.0/",
    }
    forms = Counter()
    for line in pages(truth):
        if line.kind == "empty":
            continue
        html = answers[line.url][2].decode(line.encoding)
        if line.licence in urls:
            url = urls[line.licence]
            assert (f'"license":"https://creativecommons.org/licenses{url}' in html) == (
                line.licence_form == "json"
            )
            assert bool(re.search(rf'<a rel="license" href="[^"]*{url}', html)) == (
                line.licence_form == "rel"
            )
            assert url in html
        else:
            assert "creativecommons.org" not in html
            assert ("Wszelkie prawa zastrzeżone" in html) == (line.licence is not None)
        forms[line.licence_form] += 1
    assert forms.keys() == {None, "json", "link", "rel", "text"}


def test_pages_without_content_are_what_they_are_called(truth, answers):
    for line in pages(truth):
        status, _, body = answers[line.url]
        assert status == 200
        if line.kind == "empty":
            assert visible(body.decode()) == ""
        if line.kind == "furniture":
            assert line.text == ""
            assert len(page(answers, line)) > 200
        if line.kind == "soft-404":
            assert re.search("nie znaleziono|błąd 404|nieaktualne", line.text, re.IGNORECASE)
    kinds = {line.kind for line in pages(truth)}
    assert {"empty", "furniture", "soft-404", "login-wall", "short", "spam-list"} <= kinds


def test_text_files_of_the_first_stories_are_in_the_encodings_that_the_truth_says(folder, truth):
    encodings = Counter()
    for line in truth:
        if line.path.startswith("stories/") and line.kind == "good":
            data = (folder / line.path).read_bytes()
            assert data.decode(line.encoding).strip() == line.text
            encodings[line.encoding] += 1
            if line.encoding != "utf-8":
                with pytest.raises(UnicodeDecodeError):
                    data.decode("utf-8")
    assert encodings["windows-1250"] == 2
    assert encodings["iso-8859-2"] == 1


def test_the_sample_stays_small(folder):
    def size(form):
        return sum(path.stat().st_size for path in (folder / form).iterdir())

    # 2,000 documents are five times this: some 10 MB of archives.
    assert size("web") < 3_000_000
    assert size("papers") < 200_000
