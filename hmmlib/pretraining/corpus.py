"""Where pretraining takes its text from: a stream that never ends, or a corpus read again and again.

Batch number k is a function of the seed and of k alone, so training that was cut short goes on with the
same text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._checks import check_positive_int
from hmmlib._random import keyed_generator, step_generator
from hmmlib.hmm import LatentChainModel, sample_tokens

# Texts for several steps are drawn at once: the sampler's loop over time then costs little.
_BLOCK_TOKENS = 262_144


class BlockSource(ABC):
    """Texts that are drawn for several steps at once, and handed out step by step."""

    def __init__(self) -> None:
        self._block: tuple[tuple[int, int, int], Tensor] | None = None

    @abstractmethod
    def draw(self, number: int, n: int, length: int) -> Tensor:
        """Draw the texts of a block.

        Args:
            number: Number of the block, from 0; with the rest it decides what is drawn.
            n: How many texts.
            length: Tokens in each.

        Returns:
            Tokens, shape (n, length).
        """

    def batch(self, step: int, size: int, length: int) -> Tensor:
        """Texts of one step.

        Args:
            step: Number of the step, from 0.
            size: Number of texts.
            length: Tokens in each.

        Returns:
            Tokens, shape (size, length).
        """
        per_block = max(1, _BLOCK_TOKENS // (size * length))
        number, place = divmod(step, per_block)
        key = (number, size, length)
        if self._block is None or self._block[0] != key:
            self._block = key, self.draw(number, size * per_block, length)
        return self._block[1][place * size : (place + 1) * size]


class TextStream(BlockSource):
    """Fresh text for every batch.

    Args:
        model: HMM or memory-augmented HMM that the texts come from, on the device that trains.
        seed: Of the text.
        branch: Which of the streams with this seed; stages of one length need a stream each, as batches of
            another size would be cut from the same text.
    """

    def __init__(self, model: LatentChainModel, seed: int, branch: int = 0) -> None:
        super().__init__()
        self._model, self._seed, self._branch = model, seed, branch

    def draw(self, number: int, n: int, length: int) -> Tensor:
        """Draw the texts of a block, as `BlockSource` asks.

        Args:
            number: Number of the block.
            n: How many texts.
            length: Tokens in each.

        Returns:
            Tokens, shape (n, length).
        """
        random = step_generator(self._model.chain.initial.device, self._seed, 0, number, self._branch)
        return sample_tokens(self._model, n, length, generator=random)


@dataclass(frozen=True)
class CorpusConfig:
    """A fixed corpus: the paper's by default.

    Attributes:
        n_documents: Number of documents.
        document_length: Tokens in each.
    """

    n_documents: int = 5000
    document_length: int = 10_240

    def __post_init__(self) -> None:
        for name in ("n_documents", "document_length"):
            object.__setattr__(self, name, check_positive_int(getattr(self, name), name))


class Corpus:
    """Documents cut into chunks, read in another order in every epoch.

    A chunk that starts within a document starts in a state whose distribution is that of the chain at that
    time. What does not fill a chunk, or a batch, is left out of the epoch.

    Args:
        model: HMM or memory-augmented HMM that the documents come from, on the device that trains.
        config: Its size.
        chunk: Tokens in a chunk.
        seed: Of the text and of the orders.

    Raises:
        ValueError: A chunk is longer than a document.
    """

    def __init__(self, model: LatentChainModel, config: CorpusConfig, chunk: int, seed: int) -> None:
        length = config.document_length
        if chunk > length:
            raise ValueError(f"length: {chunk} tokens; expected at most document_length = {length}")
        device = model.chain.initial.device
        random = step_generator(device, seed, 0)
        tokens = sample_tokens(model, config.n_documents, length, generator=random)
        kept = tokens[:, : length // chunk * chunk].reshape(-1, chunk)
        # Words are small numbers, and the paper's corpus has 51 million of them.
        self._chunks = kept.to(torch.uint8) if model.chain.n_tokens <= 256 else kept.to(torch.int32)
        self._seed = seed
        self._order: tuple[int, Tensor] | None = None

    def batch(self, step: int, size: int, length: int) -> Tensor:
        """Chunks of one step.

        Args:
            step: Number of the step, from 0.
            size: Number of chunks.
            length: Tokens in each, those of a chunk.

        Returns:
            Tokens, shape (size, length).

        Raises:
            ValueError: Chunks of another length, or fewer than one batch.
        """
        n_chunks, chunk = self._chunks.shape
        if length != chunk:
            raise ValueError(f"length: {length} tokens; the corpus is cut into chunks of {chunk}")
        per_epoch = n_chunks // size
        if per_epoch == 0:
            raise ValueError(f"batch: {size} texts, but the corpus has only {n_chunks} chunks of {chunk}")
        epoch, place = divmod(step, per_epoch)
        if self._order is None or self._order[0] != epoch:
            shuffled = keyed_generator(self._seed, 1, epoch)
            order = torch.as_tensor(shuffled.permutation(n_chunks), device=self._chunks.device)
            self._order = epoch, order
        return self._chunks[self._order[1][place * size : (place + 1) * size]].long()
