# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Prompts and memory
#
# A prompt in words often says what is *not* the question. "This is a review of a comedy", and readings that only make sense for a
# thriller drop out, from the first word of the review to the last. A tuned prompt {cite:p}`lester2021power` might do the same without words. In
# {doc}`soft_prompts` it could not: it re-weighted one state, the chain moved on, and a few tokens later little of that was left. With a
# memory it can.
#
# Say a review's memory holds what the reviewer thinks of the plot, one of ten verdicts from *masterpiece* to
# *unwatchable*. The attention head of {doc}`memory_and_attention` needs independent columns for all ten, and so a large vocabulary. But we
# only want to know whether the plot was liked or disliked, and weigh two or three of the verdicts. Can a prompt remove the rest?
#
# It can, with a single vector: memory never changes, so what the prompt says about it stays true to the end of
# the text. This chapter proves that, counts how much weaker the condition on the emissions becomes, and finds out what changes when
# there are several cells: then the prompt says too much, and one vector is no longer as good as many. It ends with four ways in which
# a prompt fails. Running it takes about a minute.

# %% [markdown]
# ## The question
#
# Recall the model ({prf:ref}`att-def-memory`). A memory $M = (M_1, \dots, M_N)$ is drawn once for each text. A chain
# $H_i = (J_i, S_i)$ says which cell is being read and in which syntax state, and the token's distribution is the column
# $W_{:,(M_j, j, s)}$ of the value read. A task asks about one cell $j^\star$, with one weight for each value, and its margin is
# $\mu^\top \mathbb{P}[M_{j^\star} \mid x]$. Let
#
# $$
# \mathcal{M}^\star = \{m : \mu_m \ne 0\}
# $$
#
# be the values that the task weighs. The next cell is the one to change.

# %%
import numpy as np
import torch

from hmmlib import ExactMaskedLM, PosteriorTask, sample_tokens
from hmmlib.hmm import random_recoverable_hmm, stationary_distribution

mu = [1.0, 0.0, -1.2, 0.0]  # change me: one weight per value, some of them zero
n_syntax, seed = 3, 13  # change me: |𝒮| and the seed
n_tokens = 5  # change me: V, at least two more than the values that are weighed
kept = [value for value, weight in enumerate(mu) if weight]
sizes = {"n_kept": len(kept), "generator": seed}
hmm = random_recoverable_hmm(len(mu), n_syntax, n_tokens, **sizes)
task = PosteriorTask.two_class(hmm, mu)
print(hmm)
print("the task weighs values", kept)

# %% [markdown]
# This HMM has one cell, $N = 1$, and is drawn so that the values together have dependent emission columns, while
# those that the task weighs do not. Rule out the others, and there is hope.
#
# A *prompt* is a vector $u \ge 0$ with one entry for each column $(m, j, s)$. It stands at a position of its own and
# multiplies the probability of being there in state $h = (j, s)$ with content $M_j = m$ by $u_{(m,j,s)}$. We let it
# take the place of the blank, $(u, x)$ instead of $(\varnothing, x)$, and give it a one for each value that is
# weighed and a zero for each that is not:

# %%
from hmmlib import posteriors_from_evidence, prepend_mask, prepend_prompt

u = torch.zeros(len(mu), 1, n_syntax, dtype=torch.float64)
u[kept] = 1.0
u = u.reshape(1, -1)
lm = ExactMaskedLM(hmm)
texts = sample_tokens(hmm, batch=40, time=17, generator=3)[:, 1:]
text = texts[11:12]  # change me: which of the forty to follow


def memory_along(embeddings):
    """P[M | read so far] at each position."""
    found = posteriors_from_evidence(hmm, embeddings, keep=("filtered",))
    return hmm.memory_posterior(found.filtered)[0]


# %% mystnb={"figure": {"caption": "What a text reveals of the memory while it is read. The prompt $u$ sets two of the values to zero before the first token, and they stay at zero; the others are compared with one another as before.", "name": "fig-mp-posteriors"}, "image": {"alt": "Two line charts of the probability of each value of the memory against the tokens read so far. Without a prompt four values compete. With the prompt the two values of weight zero stay at zero from the start, and the other two sum to one."}}
import matplotlib.pyplot as plt

from hmmlib.plotting import use_style
from hmmlib.plotting.prompts_and_memory import memory_posteriors

use_style()
without = memory_along(lm.embed(prepend_mask(lm, text)))
prompted = memory_along(prepend_prompt(u, lm.embed(text)))
memory_posteriors(without, prompted, text[0], kept)
plt.show()

# %% [markdown]
# ## One vector for the whole text
#
# The picture shows it, and a lemma says it exactly.
#
# :::{prf:lemma} A prompt conditions the memory (the paper's Section 4)
# :label: mp-lem-condition
#
# Let $N = 1$ and $u_{(m,s)} = \mathbf{1}[m \in \mathcal{M}^\star]$, in the place of the blank. For every text with
# $\mathbb{P}[x,\, M \in \mathcal{M}^\star] > 0$ the prompted model computes
#
# $$
# \overline{G}_i(u, x) = \mathbb{P}[X_i \mid x_{-i},\, M \in \mathcal{M}^\star],
# $$
#
# at every position $i$ of the text. Only columns $W_{:,(m,s)}$ with $m \in \mathcal{M}^\star$ occur in it.
# :::
#
# :::{prf:proof}
# Write $\tilde{\mathbb{P}}$ for the distribution given $M \in \mathcal{M}^\star$. The prompt multiplies the joint
# distribution of $M$, the chain $H_0, \dots, H_T$ and the tokens by $u_{(M, S_0)} = \mathbf{1}[M \in
# \mathcal{M}^\star]$ and normalises. As that factor does not depend on the chain, the result is $\tilde{\mathbb{P}}$,
# and $\overline{G}_i$ is its conditional distribution of $X_i$. Writing it out,
#
# $$
# \overline{G}_i = \sum_{m \in \mathcal{M}^\star} \sum_s
#   \tilde{\mathbb{P}}[M = m, S_i = s \mid x_{-i}]\, W_{:,(m,s)},
# $$
#
# since $X_i$ is independent of the other tokens given $M$ and $S_i$.
# :::
#
# Two things make this work. Memory is *constant*, so a condition on it at the front of the text is a condition
# everywhere. And the factor is *blind to the chain*, so under each content that is left the chain starts and runs as
# before.
#
# Does the condition spoil the label? It would if it changed the sign of the margin.
#
# :::{prf:lemma} Values of weight zero do not matter (ours)
# :label: mp-lem-sign
#
# If $c(x) = \mathbb{P}[M \in \mathcal{M}^\star \mid x] > 0$, then
#
# $$
# \begin{aligned}
# &c(x)\; \mu^\top \mathbb{P}[M \mid x,\, M \in \mathcal{M}^\star] \\
# &\quad = \mu^\top \mathbb{P}[M \mid x] .
# \end{aligned}
# $$
# :::
#
# :::{prf:proof}
# On both sides only values in $\mathcal{M}^\star$ have weight. For these the event $M = m$ is part of the event
# $M \in \mathcal{M}^\star$, so $\mathbb{P}[M = m \mid x]$ is $c(x)$ times
# $\mathbb{P}[M = m \mid x,\, M \in \mathcal{M}^\star]$.
# :::
#
# We call $\mu^\top \mathbb{P}[M \mid x, M \in \mathcal{M}^\star]$ the *margin given* $\mathcal{M}^\star$. As in {prf:ref}`sp-thm-prompt`, what is
# read behind the prompt is the margin up to a positive factor, $1/c(x)$.

# %%
posterior = task.posterior(text)[0]
share = posterior[kept].sum()
print("P[M | x]:", [round(float(p), 4) for p in posterior])
print("P[M | x, M weighed]:", [round(float(p), 4) for p in prompted[-1]])
margins = float(posterior @ task.mu), float(share), float(prompted[-1] @ task.mu)
print("margin {:.4f} = {:.4f} · {:.4f}".format(*margins))

