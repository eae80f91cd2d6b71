"""A trainable masked language model: a small bidirectional transformer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hmmlib._checks import ArrayLike, check_entries, check_fraction, check_positive, check_positive_int
from hmmlib._display import card, facts, fields_html, in_lines
from hmmlib._texts import check_embeddings, check_tokens
from hmmlib.lm._pieces import in_pieces
from hmmlib.lm.base import Context

Positions = Literal["rotary", "learned"]
Norm = Literal["pre", "post"]
# Cosines and sines of rotary angles.
Turn = tuple[Tensor, Tensor] | None

# Fields that have another name where shapes are stored: a new one would give stored results new names too.
_STORED = {"feed_forward": "hidden"}

# What is computed at once where no gradients are kept: so much of it stays in a core's cache.
_PIECE_POSITIONS = 4_096

# Said to every new weight, lest torch's defaults, which anyone may have changed, make another model.
_NEW: dict[str, Any] = {"device": "cpu", "dtype": torch.float32}


@dataclass(frozen=True)
class TransformerConfig:
    """Shape of a `TransformerMaskedLM`.

    Attributes:
        width: Size of an embedding and of each layer's output.
        n_layers: Number of layers, each attention followed by a feed-forward network.
        n_heads: Attention heads per layer; divides `width`.
        feed_forward: Width of the feed-forward networks.
        positions: 'rotary' (Su et al. 2021: queries and keys are turned by an angle proportional to their
            position, so that only distances matter) or 'learned' (BERT: a vector added per position).
        norm: Layer normalisation before each part and after the last layer ('pre'), or after each part's
            sum and after the embeddings ('post', BERT).
        max_positions: With learned positions, the longest text, prompt and blanks included.
        dropout: Probability in training that an entry is dropped, as in BERT after the embeddings, on
            attention weights and after each part.
        rotary_base: Rotary angles per step are ``rotary_base ** -u`` for u from 0 to nearly 1.
        epsilon: Added to the variance in layer normalisation.
        causal: Whether each token is predicted from those before it alone.
    """

    width: int = 64
    n_layers: int = 3
    n_heads: int = 4
    feed_forward: int = 256
    positions: Positions = "rotary"
    norm: Norm = "pre"
    max_positions: int = 512
    dropout: float = 0.0
    rotary_base: float = 10_000.0
    epsilon: float = 1e-12
    causal: bool = False

    _repr_html_ = fields_html

    def __post_init__(self) -> None:
        for name in ("width", "n_layers", "n_heads", "feed_forward", "max_positions"):
            object.__setattr__(self, name, check_positive_int(getattr(self, name), name))
        for name in ("rotary_base", "epsilon"):
            object.__setattr__(self, name, check_positive(getattr(self, name), name))
        object.__setattr__(self, "dropout", check_fraction(self.dropout, "dropout", below_one=True))
        for name, allowed in (("positions", get_args(Positions)), ("norm", get_args(Norm))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}: expected one of {allowed}, got {getattr(self, name)!r}")
        if not isinstance(self.causal, bool):
            raise TypeError(f"causal: expected True or False, got {self.causal!r}")
        if self.width % self.n_heads:
            raise ValueError(f"n_heads: expected a divisor of width = {self.width}, got {self.n_heads}")
        if self.positions == "rotary" and self.width // self.n_heads % 2:
            raise ValueError(
                "n_heads: rotary positions turn pairs of entries; expected width / n_heads to be even, got "
                f"{self.width // self.n_heads}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The shape as JSON can hold it; `from_dict` makes it again.

        Returns:
            One entry per attribute; as in what is stored already, `feed_forward` is called "hidden", and
            `causal` is there only where it is true.
        """
        return {_STORED.get(name, name): value for name, value in self.told()}

    def told(self) -> list[tuple[str, Any]]:
        """Names and values of the attributes; `causal` only where it is true.

        Returns:
            Pairs, in the order of the attributes.
        """
        return [(name, value) for name, value in asdict(self).items() if name != "causal" or value]

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], name: str = "stored") -> TransformerConfig:
        """The shape that `to_dict` made the dictionary from.

        Args:
            stored: The dictionary.
            name: What to call it in a message.

        Returns:
            The shape.

        Raises:
            TypeError: An entry that a shape does not have, or no mapping.
            ValueError: A value out of range.
        """
        names = {stored_name: field for field, stored_name in _STORED.items()}
        if isinstance(stored, Mapping):
            stored = {names.get(entry, entry): value for entry, value in stored.items()}
        return cls(**check_entries(stored, cls, name))


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
            self.embedding = nn.Embedding(self.n_tokens + 1, config.width, **_NEW)
            learned = config.positions == "learned"
            self.positions = nn.Embedding(config.max_positions, config.width, **_NEW) if learned else None
            # Of the embeddings if post, at the end if pre.
            self.norm = nn.LayerNorm(config.width, config.epsilon, **_NEW)
            self.dropout = nn.Dropout(config.dropout)
            self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
            self.transform = nn.Linear(config.width, config.width, **_NEW)
            self.transform_norm = nn.LayerNorm(config.width, config.epsilon, **_NEW)
            self.bias = nn.Parameter(torch.zeros(self.n_tokens, **_NEW))
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
        x = self.transform_norm(F.gelu(self.transform(x)))  # (…, width)
        # The output's weights are the words' embeddings, (V, width).
        return F.linear(x, self.embedding.weight[: self.n_tokens], self.bias)  # (…, V)


