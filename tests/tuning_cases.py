"""Small language models and tasks to tune on."""

from __future__ import annotations

import torch

from hmmlib import TaskData, TransformerConfig, TransformerMaskedLM, draw_dataset, draw_task, random_hmm
from hmmlib.tasks import Split

WARM = {"transition_temperature": 0.3, "emission_temperature": 0.3}


def task_data(model, size=300, length=16, seed=0, validation=100, test=400):
    """Texts with the labels of a task drawn as the paper does."""
    task = draw_task(model, generator=seed, min_share=0.2, probe_length=length)
    return task, draw_dataset(task, generator=seed, sizes=(size, validation, test), length=length)


def word_task(size=200, n_tokens=5, length=8, n_classes=2, seed=0):
    """Texts of random words; their class is their first word, up to a modulus."""
    random = torch.Generator().manual_seed(seed)

    def split(count):
        tokens = torch.randint(n_tokens, (count, length), generator=random)
        labels = tokens[:, 0] % n_classes
        return Split(tokens, labels, torch.eye(n_classes)[labels])

    return TaskData(split(size), split(size // 2), split(size))


def small_transformer(n_tokens=5, seed=0, **changes):
    """Not pretrained, with weights large enough to let words tell on one another."""
    shape = {"width": 16, "n_layers": 2, "n_heads": 2, "feed_forward": 32} | changes
    lm = TransformerMaskedLM(n_tokens, TransformerConfig(**shape), generator=seed)
    with torch.no_grad():
        for weight in lm.parameters():
            weight.mul_(8)
    return lm


def warm_hmm(n_states=6, n_tokens=8, seed=0):
    return random_hmm(n_states, n_tokens, generator=seed, **WARM)
