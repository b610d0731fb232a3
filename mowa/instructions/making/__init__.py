"""Dialogues made by models: generated from documents, translated, judged, paired."""

from mowa.instructions.making._config import (
    Budget,
    GenerateDialoguesConfig,
    JudgeConfig,
    JudgeDialoguesConfig,
    JudgeModelConfig,
    ModelConfig,
    PairDialoguesConfig,
    TranslateDialoguesConfig,
)

__all__ = [
    "Budget",
    "GenerateDialoguesConfig",
    "JudgeConfig",
    "JudgeDialoguesConfig",
    "JudgeModelConfig",
    "ModelConfig",
    "PairDialoguesConfig",
    "TranslateDialoguesConfig",
]