# %% [markdown]
# ## The theorem
#
# The attention head needs syntax states whose columns can be told from all others. Under the prompt, "all others"
# has become a smaller set.
#
# :::{prf:definition} Recoverable under a prompt (the paper's Section 4)
# :label: mp-def-recoverable
#
# With one cell, a set $\mathcal{S}^\star$ of syntax states is *recoverable for* $\mathcal{M}^\star$ if it satisfies
# {prf:ref}`att-def-recoverable` with $\mathcal{M}^\star$ in place of $\mathcal{M}$: among the columns $W_{:,(m,s)}$ with
# $m \in \mathcal{M}^\star$ that some text with $M \in \mathcal{M}^\star$ uses, those with $s \in \mathcal{S}^\star$ are linearly independent, and their span
# meets that of the others only at zero.
# :::
#
# Columns of values that are ruled out are not mentioned. A set that is recoverable for all of $\mathcal{M}$ is recoverable for
# every $\mathcal{M}^\star$, since a dependency among fewer columns is one among all.
#
# :::{prf:theorem} Prompt tuning with memory (the paper's Section 4, second part)
# :label: mp-thm-prompt
#
# Let $N = 1$, let $\mathcal{S}^\star$ be recoverable for $\mathcal{M}^\star$, and let
# $u_{(m,s)} = \mathbf{1}[m \in \mathcal{M}^\star]$. For every text with $\mathbb{P}[x,\, M \in \mathcal{M}^\star] > 0$ and a
# position $i$ such that
#
# $$
# \mathbb{P}[S_i \in \mathcal{S}^\star \mid x_{-i},\, M \in \mathcal{M}^\star] = 1,
# $$
#
# the attention head of {prf:ref}`att-def-head`, with $\mathcal{M}^\star$ in place of $\mathcal{M}$, answers $F^\star(x)$ on
# $\overline{G}(u, x)$. At every such position
#
# $$
# \frac{\text{value}_i}{\overline{G}_i[x_i]} = \mu^\top \mathbb{P}[M \mid x,\, M \in \mathcal{M}^\star].
# $$
# :::
#
# :::{prf:proof}
# Given $M \in \mathcal{M}^\star$ the text comes from a memory-augmented HMM with values $\mathcal{M}^\star$, and by
# {prf:ref}`mp-lem-condition` the prompted model shows what the exact model of *that* HMM shows. So {prf:ref}`att-lem-keys` and
# {prf:ref}`att-thm-head` apply to it: the value is as stated, and the head's sign is that of the margin given
# $\mathcal{M}^\star$. By {prf:ref}`mp-lem-sign` that is the sign of $\mu^\top \mathbb{P}[M \mid x]$.
# :::
#
# The same sentence carries over whatever else was proved of the attention head.
#
# :::{prf:corollary} Bounds under a prompt (ours)
# :label: mp-cor-bounds
#
# In the setting of {prf:ref}`mp-thm-prompt`, but for any text with $\mathbb{P}[x,\, M \in \mathcal{M}^\star] > 0$, let
# $\tilde{\mathbb{P}}$ be the distribution given $M \in \mathcal{M}^\star$.
#
# - *Without certainty* ({prf:ref}`att-prop-robust`):
#
#   $$
#   \begin{aligned}
#   &\left\lvert \frac{\text{value}_i}{\overline{G}_i[x_i]} - \mu^\top\, \tilde{\mathbb{P}}[M \mid x] \right\rvert \\
#   &\quad \le \max_m \lvert \mu_m \rvert \cdot \tilde{\mathbb{P}}[S_i \notin \mathcal{S}^\star \mid x].
#   \end{aligned}
#   $$
#
# - *Soft attention* ({prf:ref}`att-prop-soft`): with $T$ positions, a gap $\Delta$ between the largest keys and temperature $\tau$, the output differs from
#   that of hard attention by at most $2 \max_m \lvert \mu_m \rvert\, T\, e^{-\Delta/\tau}$.
# - *An error of the model* ({prf:ref}`att-prop-noise`): with $\hat G_i$ within $\varepsilon$ of $\overline{G}_i(u, x)$, its bounds hold
#   with $\sigma$ and $d$ of the columns with $m \in \mathcal{M}^\star$.
# :::
#
# :::{prf:remark}
# :label: rem-mp-kept
#
# The proof uses $\mu_m = 0$ outside of $\mathcal{M}^\star$ and nothing else about $\mathcal{M}^\star$. A prompt may keep
# values that the task does not weigh, as long as the columns permit it. Keeping fewest asks least of $W$.
# :::

# %% [markdown]
# ## The construction
#
# Without a prompt there is no head, and the library says which columns are in the way. `memory_prompt` returns the
# prompt and the head that goes with it.

# %%
from textwrap import fill

from hmmlib.constructions import AssumptionError, attention_head, memory_prompt

try:
    attention_head(hmm, mu)
    print("no prompt is needed")
except AssumptionError as error:
    print(fill(f"{type(error).__name__}: {error}", 78))
tuned = memory_prompt(hmm, mu)
print("prompt:", tuned.prompt[0].int().tolist())
print("entries that differ from u:", int((tuned.prompt != u).sum()))

# %%
G = tuned.probs(lm, text)
keys = tuned.head.keys(G)
normalised = (
    tuned.head.position_values(G, text) / G.gather(-1, text[..., None])[..., 0]
)
margin_given_kept = float(posterior @ task.mu / share)
print("positions with key one:", int((keys > 1 - 1e-9).sum()), "of", keys.shape[1])
print("label of head and task:", int(tuned.labels(lm, text)), int(task.labels(text)))

# %% mystnb={"figure": {"caption": "Keys of the prompted model's head along the text, and the value at each position over the probability of its token. Wherever the key is one, that number is the margin given $\\mathcal{M}^\\star$. Elsewhere it may be far off, or of the other sign. Without the prompt neither row could be drawn: the $\\Phi$ that keys and values are made with does not exist.", "name": "fig-mp-keys"}, "image": {"alt": "Above, a bar for each token showing the key; a few bars reach one and are dark, the others are hatched. Below, a bar for each token's value; the dark ones end on a dashed horizontal line, the margin, and the others above or below it."}}
from hmmlib.plotting import spell
from hmmlib.plotting.memory_and_attention import attention_over_text

letters = list(spell(text[0]))
given = {"condition": "given ℳ*"}
attention_over_text(letters, keys[0], normalised[0], margin_given_kept, **given)
plt.show()

# %% [markdown]
# ## Texts that the prompt rules out
#
# The theorem leaves out texts with $\mathbb{P}[x,\, M \in \mathcal{M}^\star] = 0$. They are easily overlooked. Such a text
# proves that the memory holds a value of weight zero, so its margin is *exactly* zero, and by the convention of
# $F^\star$ its label is 1. The prompted model is asked to condition on something impossible. Here value 2 alone can
# write a `c`:

# %%
from hmmlib import MemoryHMM
from hmmlib.tables import Table

third, rows = 1 / 3, [[0.8, 0.2, 0.0], [0.2, 0.8, 0.0], [0.3, 0.3, 0.4]]
telling = MemoryHMM([[[third]]] * 3, [[1.0]], [[[row]] for row in rows])
zero_or_one = PosteriorTask.two_class(telling, [1, -1, 0])
cab = torch.tensor([[2, 0, 1]])
print("margin", float((zero_or_one.posterior(cab) @ zero_or_one.mu)[0]), end=", ")
print("label", int(zero_or_one.labels(cab)))
try:
    memory_prompt(telling, [1, -1, 0]).labels(ExactMaskedLM(telling), cab)
except ValueError as error:
    print(fill(str(error), 78))

# %% [markdown]
# The library refuses rather than guesses. A trained network would return something; the theorem does not say what.
# Where the emissions are positive, as in the random HMMs of this chapter, no such text exists.

