"""Dialogues of the sample's world, preferences between answers, and the questions to try them by.

Example:
    >>> from mowa.sample.assistant import dialogues
    >>> made = dialogues(seed=7)
    >>> made[0].messages[-1].role
    'assistant'
"""

from mowa.sample.assistant._dialogues import dialogues
from mowa.sample.assistant._files import dialogue_files
from mowa.sample.assistant._items import assistant_items, write_assistant
from mowa.sample.assistant._known import only_read, told
from mowa.sample.assistant._preferences import preferences

__all__ = [
    "assistant_items",
    "dialogue_files",
    "dialogues",
    "only_read",
    "preferences",
    "told",
    "write_assistant",
]
