"""Exact inference: what can be known of the hidden states, and of a left-out token, from a text.

Positions are counted from 0, and `initial` is the distribution of the state at position 0. The paper's layout
(∅, x) is a text whose first position is blank: see `prepend_blank`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from hmmlib._checks import ArrayLike, as_tensor, check_integers, check_positive_int
from hmmlib._display import card, heat_map, in_lines
from hmmlib._texts import check_lengths, check_text_shape, check_tokens
from hmmlib.hmm._batches import Batch, run, run_with_gradients
from hmmlib.hmm._evidence import check_evidence, positions_read
from hmmlib.hmm._fused import Lookup
from hmmlib.hmm._sweeps import Scratch
from hmmlib.hmm.chain import Chain, LatentChainModel, chain_of
from hmmlib.hmm.markov import MarkovChain, with_transition

KINDS = ("filtered", "smoothed", "leave_one_out", "conditionals")


@dataclass(frozen=True)
class Posteriors:
    """Posteriors of a batch of texts x; states are flat states (H of them, see `Chain.n_states`).

    Beyond a text's length every entry is NaN.

    Attributes:
        log_likelihood: log P[x] in nats (for soft evidence, log of the expected product of the evidence),
            shape (batch,).
        kept: The tables asked for, by name; also available as attributes.
    """

    log_likelihood: Tensor
    kept: dict[str, Tensor]

    @property
    def filtered(self) -> Tensor:
        """P[H_t | x_0, …, x_t], shape (batch, time, H)."""
        return self._get("filtered")

    @property
    def smoothed(self) -> Tensor:
        """P[H_t | x], shape (batch, time, H)."""
        return self._get("smoothed")

    @property
    def leave_one_out(self) -> Tensor:
        """P[H_t | x_{-t}], all of the text but position t, shape (batch, time, H)."""
        return self._get("leave_one_out")

    @property
    def conditionals(self) -> Tensor:
        """G_t(x) = P[X_t | X_{-t} = x_{-t}] (the paper's Section 2), shape (batch, time, V)."""
        return self._get("conditionals")

    def _get(self, kind: str) -> Tensor:
        if kind not in self.kept:
            raise ValueError(f"{kind} was not kept; ask for it with keep=('{kind}',)")
        return self.kept[kind]

    def __repr__(self) -> str:
        tables = "".join(f", {kind} {tuple(table.shape)}" for kind, table in self.kept.items())
        return in_lines(f"Posteriors(log_likelihood {tuple(self.log_likelihood.shape)}{tables})")

    def _repr_html_(self) -> str:
        columns = dict.fromkeys(KINDS, "state") | {"conditionals": "token"}
        first = [
            heat_map(f"{kind}, of the first text", table[0], "position", columns[kind])
            for kind, table in self.kept.items()
        ]
        return card(repr(self), heat_map("log_likelihood", self.log_likelihood, "", "text"), *first)


def posteriors(
    model: LatentChainModel,
    tokens: ArrayLike,
    *,
    observed: ArrayLike | None = None,
    lengths: ArrayLike | None = None,
    transition: ArrayLike | None = None,
    keep: Iterable[str] = KINDS,
) -> Posteriors:
    """Posteriors of the hidden states, and all conditionals, given texts.

    Example:
        >>> from hmmlib import HMM, posteriors
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]])
        >>> found = posteriors(hmm, [[0, 1, 0]], observed=[[True, False, True]])
        >>> found.smoothed[0].numpy().round(3)
        array([[0.829, 0.171],
               [0.821, 0.179],
               [0.829, 0.171]])
        >>> found.conditionals[0, 1].numpy().round(3)
        array([0.711, 0.289])

    Args:
        model: HMM or memory-augmented HMM.
        tokens: Integers 0 … V − 1, shape (batch, time). Entries that are blank or beyond the length are
            never read.
        observed: Booleans, shape (batch, time); False makes a position blank: its token is unknown. All
            are observed by default.
        lengths: Length of each text, 1 … time, shape (batch,); all of them `time` by default.
        transition: P[next chain state | chain state] in place of the model's: a matrix for each step, shape
            (time − 1, C, C), or one for all, (C, C). No gradients reach it (see `log_likelihood`).
        keep: Which tables are wanted, of 'filtered', 'smoothed', 'leave_one_out', 'conditionals'.

    Returns:
        The tables, on the model's device and in its number type.

    Raises:
        TypeError: Tokens or lengths that are not integers, a mask that is not boolean.
        ValueError: Wrong shapes, an empty batch, a token out of range, a row of `transition` that does not
            sum to one, an unknown table, or a text that the model cannot produce; the message names the
            sequence and the position.
    """
    return _posteriors_of_tokens(chain_of(model), tokens, observed, lengths, keep, transition=transition)


def _posteriors_of_tokens(
    chain: Chain,
    tokens: ArrayLike,
    observed: ArrayLike | None,
    lengths: ArrayLike | None,
    keep: Iterable[str],
    *,
    transition: ArrayLike | None = None,
    positions: slice = slice(None),
    n_blanks: int = 0,
) -> Posteriors:
    """`posteriors`, of which some positions are kept, for texts led by blanks.

    Errors count positions from the first one after `n_blanks` leading blanks.
    """
    wanted = _check_kinds(keep)
    device = chain.initial.device
    shape = check_text_shape(tokens)
    dynamics = with_transition(chain.dynamics, transition, shape[1])
    seen = positions_read(shape, observed, lengths, device)
    checked = check_tokens(tokens, chain.n_tokens, seen).to(device)
    # Row V of the table is the blank: no evidence for or against any state.
    table = torch.cat([chain.flat_emission.T, torch.ones_like(chain.flat_emission.T[:1])])
    index = checked if seen is None else torch.where(seen, checked, chain.n_tokens)

    def evidence(rows: slice, scratch: Scratch | None) -> Tensor:
        at = index[rows].T.reshape(-1)
        room = scratch.take("evidence", (len(at), table.shape[1]), table) if scratch else None
        return torch.index_select(table, 0, at, out=room).view(shape[1], -1, table.shape[1])

    def explain(row: int, position: int) -> str:
        token = int(checked[row, position])
        return f"tokens: sequence {row}, position {position - n_blanks}: token {token}"

    emission = chain.flat_emission
    lookup = Lookup(table, index)
    batch = Batch(dynamics, emission, shape, evidence, None, explain, wanted, positions, lookup)
    return _with_nan_beyond(*run(batch), lengths)


def posteriors_from_evidence(
    model: LatentChainModel | MarkovChain,
    evidence: Tensor,
    *,
    in_logs: bool = False,
    lengths: ArrayLike | None = None,
    transition: ArrayLike | None = None,
    keep: Iterable[str] | None = None,
) -> Posteriors:
    """Posteriors given soft evidence, the embeddings of the paper's Section 3.1; differentiable in it.

    A token z is the evidence row ``emission[:, z]``, a blank is all ones, a soft prompt is any non-negative
    row: the joint distribution of the hidden states is multiplied by ``evidence[t, column]`` at each t, and
    renormalised. Emissions of any other kind, such as densities, come as evidence too, best by their
    logarithms; a `MarkovChain` then serves as the model.

    Example:
        >>> import torch
        >>> from hmmlib import HMM, posteriors_from_evidence
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]])
        >>> prompt = torch.tensor([[1.0, 0.0]])  # it switches the second state off
        >>> blank = torch.ones(1, 2)
        >>> found = posteriors_from_evidence(hmm, torch.stack([prompt, blank], 1))
        >>> found.smoothed[0].numpy().round(3)
        array([[1. , 0. ],
               [0.9, 0.1]])

    Args:
        model: HMM, memory-augmented HMM, or Markov chain.
        evidence: Non-negative, shape (batch, time, E): for an HMM E = H, one entry per state; for a memory-
            augmented HMM E = |ℳ|·N·|𝒮|, one per (value of the cell read, cell, syntax state). Its scale
            matters only to the log-likelihood.
        in_logs: `evidence` holds logarithms, of any sign and size; −inf is the logarithm of 0.
        lengths: Length of each text, 1 … time, shape (batch,); all of them `time` by default.
        transition: P[next chain state | chain state] in place of the model's: a matrix for each step, shape
            (time − 1, C, C), or one for all, (C, C). No gradients reach it (see `log_likelihood`).
        keep: Which tables are wanted, of 'filtered', 'smoothed', 'leave_one_out', 'conditionals'; all
            that the model has by default: a Markov chain has no vocabulary, hence no conditionals.

    Returns:
        The tables; they carry gradients if `evidence` does.

    Raises:
        TypeError: The evidence is not a tensor of real numbers.
        ValueError: Wrong shapes, an empty batch, a negative or non-finite entry, a row of `transition` that
            does not sum to one, an unknown table, conditionals of a model without a vocabulary, or evidence
            that is impossible; the message names the sequence and the position.
    """
    return _posteriors_of_evidence(model, evidence, in_logs, lengths, transition, keep)


def conditionals_at(model: LatentChainModel, evidence: Tensor, position: int) -> Tensor:
    """The distribution of one position's token given soft evidence at the others.

    ``posteriors_from_evidence(model, evidence).conditionals[:, position]``, in about half the time.

    Args:
        model: HMM or memory-augmented HMM.
        evidence: As for `posteriors_from_evidence`, shape (batch, time, E).
        position: 0 … time − 1.

    Returns:
        Probabilities, shape (batch, V); they carry gradients if `evidence` does.

    Raises:
        TypeError: The evidence is not a tensor of real numbers, or the position not an integer.
        ValueError: No such position; or as for `posteriors_from_evidence`.
    """
    start = check_positive_int(position, "position", 0)
    some = slice(start, start + 1)
    found = _posteriors_of_evidence(model, evidence, keep=("conditionals",), positions=some)
    if not found.conditionals.shape[1]:
        raise ValueError(f"position: expected 0 … {evidence.shape[1] - 1}, got {position}")
    return found.conditionals[:, 0]


def _posteriors_of_evidence(
    model: LatentChainModel | MarkovChain,
    evidence: Tensor,
    in_logs: bool = False,
    lengths: ArrayLike | None = None,
    transition: ArrayLike | None = None,
    keep: Iterable[str] | None = None,
    *,
    positions: slice = slice(None),
) -> Posteriors:
    """`posteriors_from_evidence`, of which some positions are kept."""
    chain = None if isinstance(model, MarkovChain) else chain_of(model)
    wanted = _check_kinds(KINDS[: 3 if chain is None else 4] if keep is None else keep)
    if chain is None and "conditionals" in wanted:
        raise ValueError(
            "keep: 'conditionals' are probabilities of tokens, and a MarkovChain has no vocabulary; expected "
            f"some of {', '.join(KINDS[:3])}"
        )
    dynamics = model.dynamics if isinstance(model, MarkovChain) else chain_of(model).dynamics
    found = check_evidence(evidence, dynamics.n_columns, lengths, dynamics.initial, in_logs=in_logs)
    shape = (found.values.shape[0], found.values.shape[1])
    dynamics = with_transition(dynamics, transition, shape[1])
    columns, logs = dynamics.columns.reshape(-1), found.logs

    # In a vanilla HMM each state has its own column, in order; a gather would be the slowest step of all.
    own = torch.equal(columns, torch.arange(dynamics.n_columns, device=columns.device))

    def flat(table: Tensor) -> Tensor:
        by_time = table.transpose(0, 1)
        return (by_time if own else by_time.index_select(-1, columns)).contiguous()

    batch = Batch(
        dynamics,
        None if chain is None else chain.flat_emission,
        shape,
        lambda rows, _: flat(found.values[rows]),
        (lambda rows: flat(logs[rows])) if logs is not None else None,
        lambda row, position: f"evidence: sequence {row}, position {position}: the evidence",
        wanted,
        positions,
    )
    graph = found.values.requires_grad and torch.is_grad_enabled()
    likelihood, tables = run_with_gradients(batch) if graph else run(batch)
    return _with_nan_beyond(
        likelihood if found.log_scale is None else likelihood + found.log_scale, tables, lengths
    )


def blank_posterior(model: LatentChainModel, tokens: ArrayLike) -> Tensor:
    """P[H_0 | x], the posterior of the state under a blank put before the text.

    In the paper's notation, x = (x_1, …, x_T) and H_0 is the state one step before the first token;
    `model.initial` is its distribution, and the answer for the empty text.

    Example:
        >>> from hmmlib import HMM, blank_posterior
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]])
        >>> blank_posterior(hmm, [[0, 0, 0], [1, 1, 1]]).numpy().round(3)
        array([[0.824, 0.176],
               [0.147, 0.853]])

    Args:
        model: HMM or memory-augmented HMM.
        tokens: Integers 0 … V − 1, shape (batch, time); time may be 0.

    Returns:
        Probabilities of the flat states, shape (batch, H).

    Raises:
        TypeError: The tokens are not integers.
        ValueError: As for `posteriors`.
    """
    chain = chain_of(model)
    padded, seen = prepend_blank(check_tokens(tokens, chain.n_tokens, advice="", empty=True))
    found = _posteriors_of_tokens(chain, padded, seen, None, ("smoothed",), positions=slice(1), n_blanks=1)
    return found.smoothed[:, 0]


def prepend_blank(tokens: ArrayLike) -> tuple[Tensor, Tensor]:
    """Put a blank before each text: x becomes (∅, x).

    Args:
        tokens: Integers, shape (batch, time); time may be 0.

    Returns:
        Tokens, int64, shape (batch, time + 1), whose first column is never read, and the mask for
        `posteriors(…, observed=…)`, False in that column.

    Raises:
        TypeError: The tokens are not integers.
        ValueError: The shape is not (batch, time).
    """
    found = as_tensor(tokens, "tokens", "integers of shape (batch, time)")
    found = check_integers(found if check_text_shape(found, empty=True)[1] else found.long(), "tokens")
    padded = torch.cat([found.new_zeros(len(found), 1), found], 1)
    seen = torch.ones_like(padded, dtype=torch.bool)
    seen[:, 0] = False
    return padded, seen


def _check_kinds(keep: Iterable[str]) -> tuple[str, ...]:
    if isinstance(keep, str):
        raise ValueError(f"keep: expected several names, such as ({keep!r},), got the text {keep!r}")
    if not isinstance(keep, Iterable):
        raise TypeError(f"keep: expected names of tables, got {type(keep).__name__}")
    wanted = tuple(keep)
    unknown = [kind for kind in wanted if kind not in KINDS]
    if unknown:
        raise ValueError(f"keep: expected some of {', '.join(KINDS)}, got {unknown[0]!r}")
    return tuple(dict.fromkeys(wanted))


def _with_nan_beyond(likelihood: Tensor, tables: dict[str, Tensor], lengths: ArrayLike | None) -> Posteriors:
    """The result, with NaN beyond each text's length."""
    for kind, table in tables.items():
        ends = check_lengths(lengths, (table.shape[0], table.shape[1]), table.device)
        if ends is not None:
            beyond = torch.arange(table.shape[1], device=table.device) >= ends[:, None]
            tables[kind] = table.masked_fill(beyond[..., None], torch.nan)
    return Posteriors(likelihood, tables)
