# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Hard prompts and causal models
#
# People do not write prompts as vectors. They write words: *In short, the film was …*, a question, a few examples
# {cite:p}`brown2020language`; or they let a search choose the words {cite:p}`shin2020autoprompt`. And the models that
# they prompt are mostly *causal*: they predict the next word and see no other side.
#
# Neither is in {cite:t}`wei2021why`, whose prompts are free vectors and whose model sees both sides. In the world of an
# HMM both questions can be settled. Which of the {doc}`soft prompts <soft_prompts>` can a string of real words replace?
# And what is left of the four theorems when the model sees only the past? All statements of this chapter are ours.
# Running it takes about twenty seconds.

# %% [markdown]
# ## Prompts in words
#
# To the exact model a token is a vector of likelihoods, its embedding $e(z)$. So a string of tokens before the blank is
# a soft prompt with vectors from a list of $V$.
#
# :::{prf:definition} Hard prompt (ours)
# :label: hc-def-hard
#
# A *hard prompt* is a string $z = z_1 \dots z_k$ of tokens before the blank: the model reads
# $(z_1, \dots, z_k, \varnothing, x)$. With $D_z = \operatorname{diag}(e(z))$ it leaves under the blank the prior
#
# $$
# \rho(z) \;\propto\; A D_{z_k} \cdots A D_{z_1}\, \pi_0 .
# $$ (hc-eq-rho)
# :::
#
# This is $\rho$ of {prf:ref}`sp-prop-length` with $u_j = e(z_j)$: each token is weighed in, and the chain takes a step. What
# {prf:ref}`sp-lem-prior` and {prf:ref}`sp-thm-prompt` say of $\rho$ holds for $\rho(z)$, since their proofs
# use the prompt through $\rho$ alone.
#
# A soft prompt may leave any mixture of the columns of $A$. How many of these can words reach? We ask the HMM that
# writes reviews.

# %%
from itertools import product

import torch

from hmmlib.constructions import prompted_prior
from hmmlib.hmm import REVIEW_STATES, REVIEW_WORDS, review_hmm
from hmmlib.plotting import use_style

use_style()
reviews = review_hmm()  # change me: review_hmm(quotes=True) has a fourth state


def prior(hmm, string):
    """The prior that a string leaves under the blank."""
    return prompted_prior(hmm, hmm.emission[:, list(string)].T)


# %% mystnb={"figure": {"caption": "Left, the priors that all strings of one to six words leave under the blank, in the triangle of distributions. This chain returns to describing with probability 0.4 wherever it is, so soft prompts reach a segment only. Right, the same strings by their length: a word near the blank decides most, and words farther off ever less.", "name": "hc-fig-priors"}, "image": {"alt": "Left, a triangle with a vertical-looking segment near its middle on which dots lie. Right, rows of small strokes for strings of one to six words between two vertical lines; one word gives three strokes, longer strings split each into clusters that get tighter."}}
import matplotlib.pyplot as plt

from hmmlib.plotting.hard_prompts_and_causal_models import reachable_priors

strings = [list(product(range(3), repeat=k)) for k in range(1, 7)]
reached = [torch.stack([prior(reviews, z) for z in some]) for some in strings]
reachable_priors(reached, reviews.transition, REVIEW_STATES, (1, 2))
plt.show()

# %% [markdown]
# Two things can be seen on the right, and both will be theorems: the strokes keep away from the ends, and they gather in
# clusters.
#
# ## What no string can do
#
# :::{prf:proposition} Never switched off (ours)
# :label: hc-prop-floor
#
# Let all entries of $W$ be positive, $r$ the smallest ratio $W[z, h]/W[z, g]$ over all $z, h, g$, and
# let $A^m$ have positive entries. Every string of at least $m$ tokens leaves each state with
#
# $$
# \rho_h \;\ge\; r^{m-1} \min_g A^m[h, g] > 0 .
# $$
# :::
#
# :::{prf:proof}
# Rescale what the last $m$ factors $A D_z$ act on, with the first $D_z$ among them, to a distribution $v$. Then
# $\rho \propto A D A \cdots D A\, v$ with $m$ factors $A$ and $m - 1$ factors $D$. Each $D$ multiplies by numbers between its
# least and its largest likelihood. So entry $h$ is at least the product of the least ones times $(A^m v)_h$, while the
# sum of the entries is at most the product of the largest ones.
# :::
#
# So where every state can write every word, no string removes a state, and if $H > V$ no string of $m$ tokens or more
# satisfies {prf:ref}`sp-def-relaxed`. A soft prompt may, if $A$ has zeros. The bound, and the smallest prior of all
# strings of the figure:

# %%
smallest = torch.cat(reached).amin(0)
floor = reviews.transition.amin(0)  # m = 1, as this A is positive
for name, low, bound in zip(REVIEW_STATES[:3], smallest, floor, strict=True):
    print(f"{name}: smallest prior {low:.3f}, bound {bound:.3f}")

# %% [markdown]
# The bound needs a chain that mixes. In a chain that stands still, such as a topic, evidence adds up.
#
# :::{prf:proposition} Words single out a state that stays (ours)
# :label: hc-prop-still
#
# Let $A$ be the identity, all entries of $W$ and $\pi_0$ positive, and let a string of $k$ tokens contain each token $z$
# just $k\, W[z, h^\star]$ times. Then for every state $h$
#
# $$
# \frac{\rho_h}{\rho_{h^\star}} = \frac{\pi_{0,h}}{\pi_{0,h^\star}}\;
# e^{-k \operatorname{KL}(W_{:,h^\star} \,\Vert\, W_{:,h})} .
# $$
# :::
#
# :::{prf:proof}
# By {eq}`hc-eq-rho`, $\rho_h/\pi_{0,h} \propto \prod_j W[z_j, h]$. The logarithm of this product is
# $k \sum_z W[z, h^\star] \log W[z, h]$. Subtract the same for $h^\star$.
# :::
#
# To single out a topic, write typical text about it; all topics with other word frequencies fade at a
# geometric rate. {cite:t}`xie2022explanation` explain in-context learning in this way. With the coins
# of {doc}`when_heads_fail`, whose side a has probability 0.2, 0.5 and 0.8, strings of which one in five is an a:

# %%
from hmmlib import HMM
from hmmlib.tables import Table