# %% [markdown]
# ## The theorem on a thousand HMMs
#
# We draw a thousand HMMs with three to six values, of which the task weighs two or three, and ask on every one of them first for a head without a
# prompt. With the prompt, labels and values are compared with the posterior of exact inference, which knows of no prompt, at every
# position with key one. A planted error, a prompt that lets one value too many through while the head stays as it is, shows that the
# comparison can fail.


# %%
def compare(hmm, tuned, x, mu, beyond=0.0, prompt=None):
    """Texts with a key of one; wrong labels among them; deviation of the values."""
    u = tuned.prompt if prompt is None else prompt
    G = text_probs(ExactMaskedLM(hmm), x, u, tuned.n_blanks)
    one = tuned.head.keys(G) > 1 - 1e-9
    posterior = PosteriorTask.two_class(hmm, mu).posterior(x)
    margin = posterior @ torch.as_tensor(mu, dtype=torch.float64)
    margin /= posterior[:, list(tuned.values_kept)].sum(1)  # given M*
    values = tuned.head.position_values(G, x) / G.gather(-1, x[..., None])[..., 0]
    gap = (values - margin[:, None]).abs()[one].tolist()
    wrong = (tuned.head.values(G, x) >= 0) != (margin >= 0)
    read = one.any(1)
    wrong &= read & (margin.abs() > beyond)
    return int(read.sum()), int(wrong.sum()), max(gap, default=0.0)


# %% tags=["hide-input"]
from hmmlib import text_probs


def weigh(n_values, n_weighed, seed):
    """Random weights for randomly chosen values, zero for the others."""
    random, weights = np.random.default_rng(seed), np.zeros(n_values)
    chosen = random.permutation(n_values)[:n_weighed]
    weights[chosen] = random.standard_normal(n_weighed)
    return weights


# %% tags=["hide-input"]
def refused(hmm, weights):
    """Whether there is no head without a prompt."""
    try:
        attention_head(hmm, weights)
    except AssumptionError:
        return True
    return False


# %% tags=["hide-input"]
def both(seed):
    """Refused without a prompt? Counts with the prompt, and with a planted error."""
    n_values, n_kept = 3 + seed % 4, 2 + (seed // 4) % 2 * (seed % 4 > 0)
    sizes = {"n_kept": n_kept, "generator": seed}
    drawn = random_recoverable_hmm(n_values, 3, n_kept + 2, **sizes)
    weights = weigh(n_values, n_kept, seed)
    x = sample_tokens(drawn, batch=6, time=11, generator=seed)[:, 1:]
    tuned = memory_prompt(drawn, weights)
    wider = tuned.prompt.reshape(n_values, -1).clone()
    wider[int(np.flatnonzero(weights == 0)[0])] = 1.0
    counts = [
        compare(drawn, tuned, x, weights, prompt=u)
        for u in (None, wider.reshape(1, -1))
    ]
    return refused(drawn, weights), len(x), *counts


# %% tags=["hide-input"]
found = [both(seed) for seed in range(1000)]
alone = sum(f[0] for f in found)
print(f"HMMs: 1000, of which without a prompt no head exists: {alone}")
total, rows = sum(f[1] for f in found), []
for name, k in (("theorem", 2), ("planted: one value too many", 3)):
    read, wrong = (sum(f[k][part] for f in found) for part in (0, 1))
    rows.append((name, total, read, wrong, max(f[k][2] for f in found)))
header = ["prompt", "texts", "with a key of one", "wrong labels there"]
Table([*header, "largest deviation"], rows, [None, None, None, None, ".0e"])

# %% [markdown]
# ## How much less is asked
#
# The gain can be counted. Columns in general position are independent as long as there are no more of them than
# tokens, and as soon as there are more, *every* one takes part in a dependency. With one cell that means
#
# $$
# \begin{aligned}
# \lvert\mathcal{M}\rvert \cdot \lvert\mathcal{S}\rvert &\le V && \text{without a prompt}, \\
# \lvert\mathcal{M}^\star\rvert \cdot \lvert\mathcal{S}\rvert &\le V && \text{with one}.
# \end{aligned}
# $$ (mp-eq-count)
#
# The number of values has dropped out of the condition. The cell may hold ten values or ten thousand; what counts is how
# many of them the task compares. (That is our reading; the paper states the condition on columns and does not count.)
#
# We draw HMMs with $V = 10$ tokens, $\lvert\mathcal{S}\rvert = 3$ syntax states and emissions uniform on the simplex, and ask
# whether *some* syntax state is recoverable.

# %% tags=["hide-input"]
from hmmlib.constructions import recoverable_states


def uniform(n_values, seed):
    """An HMM with three syntax states and emissions uniform on the simplex."""
    rows = np.random.default_rng(seed).dirichlet(np.ones(10), (n_values, 1, 3))
    start = np.full((n_values, 1, 3), 1 / (3 * n_values))
    return MemoryHMM(start, np.full((3, 3), third), rows)


def share_recoverable(n_values, n_kept):
    """Share of forty HMMs in which some syntax state is recoverable."""
    kept = range(n_kept or n_values)
    found = [recoverable_states(uniform(n_values, s), values=kept) for s in range(40)]
    return sum(map(bool, found)) / len(found)


# %% mystnb={"figure": {"caption": "Share of forty random HMMs in which some syntax state is recoverable, with $V = 10$ tokens and $|\\mathcal{S}| = 3$ syntax states: all or nothing, as the count has it.", "name": "fig-mp-counts"}, "image": {"alt": "Line chart against the number of values, 2 to 10. The line without a prompt falls from 100 percent to zero beyond three values, and the lines of prompts that keep two or three values stay at 100."}}
from hmmlib.plotting.prompts_and_memory import shares_recoverable

prompts = {"no prompt": None, "prompt keeps 3": 3, "prompt keeps 2": 2}
curves = {
    label: {m: share_recoverable(m, n) for m in range(n or 2, 11)}
    for label, n in prompts.items()
}
shares_recoverable({"uniform emissions": curves}, capacity=10 / 3)
plt.show()

# %% [markdown]
# The curves with a prompt do not depend on the number of values at all. On the HMMs of the paper's experiment, whose columns are
# nearly one-hot, and for its tasks, which weigh most values, the gain is smaller: {doc}`prompts_on_the_papers_hmms` has the
# counts.
#
# ## Several cells
#
# With several cells a column is used only when its cell is read. A prompt that wants to speak about cell $j^\star$
# has to see to it that the chain reads that cell at the prompt:
#
# $$
# u_{(m,j,s)} = \mathbf{1}[j = j^\star,\ m \in \mathcal{M}^\star].
# $$
#
# (Were other cells let through, $u_{(m,j,s)} = 1$ for $j \ne j^\star$, the value in $j^\star$ would escape whenever
# the chain reads elsewhere.) The condition on the memory is as lasting as before. But now the prompt has also said where the
# chain *starts*, and that is new and false information about the first tokens.
#
# Here is an HMM on which it matters. It picks one of two cells and talks about it for a while, in `a` and `b`; gives a
# cue, `e`; mentions cell 0, in `c` or `d`; and picks again. While it talks nobody can see which cell it talks about.


# %%
def two_topics(stay=0.7):
    """Chain states: talk about cell 0, mention cell 0, talk about cell 1, cue."""
    go = 1 - stay
    chain = [[stay, 0, 0, go], [0.5, 0, 0.5, 0], [0, 0, stay, go], [0, 1, 0, 0]]
    talk = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]], dtype=torch.float64)
    say = torch.tensor([[0.6, 0.4], [0.4, 0.6], [0.5, 0.5]], dtype=torch.float64)
    emission = torch.zeros(3, 2, 2, 5, dtype=torch.float64)
    emission[:, :, 0, :2] = talk[:, None]
    emission[:, 0, 1, 2:4] = say
    emission[:, 1, 1, 4] = 1.0
    chain = torch.tensor(chain, dtype=torch.float64)
    start = stationary_distribution(chain).reshape(2, 2)
    return MemoryHMM((start / 9).expand(3, 3, 2, 2), chain, emission)


