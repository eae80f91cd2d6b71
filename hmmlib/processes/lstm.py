"""A recurrent network that predicts the next activity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hmmlib._checks import ArrayLike, check_fraction, check_positive_int
from hmmlib._random import start_generator
from hmmlib.processes._door import check_texts, up_to_end

# Texts are read so many at a time.
_PIECE = 4096


class TraceLSTM(nn.Module):
    """Layers of LSTM that read activities, and a linear layer that says what comes next.

    It is the model of Peeperkorn et al. (2022), reading in one direction. An activity is read as a vector
    with a single one, the beginning of a text as zeros. Weights start as in the released code, which is
    Keras': those of inputs and outputs uniform (Glorot and Bengio 2010), the recurrent ones orthogonal, and
    the bias of each gate that forgets at 1.

    Args:
        n_tokens: Size V of the vocabulary; END is the last token.
        width: Length of a layer's hidden vector.
        n_layers: Number of layers.
        dropout: Share of the entries of each layer's output that a prediction does without in training, in
            [0, 1).
        generator: Seed or numpy RandomState of the start.

    Raises:
        TypeError: A size that is not an integer, a rate that is no number, or another generator.
        ValueError: A size below 1, fewer than two tokens, or a rate out of range.
    """

    def __init__(
        self,
        n_tokens: int,
        *,
        width: int = 32,
        n_layers: int = 1,
        dropout: float = 0.0,
        generator: int | np.random.RandomState,
    ) -> None:
        super().__init__()
        self.n_tokens = check_positive_int(n_tokens, "n_tokens", 2)
        self.width, n_layers = check_positive_int(width, "width"), check_positive_int(n_layers, "n_layers")
        self.dropout = check_fraction(dropout, "dropout", below_one=True)
        random = start_generator(generator)
        kind, cpu = torch.float32, torch.device("cpu")  # whatever torch's defaults are
        sizes = [self.n_tokens, *[self.width] * (n_layers - 1)]
        # Layers one by one: nn.LSTM with several drops entries by a generator of its own.
        self.layers = nn.ModuleList(
            nn.LSTM(size, self.width, batch_first=True, dtype=kind, device=cpu) for size in sizes
        )
        self.answer = nn.Linear(self.width, self.n_tokens, dtype=kind, device=cpu)
        with torch.no_grad():
            for kernel, recurrent in self.kernels():
                nn.init.xavier_uniform_(kernel, generator=random)
                nn.init.orthogonal_(recurrent, generator=random)
            nn.init.xavier_uniform_(self.answer.weight, generator=random)
            self.answer.bias.zero_()
            for layer in self._stack():
                nn.init.zeros_(layer.bias_ih_l0)
                nn.init.ones_(layer.bias_ih_l0[self.width : 2 * self.width])  # input, forget, cell, output
                # One bias is enough; torch has two, of which the other stays at zero.
                nn.init.zeros_(layer.bias_hh_l0)
                layer.bias_hh_l0.requires_grad = False

    def kernels(self) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
        """The weights of each layer's inputs, and of its own hidden vector.

        Yields:
            Shapes (4 · width, inputs) and (4 · width, width).
        """
        for layer in self._stack():
            yield layer.weight_ih_l0, layer.weight_hh_l0

    def _stack(self) -> list[Any]:  # types of torch do not say what a layer has
        return list(self.layers)

    def forward(
        self, tokens: Tensor, random: torch.Generator | None = None, copies: Tensor | None = None
    ) -> Tensor:
        """Log-probabilities of each position's token given those before it, with gradients.

        Args:
            tokens: Texts, int64, shape (n, L).
            random: Draws what is dropped; nothing is if it is not given.
            copies: Numbers of texts, shape (m,), to answer for each of these, in this order. For copies of a
                text other entries are dropped, but the first layer reads it once.

        Returns:
            Nats, of the precision of the weights, shape (n, L, V), or (m, L, V) with copies.
        """
        read = nn.functional.one_hot(tokens[:, :-1], self.n_tokens).to(self.answer.weight.dtype)
        hidden = torch.cat([read.new_zeros(len(tokens), 1, self.n_tokens), read], 1)
        for depth, layer in enumerate(self._stack()):
            hidden = layer(hidden)[0]
            if depth == 0 and copies is not None:
                hidden = hidden[copies]
            if random is not None and self.dropout:
                kept = (
                    torch.rand(hidden.shape, generator=random, dtype=hidden.dtype, device="cpu")
                    >= self.dropout
                )
                hidden = hidden * kept / (1 - self.dropout)
        return self.answer(hidden).log_softmax(-1)

    def nats(
        self, tokens: Tensor, random: torch.Generator | None = None, copies: Tensor | None = None
    ) -> Tensor:
        """−log P of each text, with gradients.

        Args:
            tokens: Checked texts, int64, shape (n, L).
            random: As in `forward`.
            copies: As in `forward`.

        Returns:
            Nats, shape (n,), or (m,) with copies; tokens after the first END do not count.
        """
        asked = tokens if copies is None else tokens[copies]
        log_probs = self(tokens, random, copies).gather(2, asked[..., None])[..., 0]
        return -(log_probs * up_to_end(asked, self.n_tokens)).sum(1)

    def log_probs(self, tokens: ArrayLike) -> Tensor:
        """Log-probabilities of texts, exactly: no text is simulated.

        Args:
            tokens: Integers 0 … V − 1, END-padded, shape (n, L). A text without END is a beginning.

        Returns:
            Nats, double precision, shape (n,).

        Raises:
            TypeError: No integers.
            ValueError: Wrong shape, or tokens out of range or after END.
        """
        texts = check_texts(tokens, self.n_tokens)
        with torch.no_grad():
            return torch.cat([-self.nats(piece).double() for piece in texts.split(_PIECE)])