coins = HMM([1 / 3] * 3, torch.eye(3), [[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]])
side = coins.emission
kl = (side[0] * (side[0] / side[1]).log()).sum()
rows = []
for k in [5, 10, 20, 40]:
    rho = prior(coins, [0] * (k // 5) + [1] * (k - k // 5))
    rows.append((k, rho[1] / rho[0], (-k * kl).exp()))
Table(["tosses", "fair coin / coin 0", "proposition"], rows, ".6f")

# %% [markdown]
# ## Words that rule states out
#
# A word that some states never write does more. Suppose that our reviewer, who also quotes others, sometimes turns to the
# verdict. That is announced by *frankly*, and praise or complaint follows. The task
# compares the two, complaint counting double.

# %%
A = [[0.3, 0.2, 0.2, 0.2, 0.1], [0.3, 0.4, 0.1, 0.1, 0.1], [0.3, 0.1, 0.4, 0.1, 0.1]]
A += [[0.3, 0.1, 0.1, 0.4, 0.1], [0, 0.5, 0.5, 0, 0]]
W = [[0.8, 0.1, 0.1, 0], [0.2, 0.7, 0.1, 0], [0.2, 0.1, 0.7, 0]]
W += [[0.2, 0.4, 0.4, 0], [0, 0, 0, 1]]  # change me: who else says frankly?
states, words = (*REVIEW_STATES, "turn"), (*REVIEW_WORDS, "frankly")
frank = HMM([0.3, 0.2, 0.2, 0.2, 0.1], A, W)
twice = [0, 1, -2, 0, 0]  # change me

# %%
from hmmlib.constructions import next_probs


def all_texts(lm, length):
    """Every text of this length that can occur; any token may come first."""
    texts = torch.arange(lm.n_tokens)[:, None]
    while texts.shape[1] < length:
        rows, tokens = next_probs(lm, texts).nonzero(as_tuple=True)
        texts = torch.cat([texts[rows], tokens[:, None]], 1)
    return texts


# %%
from textwrap import fill

from hmmlib import ExactMaskedLM, PosteriorTask
from hmmlib.constructions import AssumptionError, linear_head, shortest_hard_prompt

lm, task = ExactMaskedLM(frank), PosteriorTask.two_class(frank, twice)
try:
    linear_head(frank, twice)
except AssumptionError as error:
    print(fill(f"no prompt: {error}", 76))
found, texts = shortest_hard_prompt(frank, twice), all_texts(lm, 4)
print("prompt:", *[words[z] for z in found.tokens], end=", ")
print("states left:", *[states[h] for h in found.reached])

# %%
clear = (task.posterior(texts) @ task.mu).abs() > 1e-9  # otherwise both are right
wrong = (found.labels(lm, texts) != task.labels(texts))[clear].sum()
print(f"texts of four words that can occur: {len(texts)}")
print(f"in balance: {int((~clear).sum())}, wrong labels among the others: {wrong}")

# %% [markdown]
# One word, and every label is right. Such a string can be searched for, because only supports matter.
#
# :::{prf:proposition} Shortest strings by breadth-first search (ours)
# :label: hc-prop-shortest
#
# Let $S_0 = \operatorname{supp} \pi_0$, and let $S_j$ be the states that can follow a state of
# $S_{j-1} \cap \operatorname{supp} e(z_j)$. Then $\operatorname{supp} \rho(z_1 \dots z_k) = S_k$. So breadth-first search through
# sets of states, from $S_0$, one step for each token, finds a shortest string that satisfies relaxed non-degeneracy, or
# ends and proves that there is none. A shortest string has at most $2^H - 2$ tokens.
# :::
#
# :::{prf:proof}
# All entries in {eq}`hc-eq-rho` are non-negative, and a sum of such numbers is zero only if all of them are. So a support
# follows from the supports of the factors, which is the first claim. {prf:ref}`sp-def-relaxed` asks
# about $\operatorname{supp} \rho$ and nothing else, so a string suits if its last set does. Breadth-first search
# meets each set first by a shortest string to it. The sets along a shortest suitable string differ (a loop could be cut
# out) and are not empty, so there are at most $2^H - 1$ of them.
# :::
#
# Brute force knows nothing of sets. It multiplies out {eq}`hc-eq-rho` for all strings of up to four tokens and tests each
# $\rho$, on 120 random HMMs with many zeros:


# %% tags=["hide-input"]
import numpy as np


def patchy(seed, n_states=4, n_tokens=3, zeros=0.6):
    """An HMM with zeros in A and W, and a task that weighs two states."""
    rng = np.random.default_rng(seed)
    tables = []
    for size in (n_states, n_tokens):
        rows = rng.random((n_states, size)) * (rng.random((n_states, size)) > zeros)
        rows[np.arange(n_states), rng.integers(size, size=n_states)] += 0.2
        tables.append(rows / rows.sum(1, keepdims=True))
    mu = np.zeros(n_states)
    mu[rng.permutation(n_states)[:2]] = 1, -1
    return HMM(np.full(n_states, 1 / n_states), *tables), mu


# %% tags=["hide-input"]
def by_brute_force(hmm, mu, longest=4):
    """The first string, by length and then by its tokens, that suits."""
    A, W = hmm.transition.T.numpy(), hmm.emission.T.numpy()
    level = [((), hmm.initial.numpy())]
    for _ in range(longest + 1):
        for string, rho in level:
            B = rho > 0
            if B[mu != 0].all() and np.linalg.matrix_rank(W[:, B]) == B.sum():
                return string
        longer = [((*s, z), A @ (W[z] * p)) for s, p in level for z in range(len(W))]
        level = [(string, rho) for string, rho in longer if rho.any()]
    return None


# %% tags=["hide-input"]
lengths, disagree = [], 0
for seed in range(120):
    hmm, mu = patchy(seed)
    try:
        string = shortest_hard_prompt(hmm, mu).tokens
    except AssumptionError:
        string = None
    brute = by_brute_force(hmm, mu)
    disagree += brute != (string if string is None or len(string) <= 4 else None)
    lengths.append("none" if string is None else len(string))
print("HMMs on which search and brute force disagree:", disagree)
Table(
    ["tokens", "HMMs"],
    [(str(n), lengths.count(n)) for n in sorted(set(lengths), key=str)],
)

# %% [markdown]
# A few tokens are enough here. It need not be so.
#
# :::{prf:proposition} A shortest string can be long (ours)
# :label: hc-prop-long
#
# Let $p_1, \dots, p_n$ be pairwise coprime, at least 2, and $n \ge 2$. There is an HMM with $p_1 + \dots + p_n$ states and $n + 1$ tokens, and a
# task, for which one soft prompt vector satisfies relaxed non-degeneracy and the shortest such string has
# $p_1 p_2 \cdots p_n$ tokens.
# :::
#
# :::{prf:proof}
# States walk round $n$ cycles of lengths $p_1, \dots, p_n$. Token 0 is written by the first state of each cycle and by no other
# state; all states write all the other tokens, with independent emissions at the $n$ first states. The chain starts
# anywhere, and the task weighs the first states.
#
# Before token 0 has occurred every state is possible, and these are more than the $n + 1$ independent columns there could
# be. Once it occurs only first states are possible, and one step later each cycle's second. From then on each token moves
# all of them on by one. After $t$ tokens, counting from that 0, the cycle of length $p$ is at place $t \bmod p$, so all are
# back at their first states when $p_1 \cdots p_n$ divides $t$. (A further token 0 before that removes the cycles that are
# elsewhere, for ever.) A soft vector that is one on the last states of all cycles leaves the first states at once.
# :::


# %%
def cycles(lengths, seed=0):
    """Walks round cycles; token 0 marks their first states, which the task weighs."""
    H, V, A = sum(lengths), len(lengths) + 1, torch.zeros(sum(lengths), sum(lengths))
    first = [sum(lengths[:i]) for i in range(len(lengths))]
    for start, n in zip(first, lengths, strict=True):
        A[range(start, start + n), [*range(start + 1, start + n), start]] = 1
    W = 0.1 + torch.rand(H, V, generator=torch.Generator().manual_seed(seed)).double()
    W[:, 0] = 0
    W[first, 0], mu = 1, torch.zeros(H)
    mu[first] = (-1.0) ** torch.arange(len(first))
    return HMM([1 / H] * H, A, W / W.sum(1, keepdim=True)), mu


# %%
some = ([2, 3], [2, 3, 5], [2, 3, 5, 7])
longest = [len(shortest_hard_prompt(*cycles(n)).tokens) for n in some]
rows = [(str(n), sum(n), k) for n, k in zip(some, longest, strict=True)]
Table(["cycles", "states", "tokens in the shortest string"], rows)

# %% [markdown]
# With the first primes as lengths, that grows faster than any power of $H$. One vector selects any states at once; words have
# to wait until the chain brings them there.
#
# ## What is written first is forgotten
#
# Do longer strings do ever more? {numref}`hc-fig-priors` suggests that they do not. Measure the
# distance of two positive vectors in *Hilbert's metric*,
#
# $$
# d(p, q) = \log \max_h \frac{p_h}{q_h} - \log \min_h \frac{p_h}{q_h}.
# $$
#
# It does not see scale. And multiplying both vectors by the same likelihoods, which may change a total variation a lot,
# does not change it. Let $\omega$ be the largest $d$ of two columns of $A$ and $\theta = \tanh(\omega/4) < 1$. By a
# theorem of {cite:t}`birkhoff1957extensions` (see {cite:t}`lemmens2013birkhoff`), if $A$ is positive then for all $p, q \ge 0$
#
# $$
# d(Ap, Aq) \le \omega \quad\text{and}\quad d(Ap, Aq) \le \theta\, d(p, q).
# $$ (hc-eq-birkhoff)
#
# :::{prf:theorem} What is written first is forgotten (ours)
# :label: hc-thm-forget
#
# Let all entries of $A$ be positive. Let two prompts agree in their last $j$ vectors, hard or soft, and have at least one
# more each. For every text that can follow both, what the model shows at the blank differs, in total variation,
# by at most
#
# $$
# \eta_j = \tanh(\theta^j \omega / 4).
# $$
# :::
#
# :::{prf:proof}
# In four steps:
#
# 1. Where the common part begins, both distributions have been multiplied by $A$ last, so their distance is at most $\omega$.
# 2. Each common vector multiplies both by the same numbers, which does not increase the distance (an entry that becomes
#    zero drops out of both), and then by $A$, which multiplies the distance by $\theta$ or less. So the priors
#    under the blank are within $\theta^j \omega$.
# 3. The text multiplies both by $L(x)$. So the posteriors $p$, $q$ under the blank are within $d = \theta^j \omega$ too.
# 4. The ratio $p_h/q_h$ lies in some $[r_0, r_1]$ with $r_1/r_0 \le e^d$, and its mean under $q$ is 1. The total variation is
#    the mean of what it exceeds 1 by, a convex function, so at most $(r_1 - 1)(1 - r_0)/(r_1 - r_0)$. Given
#    $r_1/r_0$ this is largest at $r_1 = 1/r_0$, where it is $\tanh(d/4)$. Applying $W$ cannot increase a total variation.
# :::
#
# How close is the bound? In front we put the extremes, vectors that select one state, and behind them all $3^j$ strings
# of $j$ common words.

# %% tags=["hide-input"]
from hmmlib import blank_probs
from hmmlib.constructions import forgetting_bound


def largest_difference(hmm, j, texts):
    """Most that the first vector changes at the blank, for any words after it."""
    lm, most = ExactMaskedLM(hmm), 0.0
    for word in product(range(hmm.n_tokens), repeat=j):
        after = hmm.emission[:, list(word)].T
        starts = [torch.cat([one[None], after]) for one in torch.eye(hmm.n_states)]
        shown = torch.stack([blank_probs(lm, texts, u) for u in starts])
        apart = (shown[:, None] - shown[None]).abs().sum(-1) / 2
        most = max(most, float(apart.max()))
    return most


# %%
own = [[0.02, 0.98, 0], [0.02, 0, 0.98]]  # a common word, and one of each mood
sure = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], own)
one = torch.arange(3)[:, None]
curves = {}
for name, hmm in {"reviews": reviews, "two moods": sure}.items():
    curves[f"{name}, bound"] = [forgetting_bound(hmm.transition, j) for j in range(5)]
    curves[f"{name}, largest"] = [largest_difference(hmm, j, one) for j in range(5)]