# %%
topics = two_topics()
print(topics)
print(spell(sample_tokens(topics, batch=1, time=40, generator=0)[0]))
print("recoverable in cell 0, without a prompt:", recoverable_states(topics))
two = recoverable_states(topics, values=(0, 1))
print("if the prompt keeps values 0 and 1:", two)

# %% [markdown]
# The three ways of mentioning cell 0 are dependent, two of them are not. The other columns, which a prompt for
# cell 0 cannot thin out, do no harm here: they use other tokens. (In general position one would need
# $\lvert\mathcal{M}^\star\rvert \lvert\mathcal{S}\rvert + (N-1) \lvert\mathcal{M}\rvert \lvert\mathcal{S}\rvert \le V$,
# so that a prompt relieves one cell of $N$. It must leave the others alone: to condition them would change the label.)
#
# Take a text that begins `aaae`. Are the `a`s about cell 0 or cell 1? Nobody knows. Right after the prompt the model
# thinks cell 0 much more likely.
#
# A chain that mixes forgets. So we put $k$ blanks between prompt and text and let it. How well it has forgotten is one
# number:
#
# :::{prf:definition} Start error (ours)
# :label: mp-def-start-error
#
# Let $\rho_k$ be the distribution of the text's first hidden state under the prompt and $k$ blanks, and $\pi$ its
# distribution without a prompt. Then $\delta_k = \max_h \lvert \rho_k(h)/\pi(h) - 1 \rvert$, over all $h$ with
# $\pi(h) > 0$ (and infinity if $\rho_k$ is positive elsewhere).
# :::
#
# :::{prf:proposition} Several cells, with blanks in between (ours)
# :label: mp-prop-blanks
#
# Let the memory be independent of $H_0$, let $\mathbb{P}[J_0 = j^\star,\, M_{j^\star} \in \mathcal{M}^\star] > 0$, let
# $\mathcal{S}^\star$ be recoverable for cell $j^\star$ under the contents with
# $M_{j^\star} \in \mathcal{M}^\star$, and let $\delta = \min(\delta_k, 1)$. For every text with
# $\mathbb{P}[x,\, M_{j^\star} \in \mathcal{M}^\star] > 0$ that can follow the prompt, and every position $i$ with key one,
#
# $$
# \begin{aligned}
# &\left\lvert \frac{\text{value}_i}{\overline{G}_i[x_i]} - \mu^\top \mathbb{P}[M_{j^\star} \mid x,\, M_{j^\star} \in \mathcal{M}^\star] \right\rvert \\
# &\quad \le \Bigl( \max_{m \in \mathcal{M}^\star} \mu_m - \min_{m \in \mathcal{M}^\star} \mu_m \Bigr)
# \frac{\delta}{1 + \sqrt{1 - \delta^2}}.
# \end{aligned}
# $$
#
# So a text with some key of one gets the right label if its margin given $\mathcal{M}^\star$ exceeds the right-hand
# side. No smaller function of $\delta$ will do. If the chain is irreducible and aperiodic and starts in its stationary distribution, $\delta_k$ goes to zero
# geometrically.
# :::
#
# :::{prf:proof}
# Write $\tilde{\mathbb{P}}$ for the distribution under prompt and blanks, and drop the index $j^\star$ of the cell. In
# five steps:
#
# 1. The prompt multiplies by $\mathbf{1}[M \in \mathcal{M}^\star]\, \mathbf{1}[J_0 = j^\star]$, one factor for the memory and
#    one for the chain. As the two are independent at the start, they remain so: under $\tilde{\mathbb{P}}$ the memory has
#    its distribution given $M \in \mathcal{M}^\star$, and the text's first state has the distribution $\rho_k$,
#    whatever the memory.
# 2. Hence
#
#    $$
#    \begin{aligned}
#    &\tilde{\mathbb{P}}[x \mid M = m] \\
#    &= \sum_h \rho_k(h)\, \mathbb{P}[x \mid M = m, H_1 = h],
#    \end{aligned}
#    $$
#
#    which is $\mathbb{P}[x \mid M = m]$ with $\rho_k$ in place of $\pi$. If $\delta_k \le 1$, $\rho_k(h)$ is between
#    $(1 - \delta)\,\pi(h)$ and $(1 + \delta)\,\pi(h)$, and it is $f_m\, \mathbb{P}[x \mid M = m]$ with some
#    $f_m \in [1 - \delta, 1 + \delta]$. (If $\delta_k > 1$, the bound says that two margins are no further apart than the
#    weights, which is so.)
# 3. Let $p_m = \mathbb{P}[M = m \mid x,\, M \in \mathcal{M}^\star]$. By Bayes' rule
#    $\tilde p_m = \tilde{\mathbb{P}}[M = m \mid x]$ is $f_m p_m$, rescaled. The margin moves by $\mu^\top (\tilde p - p)$, and the
#    entries of $\tilde p - p$ sum to zero: what some values gain, others lose. So it moves by at most
#    $\max \mu - \min \mu$ over $\mathcal{M}^\star$ times what is gained, $\tilde p(\mathcal{G}) - p(\mathcal{G})$ with
#    the gainers $\mathcal{G} = \{m : \tilde p_m > p_m\}$.
# 4. Let $\theta = p(\mathcal{G})$ and $R = (1 + \delta)/(1 - \delta)$. The odds of $\mathcal{G}$ grow at most by the factor $R$, when $f_m$ is $1 + \delta$ in $\mathcal{G}$
#    and $1 - \delta$ elsewhere. Then the gain is $\frac{R\theta}{R\theta + 1 - \theta} - \theta$. It is largest at
#    $\theta = 1/(\sqrt R + 1)$, where it is
#    $\frac{\sqrt R - 1}{\sqrt R + 1} = \frac{\delta}{1 + \sqrt{1 - \delta^2}}$.
# 5. Under $\tilde{\mathbb{P}}$ the text comes from a memory-augmented HMM that starts in $\rho_k$, and $\overline{G}$ is what its
#    exact model shows. So {prf:ref}`att-lem-keys` applies: where the key is one, $\text{value}_i/\overline{G}_i[x_i]$ is
#    $\mu^\top \tilde{\mathbb{P}}[M \mid x]$.
#
# For the last claim, $\rho_k - \pi = A^{k+1}(\pi^\star - \pi)$, where $\pi^\star$ is $\pi$ restricted to $J = j^\star$ and
# normalised, and the entries of $\pi^\star - \pi$ sum to zero. On such vectors the powers of $A$ shrink geometrically, at the
# rate of its second-largest eigenvalue modulus (times a power of $k$ if that eigenvalue is defective), and $\pi$ is
# positive.
# :::
#
# That no smaller bound will do is seen on HMMs whose first word tells which cell was read, and whose prior puts $\theta$ where
# the gain is largest: `tests/test_theorem_memory_prompt.py`, `test_no_smaller_bound_holds`, has a family whose
# posteriors come as near as one likes.
#
# How sharp is it on the HMM of two topics? For each number of blanks we measure the largest deviation over
# 150 texts, at all positions with key one, and put the bound and the eigenvalue beside it. We begin with one blank. With
# none, $\delta_0 = 1$ and the bound says nothing; a text that begins with a mention is even impossible then, since no mention
# follows a state of cell 0 directly.

# %%
from hmmlib.constructions import start_error_bound, start_errors

topic_mu = [1.0, -2.0, 0.0]
x = sample_tokens(topics, batch=150, time=17, generator=1)[:, 1:]
deltas = start_errors(topics, 0, 41)
steps = range(1, 42, 2)
measured = [
    compare(topics, memory_prompt(topics, topic_mu, n_blanks=k), x, topic_mu)[2]
    for k in steps
]
bounds = [start_error_bound(topic_mu, deltas[k]) for k in steps]
moduli = torch.linalg.eigvals(topics.transition).abs().sort().values
print("eigenvalue moduli:", [round(float(size), 3) for size in moduli])
shares = [m / b for m, b in zip(measured, bounds, strict=True)]
print(f"measured / bound: from {min(shares):.2f} to {max(shares):.2f}")

