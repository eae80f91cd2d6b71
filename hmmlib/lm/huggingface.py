"""Masked language models of Hugging Face transformers (optional: ``pip install 'hmmlib[interop]'``).

`to_bert` and `from_bert` copy weights between `TransformerMaskedLM` and BERT (Devlin et al. 2019), of which
it is a variant: one model, two libraries. `HuggingFaceMaskedLM` puts any masked language model of
transformers behind the interface `MaskedLM`, so that heads and prompts can be tuned on it.

The vocabulary of a Hugging Face model has entries that are no words, the blank among them. Where words are
to be chosen, word i stands for vocabulary entry ``words[i]``.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, check_positive_int
from hmmlib._texts import check_embeddings, check_tokens
from hmmlib.lm._pieces import in_pieces
from hmmlib.lm.base import Context
from hmmlib.lm.checkpoints import freeze
from hmmlib.lm.transformer import TransformerMaskedLM
from hmmlib.lm.transformer_config import TransformerConfig

if TYPE_CHECKING:
    from transformers import BertForMaskedLM, PreTrainedModel

# The blank's output bias in BERT, which predicts every entry of its vocabulary: exp(−10⁴) is zero.
_NEVER = -1e4

# What is computed at once where no gradients are kept: fewer than in a small model, as logits are many.
_PIECE_POSITIONS = 4_096


def to_bert(lm: TransformerMaskedLM) -> BertForMaskedLM:
    """Copy a model into Hugging Face's BERT.

    Both give the same logits for the V words. The blank is entry V of BERT's V + 1, and never predicted:
    its output bias is −10⁴. There is one token type, whose embedding is zero.

    Args:
        lm: A model with ``positions='learned'`` and ``norm='post'``.

    Returns:
        A `transformers.BertForMaskedLM` in eval mode, of the same number type and on the same device.

    Raises:
        ValueError: The model is no BERT: other positions or norms, or causal.
        ImportError: transformers is not installed.
    """
    config = lm.config
    for name, expected in (("positions", "learned"), ("norm", "post"), ("causal", False)):
        if getattr(config, name) != expected:
            raise ValueError(f"lm: has {name}={getattr(config, name)!r}; expected {expected!r}, as in BERT")
    bert_config, bert_class = _bert()
    settings = bert_config(
        vocab_size=lm.n_tokens + 1,
        hidden_size=config.width,
        num_hidden_layers=config.n_layers,
        num_attention_heads=config.n_heads,
        intermediate_size=config.feed_forward,
        max_position_embeddings=config.max_positions,
        type_vocab_size=1,
        hidden_act="gelu",  # the exact one
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
        layer_norm_eps=config.epsilon,
        pad_token_id=None,  # by default token 0, whose embedding would not be trained
    )
    # transformers fills new layers from torch's global generator, which is left as it was.
    with torch.random.fork_rng([]), torch.device("cpu"):
        bert = bert_class(settings)
    weights = lm.state_dict()
    table, bias = weights["embedding.weight"], weights["bias"]
    bias = torch.cat([bias, bias.new_tensor([_NEVER])])
    copied = {
        "bert.embeddings.word_embeddings.weight": table,
        "bert.embeddings.position_embeddings.weight": weights["positions.weight"],
        "bert.embeddings.token_type_embeddings.weight": torch.zeros_like(table[:1]),
        "cls.predictions.decoder.weight": table,
        "cls.predictions.decoder.bias": bias,
        "cls.predictions.bias": bias,
    }
    for ours, theirs in _parts(config.n_layers):
        copied |= zip(theirs, weights[ours].chunk(len(theirs)), strict=True)
    bert = bert.to(lm.bias)
    bert.load_state_dict(copied)
    return bert.eval()


def from_bert(
    bert: BertForMaskedLM, words: Sequence[int] | None = None, mask_token: int | None = None
) -> TransformerMaskedLM:
    """Copy Hugging Face's BERT into a model of this library.

    Both give the same logits for the chosen words, and gradients. The embedding of token type 0, which BERT
    adds everywhere, becomes part of the positions.

    Args:
        bert: A `transformers.BertForMaskedLM`.
        words: Vocabulary entries that are the V words, in this order; all but the blank by default.
        mask_token: Vocabulary entry of the blank; the last by default, as `to_bert` has it.

    Returns:
        The model, frozen and without dropout, of the same number type and on the same device.

    Raises:
        TypeError: Another architecture, or a word or the blank is not an integer.
        ValueError: A BERT that cannot be copied (another activation, relative positions, a decoder, output
            weights of its own, two rates of dropout), or words that are repeated, out of range or the blank.
        ImportError: transformers is not installed.
    """
    if not isinstance(bert, _bert()[1]):
        raise TypeError(f"bert: expected a transformers.BertForMaskedLM, got {type(bert).__name__}")
    settings, weights = bert.config, bert.state_dict()
    for name, expected in (
        ("hidden_act", "gelu"),
        ("position_embedding_type", "absolute"),  # older versions of transformers had others
        ("is_decoder", False),
        ("attention_probs_dropout_prob", settings.hidden_dropout_prob),
    ):
        if (found := getattr(settings, name, expected)) != expected:
            raise ValueError(f"bert: has config.{name} = {found!r}; expected {expected!r}")
    table, output = bert.get_input_embeddings().weight.detach(), bert.get_output_embeddings()
    entries, mask = _vocabulary(len(table), words, len(table) - 1 if mask_token is None else mask_token)
    rows = torch.tensor(entries, device=table.device)
    if not torch.equal(output.weight[rows], table[rows]):
        raise ValueError("bert: has output weights of its own; expected those of the input embeddings")
    positions = weights["bert.embeddings.position_embeddings.weight"]
    config = TransformerConfig(
        width=table.shape[1],
        n_layers=settings.num_hidden_layers,
        n_heads=settings.num_attention_heads,
        feed_forward=settings.intermediate_size,
        positions="learned",
        norm="post",
        max_positions=len(positions),
        dropout=settings.hidden_dropout_prob,
        epsilon=settings.layer_norm_eps,
    )
    copied = {
        "embedding.weight": torch.cat([table[rows], table[mask][None]]),
        "positions.weight": positions + weights["bert.embeddings.token_type_embeddings.weight"][0],
        "bias": output.bias.detach()[rows],
    }
    for ours, theirs in _parts(config.n_layers):
        copied[ours] = torch.cat([weights[name] for name in theirs])
    lm = TransformerMaskedLM(len(entries), config).to(table)
    for name, weight in lm.state_dict().items():
        if copied[name].shape != weight.shape:
            raise ValueError(
                f"bert: {name} would have shape {tuple(copied[name].shape)}; expected "
                f"{tuple(weight.shape)}, by its config"
            )
    lm.load_state_dict(copied)
    return freeze(lm)


class HuggingFaceMaskedLM:
    """Any masked language model of Hugging Face transformers, as a `MaskedLM`.

    The distribution of a token is a softmax over the logits of the words alone. A text is shown as it is,
    without [CLS] or [SEP]; their embeddings may be prepended as a prompt is. If it is too long, the model
    complains.

    The model is changed in place: it is put in eval mode and its weights are frozen, as heads and prompts
    expect. Should it be put in train mode later, predictions have dropout, drawn anew in each call.

    Args:
        model: What `transformers.AutoModelForMaskedLM` makes: BERT, RoBERTa, ModernBERT, ….
        words: Vocabulary entries that are the V words, in this order; None for all but the blank.
        mask_token: Vocabulary entry of the blank, the tokenizer's ``mask_token_id``.

    Raises:
        TypeError: A word or the blank is not an integer.
        ValueError: Words that are repeated, out of range or the blank; or there are none. A model that cannot
            be given embeddings, or then shows other distributions than for the tokens: this is tried on a
            short text.
    """

    def __init__(self, model: PreTrainedModel, words: Sequence[int] | None, mask_token: int) -> None:
        table = model.get_input_embeddings().weight
        entries, mask = _vocabulary(len(table), words, mask_token)
        # Words from the middle of the vocabulary, as what is at its ends may have a meaning of its own.
        _check_embeddings_are_enough(model, entries[len(entries) // 2 :][:3], mask)
        # Only now, as what is refused is left as it is.
        self.model: Any = model.eval().requires_grad_(False)
        self.n_tokens = self.mask_token = len(entries)
        self.embedding_dim: int = table.shape[1]
        self.conditioned_on: Context = "others"
        # Made in inference mode, the entries would be barred from all later work with gradients.
        with torch.inference_mode(False):
            self._entries = torch.tensor([*entries, mask], device="cpu")

    def __repr__(self) -> str:
        return f"HuggingFaceMaskedLM({type(self.model).__name__}, n_tokens={self.n_tokens})"

    def embed(self, tokens: ArrayLike) -> Tensor:
        """Embed texts.

        Args:
            tokens: Integers 0 … V − 1, or V for the blank, shape (batch, time).

        Returns:
            Word embeddings, before the model adds positions or anything else, shape
            (batch, time, embedding_dim).

        Raises:
            TypeError: The tokens are not integers.
            ValueError: Wrong shape, an empty batch, or a token out of range.
        """
        advice = f"the blank is mask_token = {self.mask_token}"
        checked = check_tokens(tokens, self.n_tokens + 1, advice=advice)
        table = self.model.get_input_embeddings()
        return table(self._entries[checked.to(self._entries.device)].to(table.weight.device))

    def token_probs(self, embeddings: Tensor) -> Tensor:
        """Ḡ: the predicted distribution of each position's token; conditional on the others at blanks only.

        Without gradients it works in pieces, in little memory.

        Args:
            embeddings: Any vectors, shape (batch, time, embedding_dim).

        Returns:
            Probabilities in single precision, shape (batch, time, V); they carry gradients if the
            embeddings or the weights do.

        Raises:
            TypeError: The embeddings are not a tensor of real numbers.
            ValueError: Wrong shape, or an empty batch.
        """
        check_embeddings(embeddings, self.embedding_dim)
        table = self.model.get_input_embeddings().weight
        words = self._entries[:-1].to(table.device)

        def probs(piece: Tensor) -> Tensor:
            logits: Tensor = self.model(inputs_embeds=piece.to(table), return_dict=True).logits
            return logits[..., words].float().softmax(-1)

        return in_pieces(self.model, probs, embeddings, _PIECE_POSITIONS)


def _check_embeddings_are_enough(model: PreTrainedModel, words: list[int], mask: int) -> None:
    """Refuse a model that predicts otherwise from a text's embeddings than from the text itself.

    Some models treat blanks only where they see which token is one: ESM scales all embeddings by the number
    of blanks, and does not where it is given embeddings.
    """
    name = type(model).__name__
    words = [word for word in words if word != getattr(model.config, "pad_token_id", None)] or [mask]
    text = [words[0], mask, *words[1:], mask]
    # A copy that shares the weights: a model may change its ways with the first text, as BigBird does.
    copied = copy.deepcopy(model, {id(part): part for part in (*model.parameters(), *model.buffers())}).eval()
    table = copied.get_input_embeddings()
    shown = []
    # Some models draw random numbers; both ways get the same, and the global generator is left as it was.
    with torch.no_grad():
        tokens = torch.tensor([text], device=table.weight.device)
        for given in ({"input_ids": tokens}, {"inputs_embeds": table(tokens)}):
            with torch.random.fork_rng([tokens.device] if tokens.device.type == "cuda" else []):
                torch.manual_seed(0)
                try:
                    logits = copied(**given, return_dict=True).logits
                except Exception as error:
                    raise ValueError(
                        f"model: {name} cannot be given {next(iter(given))}, which is needed here "
                        f"({type(error).__name__}: {str(error).partition(chr(10))[0]})"
                    ) from error
            shown.append(logits.double().softmax(-1))
    largest = float((shown[0] - shown[1]).abs().max())
    # Both ways take the same steps; half precision is allowed for in case they are ordered otherwise.
    if not largest <= (1e-5 if table.weight.dtype in (torch.float32, torch.float64) else 1e-2):
        raise ValueError(
            f"model: {name} shows other probabilities where it is given embeddings instead of tokens: for "
            f"the entries {text} they differ by up to {largest:.3g}; expected no difference (of ESM, "
            "a model trained with token_dropout=False)"
        )


def _bert() -> tuple[Any, Any]:
    """BERT's two classes, of a package that need not be there."""
    try:
        from transformers import BertConfig, BertForMaskedLM
    except ImportError as error:
        raise ImportError(f"{error}; needed here: pip install 'hmmlib[interop]'") from error
    return BertConfig, BertForMaskedLM