# %% mystnb={"figure": {"caption": "How much what stands before the last $j$ words of a prompt can change at the blank: the largest change over all words and texts of one word, and the bound. *Two moods* is a chain of two states that write one word each, seldom a common one, and change with probability 0.1.", "name": "hc-fig-forgetting"}, "image": {"alt": "Four falling curves on a logarithmic scale over zero to four common words: for the reviews and for two moods, each the largest change found and above it the bound. For two moods the curves touch at zero."}}
from hmmlib.plotting.hard_prompts_and_causal_models import curves_by_length

labels = {
    "x_label": "common words $j$ before the blank",
    "y_label": "total variation",
}
curves_by_length(range(5), curves, **labels, log=True)
plt.show()
ratios = np.divide(curves["two moods, largest"], curves["two moods, bound"])
print("largest change over bound, two moods:", *ratios.round(3))

# %% [markdown]
# For the two moods the bound is attained at $j = 0$, but for the two percent of common words. For the reviews it is
# too large, the more so the longer the common part: $\theta$ is the worst rate of all pairs of distributions.
#
# :::{prf:corollary} All strings by finitely many (ours)
# :label: hc-cor-finite
#
# Let all entries of $A$ be positive. Fix some texts with labels of both kinds, and let $\operatorname{gap}(z)$ be the distance of
# the hulls of {prf:ref}`prop-fail-noise` behind the string $z$. A string that ends in $w$, of $j \ge 1$ tokens, has
#
# $$
# \lvert \operatorname{gap}(zw) - \operatorname{gap}(w) \rvert \le 2\, \eta_{j-1},
# $$
#
# so no string of any length beats the best of at most $j$ tokens by more than $2\, \eta_{j-1}$.
# :::
#
# :::{prf:proof}
# The first token of $w$ counts as the part in which $w$ and $zw$ may differ. By the theorem every point that a head sees
# moves by $\eta_{j-1}$ at most, and with them every point of the two hulls.
# :::
#
# ## The best string
#
# Now a task that plain heads fail at. The reviewer may quote, and quotes are half praise, half complaint. *Does the
# reviewer praise in person, rather than quote?* Let quotes count three times, so that both answers occur.
# {py:func}`~hmmlib.tuning.best_hard_prompts` tries all strings, each with the best head for it, and judges by log-loss as
# {py:func}`~hmmlib.tuning.optimal_prompt` does for vectors. With a `width` it is a beam search.