# %% mystnb={"figure": {"caption": "Deviation from the margin given $\\mathcal{M}^\\star$ on the HMM of two topics: the largest one measured, the bound of the proposition, and the slope of the chain's second eigenvalue.", "name": "fig-mp-forgetting"}, "image": {"alt": "Line chart with a logarithmic vertical axis. The measured deviation and the bound both fall along straight lines as the number of blanks grows from 1 to 41; the bound lies above the measured line, and a dotted line shows the same slope."}}
from hmmlib.plotting.prompts_and_memory import forgetting

forgetting(steps, measured, bounds, float(moduli[-2]))
plt.show()

# %% [markdown]
# Measured error and bound fall at the same rate, that of the second eigenvalue, and the measured error comes near the
# bound.
#
# Left to itself, `memory_prompt` puts as many blanks as bring $\delta$ down to $10^{-9}$. To see the proposition at work
# we give 200 random HMMs with two cells ten blanks each, whatever their $\delta$ is then. By
# {prf:ref}`mp-prop-blanks` no deviation may exceed the bound, and no label may be wrong whose margin given
# $\mathcal{M}^\star$ does.

# %%
found, read, wrong, broken, total = [], 0, 0, 0, 0
for seed in range(200):
    drawn = random_recoverable_hmm(3, 2, 5, n_cells=2, n_kept=2, generator=seed)
    weights = weigh(3, 2, seed)
    ten = memory_prompt(drawn, weights, n_blanks=10)
    x = sample_tokens(drawn, batch=20, time=13, generator=seed)[:, 1:]
    bound = start_error_bound(weights, ten.start_error) + 1e-9
    counts = compare(drawn, ten, x, weights, beyond=bound)
    found.append(ten.start_error)
    read, wrong, total = read + counts[0], wrong + counts[1], total + len(x)
    broken += counts[2] > bound

# %%
smallest, middle, largest = np.quantile(found, [0, 0.5, 1])
print(f"HMMs: 200; δ from {smallest:.0e} to {largest:.2g}, median {middle:.1g}")
print(f"texts: {total}, of which some key is one: {read}")
print(f"wrong labels beyond the bound: {wrong}, HMMs that break the bound: {broken}")

# %% [markdown]
# ### A case without blanks
#
# Blanks are not needed if there is nothing to forget. Let the cell be drawn anew at every step, whatever was read
# before: $A[(j', s'), (j, s)] = \gamma_{j'}\, A_{\mathcal{S}}[s', s]$ with a distribution $\gamma$ over cells and a chain $A_{\mathcal{S}}$
# of the syntax states, started stationary.
# Then the next state does not depend on $J_0$, and $\delta_0 = 0$.

# %%
generator = np.random.default_rng(1)
gamma, A_S = generator.dirichlet(np.ones(2)), generator.dirichlet(np.ones(3), 3)
stationary = stationary_distribution(torch.from_numpy(A_S)).numpy()
redrawn = MemoryHMM(
    np.full((3, 3, 1, 1), 1 / 9) * np.outer(gamma, stationary),
    np.tile(np.kron(gamma[None], A_S), (2, 1)),
    generator.dirichlet(np.ones(16), (3, 2, 3)),
)
found = memory_prompt(redrawn, [1.0, -0.7, 0.0])
print(f"blanks: {found.n_blanks}, δ = {found.start_error:.0e}")

# %%
x = sample_tokens(redrawn, batch=200, time=17, generator=0)[:, 1:]
embedded = prepend_prompt(found.prompt, ExactMaskedLM(redrawn).embed(x))
last = posteriors_from_evidence(redrawn, embedded, keep=("filtered",)).filtered[:, -1]
exact = PosteriorTask.two_class(redrawn, [1.0, -0.7, 0.0]).posterior(x)[:, :2]
gap = redrawn.memory_posterior(last)[:, :2] - exact / exact.sum(1, keepdim=True)
print(f"the cell's posterior is off by at most {float(gap.abs().max()):.0e}")

# %% [markdown]
# ## How many vectors?
#
# On a vanilla HMM a longer prompt does no more than one vector, if the chain can start everywhere
# ({prf:ref}`sp-prop-length`). With several cells that ends. A vector has $\lvert\mathcal{M}\rvert\, N\, \lvert\mathcal{S}\rvert$
# entries, one for each value of the cell *that is being read*. A content has a value in each of the $N$ cells.
#
# :::{prf:proposition} What one vector and $N$ vectors can do to a memory (ours)
# :label: mp-prop-length
#
# Let the memory be independent of the chain.
#
# 1. Behind one vector $u$ a content $m = (m_1, \dots, m_N)$ has a probability proportional to $\mathbb{P}[M = m] \sum_j w_j(m_j)$, where
#    $w_j(a)$ is the mean of $u_{(a, (j, s))}$ over the states $s$, weighed by
#    $\mathbb{P}[H_0 = (j, s)]$. So it is at most $\max_j \mathbb{P}[M = m \mid M_j = m_j]$.
# 2. If the cell is drawn anew at every step, each with a positive probability, $N$ vectors can condition on
#    $M_1 \in \mathcal{M}_1, \dots, M_N \in \mathcal{M}_N$ at once, for any sets for which that can occur.
# :::
#
# :::{prf:proof}
# One after the other:
#
# 1. The vector multiplies the weight of memory and path by its entry for the cell and state that the path starts in. Summed
#    over these it is $\sum_j w_j(m_j)$. The normalising sum over all contents is $\sum_j \sum_a w_j(a)\, \mathbb{P}[M_j = a]$, at least
#    $\sum_j w_j(m_j)\, \mathbb{P}[M_j = m_j]$. A ratio of two sums is at most the largest ratio of their terms,
#    $\mathbb{P}[M = m] / \mathbb{P}[M_j = m_j]$.
# 2. Let the vector number $l$ be $u_{(m, (j, s))} = \mathbf{1}[j = l,\, m \in \mathcal{M}_l]$. It does not look at the syntax
#    state, and the cell does not depend on what was read before. So it contributes the factor
#    $\mathbb{P}[J = l]\, \mathbf{1}[M_l \in \mathcal{M}_l]$, and the product of all is positive where all conditions hold, and there a constant.
# :::
#
# One vector adds up what it wants of the cells, several multiply. On the HMM above all nine contents are equally likely. How probable
# can a prompt make the first, that both cells hold value 0?


# %%
def first_content(prompts):
    """P[M = (0, 0)] behind each of some prompts, shape (n, length, 18)."""
    blank = ExactMaskedLM(redrawn).embed([[redrawn.n_tokens]])
    evidence = torch.cat([prompts, blank.expand(len(prompts), -1, -1)], 1)
    found = posteriors_from_evidence(redrawn, evidence, keep=("filtered",))
    return found.filtered[:, -1].unflatten(1, (9, -1)).sum(2)[:, 0]


# %%
one = torch.zeros(2, 3, 2, 3, dtype=torch.float64)  # vector, value, cell, state
one[0, 0, 0] = one[1, 0, 1] = 1.0
flat = one.reshape(1, 2, 18)
at_random = torch.from_numpy(generator.random((5000, 1, 18)) ** 8)
rows = [("5,000 at random, the best", 1, first_content(at_random).max())]
rows.append(("cell 0 holds 0", 1, first_content(flat[:, :1])))
rows.append(("cell 0 holds 0, then cell 1 holds 0", 2, first_content(flat)))
Table(["prompt", "vectors", r"$\mathbb{P}[M = (0, 0)]$"], rows, [None, None, ".3f"])

# %% [markdown]
# One vector reaches one third, as the proposition says, and two reach certainty. So the length of a prompt
# matters for the first time where the paper is about memory, and tunes twenty vectors. For a question
# about one cell, as its tasks ask, one vector is enough: what {prf:ref}`mp-prop-blanks` pays for is where it makes the chain start. It
# need not: the *gentle* vector $\mathbf{1}[j \ne j^\star \text{ or } m \in \mathcal{M}^\star]$ lets the chain start where it likes. Where the
# cell is drawn anew with probabilities $\gamma$, $k$ of them leave a content that does not fit the share
# $(1 - \gamma_{j^\star})^k$ of its weight.

