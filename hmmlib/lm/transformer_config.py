"""The shape of a transformer, in one value that can be stored and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from hmmlib._checks import check_entries, check_fraction, check_positive, check_positive_int
from hmmlib._display import fields_html

Positions = Literal["rotary", "learned"]
Norm = Literal["pre", "post"]

# Fields that have another name where shapes are stored: a new one would give stored results new names too.
_STORED = {"feed_forward": "hidden"}


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