# %%
from hmmlib.certificates import separate
from hmmlib.tuning import best_hard_prompts, optimal_prompt

quoting = review_hmm(quotes=True)
own_praise = [0, 1, 0, -3]  # change me
lm, task = ExactMaskedLM(quoting), PosteriorTask.two_class(quoting, own_praise)
texts = torch.tensor(list(product(range(3), repeat=4)))
y = task.labels(texts)
verdict = separate(blank_probs(lm, texts), y)
print(f"no prompt: no head has a margin above {max(verdict.bound, 1e-12):.0e}")
every = best_hard_prompts(lm, texts, y, length=3)
beam = best_hard_prompts(lm, texts, y, length=6, width=1)
soft = optimal_prompt(lm, texts, y, n_prompt=1, starts=2, generator=0)

# %% mystnb={"figure": {"caption": "Log-loss of the best string of each length with the best head behind it, on all 81 texts of four words; dotted, a single soft prompt vector. Growing the best string by a word at its front (greedy) finds what trying all strings finds.", "name": "hc-fig-best"}, "image": {"alt": "Two curves of log-loss against the number of words in the prompt. Both fall from about 0.08 without a prompt to about 0.046 within two words and stay there; a dotted line far below marks the soft prompt."}}
curves = {
    "all strings": [fit.loss for fit in every],
    "greedy": [fit.loss for fit in beam],
}
labels = {"x_label": "words in the prompt", "y_label": "log-loss"}
curves_by_length(range(7), curves, **labels, level=("one soft vector", soft.loss))
plt.show()

# %% tags=["hide-input"]
rows = [("none", every[0].loss, round((1 - every[0].accuracy) * 81))]
for fit in every[1:]:
    string = " ".join(REVIEW_WORDS[z] for z in fit.tokens)
    rows.append((string, fit.loss, round((1 - fit.accuracy) * 81)))
rows.append(("a soft vector", soft.loss, round((1 - soft.accuracy) * 81)))
print("the soft vector is largest at:", REVIEW_STATES[int(soft.prompt[0].argmax())])
Table(["prompt", "log-loss", "wrong of 81"], rows, [None, ".3f", None])

# %% [markdown]
# Words help, but by {prf:ref}`hc-thm-forget` their help is soon exhausted. The soft vector tells the model that the reviewer has
# just been quoting, which no word of this vocabulary can tell. The same on a larger model, where only a beam is affordable:

# %%
from hmmlib import random_hmm, sample_tokens

warm = {"transition_temperature": 0.1, "emission_temperature": 0.3}
large = random_hmm(8, 4, generator=4, **warm)
large_task = PosteriorTask.two_class(large, np.random.RandomState(4).randn(8))
x = sample_tokens(large, batch=150, time=9, generator=0)[:, 1:]
lm, labels = ExactMaskedLM(large), large_task.labels(x)
beam = best_hard_prompts(lm, x, labels, length=4, width=2)
soft = optimal_prompt(lm, x, labels, n_prompt=1, starts=2, generator=0)
rows = [(str(k), fit.loss, fit.loss - soft.loss) for k, fit in enumerate(beam)]
Table(["tokens", "log-loss", "gap to the soft vector"], rows, ".3f")

# %% [markdown]
# ## When the model sees only the past
#
# A causal model shows $P[X_{T+1} \mid x]$ behind a text $x_1 \dots x_T$. At a blank at the *end* a masked model shows the
# same, for there is nothing on the other side. We write
#
# $$
# \begin{aligned}
# G_{T+1}(x) &= W\, \mathbb{P}[H_{T+1} \mid x] \\
#   &= W A\, \mathbb{P}[H_T \mid x].
# \end{aligned}
# $$ (hc-eq-causal)
#
# Everything is as in {eq}`eq-through-w`, only that a question has to be about the *end*: the state of the next word, or of
# the last one.
#
# :::{prf:proposition} Causal head tuning (ours)
# :label: hc-prop-head
#
# Let $W$ be non-degenerate.
#
# - $b = (W^+)^\top \mu$ has $b^\top G_{T+1}(x) = \mu^\top \mathbb{P}[H_{T+1} \mid x]$.
# - If $A$ is invertible, $b = ((WA)^+)^\top \mu$ has $b^\top G_{T+1}(x) = \mu^\top \mathbb{P}[H_T \mid x]$.
# - For any $A$, the prediction *before* the last word and that word do it together: for the entries of
#   $v = W^+ G_T(x_{<T}) \odot e(x_T)$,
#
#   $$
#   \begin{aligned}
#   \mu^\top v = {}& G_T(x_{<T})[x_T] \\
#     & \cdot \mu^\top \mathbb{P}[H_T \mid x].
#   \end{aligned}
#   $$
# :::
#
# :::{prf:proof}
# The first two follow from {eq}`hc-eq-causal` as in {prf:ref}`thm-head-tuning`; $WA$ has independent columns exactly if $W$
# has and $A$ is invertible. For the third, $W^+ G_T(x_{<T}) = \mathbb{P}[H_T \mid x_{<T}]$. Times $e(x_T)$ it is the
# probability of $H_T$ and $X_T = x_T$ given $x_{<T}$, which is Bayes' rule without its denominator.
# :::
#
# The second has an assumption that the masked model did not need, and the running example breaks it: the reviewer goes
# back to describing with probability 0.4 whatever came before, so the next word cannot tell whether the last one was a
# description.

# %%
from hmmlib.constructions import causal_head
from hmmlib.lm import ExactCausalLM