# %% [markdown]
# ## What each assumption is for
#
# ### Dependent columns among the values that are weighed
#
# What if the task weighs so many values that even their columns are dependent? Take one cell, one syntax state, two
# tokens, three values that write an `a` with probability 0.1, 0.5 and 0.9, and weights $\mu = (1, -1, 1)$. The texts
# are `a`, `aa`, `aaa`, …: the more `a`s, the higher the value is likely to be, and so the label goes from 1 to 0 and back
# to 1.

# %%
from hmmlib.certificates import certificate_bound, separate

rate = [0.1, 0.5, 0.9]
coin = MemoryHMM(
    [[[0.9]], [[0.09]], [[0.01]]], [[1.0]], [[[[p, 1 - p]]] for p in rate]
)
coin_task = PosteriorTask.two_class(coin, [1, -1, 1])
strings = [torch.zeros(1, n, dtype=torch.long) for n in range(1, 9)]
coin_labels = [int(coin_task.labels(x)) for x in strings]
print("labels of a, aa, aaa, …:", coin_labels)
try:
    memory_prompt(coin, coin_task.mu)
except AssumptionError as error:
    print(fill(f"{type(error).__name__}: {error}", 78))

# %% [markdown]
# The construction gives up. Could another prompt, with another head, succeed? No:
#
# :::{prf:proposition} No prompt and no attention head (ours)
# :label: mp-prop-coin
#
# On this HMM no prompt of any length, with any attention head that reads the positions of the text, gives `a`,
# `aa`, `aaa` and `aaaa` their labels.
# :::
#
# :::{prf:proof}
# In three steps:
#
# 1. There is one syntax state, so a prompt does nothing but replace the prior of the three values by some other prior $\rho$.
#    Given the value the tokens are independent. Hence all positions of the text $\mathtt{a}^n$ show the same
#    distribution, with $g_n = \sum_m \rho_m p_m^n / \sum_m \rho_m p_m^{n-1}$ for the `a` and $1 - g_n$ for the `b`.
# 2. As all positions are alike, it does not matter where the head looks. Its value is
#    $b^\top((\Phi\, \overline{G}) \odot e^\star(\mathtt{a}))$, which for any $b$, $\Phi$ and $e^\star$ is linear in
#    $\overline{G}$, and so an affine function $\alpha + \beta g_n$.
# 3. By the Cauchy–Schwarz inequality,
#
#    $$
#    \Bigl(\sum_m \rho_m p_m^n\Bigr)^2 \le \sum_m \rho_m p_m^{n-1} \sum_m \rho_m p_m^{n+1},
#    $$
#
#    so $g_n \le g_{n+1}$. What is shown moves one way, while the labels of `a`, `aa`, `aaa` and `aaaa` go from 1 to 0 and back:
#    {prf:ref}`fail-lem-one-way` rules that out.
# :::
#
# The same by linear programming, for the theorem's prompt and for 50 random ones. `separate` looks for the best weights on
# $\overline{G}$, and where there are none returns a certificate: shares of the texts such that the texts of both
# labels average to the same thing. `certificate_bound` evaluates it in rational arithmetic.

# %%
prompts = np.random.default_rng(0).dirichlet(np.ones(3), 50)
prompts = torch.tensor(np.vstack([np.ones(3), prompts]))
coin_lm, ruled_out, bound = ExactMaskedLM(coin), 0, 0.0
for prompt in prompts:
    shown = [text_probs(coin_lm, x, prompt[None], 0)[0] for x in strings]
    assert all((rows - rows[0]).abs().max() < 1e-12 for rows in shown)  # all alike
    features = torch.stack([rows[0] for rows in shown])
    verdict = separate(features, coin_labels)
    ruled_out += not verdict.separable
    bound = max(bound, certificate_bound(features, coin_labels, verdict.certificate))
print(f"prompts behind which no head fits: {ruled_out} of {len(prompts)}")
print(f"with weights up to 1 none separates the labels by more than {bound:.0e}")

# %% [markdown]
# ### A prompt that drops too much
#
# The theorem needs a prompt that keeps every value of non-zero weight. Take values that write an `a`, `b` or `c`, with
# weights $(1, -1, 1, 0)$. Value 3 is in the way: it is a mixture of 0 and 2. A prompt that keeps $\{0, 1, 2\}$
# is the theorem's. A prompt that keeps only $\{0, 2\}$ removes value 1 too, of which it is asked.

# %%
rows = [[0.7, 0.1, 0.2], [0.2, 0.2, 0.6], [0.1, 0.7, 0.2], [0.4, 0.4, 0.2]]
four = MemoryHMM([[[0.4]], [[0.2]], [[0.3]], [[0.1]]], [[1.0]], [[[r]] for r in rows])
four_task = PosteriorTask.two_class(four, [1, -1, 1, 0])
strings = [torch.full((1, n), 2) for n in range(1, 7)]  # c, cc, ccc, …
truth = [int(four_task.labels(x)) for x in strings]
print("labels of c, cc, ccc, …:", truth)

# %%
four_lm = ExactMaskedLM(four)
for values in ([0, 1, 2], [0, 2]):
    prompt = torch.zeros(1, 4, dtype=torch.float64)
    prompt[0, values] = 1.0
    shown = torch.cat([text_probs(four_lm, x, prompt, 0)[:, 0] for x in strings])
    verdict = separate(shown, truth)
    most = certificate_bound(shown, truth, verdict.certificate)
    print(f"keeps {values}: heads separate the labels by at most {most:.2g}")

# %% [markdown]
# Values 0 and 2 write a `c` equally often. Once value 1 has been ruled out, `c`s say nothing more, and the prompted
# model shows the same distribution at every position of every one of these texts. Whatever reads it, be it linear or
# not, gives an answer that does not depend on the text, unless it counts the tokens itself. The first two texts have
# different labels. The information about value 1 was in the text, and the prompt has thrown it away.
#
# ### Several cells without blanks
#
# Back to the two topics, with weights $\mu = (1, -2, 0)$. We list all texts $y\,\mathtt{e}\,\mathtt{c}\,z$ where $y$
# and $z$ are words of one to four `a`s and `b`s. In each of them the key is one at a single position, the `c` after the
# cue. There the head decides, and we ask three things for each number of blanks. How many labels does the theorem's head
# get wrong, among those with a margin given $\mathcal{M}^\star$ beyond 0.05? Would *any* weights on what that position shows
# get all of these right? And what does the proposition promise?

# %%
from itertools import product

words = [word for n in (1, 2, 3, 4) for word in product((0, 1), repeat=n)]
by_length: dict[int, list] = {}
for y, z in product(words, words):
    by_length.setdefault(len(y) + len(z), []).append([*y, 4, 2, *z])
topic_task = PosteriorTask.two_class(topics, topic_mu)
topic_lm = ExactMaskedLM(topics)
groups = [torch.tensor(group) for group in by_length.values()]
found = [topic_task.posterior(x) for x in groups]
margins = torch.cat([p @ topic_task.mu / p[:, :2].sum(1) for p in found])
clear = margins.abs() > 0.05
print(f"texts: {len(margins)}, of which clear: {int(clear.sum())}")


# %%
def at_the_mention(n_blanks):
    """The head's labels, and what it reads at the only position with key one."""
    tuned = memory_prompt(topics, topic_mu, n_blanks=n_blanks)
    answers, shown = [], []
    for x in groups:
        G = tuned.probs(topic_lm, x)
        one = tuned.head.keys(G) > 1 - 1e-9
        assert bool((one.sum(1) == 1).all())
        shown.append(G[one])
        answers.append(tuned.head.labels(G, x))
    return tuned, torch.cat(answers)[clear], torch.cat(shown)[clear]