def _parts(n_layers: int) -> Iterator[tuple[str, list[str]]]:
    """What a weight is called here and in BERT, where some of ours are several, one on top of another."""
    names = {
        "norm": ["bert.embeddings.LayerNorm"],
        "transform": ["cls.predictions.transform.dense"],
        "transform_norm": ["cls.predictions.transform.LayerNorm"],
    }
    for i in range(n_layers):
        ours, theirs = f"layers.{i}", f"bert.encoder.layer.{i}"
        names |= {
            f"{ours}.query_key_value": [f"{theirs}.attention.self.{n}" for n in ("query", "key", "value")],
            f"{ours}.mix": [f"{theirs}.attention.output.dense"],
            f"{ours}.attention_norm": [f"{theirs}.attention.output.LayerNorm"],
            f"{ours}.up": [f"{theirs}.intermediate.dense"],
            f"{ours}.down": [f"{theirs}.output.dense"],
            f"{ours}.feed_forward_norm": [f"{theirs}.output.LayerNorm"],
        }
    for name, parts in names.items():
        for kind in ("weight", "bias"):
            yield f"{name}.{kind}", [f"{part}.{kind}" for part in parts]


def _vocabulary(n_entries: int, words: Sequence[int] | None, mask_token: int) -> tuple[list[int], int]:
    """The words' entries and the blank's, checked."""
    mask = check_positive_int(mask_token, "mask_token", 0)
    if mask >= n_entries:
        raise ValueError(f"mask_token: expected 0 … {n_entries - 1}, got {mask}")
    if words is None:
        words = [entry for entry in range(n_entries) if entry != mask]
    entries = [check_positive_int(entry, "words", 0) for entry in words]
    count = Counter(entries)
    wrong = [entry for entry in entries if entry >= n_entries or entry == mask or count[entry] > 1]
    if wrong or not entries:
        raise ValueError(
            f"words: expected entries 0 … {n_entries - 1} other than the blank {mask}, each once, got "
            f"{wrong[0] if wrong else 'none'}"
        )
    return entries, mask