def at_the_end(hmm, texts):
    """P[H_T | x] and P[H_{T+1} | x], by the forward recursion."""
    after = hmm.initial.expand(len(texts), -1) @ hmm.transition
    for tokens in texts.T:
        now = after * hmm.emission[:, tokens].T
        now = now / now.sum(1, keepdim=True)
        after = now @ hmm.transition
    return now, after


# %%
gpt, texts = ExactCausalLM(reviews), torch.tensor(list(product(range(3), repeat=5)))
describing = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
margin = at_the_end(reviews, texts)[0] @ describing
try:
    causal_head(reviews, describing, about="last")
except AssumptionError as error:
    print(fill(str(error), 76))
verdict = separate(next_probs(gpt, texts), (margin >= 0).long())
print(f"next word alone: no head has a margin above {max(verdict.bound, 1e-12):.0e}")
before = next_probs(gpt, texts[:, :-1])  # shown before the last word
v = before @ torch.linalg.pinv(reviews.emission) * reviews.emission[:, texts[:, -1]].T
wrong = ((v @ describing >= 0) != (margin >= 0)).sum()
print(f"with the last word itself: {wrong} wrong of {len(texts)}")

# %% [markdown]
# What about the book's own question, about $H_0$? It is one about the distant past, and a causal model that
# predicts well has no reason to remember it. *Praising rather than complaining?* in percent of the texts that a head gets
# wrong, asked about the first state (the head of least log-loss) and about the last two (the heads of the proposition):

# %%
from hmmlib import logistic_head


def percent_wrong(value, margin):
    """Of the labels; symmetric texts have a margin of zero and are left out."""
    clear = margin.abs() > 1e-9
    return 100 * ((value >= 0) != (margin >= 0))[clear].double().mean()


# %%
task, rows = PosteriorTask.two_class(reviews, [0, 1, -1]), []
heads = [causal_head(reviews, task.mu, about=about) for about in ("last", "next")]
for T in range(1, 7):
    x = torch.tensor(list(product(range(3), repeat=T)))
    G, first = next_probs(gpt, x), task.posterior(x) @ task.mu
    clear = first.abs() > 1e-9
    fitted = logistic_head(G[clear], (first[clear] >= 0).long()).head
    ends = [p @ task.mu for p in at_the_end(reviews, x)]
    pairs = zip([fitted, *heads], [first, *ends], strict=True)
    rows.append((T, *(percent_wrong(head.values(G), m) for head, m in pairs)))
header = ["words $T$", "first state", "last state", "next state"]
Table(header, rows, [None, ".1f", ".1f", ".1f"])

# %% [markdown]
# ## Where a prompt must stand
#
# In a masked model the prompt stands before the blank, next to the state that is asked about. In a causal model the blank is at
# the end. What does a prompt in front of the text still do there?
#
# :::{prf:proposition} A prompt in front of a causal model (ours)
# :label: hc-prop-front
#
# Let $\rho = A\,(u \odot \pi_0)$. For every text with $\rho^\top L(x) > 0$,
#
# $$
# \begin{aligned}
# \overline{G}_{T+1}&(u, \varnothing, x) \\
#   &= W \sum_g w_g\, \mathbb{P}[H_{T+1} \mid H_0 = g,\, x], \\
# w_g &\propto \rho_g\, L(x)_g .
# \end{aligned}
# $$
#
# If $A$ is positive, two such prompts differ in what is shown by at most $\tanh(\theta^{T+1} \omega/4)$.
# :::
#
# :::{prf:proof}
# Sum over the state $g$ under the first blank. By {prf:ref}`sp-lem-prior` it has weight $w_g$, and given $H_0 = g$ the
# prompt is irrelevant. For the second part, the blank and the words of $x$ are $T + 1$ vectors that both inputs share:
# {prf:ref}`hc-thm-forget`.
# :::
#
# So the prompt re-weights a mixture whose parts look more alike with every word. A state that is
# switched off in front can be back a step later. The form $\rho_h L(x)_h$ of {prf:ref}`sp-lem-prior` is lost, and the
# theorem with it. A prompt has to stand where the question is: at the end.
#
# :::{prf:theorem} Suffix prompts (ours)
# :label: hc-thm-suffix
#
# Let $u \ge 0$ with $R = \operatorname{supp} u \supseteq \operatorname{supp} \mu$, and let the columns $(WA)_{:,h}$, $h \in R$, be linearly
# independent. Let $b$ solve $(WA)_R^\top b = (\mu/u)_R$. Put $u$ where the next token would stand. Then for every text that
# can occur, and can occur before $u$,
#
# $$
# \begin{aligned}
# c(x)\; b^\top\, \overline{G}_{T+2}&(x, u) \\
#   &= \mu^\top\, \mathbb{P}[H_{T+1} \mid x], \\
# c(x) &= u^\top\, \mathbb{P}[H_{T+1} \mid x] > 0 .
# \end{aligned}
# $$
# :::
#
# :::{prf:proof}
# Write $p = \mathbb{P}[H_{T+1} \mid x]$. The vector turns $p$ into $u \odot p / c(x)$, the chain takes a step, and the model shows
# $W A\,(u \odot p)/c(x)$. Only columns in $R$ take part, so $c(x)$ times the head's value is $\sum_{h \in R} (\mu_h/u_h)\, u_h\, p_h = \mu^\top p$.
# :::
#
# This asks for less than the masked model did. There a prompt chose *predecessors*, and left whatever can
# follow them; that took a search, and zeros in $A$. Here it chooses the states themselves.
# $R = \operatorname{supp} \mu$ always asks the least, so there is nothing to search. $H$ may be any number:
# what has to be independent are the next-word distributions *after* the states that the task weighs. In the review with
# quotes, four states and three words, we ask whether the reviewer is about to give an *own opinion*, praise or complaint,
# rather than to quote (which counts three times), in exact fractions, over all texts of one to four words:

# %%
from fractions import Fraction


def exact(table):
    """A table of tenths in fractions."""
    rows = [[Fraction(round(10 * v), 10) for v in row] for row in table.tolist()]
    return np.array(rows)


# %%
A, W = exact(quoting.transition.T), exact(quoting.emission.T)
mu, u = np.array([0, 1, 1, -3]), np.array([0, 1, 1, 1])  # an opinion of one's own?
p, q, r = (W @ A)[:, 1:].T  # what follows praise, complaint, quote
b = mu[1] * np.cross(q, r) + mu[2] * np.cross(r, p) + mu[3] * np.cross(p, q)
b = b / (p @ np.cross(q, r))  # Cramer's rule
print("left over of the three equations:", *(b @ W @ A - mu)[1:])