# %%
truth = (margins >= 0).long()[clear]
rows = []
for k in [0, 1, 2, 4, 8, 16, 32]:
    tuned, answers, shown = at_the_mention(k)
    delta, verdict = tuned.start_error, separate(shown, truth)
    bound = start_error_bound(topic_mu, delta)
    most = certificate_bound(shown, truth, verdict.certificate)
    wrong = (answers != truth).sum()
    rows.append((k, delta, bound, wrong, most))
header = ["$k$", r"$\delta_k$", "bound", "wrong", "any weights separate by at most"]
Table(header, rows, [None, ".3f", ".3f", None, ".0e"])

# %% [markdown]
# Without blanks labels come out wrong that are not close calls, and the certificates say that this is not the fault of the
# weights: at the position with key one, no linear function of what is shown gets all clear labels right. With enough
# blanks the same head is right. (The certificates speak of heads that read the position with key one. A head that looked
# elsewhere is not ruled out by them.)
#
# Here is one of the texts that fail, with the posterior of the two values that matter:

# %%
x = torch.tensor([["abcde".index(letter) for letter in "aaaecbbb"]])
print("text", spell(x[0]))
exact = topic_task.posterior(x)[0, :2]
rows = [("given the text", *(exact / exact.sum()), topic_task.labels(x))]
for k in [0, 32]:
    tuned = memory_prompt(topics, topic_mu, n_blanks=k)
    evidence = tuned.head.evidence(tuned.probs(topic_lm, x), x)[0, x[0] == 2].sum(0)
    shown = evidence / evidence.sum()
    answer = tuned.labels(topic_lm, x)
    rows.append((f"as the head sees it, $k = {k}$", *shown, answer))
Table(["posterior of", "value 0", "value 1", "label"], rows, ".3f")

# %% [markdown]
# The forced beginning makes the model read the first word as a statement about cell 0, and it discounts the rest.
#
# ### A memory that depends on the first state
#
# {prf:ref}`mp-prop-blanks` assumes that the memory is independent of where the chain starts. Otherwise "the chain
# starts in cell 0" is information about the memory itself, and no number of blanks makes the model forget that: memory
# never changes. The library refuses:

# %%
tilted = topics.initial.clone()
tilted[0, :, 0] *= 3.0  # content 0 of the cell prefers to start there
tilted = MemoryHMM(tilted / tilted.sum(), topics.transition, topics.emission)
try:
    memory_prompt(tilted, topic_mu)
except AssumptionError as error:
    print(fill(f"{type(error).__name__}: {error}", 78))
prompt = memory_prompt(topics, topic_mu).prompt
blank = posteriors_from_evidence(tilted, prompt[None], keep=("filtered",)).filtered
left = tilted.memory_posterior(blank[0, 0])
print("values under the prompt:", left.numpy().round(3))
given = tilted.initial.sum((1, 2, 3))[:2]
print("without it, given 0 or 1:", (given / given.sum()).numpy().round(3))

# %% [markdown]
# The last two lines show the damage before any token has been read. With one cell there is no such assumption: in
# {prf:ref}`mp-lem-condition` memory and chain may depend on one another as they like.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Three verdicts
# :label: mp-ex-by-hand
#
# One cell with three equally likely verdicts, one syntax state, two words: *good* writes `great` with probability 0.8, *bad* with 0.2, *mixed*
# with 0.5, and otherwise `dull`. We ask for *good* rather than *bad*. For the text `great great`, find the posterior, the margin, the
# factor $c(x)$ and the margin given $\mathcal{M}^\star$. What does the prompted model show at the first word?
#
# :::{admonition} Hint
# :class: dropdown
#
# The likelihoods are 0.64, 0.04 and 0.25. At the first word the model has seen only the second.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mp-ex-by-hand
# :class: dropdown
# :::
#
# The likelihoods sum to 0.93, so the posterior is $(64, 4, 25)/93$ and the margin $60/93 \approx 0.645$. The prompt leaves *good* and *bad*:
# $c = 68/93$, and given $\mathcal{M}^\star$ the posterior is $(64, 4)/68$ and the margin $60/68 \approx 0.882$, which is $60/93$
# divided by $c$. Given one `great` the prompted model thinks *good* four times as likely as *bad*, and shows `great` with probability $0.8 \cdot 0.8 +
# 0.2 \cdot 0.2 = 0.68$.

# %%
verdicts = MemoryHMM(
    [[[third]]] * 3, [[1]], [[[[p, 1 - p]]] for p in (0.8, 0.2, 0.5)]
)
good_or_bad = PosteriorTask.two_class(verdicts, [1, -1, 0])
great = torch.tensor([[0, 0]])
p = good_or_bad.posterior(great)[0]
print("posterior · 93:", (93 * p).numpy().round(9))
print(
    "margin:", round(float(p @ good_or_bad.mu), 4), "c:", round(float(p[:2].sum()), 4)
)
by_prompt = memory_prompt(verdicts, good_or_bad.mu)
shown = by_prompt.probs(ExactMaskedLM(verdicts), great)[0, 0]
print("shown at the first word:", shown.numpy().round(6))

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ● Think: Behind the text
# :label: mp-ex-after
#
# With one cell, put the prompt *after* the text: $(\varnothing, x, u)$. Does the theorem still hold? Compare what the model
# shows with what it shows under $(u, x)$. Why would the chapter on soft prompts not allow this?
#
# :::{admonition} Hint
# :class: dropdown
#
# Where in the joint distribution does the factor of the prompt stand?
# :::
# ::::

# %% [markdown]
# :::{solution-start} mp-ex-after
# :class: dropdown
# :::
#
# The factor is $\mathbf{1}[M \in \mathcal{M}^\star]$ wherever it stands, since $M$ is the same everywhere and the factor
# ignores the chain. So $\overline{G}_i$ is the same. In a vanilla HMM a prompt after the text weighs the *last* state,
# which says little about the first. With several cells a prompt after the text forces the chain to *end* in $j^\star$, and
# again needs blanks in between.

# %%
front = text_probs(lm, x, u, 0)
behind = torch.cat([lm.embed(prepend_mask(lm, x)), u.expand(len(x), 1, -1)], 1)
behind = lm.token_probs(behind)[:, 1:-1]
print(
    f"the distributions differ by at most {float((front - behind).abs().max()):.0e}"
)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: Prompts that training might find
# :label: mp-ex-soft
#
# Training does not find zeros and ones. Let $N = 1$ and let a prompt have any positive entries $u_m$ for the values
# that are weighed, the same for all syntax states, and zeros for the others. Show that there is still a head that is right
# wherever some key is one, and check it.
#
# :::{admonition} Hint
# :class: dropdown
#
# What is the posterior behind such a prompt, and how can the head undo it?
# :::
# ::::

# %% [markdown]
# :::{solution-start} mp-ex-soft
# :class: dropdown
# :::
#
# The prompted posterior is
#
# $$
# \tilde{\mathbb{P}}[M = m \mid x] \propto u_m\, \mathbb{P}[M = m \mid x].
# $$
#
# With $b_{(m,s)} = \mu_m / u_m$ the head reads $\sum_m (\mu_m / u_m)\, \tilde{\mathbb{P}}[M = m \mid x]$, which is $\mu^\top \mathbb{P}[M \mid x]$ up to a positive
# factor. Which positions have key one does not change, since the supports do not.

