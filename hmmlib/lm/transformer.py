"""A trainable masked language model: a small bidirectional transformer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib._display import card, facts, in_lines
from hmmlib._texts import check_embeddings, check_tokens
from hmmlib.lm._layers import NEW, Layer, rotary_angles
from hmmlib.lm._pieces import in_pieces
from hmmlib.lm.base import Context
from hmmlib.lm.transformer_config import TransformerConfig

# What is computed at once where no gradients are kept: so much of it stays in a core's cache.
_PIECE_POSITIONS = 4_096


class TransformerMaskedLM(nn.Module):
    """A transformer behind the same interface as exact inference: a bidirectional encoder, or a causal one.

    With ``positions='learned'`` and ``norm='post'`` it is BERT (Devlin et al. 2019), up to the constant
    token-type embedding, which here is part of the positions. The distribution of a token is a softmax over
    the V words; the blank is never predicted. Embeddings are what `embed` looks up, before positions are
    added, so a soft prompt may be any vectors.

    Only the predictions at blanks are trained to be conditionals P[X_i | X_{-i}]: at a position that shows
    its token, the network sees that token. BERT's masking trains some of these positions too, where a word
    may be right or random; the prediction there weighs what the word says itself
    (`hmmlib.lm.text_probs` can read that off).

    With ``causal=True`` the distribution at position i is P[X_i | e_0, …, e_{i-1}], at every position: the
    network reads the blank and then all embeddings but the last, and no position attends to a later one. So
    `conditioned_on` is 'past', and a prediction never depends on the last embedding.

    A new model is ready for training; `pretrain` and `load_lm` return it frozen. Its weights are in single
    precision and on the CPU, whatever torch's defaults are; ``.to(…)`` changes both.

    Example:
        >>> from hmmlib import TransformerConfig, TransformerMaskedLM
        >>> lm = TransformerMaskedLM(10, TransformerConfig(width=32, n_layers=2, n_heads=2))
        >>> lm.token_probs(lm.embed([[0, lm.mask_token, 2]])).shape
        torch.Size([1, 3, 10])

    Args:
        n_tokens: Size V of the vocabulary; the blank is token V.
        config: Its shape; the default is small enough for a laptop.
        generator: Seed of the initial weights.

    Attributes:
        conditioned_on: 'others', or 'past' for a causal model: see `MaskedLM`.

    Raises:
        TypeError: `n_tokens` or the seed is not an integer, or `config` is something else.
        ValueError: `n_tokens` is below 1, or the seed below 0.
    """

    def __init__(self, n_tokens: int, config: TransformerConfig | None = None, *, generator: int = 0) -> None:
        super().__init__()
        config = TransformerConfig() if config is None else config
        if not isinstance(config, TransformerConfig):
            raise TypeError(f"config: expected a TransformerConfig, got {type(config).__name__}")
        seed = check_positive_int(generator, "generator", 0)
        self.config = config
        self.n_tokens = check_positive_int(n_tokens, "n_tokens")
        self.mask_token = self.n_tokens
        self.embedding_dim = config.width
        self.conditioned_on: Context = "past" if config.causal else "others"
        # torch fills new layers from its global generator, which is left as it was.
        with torch.random.fork_rng([]):
            self.embedding = nn.Embedding(self.n_tokens + 1, config.width, **NEW)
            learned = config.positions == "learned"
            self.positions = nn.Embedding(config.max_positions, config.width, **NEW) if learned else None
            # Of the embeddings if post, at the end if pre.
            self.norm = nn.LayerNorm(config.width, config.epsilon, **NEW)
            self.dropout = nn.Dropout(config.dropout)
            self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
            self.transform = nn.Linear(config.width, config.width, **NEW)
            self.transform_norm = nn.LayerNorm(config.width, config.epsilon, **NEW)
            self.bias = nn.Parameter(torch.zeros(self.n_tokens, **NEW))
        self._initialise(torch.Generator().manual_seed(seed))

    def _initialise(self, random: torch.Generator) -> None:
        """BERT's: normal with standard deviation 0.02, and no biases."""
        for part in self.modules():
            if isinstance(part, nn.Linear | nn.Embedding):
                nn.init.normal_(part.weight, std=0.02, generator=random)
            if isinstance(part, nn.Linear):
                nn.init.zeros_(part.bias)

    def __repr__(self) -> str:
        shape = ", ".join(f"{name}={value!r}" for name, value in self.config.told())
        return in_lines(f"TransformerMaskedLM(n_tokens={self.n_tokens}, {shape})")

    def _repr_html_(self) -> str:
        sizes = [("n_tokens", self.n_tokens), ("weights", f"{self.n_parameters:,}")]
        return card("TransformerMaskedLM", facts([*sizes, *self.config.told()]))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.bias.device

    @property
    def n_parameters(self) -> int:
        """Number of weights, the output's (tied to the embeddings) counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def embed(self, tokens: ArrayLike) -> Tensor:
        """Embed texts.

        Args:
            tokens: Integers 0 … V − 1, or V for the blank, shape (batch, time).

        Returns:
            Embeddings, before positions are added, shape (batch, time, width).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shape, an empty batch, or a token out of range.
        """
        advice = f"the blank is mask_token = {self.mask_token}"
        return self.embedding(check_tokens(tokens, self.n_tokens + 1, advice=advice).to(self.device))

    def token_probs(self, embeddings: Tensor) -> Tensor:
        """Ḡ: the predicted distribution of each position's token; conditional on the others at blanks only.

        A causal model's is conditional on the embeddings before the position, everywhere. Without gradients
        it works in pieces, in little memory.

        Args:
            embeddings: Any vectors, shape (batch, time, width).

        Returns:
            Probabilities in single precision, shape (batch, time, V); they carry gradients if the
            embeddings or the weights do.

        Raises:
            TypeError: The embeddings are not a tensor of real numbers.
            ValueError: Wrong shape, an empty batch, or more positions than the model has learnt.
        """
        self._check(embeddings)
        return in_pieces(
            self, lambda piece: self.logits(piece).float().softmax(-1), embeddings, _PIECE_POSITIONS
        )

    def token_probs_at(self, embeddings: Tensor, position: int) -> Tensor:
        """Ḡ at one position: ``token_probs(embeddings)[:, position]``, the last layer computed there alone.

        Args:
            embeddings: Any vectors, shape (batch, time, width).
            position: 0 … time − 1.

        Returns:
            Probabilities in single precision, shape (batch, V); they carry gradients if the embeddings or the
            weights do.

        Raises:
            TypeError: The embeddings are not a tensor of real numbers, or the position is not an integer.
            ValueError: Wrong shape, an empty batch, more positions than the model has learnt, or no such
                position.
        """
        self._check(embeddings)
        place, time = check_positive_int(position, "position", 0), embeddings.shape[1]
        if place >= time:
            raise ValueError(f"position: expected 0 … {time - 1}, got {position}")
        return in_pieces(
            self,
            lambda piece: self.logits(piece, place).float().softmax(-1),
            embeddings,
            _PIECE_POSITIONS,
        )

    def forward(self, embeddings: Tensor) -> Tensor:
        """`logits`: what ``lm(embeddings)`` gives, and what hooks and summaries of torch look at.

        Args:
            embeddings: From `embed`, or any vectors, shape (batch, time, width).

        Returns:
            Logits of the words, shape (batch, time, V).

        Raises:
            TypeError: The embeddings are not a tensor of real numbers; tokens go through `embed` first.
            ValueError: Wrong shape, an empty batch, or more positions than the model has learnt.
        """
        self._check(embeddings)
        return self.logits(embeddings)

    def _check(self, embeddings: Tensor) -> None:
        check_embeddings(embeddings, self.embedding_dim)
        time, limit = embeddings.shape[1], self.config.max_positions
        if self.positions is not None and time > limit:
            raise ValueError(f"embeddings: {time} positions; the model has learnt max_positions = {limit}")

    def logits(self, embeddings: Tensor, at: int | None = None) -> Tensor:
        """Logits of the words, unchecked and at once: what training calls.

        Args:
            embeddings: Shape (batch, time, width).
            at: The one position that is wanted, at which alone the last layer is computed; None for all.

        Returns:
            Shape (batch, time, V), or (batch, V).
        """
        x = self.hidden(embeddings, at)  # (…, width)
        x = self.transform_norm(F.gelu(self.transform(x)))  # (…, width)
        # The output's weights are the words' embeddings, (V, width).
        return F.linear(x, self.embedding.weight[: self.n_tokens], self.bias)  # (…, V)

    def hidden(self, embeddings: Tensor, at: int | None = None) -> Tensor:
        """What the last layer gives, unchecked: the vectors from which `logits` reads words.

        Args:
            embeddings: Shape (batch, time, width).
            at: The one position that is wanted, at which alone the last layer is computed; None for all.

        Returns:
            Shape (batch, time, width), or (batch, width). A causal model's vector at a position depends on
            the embeddings before it.
        """
        config = self.config
        x = embeddings.to(self.bias)  # (batch, time, width)
        if config.causal:
            # Position i reads what is before it, the first the blank.
            first = self.embedding.weight[self.mask_token].expand(len(x), 1, -1)  # (batch, 1, width)
            x = torch.cat([first, x[:, :-1]], 1)  # (batch, time, width)
        if self.positions is not None:
            x = x + self.positions.weight[: x.shape[1]]  # + (time, width)
        if config.norm == "post":
            x = self.norm(x)
        x = self.dropout(x)
        turn = None
        if config.positions == "rotary":
            # Two tables (time, width / heads / 2).
            turn = rotary_angles(x.shape[1], config.width // config.n_heads, config.rotary_base, x)
        for layer in self.layers[:-1]:
            x = layer(x, turn)  # (batch, time, width)
        x = self.layers[-1](x, turn, at)  # (…, width)
        if config.norm == "pre":
            x = self.norm(x)
        return x