# %%
largest, zero_margins, count = Fraction(0), 0, 0
start = A @ exact(quoting.initial[None])[0]
for x in (x for T in range(1, 5) for x in product(range(3), repeat=T)):
    next_state = start
    for z in x:
        seen = W[z] * next_state
        next_state = A @ (seen / seen.sum())
    c, margin = u @ next_state, mu @ next_state
    shown = W @ A @ (u * next_state) / c
    largest = max(largest, abs(c * (b @ shown) - margin))
    zero_margins, count = zero_margins + (margin == 0), count + 1
print(f"{count} texts, largest deviation: {largest}, margins of zero: {zero_margins}")

# %% [markdown]
# Now the same with the library, beside no prompt, the same vector in front, and vectors that break an assumption:
# one that is zero on a state that the task weighs, and one that leaves all four states (a blank).

# %%
from hmmlib.constructions import suffix_prompt

gpt, own = ExactCausalLM(quoting), [0, 1, 1, -3]
tuned = suffix_prompt(quoting, own)
every = [torch.tensor(list(product(range(3), repeat=T))) for T in range(1, 5)]
margin = (
    torch.cat([at_the_end(quoting, x)[1] for x in every]) @ torch.tensor(own).double()
)
y, rows = (margin >= 0).long(), []
# %%
vectors = {"none": None, "in front, the same": ("front", tuned.prompt)}
vectors["a state is missing"] = "behind", [[0.0, 1.0, 1.0, 0.0]]
vectors["all four states"] = "behind", [[1.0, 1.0, 1.0, 1.0]]
vectors["as in the theorem"] = "behind", tuned.prompt
for name, vector in vectors.items():
    put = {vector[0]: vector[1]} if vector else {}
    verdict = separate(torch.cat([next_probs(gpt, x, **put) for x in every]), y)
    rows.append((name, f"{verdict.margin:.1g}", f"{max(verdict.bound, 1e-12):.1g}"))

# %%
display(Table(["vector", "best margin: at least", "at most"], rows))
wrong = sum(
    (tuned.labels(gpt, x) != t).sum()
    for x, t in zip(every, y.split([3, 9, 27, 81]), strict=True)
)
print(f"label 1: {int(y.sum())} of {len(y)}, wrong by the theorem's head: {wrong}")

# %% [markdown]
# And a suffix in *words*? A token at the end is $u = e(z)$. The theorem applies if all states that the task weighs can write $z$,
# and the states that can write it have independent columns of $WA$. It is the same condition as before, without the waiting of
# {prf:ref}`hc-prop-long`: the token acts on the state that is asked about. Where every state can write every word,
# $R$ is everything, and all columns of $WA$ have to be independent. Prompts for a GPT often end in the likes of
# *All in all, it was*. In this world the place is the right one, and the fewer states write such words the better.
#
# ## The attention head
#
# With a {doc}`memory <memory_and_attention>` the question is about what never changes. But each position has read only
# what stands before it.
#
# :::{prf:lemma} Keys and values of a causal model (ours)
# :label: hc-lem-keys
#
# Let $\mathcal{H}^\star$ be recoverable. In a causal model the head of {prf:ref}`att-def-head` has
#
# $$
# \begin{aligned}
# \text{key}_i &= \mathbb{P}[H_i \in \mathcal{H}^\star \mid x_{<i}], \\
# \frac{\text{value}_i}{G_i[x_i]} &= \sum_m \mu_m\, \mathbb{P}[M_{j^\star} = m, \\
#   &\qquad H_i \in \mathcal{H}^\star \mid x_{\le i}].
# \end{aligned}
# $$
# :::
#
# :::{prf:proof}
# The proof of {prf:ref}`att-lem-keys`, with $x_{<i}$ for $x_{-i}$: given the column that is read, $X_i$ is independent of
# $x_{<i}$, so $\Phi\, G_i$ holds $\mathbb{P}[M_{j^\star} = m, H_i = h \mid x_{<i}]$. Bayes' rule with $x_i$ then gives the
# posterior given $x_{<i}$ and $x_i$, that is $x_{\le i}$, where it gave the one given $x$ before.
# :::
#
# :::{prf:theorem} The causal attention head (ours)
# :label: hc-thm-attention
#
# Let $\mathcal{H}^\star$ be recoverable and let $x$ be a text after which the next word is sure to read it,
# $\mathbb{P}[H_{T+1} \in \mathcal{H}^\star \mid x] = 1$. Then
#
# $$
# b^\top\, \Phi\, G_{T+1}(x) = \mu^\top\, \mathbb{P}[M_{j^\star} \mid x].
# $$
#
# At a position $i \le T$ that is sure, given $x_{<i}$, the head answers $F^\star(x_{\le i})$, the label of the text so far.
# :::
#
# :::{prf:proof}
# $\Phi\, G_{T+1}(x)$ holds $\mathbb{P}[M_{j^\star} = m, H_{T+1} = h \mid x]$, and the sum over $h \in \mathcal{H}^\star$ loses nothing. The second
# part is the lemma where $H_i \in \mathcal{H}^\star$ is certain.
# :::
#
# So in a causal model it is not enough that *some* position is sure, as it was in {prf:ref}`att-thm-head`: it has to be the
# one about to be read, when the whole text has been seen. A review whose memory is the reviewer's opinion of the film shows
# what goes wrong elsewhere. A subject (*plot*, or *light*, as in a film that plays with it) is followed by *is* or by an opinion at
# once; *is* by an opinion, surely.

# %%
from hmmlib import MemoryHMM, prepend_mask
from hmmlib.constructions import attention_head
from hmmlib.hmm import stationary_distribution

words, moves = ["plot", "light", "is", "great", "dull"], [[0, 0.6, 0.4], [0, 0, 1]]
moves += [[0.6, 0.2, 0.2]]  # subject, link, opinion


# %%
def opinionated(loved, hated, torn):
    """Reviews whose memory is the verdict: an opinion is light, great or dull."""
    fixed = [[0.8, 0.2, 0, 0, 0], [0, 0, 1, 0, 0]]
    emission = [[[*fixed, [0, o[0], 0, *o[1:]]]] for o in (loved, hated, torn)]
    chain = stationary_distribution(torch.tensor(moves, dtype=torch.float64))
    return MemoryHMM(chain.expand(3, 1, 3) / 3, moves, emission)


memo = opinionated([0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3])
verdict = [1.0, -1.0, 0.2]  # change me
head, gpt = attention_head(memo, verdict), ExactCausalLM(memo)


# %%
def asked_next(head, lm, texts, **prompts):
    """Key and value of the head at the word that comes next."""
    G = next_probs(lm, texts, **prompts)[:, None]
    blank = torch.full((len(texts), 1), lm.mask_token)
    return head.keys(G)[:, 0], head.position_values(G, blank)[:, 0]