class Layer(nn.Module):
    """Attention, then a feed-forward network, each added to its input.

    Args:
        config: The model's shape.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.query_key_value = nn.Linear(width, 3 * width, **_NEW)
        self.mix = nn.Linear(width, width, **_NEW)
        self.attention_norm = nn.LayerNorm(width, config.epsilon, **_NEW)
        self.up = nn.Linear(width, config.feed_forward, **_NEW)
        self.down = nn.Linear(config.feed_forward, width, **_NEW)
        self.feed_forward_norm = nn.LayerNorm(width, config.epsilon, **_NEW)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, turn: Turn, at: int | None = None) -> Tensor:
        """Apply the layer.

        Args:
            x: Shape (batch, time, width).
            turn: Rotary angles' cosines and sines, or None.
            at: The one position that is wanted; None for all.

        Returns:
            Shape (batch, time, width), or (batch, width).
        """
        kept = x if at is None else x[:, at]  # (batch, time, width) or (batch, width)
        if self.config.norm == "pre":
            kept = kept + self.dropout(self.attend(self.attention_norm(x), turn, at))
            return kept + self.dropout(self.feed_forward(self.feed_forward_norm(kept)))
        kept = self.attention_norm(kept + self.dropout(self.attend(x, turn, at)))
        return self.feed_forward_norm(kept + self.dropout(self.feed_forward(kept)))

    def attend(self, x: Tensor, turn: Turn, at: int | None = None) -> Tensor:
        """Every position attends to all positions; in a causal model to those up to itself.

        Args:
            x: Shape (batch, time, width).
            turn: Rotary angles' cosines and sines, or None.
            at: The one position that is wanted; None for all.

        Returns:
            Shape (batch, time, width), or (batch, width).
        """
        batch, time, width = x.shape
        heads, causal = self.config.n_heads, self.config.causal
        if at is not None:
            query, key, value = self._one_query(x[:, : at + 1] if causal else x, turn, at)
            causal = False  # what is later was left out
        else:
            # (batch, time, 3 · width), as (batch, time, 3, heads, width / heads)
            parts = self.query_key_value(x).view(batch, time, 3, heads, width // heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
            if turn is not None:
                query, key = rotate(query, turn), rotate(key, turn)
        dropped = self.config.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropped, is_causal=causal)
        mixed = mixed.transpose(1, 2).flatten(2)  # (batch, time or 1, width)
        return self.mix(mixed if at is None else mixed[:, 0])  # (…, width)

    def _one_query(self, x: Tensor, turn: Turn, position: int) -> tuple[Tensor, Tensor, Tensor]:
        """The query of one position, (batch, heads, 1, width / heads), and the keys and values of all."""
        batch, time, width = x.shape
        heads = self.config.n_heads
        weight, bias = self.query_key_value.weight, self.query_key_value.bias
        query = F.linear(x[:, position], weight[:width], bias[:width])  # (batch, width)
        query = query.view(batch, heads, 1, width // heads)
        parts = F.linear(x, weight[width:], bias[width:]).view(batch, time, 2, heads, width // heads)
        key, value = parts.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width / heads)
        if turn is not None:
            cosine, sine = turn
            query = rotate(query, (cosine[position], sine[position]))
            key = rotate(key, (cosine[:time], sine[:time]))
        return query, key, value

    def feed_forward(self, x: Tensor) -> Tensor:
        """Two linear maps with GELU between.

        Args:
            x: Shape (..., width).

        Returns:
            Same shape.
        """
        return self.down(F.gelu(self.up(x)))  # (..., width) → (..., feed_forward) → (..., width)


def rotary_angles(time: int, size: int, base: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles by which each position's queries and keys are turned.

    Args:
        time: Number of positions.
        size: Entries of a query, even.
        base: Angles per step are ``base ** -u``, u from 0 to nearly 1.
        like: Gives device and number type.

    Returns:
        Two tables of shape (time, size / 2).
    """
    step = base ** -(torch.arange(0, size, 2, device=like.device, dtype=torch.float64) / size)  # (size / 2,)
    angle = torch.arange(time, device=like.device)[:, None] * step  # (time, size / 2)
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn entries k and k + size/2 of each position as a point in the plane.

    Args:
        x: Queries or keys, shape (..., time, size).
        turn: Cosines and sines from `rotary_angles`.

    Returns:
        Same shape.
    """
    cosine, sine = turn  # (time, size / 2)
    first, second = x.chunk(2, -1)  # each (..., time, size / 2)
    return torch.cat(
        [first * cosine - second * sine, second * cosine + first * sine], -1
    )  # (..., time, size)
