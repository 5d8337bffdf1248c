"""Names of runs in tables, and labels by the settings in which they differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxpose.training.config import Config, flat_settings

CONSTRAINT_SETTINGS = ("ramp", "clips", "clip_frames", "clip_gap")
"""Settings that have an effect with constraints only."""


def name_runs(folders: Sequence[Path], checkpoint: str) -> list[str]:
    """Name runs in tables: by their folders, or by the whole paths if two folders have one name.

    Args:
      folders: of the runs.
      checkpoint: "last", or "best", which the names then say.
    """
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    return [f"{name}, best checkpoint" if checkpoint == "best" else name for name in names]


def name_files(files: Sequence[Path]) -> list[str]:
    """Name files of predictions in tables, or by the whole paths if two files have one name."""
    names = [file.name for file in files]
    return names if len(set(names)) == len(names) else [str(file) for file in files]


def label_runs(configs: Sequence[Config], names: Sequence[str]) -> tuple[list[str], str]:
    """Label runs by as few settings as tell them apart, and by name where settings do not.

    Args:
      configs: the settings of each run.
      names: of each run.

    Returns:
      The labels, and a sentence on the other settings that differ; empty if none does.
    """
    fields = dict.fromkeys(
        ("model", "channels", "constraints", *(field for config in configs for field in flat_settings(config)))
    )
    phrases_by_field = {field: _phrases(configs, field) for field in fields}
    differing = {field: phrases for field, phrases in phrases_by_field.items() if len({*phrases} - {""}) > 1}
    chosen: list[str] = []
    keys: list[tuple[str, ...]] = [()] * len(configs)
    for field, phrases in differing.items():
        longer = [(*key, phrase) for key, phrase in zip(keys, phrases, strict=True)]
        if len(set(longer)) > len(set(keys)):
            chosen, keys = [*chosen, field], longer
    labels = []
    for key, name in zip(keys, names, strict=True):
        words = [phrase for phrase in key if phrase and not phrase.startswith("no ")] or [*filter(None, key)]
        labels.append(", ".join(words if words and keys.count(key) == 1 else [*words, name]))
    others = [" / ".join(phrase or "–" for phrase in differing[field]) for field in differing if field not in chosen]
    return labels, f"The runs also differ: {'; '.join(others)}." if others else ""


def _phrases(configs: Sequence[Config], field: str) -> list[str]:
    """A setting of each run in words; empty where it has no effect, or the run's network does not have it."""
    having = [
        field in flat_settings(config) and (field not in CONSTRAINT_SETTINGS or bool(config.constraints))
        for config in configs
    ]
    values = [flat_settings(config)[field] for config, has in zip(configs, having, strict=True) if has]
    phrases = iter(_in_words(field, values))
    return [next(phrases) if has else "" for has in having]


def _in_words(field: str, values: Sequence[Any]) -> list[str]:
    """Values of a setting in words."""
    name = field.replace("_", " ")
    if field == "model":
        return [f"{value} network" for value in values]
    if field == "channels":
        return [f"{value} channels" for value in values]
    if field == "constraints":
        texts = [" ".join(f"{term} {weight:g}" for term, weight in sorted(value.items())) for value in values]
        several = len({text for text in texts if text}) > 1
        return [(f"constraints {text}" if several else name) if text else f"no {name}" for text in texts]
    if field == "filter_widths":
        return [f"filters {'-'.join(map(str, value))}" for value in values]
    words = {"True": name, "False": f"no {name}", "None": f"no {name}"}
    return [words.get(str(value), f"{name} {value}") for value in values]