# %%
def readings(lm, x, margin):
    """Texts with a sure position, and wrong answers by three ways to read."""
    G = lm.token_probs(lm.embed(prepend_mask(lm, x)))[:, 1:]
    sure, wrong = head.keys(G) > 1 - 1e-9, lambda v: (v >= 0) != (margin >= 0)
    last = (sure * torch.arange(1, 1 + x.shape[1])).amax(1, keepdim=True) - 1
    latest = head.position_values(G, x).gather(1, last.clamp(min=0))[:, 0]
    earlier, (key, value) = sure.any(1), asked_next(head, lm, x)
    now = key > 1 - 1e-9
    ways = [
        wrong(head.values(G, x))[earlier],
        wrong(latest)[earlier],
        wrong(value)[now],
    ]
    mean, late, coming = (int(way.sum()) for way in ways)
    return int(earlier.sum()), mean, late, int(now.sum()), coming


# %%
task, rows = PosteriorTask.two_class(memo, verdict), []
for T in [2, 3, 4]:
    x = all_texts(gpt, T)
    rows.append((T, len(x), *readings(gpt, x, task.posterior(x) @ task.mu)))
header = ["$T$", "texts", "sure earlier", "wrong: mean", "wrong: latest"]
Table([*header, "sure next", "wrong: next"], rows)

# %% [markdown]
# Reading at all sure positions, as the paper's head does, or at the latest of them is wrong for some texts: they were sure
# too early. Reading what comes next is right wherever it is sure. Could one *make* it sure, by adding *is* to the text? Then the
# head answers, correctly, for the text with *is*. That is the label of $x$ if the added word says nothing about the memory, that
# is if $\mathbb{P}[\text{is} \mid x, M = m]$ is the same for all $m$. Here it is not quite, as a *light* may be a subject or an opinion:

# %%
x = all_texts(gpt, 5)
x = x[next_probs(gpt, x)[:, 2] > 0]  # those that "is" can follow
longer = torch.cat([x, torch.full_like(x[:, :1], 2)], 1)
before, after = (task.posterior(t) @ task.mu for t in (x, longer))
_, value = asked_next(head, gpt, longer)
off, off_x = ((value - m).abs().max() for m in (after, before))
print(f"texts: {len(x)}, off the margin of (x, is) by at most {max(off, 1e-12):.0e}")
print(f"off that of x by up to {off_x:.3f}", end=", ")
wrong = ((value >= 0) != (before >= 0)) & (before.abs() > 1e-9)
print("labels of x wrong:", int(wrong.sum()))

# %% [markdown]
# ## A prompt for the memory
#
# {prf:ref}`hc-prop-front` is about chains that forget. A memory does not.
#
# :::{prf:proposition} Prompts with memory, causal (ours)
# :label: hc-prop-memory
#
# Let $N = 1$, $u_{(m,s)} = \mathbf{1}[m \in \mathcal{M}^\star]$, and $\mathcal{S}^\star$ recoverable for $\mathcal{M}^\star$
# ({prf:ref}`mp-def-recoverable`). Let $u$ stand anywhere before the position $n$ that is read, at a place of its own. If
# $\mathbb{P}[S_n \in \mathcal{S}^\star \mid x,\, M \in \mathcal{M}^\star] = 1$ there, then the head of
# {prf:ref}`mp-thm-prompt` shows at $n$
#
# $$
# b^\top\, \Phi\, \overline{G}_n = \mu^\top\, \mathbb{P}[M \mid x,\, M \in \mathcal{M}^\star].
# $$
# :::
#
# :::{prf:proof}
# Wherever it stands, $u$ multiplies the joint distribution by $\mathbf{1}[M \in \mathcal{M}^\star]$, which does not depend on the
# chain: {prf:ref}`mp-lem-condition`. Under that condition the model is one with the values $\mathcal{M}^\star$, and
# {prf:ref}`hc-thm-attention` applies.
# :::
#
# Let a torn reviewer write exactly as a mixture of the other two. Then no state is recoverable, and the prompt is needed.

# %%
from hmmlib.constructions import memory_prompt

mixed = opinionated([0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.15, 0.4, 0.45])
loved_or_hated = [1.0, -1.5, 0.0]
gpt, task = ExactCausalLM(mixed), PosteriorTask.two_class(mixed, loved_or_hated)
try:
    attention_head(mixed, loved_or_hated)
except AssumptionError as error:
    print(fill(str(error), 76))

# %%
tuned, x = memory_prompt(mixed, loved_or_hated), all_texts(gpt, 4)
given = task.posterior(x) @ task.mu / task.posterior(x)[:, :2].sum(1)
key, value = asked_next(tuned.head, gpt, x, front=tuned.prompt)
sure = key > 1 - 1e-9
off = max(float((value - given).abs()[sure].max()), 1e-12)
print(f"in front: sure {int(sure.sum())} of {len(x)}, off by at most {off:.0e}")
key, _ = asked_next(tuned.head, gpt, x, behind=tuned.prompt)
print("behind: sure", int((key > 1 - 1e-9).sum()))

# %% [markdown]
# In front it works as it did. Behind the text it takes the place of a word, and the word *after* that one must be sure to be an
# opinion, which no text of this model makes it. So a prompt about the memory had better stand in front, and one about the state
# behind.
#
# What becomes of the four theorems:
#
# | theorem | masked | causal |
# |---|---|---|
# | {prf:ref}`thm-head-tuning` | asks about $H_0$; $W$ | asks about the next state; $W$; about the last one, $WA$, or $W$ and the word itself |
# | {prf:ref}`sp-thm-prompt` | in front; the followers of $\operatorname{supp} u$ | behind; $\operatorname{supp} u$ itself, columns of $WA$ |
# | {prf:ref}`att-thm-head` | some position is sure | the next word is sure |
# | {prf:ref}`mp-thm-prompt` | in front, for good | in front, for good; the next word is sure |

# %% [markdown]
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: One word of prompt
# :label: hc-ex-great
#
# Compute $\rho(\text{great})$ and $\rho(\text{dull})$ for the reviews of three states, in fractions, and their distance in
# Hilbert's metric. Compare with $\omega$.
#
# :::{admonition} Hint
# :class: dropdown
#
# $\pi_0 = (0.4, 0.3, 0.3)$. Multiply by the row of *great* in $W$ first, then by $A$.
# :::
# ::::

# %% [markdown]
# :::{solution-start} hc-ex-great
# :class: dropdown
# :::
#
# After *great* the state is distributed as $(4, 21, 3)/28$; a step later as $(2/5, 3/7, 6/35)$. By symmetry *dull* leaves
# $(2/5, 6/35, 3/7)$. The ratios are $1, 5/2, 2/5$, so $d = \log \tfrac{25}{4} \approx 1.83$, less than
# $\omega = \log 25 \approx 3.22$, the distance of praise and complaint as certainties.

