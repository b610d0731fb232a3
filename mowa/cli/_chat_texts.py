"""What `mowa chat` says, in Polish and in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mowa.errors import UsageError


@dataclass(frozen=True)
class Texts:
    """What is said in one language; words in braces are filled in.

    Attributes:
        user: What a model without a chat template sees before a question.
        assistant: What it sees before an answer.
    """

    user: str
    assistant: str
    welcome: str
    resumed: str
    again: str
    help: str
    unknown: str
    leave_hint: str
    stopped: str
    dropped: str
    nothing: str
    cut_off: str
    window_full: str
    too_long: str
    too_long_fix: str
    reset: str
    undone: str
    nothing_to_undo: str
    system_set: str
    system_shown: str
    no_system: str
    saved: str
    saved_already: str
    save_how: str
    no_template: str
    no_template_fix: str
    failed: str


ENGLISH = Texts(
    user="User",
    assistant="Assistant",
    welcome="You are talking to {model}. /help lists the commands, /quit leaves.",
    resumed="The conversation in {file} goes on; turns so far: {count}.",
    again="The last question has no answer yet: {question}",
    help='Write a question and press Enter. A line that ends with \\ goes on in the next one; """\n'
    'begins a text of several lines, and """ ends it. Ctrl-C stops an answer, twice it leaves.\n'
    "  /reset         begin a new conversation; the system prompt stays\n"
    "  /system TEXT   set the system prompt; without TEXT, show it\n"
    "  /undo          take back the last question and its answer\n"
    "  /save FILE     write the conversation into a new file\n"
    "  /help          show this\n"
    "  /quit          leave (or Ctrl-D)\n"
    "A question that begins with / is written with a space before it.",
    unknown="There is no command {command}; /help lists them.",
    leave_hint="Press Ctrl-C once more to leave.",
    stopped="The answer was stopped; what there is of it stays in the conversation.",
    dropped="Stopped; the question is taken back.",
    nothing="The model wrote nothing; the question is taken back.",
    cut_off="The answer was cut off after {count} tokens; --max-new-tokens allows more.",
    window_full="The answer was cut off: the conversation fills the model's window of {window}"
    " tokens. /undo takes the last question back, /reset begins anew.",
    too_long="The conversation has become too long for the model, which sees {window} tokens with"
    " its answer. Nothing was cut, and the question is taken back.",
    too_long_fix="/undo takes the last question back, /reset begins anew.",
    reset="A new conversation.",
    undone="Taken back: {question}",
    nothing_to_undo="There is nothing to take back.",
    system_set="The system prompt is set.",
    system_shown="System prompt: {text}",
    no_system="There is no system prompt.",
    saved="Saved in {file}.",
    saved_already="The conversation is saved in {file} after each turn.",
    save_how="Write /save and the name of a new file.",
    no_template="this model has no chat template: it has not learnt to answer, only to continue"
    " texts",
    no_template_fix="--plain puts questions to it as in a script; or take a model that was"
    " fine-tuned on dialogues",
    failed="The model gave no answer: {why}. The question is taken back.",
)

POLISH = Texts(
    user="Użytkownik",
    assistant="Asystent",
    welcome="Rozmawiasz z modelem {model}. /help pokazuje polecenia, /quit kończy.",
    resumed="Ciąg dalszy rozmowy z pliku {file}; dotychczasowe wypowiedzi: {count}.",
    again="Ostatnie pytanie nie ma jeszcze odpowiedzi: {question}",
    help="Napisz pytanie i naciśnij Enter. Wiersz zakończony znakiem \\ ma dalszy ciąg w następnym;"
    '\n""" zaczyna tekst o wielu wierszach i """ go kończy. Ctrl-C przerywa odpowiedź, dwa razy\n'
    "kończy rozmowę.\n"
    "  /reset         nowa rozmowa; instrukcja systemowa zostaje\n"
    "  /system TEKST  nowa instrukcja systemowa; bez TEKSTU: pokazuje obecną\n"
    "  /undo          cofa ostatnie pytanie i odpowiedź na nie\n"
    "  /save PLIK     zapisuje rozmowę w nowym pliku\n"
    "  /help          pokazuje tę pomoc\n"
    "  /quit          kończy (albo Ctrl-D)\n"
    "Pytanie, które zaczyna się od /, poprzedź spacją.",
    unknown="Nie ma polecenia {command}; /help pokazuje wszystkie.",
    leave_hint="Naciśnij Ctrl-C jeszcze raz, żeby zakończyć.",
    stopped="Odpowiedź przerwano; to, co już jest, zostaje w rozmowie.",
    dropped="Przerwano; pytanie cofnięto.",
    nothing="Model nic nie napisał; pytanie cofnięto.",
    cut_off="Odpowiedź ucięto po tylu tokenach: {count}. Więcej pozwala --max-new-tokens.",
    window_full="Odpowiedź ucięto: rozmowa wypełniła okno modelu (tokeny: {window}). /undo cofa"
    " ostatnie pytanie, /reset zaczyna nową rozmowę.",
    too_long="Rozmowa jest już za długa: model widzi naraz, razem z odpowiedzią, najwyżej tyle"
    " tokenów: {window}. Niczego nie ucięto, a pytanie cofnięto.",
    too_long_fix="/undo cofa ostatnie pytanie, /reset zaczyna nową rozmowę.",
    reset="Nowa rozmowa.",
    undone="Cofnięto: {question}",
    nothing_to_undo="Nie ma czego cofnąć.",
    system_set="Instrukcja systemowa jest ustawiona.",
    system_shown="Instrukcja systemowa: {text}",
    no_system="Nie ma instrukcji systemowej.",
    saved="Zapisano w pliku {file}.",
    saved_already="Rozmowa zapisuje się w pliku {file} po każdej wypowiedzi.",
    save_how="Napisz /save i nazwę nowego pliku.",
    no_template="ten model nie ma szablonu rozmowy: nie uczył się odpowiadać, tylko kontynuować"
    " teksty",
    no_template_fix="--plain zadaje mu pytania jak w scenariuszu; albo weź model dostrojony na"
    " dialogach",
    failed="Model nie odpowiedział: {why}. Pytanie cofnięto.",
)


def texts(language: str | None, environment: Mapping[str, str]) -> Texts:
    """Those of `language`, or else of the one that the environment asks for.

    Raises:
        UsageError: For a language that there are none in.
    """
    if language is None:
        asked = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
        language = "pol" if next(filter(None, asked), "").startswith("pl") else "eng"
    known = {"pol": POLISH, "eng": ENGLISH}
    if language not in known:
        raise UsageError(f"there is no language {language!r} here", fix="choose pol or eng")
    return known[language]