# %%
random = torch.Generator().manual_seed(0)
strength = 0.1 + torch.rand(len(mu), dtype=torch.float64, generator=random)
soft = u.reshape(len(mu), -1) * strength[:, None]
head = memory_prompt(hmm, task.mu / strength).head  # weights μ_m / u_m
x = sample_tokens(hmm, batch=1000, time=17, generator=5)[:, 1:]
G = text_probs(lm, x, soft.reshape(1, -1), 0)
read = (head.keys(G) > 1 - 1e-9).any(1)
print("strengths:", [round(float(size), 2) for size in soft[:, 0]])
print("texts with a key of one:", int(read.sum()), "of", len(x))
print("wrong:", int((head.labels(G, x) != task.labels(x))[read].sum()))
naive = memory_prompt(hmm, mu).head.labels(G, x) != task.labels(x)
print("wrong if the head keeps the weights μ:", int(naive[read].sum()))

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: Many classes, few values
# :label: mp-ex-classes
#
# A task with $K$ classes gives class $k$ the score $\mu_k^\top \mathbb{P}[M \mid x]$ and picks the largest. Which values may a
# prompt drop? Build a task with three classes on an HMM of six values in which two values are enough, although no
# weight is zero.
#
# :::{admonition} Hint
# :class: dropdown
#
# Only differences of scores matter.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mp-ex-classes
# :class: dropdown
# :::
#
# Only differences of scores matter: $\mu_k^\top p - \mu_l^\top p$. A value to which all classes give the *same* weight
# drops out of all of them. So subtract from each weight that of class 0 for the same value, and keep the values with
# some weight left. The proof of {prf:ref}`mp-thm-prompt` then applies to each pair of classes.

# %%
six = random_recoverable_hmm(6, 3, 5, n_kept=2, generator=1)
common = np.array([0.3, -1.0, 2.0, 0.4, -0.6, 1.1])
own = np.zeros((3, 6))
own[:, [1, 4]] = [[1.0, -1.0], [-1.0, 1.0], [0.5, 0.5]]
three = PosteriorTask(six, common + own)
tuned = memory_prompt(six, own - own[0])
x = sample_tokens(six, batch=500, time=17, generator=1)[:, 1:]
G = tuned.probs(ExactMaskedLM(six), x)
read = (tuned.head.keys(G) > 1 - 1e-9).any(1)
print("values kept:", tuned.values_kept)
print("texts per class:", torch.bincount(three.labels(x[read]), minlength=3).tolist())
print("wrong:", int((tuned.head.labels(G, x) != three.labels(x))[read].sum()))

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: A chain that does not forget
# :label: mp-ex-periodic
#
# On the HMM of two topics, let the chain be strictly periodic instead: cell 0, cell 1, cell 0, cell 1, … in the
# same syntax state. How does $\delta_k$ behave? How lazy does the chain have to be, staying where it is with probability
# $\varepsilon$, for 100 blanks to bring $\delta$ below $10^{-3}$?
#
# :::{admonition} Hint
# :class: dropdown
#
# What are the eigenvalues of a chain of two states that stays with probability $\varepsilon$?
# :::
# ::::

# %% [markdown]
# :::{solution-start} mp-ex-periodic
# :class: dropdown
# :::
#
# With two states that alternate, the distribution under the prompt jumps back and forth and never comes nearer:
# $\delta_k = 1$ for all $k$, and `memory_prompt` says so. If it stays with probability $\varepsilon$, the second
# eigenvalue is $2\varepsilon - 1$ and $\delta_k = (1 - 2\varepsilon)^{k+1}$, so that $(1 - 2\varepsilon)^{101} \le
# 10^{-3}$ is wanted, or $\varepsilon \ge (1 - 10^{-3/101})/2$.


# %%
def alternating(epsilon):
    rows = [[0.6, 0.4, 0.0], [0.4, 0.6, 0.0]], [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    emission = torch.tensor(rows, dtype=torch.float64).transpose(0, 1)[:, :, None]
    chain = [[epsilon, 1 - epsilon], [1 - epsilon, epsilon]]
    return MemoryHMM(np.full((2, 2, 2, 1), 1 / 8), chain, emission)


try:
    memory_prompt(alternating(0.0), [1, -1])
except AssumptionError as error:
    print(fill(str(error), 78))
rows = []
for epsilon in [0.01, 0.03, (1 - 10 ** (-3 / 101)) / 2, 0.04]:
    rows.append((epsilon, start_errors(alternating(epsilon), 0, 100)[-1]))
Table([r"$\varepsilon$", r"$\delta_{100}$"], rows, [".4f", ".5f"])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: With one cell, too, length matters
# :label: mp-ex-length
#
# "A longer prompt can do more than one vector." For several cells that is true ({prf:ref}`mp-prop-length`). Prove it or refute it for
# *one* cell, if every content and state can occur at the start. What does the attention head read, and is it all re-weighted alike?
#
# :::{admonition} Hint
# :class: dropdown
#
# With one cell the pairs $(m, s)$ are the states of an ordinary HMM.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mp-ex-length
# :class: dropdown
# :::
#
# Refuted. With one cell a prompt's vector has an entry for every pair $(m, s)$, and these pairs are the states of a vanilla HMM whose
# transitions never change $m$. By the proof of {prf:ref}`sp-prop-length` some single vector brings the chain into the text's first state with the
# same distribution as the $k$ vectors do. From there on everything is the same, at all positions that the attention head
# reads. With several cells the flat states are $(m_1, \dots, m_N, j, s)$, and no vector has so many entries.

# %%
lengths, apart = torch.Generator().manual_seed(0), 0.0
x = sample_tokens(hmm, batch=50, time=9, generator=0)[:, 1:]
flat = hmm.chain.initial.reshape(-1)
step = torch.block_diag(*[hmm.transition] * hmm.n_values)
for _ in range(100):
    three = torch.rand(3, len(flat), dtype=torch.float64, generator=lengths) ** 4
    before = ((three[0] * flat) @ step * three[1]) @ step  # ρ after two vectors
    one_vector = (three[2] * before / flat)[None]
    G3, G1 = (text_probs(lm, x, v, 0) for v in (three, one_vector))
    apart = max(apart, float((G3 - G1).abs().max()))
print(f"three vectors and one: predictions differ by at most {apart:.0e}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: How many gentle vectors?
# :label: mp-ex-gentle
#
# The *gentle* vector lets the chain start where it likes, and rules a value out only where the cell happens to be read. How many of them does it
# take on the HMM of two topics, where a cell is talked about for a while, to bring the wrong contents down to a thousandth? Do blanks between
# them help?
#
# :::{admonition} Hint
# :class: dropdown
#
# Feed $k$ gentle vectors, with $l$ blanks after each, and read the posterior of the memory.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mp-ex-gentle
# :class: dropdown
# :::
#
# The share of wrong contents that survives $k$ vectors is the probability that the chain reads the other cell $k$ times, given all that the prompt
# said. It shrinks by a factor per vector, the spectral radius of the chain that is stopped in cell $j^\star$; blanks in between make
# the visits more independent, so that fewer vectors are needed, but more positions. What is the best prompt of a given length for
# $N$ cells is not known to us. A gentle prompt also shifts the chain's start a little, since contents that fit let
# it read anything.

# %%
gentle = torch.ones(3, 2, 2, dtype=torch.float64)
gentle[2, 0] = 0.0  # cell 0 does not hold value 2
gentle, rows = gentle.reshape(1, -1), []
for gap in [0, 2]:
    for k in [1, 2, 4, 8, 16]:
        fed = torch.cat([torch.cat([gentle, torch.ones(gap, 12).double()])] * k)
        end = posteriors_from_evidence(topics, fed[None], keep=("filtered",))
        left = topics.memory_posterior(end.filtered[0, -1])[2]
        rows.append((gap, k, len(fed), left))
header = ["blanks after each", "gentle vectors", "positions"]
Table([*header, "P[cell 0 holds value 2]"], rows, [None, None, None, ".5f"])

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# - Memory never changes, so one prompt vector conditions it for the whole text. With one cell it touches nothing else.
# - Under the prompt the text is that of a smaller memory, so that all that is known of the attention head applies. Only columns of
#   weighed values have to be recoverable: the number of values of the cell drops out of the condition.
# - With several cells the prompt also forces the chain to begin in one of them. Blanks between prompt and text
#   undo that at the rate at which the chain mixes, and the error is bounded by the start error $\delta$.
# - One vector adds up what it wants of several cells. To hold several cells to a value takes several vectors.
# - A prompt cannot repair dependent columns among the weighed values, nor bring back a value that it dropped; and it
#   fails where the chain is not given time to forget, or where the memory depends on its start.