# %%
from hmmlib.constructions import projective_diameter

great, dull = (prior(reviews, [z]) for z in (1, 2))
ratio = great / dull
print([Fraction(float(p)).limit_denominator(100) for p in great])
print(f"d = {(ratio.max() / ratio.min()).log():.4f}", end=", ")
print(f"omega = {projective_diameter(reviews.transition):.4f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ● Think: Where to put the instruction
# :label: hc-ex-where
#
# You may add one sentence to a long review before a causal model reads it. Where do you put it if you want to know how the
# reviewer felt in the last sentence? Where if you want to know whether the film is a comedy?
#
# :::{admonition} Hint
# :class: dropdown
#
# Which of the two is a state, which a memory?
# :::
# ::::

# %% [markdown]
# :::{solution-start} hc-ex-where
# :class: dropdown
# :::
#
# A mood moves on with the chain: {prf:ref}`hc-prop-front` says that a sentence in front is forgotten, and
# {prf:ref}`hc-thm-suffix` that one behind acts on the state itself. What kind of film it is stays, and
# {prf:ref}`hc-prop-memory` allows either place. Whether a trained network follows this is a question for measurements.
#
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: How often do words do what vectors do?
# :label: hc-ex-often
#
# Draw HMMs as `patchy` does, and count for how many tasks there are suitable prompt states (`find_prompt_states`), and for
# how many a suitable string. Can there be a string and no prompt states?
#
# :::{admonition} Hint
# :class: dropdown
#
# In `patchy` the chain can start everywhere. Use {prf:ref}`sp-prop-length` for the last question.
# :::
# ::::

# %% [markdown]
# :::{solution-start} hc-ex-often
# :class: dropdown
# :::
#
# A string is a soft prompt of several vectors, and one vector does what they do if $\pi_0 > 0$. So a string implies prompt
# states, except for the empty string, which leaves $\pi_0$ itself: that need not be a mixture of columns of $A$. Six states and four
# tokens leave no room for it.

# %%
from hmmlib.constructions import find_prompt_states


def there_is(search, hmm, mu):
    """Whether a search finds what it looks for."""
    try:
        search(hmm, mu)
    except AssumptionError:
        return False
    return True


# %%
counts = torch.zeros(2, 2, dtype=torch.int64)
for seed in range(100):
    drawn = patchy(seed, n_states=6, n_tokens=4, zeros=0.6)
    soft, hard = (
        there_is(f, *drawn) for f in (find_prompt_states, shortest_hard_prompt)
    )
    counts[int(soft), int(hard)] += 1
print(f"both {counts[1, 1]}, vectors only {counts[1, 0]}", end=", ")
print(f"strings only {counts[0, 1]}, neither {counts[0, 0]}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: One vector behind the text is enough
# :label: hc-ex-two-behind
#
# {prf:ref}`sp-prop-length` says that one vector before the blank does what several do. Does one vector behind the text,
# in a causal model, do what two do?
#
# :::{admonition} Hint
# :class: dropdown
#
# Two states may predict the same next word, and not the same word after it.
# :::
# ::::

# %% [markdown]
# :::{solution-start} hc-ex-two-behind
# :class: dropdown
# :::
#
# Refuted. Let states 0 and 1 lead to states 2 and 3, which write the same word and lead on to 4 and 5, which do not. The task
# compares 0 and 1. As $(WA)_{:,0} = (WA)_{:,1}$, one vector would need $b^\top (WA)_{:,0}$ to be both $1/u_0$ and
# $-1/u_1$. A second vector, even a blank, lets the chain take one more step, and $(WAA)_{:,0} \ne (WAA)_{:,1}$. In front of a
# masked model's blank, a longer prompt only re-weights what the *first* $A$ mixes; here it changes what is read.

# %%
A = torch.zeros(6, 6)
A[[0, 1, 2, 3], [2, 3, 4, 5]], A[4:, :2] = 1, 0.5
W = [[1, 0, 0]] * 4 + [[0.2, 0.6, 0.2], [0.2, 0.2, 0.6]]
fork = HMM([1 / 6] * 6, A, W)
try:
    suffix_prompt(fork, [1, -1, 0, 0, 0, 0])
except AssumptionError as error:
    print(fill(f"one vector: {error}", 76))
two_steps = fork.transition @ fork.transition @ fork.emission
print("after two: columns", two_steps[0].tolist(), "and", two_steps[1].tolist())

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: The longest shortest string
# :label: hc-ex-longest
#
# How long can a shortest suitable string be for $H$ states, over all HMMs and tasks? {prf:ref}`hc-prop-shortest` and
# {prf:ref}`hc-prop-long` leave a wide gap.
#
# :::{admonition} Hint
# :class: dropdown
#
# Only the zeros of $\pi_0$, $A$ and $W$ matter, and which sets of columns are independent. Draw patterns at random and keep the longest.
# :::
# ::::

# %% [markdown]
# :::{solution-start} hc-ex-longest
# :class: dropdown
# :::
#
# We know no sharp answer. The sets that strings lead to are those of a nondeterministic automaton, and how long a word must be to bring
# an automaton to a wanted set is a studied question. For partial automata with two letters there are lower bounds that
# grow exponentially in the number of states {cite:p}`vorel2016subset`, which suggests that the bound $2^H - 2$ is not far off in
# its kind. Whether an HMM can imitate those automata, whose letters move states in different ways while a chain moves them in one,
# is what would have to be shown. A first experiment, with random patterns:


# %%
def length(hmm, mu):
    """Tokens in the shortest string; −1 if there is none."""
    try:
        return len(shortest_hard_prompt(hmm, mu).tokens)
    except AssumptionError:
        return -1


rows = []
for H in [3, 4, 5, 6]:
    sizes = {"n_states": H, "n_tokens": 3, "zeros": 0.75}
    found = [length(*patchy(seed, **sizes)) for seed in range(150)]
    rows.append((H, max(found), 2**H - 2))
Table(["states", "longest of 150 draws", "bound"], rows)

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# - A string of words re-weights the prior as a soft prompt does, but cannot choose its vectors. If every state can write every word, a
#   chain that mixes never loses a state.
# - Where words rule states out, breadth-first search finds the shortest string that satisfies the theorem. It can be
#   very long even where one vector does.
# - What stands far before the blank is forgotten at a geometric rate, whatever the text. So the help of words is soon exhausted.
# - A causal model answers about the next state, or the last. A prompt acts on these from *behind* the text, and needs no search.
# - The causal attention head must read the memory when the next word is sure to speak of it. A prompt for the memory may stand in
#   front, since a memory is not forgotten.
