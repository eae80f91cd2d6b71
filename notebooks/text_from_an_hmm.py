# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Text from a hidden Markov model, and what a perfect masked LM knows
#
# *The plot is thin, but the acting is [MASK].* Most readers would guess a word of praise. To guess it they must have
# noticed something that no single word says: *but* turns the verdict round. {cite:t}`devlin2019bert` trained BERT on
# such riddles. In each text 15% of the tokens are chosen, most of them are replaced by the token `[MASK]`, and the
# network must say what stood there. Its answer comes from a small module on top, the *masked-LM head*: the hidden
# vector at the mask (768 numbers in BERT-base) is turned into one score for each of 30,000 word pieces, and a softmax
# makes probabilities of the scores.
#
# Nobody asked BERT about opinions. Yet a model that guesses well under the mask must have formed one, and so must have
# guessed topic, mood and syntax. The hope behind pretraining is that what was inferred in order to guess can be read
# off later, for tasks that nobody thought of. How much of it is there to be read?
#
# For text written by people nobody knows, since nobody knows what it was written from. For text written by a *hidden
# Markov model* the answer is exact: the hidden things are its states, and all that a text says about them follows from
# the model's parameters. This chapter builds that world. It samples reviews, watches what they reveal of the
# reviewer, computes the **perfect masked language model**, the one that gives every token under a mask its true
# conditional probability, and measures how much loss even that model must pay. One question will go with us through
# the chapters to come: *is the reviewer praising, rather than complaining, where the mask stands?*
#
# No language model is trained before {doc}`pretraining`. Heads and prompts are put on top of the perfect one, as
# {cite:t}`wei2021why` do in their proofs. Running this chapter takes about ten seconds.

# %% [markdown]
# ## A model that writes
#
# :::{prf:definition} Hidden Markov model
# :label: def-hmm
#
# There are $H$ hidden states and $V$ tokens. The first state is drawn from the *initial distribution* $\pi_0$. From
# then on, state $h$ is followed by state $h'$ with probability $A[h', h]$, whatever came before; and at each
# step state $h$ emits token $x$ with probability $W[x, h]$. Only the tokens are seen.
# :::
#
# So states $h = (h_0, \dots, h_{T-1})$ and a text $x = (x_0, \dots, x_{T-1})$ occur together with the probability
#
# $$
# \mathbb{P}[h, x] = \pi_0(h_0)\, W[x_0, h_0] \prod_{t=1}^{T-1} A[h_t, h_{t-1}]\, W[x_t, h_t],
# $$ (eq-joint)
#
# and all that this book computes follows from this product by adding up and dividing.

# %% mystnb={"figure": {"caption": "What depends on what in an HMM. Hidden states form a chain; each token depends on the state at its place alone. What is shaded is seen.", "name": "fig-graphical-model"}, "image": {"alt": "Four white circles H0 to H3 in a row, joined by arrows labelled A, the first with an arrow labelled pi 0 into it; below each a shaded circle X0 to X3, with an arrow labelled W down to it."}}
import matplotlib.pyplot as plt

from hmmlib.plotting import use_style
from hmmlib.plotting.text_from_an_hmm import graphical_model

use_style()
graphical_model(4)
plt.show()

# %% [markdown]
# In the paper's notation the columns of $A$ and $W$ sum to one. In the code the rows do, as in most
# libraries: `transition` is $A^\top$ and `emission` is $W^\top$. {doc}`../book/notation` keeps the two side
# by side.
#
# Here is a model small enough to read. It writes reviews in three words. At each step the reviewer describes,
# praises or complains. These are the hidden states, and each has a favourite word.

# %%
import torch

from hmmlib import HMM, posteriors, random_hmm, sample
from hmmlib.hmm import REVIEW_STATES, REVIEW_WORDS, review_hmm
from hmmlib.plotting import spell
from hmmlib.tables import Table, deviation

reviewer = review_hmm()
names = REVIEW_STATES[:3]
rows = zip(
    names, *reviewer.emission.T.tolist(), *reviewer.transition.T.tolist(), strict=True
)
header = [*REVIEW_WORDS, *(f"then {name}" for name in names)]
Table(["state", *header], rows, ".1f")

# %% mystnb={"figure": {"caption": "A review of sixteen words, and what the reviewer was doing while writing it. A reader sees the words only. They are hints and no more: one who describes may write *great*, and one who praises may write *dull*.", "name": "fig-text-with-states"}, "image": {"alt": "Step plot of the hidden states describe, praise and complain over sixteen words; the words plot, great and dull stand below the horizontal axis, and each state writes mostly one of them."}}
from hmmlib.plotting.text_from_an_hmm import text_with_states

review = sample(reviewer, batch=1, time=16, generator=1)
text_with_states(review.tokens[0], review.states[0], REVIEW_WORDS, names)
plt.show()

# %% [markdown]
# ## The paper's HMMs
#
# The experiments of {cite:t}`wei2021why` draw their HMMs at random. With $V = 10$ tokens and a temperature
# $\tau = 0.01$,
#
# $$
# A = \sum_{k=1}^{H} w_k P_k, \qquad w = \operatorname{softmax}(U_w / \tau), \qquad
# W_{:,h} = \operatorname{softmax}(U_h / \tau),
# $$ (eq-generator)
#
# where the $P_k$ are random permutation matrices and all entries of $U_w, U_h$ are uniform on $[0, 1]$. A **softmax** at
# **temperature** $\tau$ makes a distribution proportional to $e^{U/\tau}$: the lower the temperature, the more of it goes to
# the largest entry. The initial distribution is a softmax of uniform numbers at a temperature of 10, so it is nearly uniform.
#
# The next cell is the one to play with: change the sizes or the seeds and run everything below again. A seed
# gives the very HMM that the paper's own code draws from it.

# %%
sizes = [4, 10, 30]  # change me: numbers of hidden states H
seed = 1  # change me
hmms = [random_hmm(n_states, n_tokens=10, generator=seed) for n_states in sizes]
hmm = random_hmm(
    15, n_tokens=10, generator=8
)  # change me: the one to follow in what comes next

# %% mystnb={"figure": {"caption": "Three of the paper's random HMMs. Above, the probability of moving from the state of a row to the state of a column. Below, the probability that the state of a row writes each token.", "name": "fig-random-machines"}, "image": {"alt": "Heat maps of transition matrices (above) and emission matrices (below) for 4, 10 and 30 states. Most rows have one bright entry, and in the emission maps several rows share the column of their bright entry."}}
from hmmlib.plotting.text_from_an_hmm import parameter_maps

parameter_maps(hmms)
plt.show()

# %% [markdown]
# At this temperature a softmax of uniform numbers is close to **one-hot**, all probability on one entry. So most states
# have one favourite successor and one favourite token. The chain nearly walks around the cycles of a permutation, and a text is
# nearly predictable once you know where in the cycles it is.
#
# One more thing can be seen in the lower row, and it will matter in {doc}`head_tuning`: different states often
# share their favourite token. Let us count over twenty seeds.

# %% tags=["hide-input"]
rows = []
for n_states in [4, 8, 10, 15, 25, 30]:
    drawn = [random_hmm(n_states, generator=seed) for seed in range(1, 21)]
    peak = torch.stack([h.emission.amax(-1).mean() for h in drawn]).mean()
    distinct = sum(len(h.emission.argmax(-1).unique()) for h in drawn) / len(drawn)
    strongest = torch.stack([h.transition.amax(-1).mean() for h in drawn]).mean()
    rows.append((n_states, peak, distinct, strongest))
header = ["favourite emission", "different favourites", "strongest permutation"]
Table(["$H$", *header], rows)

# %% [markdown]
# The last three columns are averages over the seeds: the probability of a state's favourite token, how many different
# tokens are somebody's favourite, and the probability of a state's favourite successor. Already with
# $H \le V$ there are fewer favourites than states.

# %% [markdown]
# ## What a text reveals
#
# Someone who knows the HMM but sees only the text can say how probable each hidden state is. This distribution is
# called the **posterior**, as against the **prior**, what was known before reading. There are three answers, by how much
# of the text one may look at.
#
# :::{prf:definition} Posteriors
# :label: def-posteriors
#
# Let $x = (x_0, \dots, x_{T-1})$ be a text, and $x_{-i}$ that text without its token at position $i$.
#
# - The *filtered* posterior is $\mathbb{P}[H_i \mid x_0, \dots, x_i]$: it reads up to $i$.
# - The *smoothed* posterior is $\mathbb{P}[H_i \mid x]$: it reads everything.
# - The *leave-one-out* posterior is $\mathbb{P}[H_i \mid x_{-i}]$: it reads everything but the token at $i$.
# :::
#
# :::{prf:remark} Where positions start
# :label: rem-positions
#
# Positions start at 0, and $\pi_0$ is the distribution of the state at position 0, always.
#
# 1. A text by itself is $x = (x_0, \dots, x_{T-1})$.
# 2. A text behind a mask is $(\varnothing, x_1, \dots, x_T)$: the mask has position 0 and the words start at 1. The state
#    $H_0$ is then the one *under the mask*. To draw such texts, draw $T + 1$ tokens and drop the first.
# :::
#
# All three come from two passes. Write $\alpha_i(h) = \mathbb{P}[H_i = h,\, x_0, \dots, x_{i-1}]$ for what precedes
# position $i$ and $\beta_i(h) = \mathbb{P}[x_{i+1}, \dots, x_{T-1} \mid H_i = h]$ for what follows it. The Markov property
# makes past and future independent given $H_i$, hence
#
# $$
# \begin{aligned}
# \mathbb{P}[H_i = h \mid x_0, \dots, x_i] &\propto \alpha_i(h)\, W[x_i, h], \\
# \mathbb{P}[H_i = h \mid x] &\propto \alpha_i(h)\, W[x_i, h]\, \beta_i(h), \\
# \mathbb{P}[H_i = h \mid x_{-i}] &\propto \alpha_i(h)\, \beta_i(h),
# \end{aligned}
# $$ (eq-posteriors)
#
# and the two messages obey $\alpha_{i+1} = A\,(\alpha_i \odot W[x_i, :])$ and
# $\beta_{i-1} = A^\top (\beta_i \odot W[x_i, :])$. This is the forward–backward algorithm
# {cite:p}`rabiner1989tutorial`. The library rescales the messages at each step so that they do not underflow.
#
# We follow one HMM of fifteen states, chosen because its texts leave more open than most.

# %%
text = sample(hmm, batch=1, time=24, generator=5)
known = posteriors(hmm, text.tokens)
print(spell(text.tokens[0]))
print(known)

# %% mystnb={"figure": {"caption": "What a text reveals of its hidden states; circles mark the states that wrote it. Reading on, the later text settles what the earlier text left open. Leaving out a token costs little where its neighbours determine the state.", "name": "fig-posteriors"}, "image": {"alt": "Three heat maps of probability by state and token. The filtered map is spread over several states at a few positions, the smoothed map is sharper, the leave-one-out map lies between; circles mark the true states, nearly all on bright cells."}}
from hmmlib.plotting.text_from_an_hmm import posterior_maps

tables = {
    "filtered: the text so far": known.filtered[0],
    "smoothed: the whole text": known.smoothed[0],
    "leave-one-out: all but this token": known.leave_one_out[0],
}
posterior_maps(tables, text.tokens[0], text.states[0])
plt.show()

# %% [markdown]
# Are these numbers right? {eq}`eq-joint` can be added up over *all* paths through the hidden states. That takes no
# algorithm at all, and for six words and three states there are only 729 paths. So here is the reviewer again, written
# down from the definition, sharing nothing with the library but the three tables:


# %%
from itertools import pairwise, product


def path_sums(pi0, A, W, x):
    """P[x], and P[H_i = h, x] for all i and h; None in x is a blank."""
    joint = torch.zeros(len(x), len(pi0), dtype=torch.float64)
    for h in product(range(len(pi0)), repeat=len(x)):
        p = pi0[h[0]]
        for now, then in pairwise(h):
            p = p * A[then, now]
        for state, token in zip(h, x, strict=True):
            p = p * (1 if token is None else W[token, state])
        joint[range(len(x)), h] += p
    return joint[0].sum(), joint


# %% [markdown]
# ## The perfect masked language model
#
# Now hide one token and guess it from the others.
#
# :::{prf:definition} What the pretrained model computes
# :label: def-conditionals
#
# $G_i(x) = \mathbb{P}[X_i \mid X_{-i} = x_{-i}]$, a probability vector over the $V$ tokens.
# :::
#
# This is what masked-language-model training aims at {cite:p}`devlin2019bert`, and what the theory takes as
# learnt. It is the leave-one-out posterior, seen through the emissions:
#
# :::{prf:proposition} Conditionals from posteriors
# :label: prop-conditionals
#
# $G_i(x) = W\, \mathbb{P}[H_i \mid x_{-i}]$.
# :::
#
# :::{prf:proof}
# Given $H_i$, the token $X_i$ is independent of all other tokens. Therefore
#
# $$
# \mathbb{P}[X_i = z \mid x_{-i}] = \sum_h \mathbb{P}[X_i = z \mid H_i = h]\, \mathbb{P}[H_i = h \mid x_{-i}],
# $$
#
# which is row $z$ of the product.
# :::
#
# So the $T$ conditionals of a text do not need $T$ passes: one pass gives all $\alpha_i \odot \beta_i$, and one
# matrix product turns them into the $G_i$. The library calls them `conditionals`.
#
# ## Blanks
#
# A **blank** $\varnothing$, or mask, is a position whose token is not known. It is no evidence for or against any state, so
# its factor $W[x_i, :]$ in the messages becomes a vector of ones. That is the same as summing over all tokens
# that could stand there, since the columns of $W$ sum to one.
#
# Time for the check. By the definitions, $G_i(x)$ is what comes of putting every token $z$ at position $i$ in turn and
# normalising the probabilities of the $V$ texts. The sums over paths know that, and neither {eq}`eq-posteriors` nor
# {prf:ref}`prop-conditionals`. The last column makes a mistake on purpose: it sums with $A^\top$ in place of $A$, the
# slip that everybody makes once. A check that would not notice is worth nothing.

# %%
x = sample(reviewer, batch=1, time=6, generator=3).tokens
i, observed = 2, torch.ones_like(x, dtype=torch.bool)
observed[0, i] = False  # a blank there
exact = posteriors(reviewer, x)
behind = posteriors(reviewer, x, observed=observed, keep=("smoothed",))
pi0 = reviewer.initial.numpy()
A, W = reviewer.transition.T.numpy(), reviewer.emission.T.numpy()


# %%
def from_paths(A):
    """What the sums over paths say, from the definitions."""
    text = x[0].tolist()
    likelihood, joint = path_sums(pi0, A, W, text)
    variants = [[*text[:i], z, *text[i + 1 :]] for z in range(3)]
    each = torch.stack([path_sums(pi0, A, W, variant)[0] for variant in variants])
    hidden = path_sums(pi0, A, W, [*text[:i], None, *text[i + 1 :]])[1][i]
    smoothed, left_out = joint / likelihood, hidden / hidden.sum()
    return likelihood, smoothed, each / each.sum(), each.sum(), left_out


# %% tags=["hide-input"]
library = {
    "likelihood": exact.log_likelihood[0].exp(),
    "smoothed posterior": exact.smoothed[0],
    "$G_i(x)$": exact.conditionals[0, i],
    "likelihood with a blank at $i$": behind.log_likelihood[0].exp(),
    "leave-one-out posterior": exact.leave_one_out[0, i],
}
both = zip(library.items(), from_paths(A), from_paths(A.T), strict=True)
rows = [
    (name, *(deviation((value - other).abs().max()) for other in others))
    for (name, value), *others in both
]
Table(["largest difference in", "$A$", r"$A^\top$ for $A$"], rows)

# %% [markdown]
# Under a blank, reading everything and leaving that position out are the same, so that the leave-one-out posterior is
# what is known of the state *at a mask*. The tasks in this book ask about such a state. They put one mask in front,
# $(\varnothing, x_1, \dots, x_T)$, and ask about $H_0$ under it. Then
#
# $$
# G_\varnothing(\varnothing, x) = W\, \mathbb{P}[H_0 \mid X_{1:T} = x].
# $$ (eq-blank)
#
# In words: what the perfect model predicts *at the mask* is the posterior of the hidden state, seen through $W$.
# The whole question of head tuning is what can be read off the left-hand side about the right-hand side. The empty
# text is the simplest case. Nothing has been read, the posterior is the prior $\pi_0$, and the model shows $W \pi_0$. Now
# let the review go on with one word, or several.

# %%
from hmmlib import ExactMaskedLM, blank_posterior, blank_probs

rows = []
for words in ["", "great", "dull", "plot", "great dull", "great great great"]:
    x = torch.tensor([[REVIEW_WORDS.index(word) for word in words.split()]]).long()
    state = blank_posterior(reviewer, x)[0]
    shown = blank_probs(ExactMaskedLM(reviewer), x)[0]
    rows.append((f"∅ {words}", *state, *shown))
header = [*(f"P[{name}]" for name in names), *(f"G[{word}]" for word in REVIEW_WORDS)]
Table(["text", *header], rows, ".3f")

# %% [markdown]
# One *great* behind the mask makes praise under it more likely than complaint, and *great* more likely than *dull*.
# The probability of describing does not move, whatever follows. This is a peculiarity of this reviewer, and
# {ref}`ex-describe` asks for its reason.
#
# The same on the paper's HMM of fifteen states:

# %% mystnb={"figure": {"caption": "The text with a blank in front. The state under the blank is inferred from what follows alone; a few tokens are enough to settle most of it.", "name": "fig-blank"}, "image": {"alt": "Two heat maps of the posterior over hidden states of a text whose first position is blank, given three tokens and given the whole text; the column of the blank becomes sharper."}}
from hmmlib import prepend_blank

padded, seen = prepend_blank(text.tokens)
first_three = seen & (torch.arange(padded.shape[1]) <= 3)
tables = {
    "three tokens seen": posteriors(hmm, padded, observed=first_three).smoothed[
        0, :12
    ],
    "whole text seen": posteriors(hmm, padded, observed=seen).smoothed[0, :12],
}
letters = torch.where(seen, padded, -1)
posterior_maps(tables, letters[0, :12])
plt.show()

# %% [markdown]
# ### Change it
#
# An HMM of three states that write letters, to type on and to drag, computed in your browser as you go. State 0 mostly
# writes `a` and hands over to state 1, which mostly writes `b`, and so on round. Make state 0 write `d` now and then:
# which positions become less certain? What does the model expect at the blank, and can any text change its mind, as
# long as the HMM starts in state 0?
#
# :::{explorer} A text and its HMM
# :machines: letters
# :panels: reveal, machine
#
# A small HMM can be changed here. That needs JavaScript, which is switched off; the figures above show the same
# quantities for fixed texts.
# :::

# %%
small = HMM(
    initial=[1.0, 0.0, 0.0],
    transition=[[0.7, 0.3, 0.0], [0.0, 0.7, 0.3], [0.4, 0.0, 0.6]],
    emission=[[0.9, 0.1, 0.0, 0.0], [0.0, 0.8, 0.2, 0.0], [0.0, 0.0, 0.3, 0.7]],
)
print(spell(sample(small, batch=1, time=30, generator=1).tokens[0]))

# %% [markdown]
# ## The loss that nobody can beat
#
# Even the perfect model is not always certain. Its loss is what is left when everything that can be learnt has
# been learnt.
#
# :::{prf:proposition} Bayes floor
# :label: prop-floor
#
# Let $q(x_{-i})$ be any prediction of $X_i$ from the other tokens. Its expected loss splits into
#
# $$
# \mathbb{E}\bigl[-\log q(X_i \mid X_{-i})\bigr]
#   = \underbrace{\mathbb{E}\bigl[\mathrm{Ent}(G_i(X))\bigr]}_{\text{Bayes floor}}
#   + \underbrace{\mathbb{E}\bigl[\mathrm{KL}\bigl(G_i(X) \,\|\, q(X_{-i})\bigr)\bigr]}_{\ge\, 0},
# $$
#
# where $\mathrm{Ent}(p) = -\sum_z p(z) \log p(z)$. The floor is reached by $q = G_i$ alone.
# :::
#
# :::{prf:proof}
# Condition on $X_{-i}$. The expected loss is then $-\sum_z G_i(z) \log q(z)$. Adding and subtracting
# $\sum_z G_i(z) \log G_i(z)$ gives the entropy of $G_i$ plus the divergence, which is zero only if $q = G_i$.
# :::
#
# The floor is also called the **irreducible loss**; $\mathrm{Ent}$ is the **entropy** and $\mathrm{KL}$ the
# **Kullback–Leibler divergence**. So a training curve alone says little: a loss of 0.2 nats may be perfect or poor. The
# *excess over the floor* is a distance from the truth. The floor is an average over random texts, so we estimate it from
# a sample and give the standard error. Averaging entropies is usually steadier than averaging $-\log G_i(X_i)$, since the
# entropy has already averaged over the hidden token. Always? See {ref}`ex-steadier`.

# %%
from hmmlib.hmm import bayes_floor, entropy

tokens = sample(hmm, batch=500, time=128, generator=2).tokens
probs = posteriors(hmm, tokens, keep=("conditionals",)).conditionals
surprise = -probs.gather(-1, tokens[..., None]).log().mean((1, 2))
entropies = entropy(probs).mean(1)
rows = [
    (name, (per_text.mean(), per_text.std() / len(per_text) ** 0.5))
    for name, per_text in (
        (r"mean of $-\log G_i(X_i)$", surprise),
        ("mean entropy of $G_i$", entropies),
    )
]
print(f"standard errors differ by a factor of {surprise.std() / entropies.std():.1f}")
Table(["estimate", "nats per token ± standard error"], rows, ".4f")

# %% [markdown]
# Two estimates of one number. The split of {prf:ref}`prop-floor` can be checked on a predictor that is far from
# perfect. In the long run the state has the chain's **stationary** distribution $\pi = A\pi$, and the tokens have the
# frequencies $W\pi$. The predictor mixes these frequencies and the perfect model in equal parts. Its loss, on the tokens
# that were really drawn, has to be the floor plus its divergence from $G$, up to chance. For a wrong $G$ it has not: the
# second row sharpens the perfect model, as if it were surer than the text allows.

# %%
unigram = hmm.stationary() @ hmm.emission
mixed = (probs + unigram) / 2
loss = -mixed.gather(-1, tokens[..., None]).log().mean((1, 2))
rows = []
for name, G in {"perfect": probs, "too sure": probs**2}.items():
    G = G / G.sum(-1, keepdim=True)
    divergence = (torch.xlogy(G, G) - G * mixed.log()).sum(-1).mean(1)
    gap = loss - entropy(G).mean(1) - divergence
    parts = [part.mean() for part in (loss, entropy(G), divergence)]
    rows.append((name, *parts, gap.mean() / (gap.std() / len(gap) ** 0.5)))
header = ["loss", "floor", "divergence", "gap, in standard errors"]
Table(["$G$", *header], rows, [None, ".3f", ".3f", ".3f", ".1f"])

# %% [markdown]
# How low is the floor on the paper's HMMs? The next figure draws twenty of them for each number of states
# in the paper's first experiment.

# %% tags=["hide-input"]
rows = {}
for n_states in [4, 8, 10, 15, 25, 30]:
    drawn = [random_hmm(n_states, generator=seed) for seed in range(1, 21)]
    rows[n_states] = [
        (
            float(entropy(h.stationary() @ h.emission)),
            bayes_floor(h, n_texts=100, generator=0).value,
        )
        for h in drawn
    ]

# %% mystnb={"figure": {"caption": "The loss of a predictor that knows only token frequencies, and the Bayes floor, for twenty of the paper's HMMs at each number of states (dots) and on average (lines). A pretraining run has to come down from the upper line to the lower one.", "name": "fig-floor"}, "image": {"alt": "Line chart of loss in nats against number of hidden states from 4 to 30. The unigram loss rises and levels off, the Bayes floor stays far below it throughout; dots of single HMMs scatter around both."}}
from hmmlib.plotting.text_from_an_hmm import floor_against_states

floor_against_states(rows)
plt.show()

# %% [markdown]
# The gap is large: these texts are highly predictable for a model that has found the hidden states, and look
# random to one that has not.
#
# In training, one masks a share of all positions at once, BERT 15% of them. Then the neighbours of a blank may be blank
# too, and the floor is higher:

# %%
rows = []
for rate in [None, 0.05, 0.15, 0.4, 0.8]:
    floor = bayes_floor(hmm, mask_rate=rate, generator=0)
    name = "one" if rate is None else f"{rate:.0%}"
    rows.append((name, (floor.value, floor.standard_error)))
Table(["masked", "Bayes floor (nats per masked token)"], rows, ".3f")

# %% [markdown]
# The theory uses the first row: $G_i$ is told all tokens but one. Why should a model that was trained at 15% know it? The
# best predictor at a random set of blanks is best at *each* set that can come up, and a single blank is one of them. But it
# comes up rarely in a long text, and a network learns what it meets often. How near it comes is measured in
# {doc}`pretraining`. What changes when some of the chosen tokens are replaced by other words, as BERT's are, is
# the subject of {doc}`masking_rules`.
#
# ## Neighbours
#
# That masked prediction in an HMM can be studied exactly has been used before. {cite:t}`liu2022masked` ask whether the best
# predictor *determines* the HMM that wrote the text, and show that it depends on what is predicted from what. We take
# the HMM as given and ask what else its predictions are good for. {cite:t}`saunshi2021mathematical` ask our question of
# models that predict the *next* word, without an HMM. Their tasks are those that a sentence completion would answer, and
# they show that a model near the optimum has features that solve them linearly.
#
# ### By hand
#
# Messages and posteriors can be computed on paper. Here they are for an HMM of two states, in fractions. Click a token
# to change or mask it, and point at a number to see how it comes about.
#
# :::{by-hand} Two states, by hand
# :machines: two-tokens, three-tokens
#
# Every number of a small HMM as a fraction, with its computation. That needs JavaScript, which is switched off; the
# equations above say how each is computed.
# :::
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Two states, two words
# :label: ex-two-states
#
# A reviewer of two states, praise and complaint, writes two words. Both states are equally likely at the start; each is kept
# with probability 3/4. Praise writes *great* with probability 4/5, complaint with 1/5, and otherwise they write *dull*.
# For the texts *great* and *great great* behind a mask, find the posterior of the state under the mask and what the
# perfect model shows there, as fractions.
#
# :::{admonition} Hint
# :class: dropdown
# Find $L(x)_h = \mathbb{P}[x \mid H_0 = h]$ from right to left. Of the empty text $L = (1, 1)$, and one more *great* in
# front of $x$ gives
#
# $$
# \sum_{h'} A[h', h]\, W[\text{great}, h']\, L(x)_{h'} .
# $$
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-two-states
# :class: dropdown
# :::
#
# For *great*, $L_{\text{praise}} = \tfrac34 \cdot \tfrac45 + \tfrac14 \cdot \tfrac15 = \tfrac{13}{20}$ and
# $L_{\text{complain}} = \tfrac14 \cdot \tfrac45 + \tfrac34 \cdot \tfrac15 = \tfrac{7}{20}$. They sum to one, and $\pi_0$ is
# uniform, so this is the posterior. At the mask *great* has probability
# $\tfrac45 \cdot \tfrac{13}{20} + \tfrac15 \cdot \tfrac{7}{20} = \tfrac{59}{100}$.
#
# For *great great*,
#
# $$
# \begin{aligned}
# L_{\text{praise}} &= \tfrac35 \cdot \tfrac{13}{20} + \tfrac1{20} \cdot \tfrac{7}{20} = \tfrac{163}{400}, \\
# L_{\text{complain}} &= \tfrac15 \cdot \tfrac{13}{20} + \tfrac3{20} \cdot \tfrac{7}{20} = \tfrac{73}{400},
# \end{aligned}
# $$
#
# so the posterior of praise is $\tfrac{163}{236}$, and *great* has probability
# $\tfrac{4 \cdot 163 + 73}{5 \cdot 236} = \tfrac{145}{236}$. The cell knows nothing of $L$. It adds up the joint
# probabilities of all paths, in fractions, and then asks the library.

# %%
from fractions import Fraction as F

A, great = [[F(3, 4), F(1, 4)], [F(1, 4), F(3, 4)]], [F(4, 5), F(1, 5)]


def by_paths(n):
    """P[praise] under the mask before n words great, and G[great] there."""
    joint = [F(0), F(0)]
    for h in product(range(2), repeat=n + 1):
        p = F(1, 2)
        for now, then in pairwise(h):
            p *= A[then][now] * great[then]
        joint[h[0]] += p
    praise = joint[0] / sum(joint)
    return praise, great[0] * praise + great[1] * (1 - praise)


# %%
hands, rows = {1: (F(13, 20), F(59, 100)), 2: (F(163, 236), F(145, 236))}, []
model = HMM([0.5, 0.5], [[0.75, 0.25], [0.25, 0.75]], [[0.8, 0.2], [0.2, 0.8]])
for n, hand in hands.items():
    paths = by_paths(n)
    shown = blank_probs(ExactMaskedLM(model), torch.zeros(1, n).long())[0, 0]
    apart = [str(a - b) for a, b in zip(paths, hand, strict=True)]
    rows.append(
        ("great " * n, *map(str, paths), *apart, deviation(shown - float(hand[1])))
    )
header = ["P[praise]", "G[great]", "P − by hand", "G − by hand", "library − by hand"]
Table(["text", *header], rows)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: What this reviewer never tells
# :label: ex-describe
#
# Whatever the words after the mask, the reviewer of this chapter is describing under it with probability 0.4. Find the
# reason in the table of transitions, and a change to it after which the words do tell.
#
# :::{admonition} Hint
# :class: dropdown
# Compare the row *describe* with the mean of the rows *praise* and *complain*.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-describe
# :class: dropdown
# :::
#
# The row of *describe* is the mean of the other two. What follows a state depends on its row alone, and linearly, so
# $L_{\text{describe}}(x)$ is the mean of $L_{\text{praise}}(x)$ and $L_{\text{complain}}(x)$ for every $x$. These two have
# the same prior, so the denominator $\sum_h \pi_0(h) L_h(x)$ is $L_{\text{describe}}(x)$ itself and the posterior is the
# prior. A text tells praise from complaint and nothing else. If a describing reviewer goes on describing with
# probability 0.8, the rows differ and the posterior moves:

# %%
texts = torch.tensor(list(product(range(3), repeat=6)))
slower, rows = reviewer.transition.tolist(), []
slower[0] = [0.8, 0.1, 0.1]
for name, moves in {"as it is": reviewer.transition, "slower": slower}.items():
    changed = HMM(reviewer.initial, moves, reviewer.emission)
    describes = blank_posterior(changed, texts)[:, 0]
    rows.append((name, describes.min(), describes.max()))
header = ["least P[describe], of all texts of six words", "largest"]
Table(["reviewer", *header], rows, ".3f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: Dividing a token out
# :label: ex-leave-one-out
#
# The leave-one-out posterior can also be had from the smoothed one by *dividing* by the emission of the token that
# is seen:
#
# $$
# \mathbb{P}[H_i = h \mid x_{-i}] \propto \frac{\mathbb{P}[H_i = h \mid x]}{W[x_i, h]}.
# $$
#
# When does that fail, and why does the product $\alpha_i \odot \beta_i$ not? Find a text on which the division goes wrong.
#
# :::{admonition} Hint
# :class: dropdown
# The HMM `small` of the explorer has zeros in its emissions.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-leave-one-out
# :class: dropdown
# :::
#
# Where $W[x_i, h] = 0$ the smoothed posterior is zero too, and $0/0$ says nothing about a state that the other
# tokens may well allow. In the HMM `small`, a `b` at position $i$ rules out state 2. If only the other tokens
# are read, state 2 is possible again:

# %%
x = torch.tensor([[0, 1, 1, 2, 1, 3]])
found = posteriors(small, x)
divided = found.smoothed[0, 4] / small.emission[:, x[0, 4]]
divided = divided.nan_to_num(0.0)  # 0/0 taken as 0
divided = divided / divided.sum()
rows = [("division", *divided), ("product", *found.leave_one_out[0, 4])]
Table(["by", "state 0", "state 1", "state 2"], rows, ".3f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: How far does the model look?
# :label: ex-forgetting
#
# For one of the HMMs, compare the conditional in the middle of a text given all other tokens with the conditional given
# only the $k$ nearest tokens on each side. Print the mean **total variation**, half the sum of the absolute differences,
# between the two against $k$.
#
# :::{admonition} Hint
# :class: dropdown
# The argument `observed` of `posteriors` makes blanks.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-forgetting
# :class: dropdown
# :::
#
# Blanks make the window: everything farther than $k$ from the middle is left unobserved.

# %%
middle = 64
full = probs[:, middle]
distance, rows = (torch.arange(128) - middle).abs(), []
for k in [0, 1, 2, 4, 8, 16, 32]:
    window = (distance <= k).expand(500, 128)
    near = posteriors(hmm, tokens, observed=window, keep=("conditionals",))
    apart = (near.conditionals[:, middle] - full).abs().sum(-1) / 2
    rows.append((k, apart.mean()))
Table(["$k$", "total variation from the full conditional"], rows, ".4f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Prove or refute: Entropies are steadier
# :label: ex-steadier
#
# Let $s = \sum_i -\log G_i(x)[x_i]$ and $e = \sum_i \mathrm{Ent}(G_i(x))$ for a random text. Then $\mathrm{Var}(e) \le
# \mathrm{Var}(s)$. Is it true for texts of which only one position counts? For all positions together?
#
# :::{admonition} Hint
# :class: dropdown
# For one position, $e$ is a conditional expectation of $s$. For two positions, look at an HMM whose states alternate,
# one of which always writes the same word.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-steadier
# :class: dropdown
# :::
#
# *True for one position.* There $e = \mathbb{E}[s \mid x_{-i}]$, and by the law of total variance
#
# $$
# \mathrm{Var}(s) = \mathrm{Var}(e) + \mathbb{E}[\mathrm{Var}(s \mid x_{-i})] .
# $$
#
# *False for all together*, as the conditions differ from position to position. Two states alternate, the first is either
# with probability one half. One always writes b, the other a or b equally often. Of the texts of two tokens ab and ba
# have probability 1/4 and bb has 1/2. After one b the other token is b with probability 2/3, after an a it is b surely.
# So on bb the sums are $s = 2 \log \tfrac32$ and $e = 2\,\mathrm{Ent}(\tfrac13)$, on ab and ba they are
# $s = \log 3$ and $e = \mathrm{Ent}(\tfrac13)$. Each case has probability one half, and so the variances are a quarter of
# the squared differences, $\mathrm{Ent}(\tfrac13)^2/4$ for $e$ and $(\log \tfrac43)^2/4$ for $s$. The first is larger.

# %%
swap = HMM([0.5, 0.5], [[0, 1], [1, 0]], [[0, 1], [0.5, 0.5]])
x = torch.tensor([[0, 1], [1, 0], [1, 1]])
found = posteriors(swap, x)
p, G = found.log_likelihood.exp(), found.conditionals
s = -G.gather(-1, x[..., None]).log().sum((1, 2))
e = entropy(G).sum(1)
variances = [float((p * (v - (p * v).sum()) ** 2).sum()) for v in (e, s)]
third = entropy(torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))
by_hand = [float(third) ** 2 / 4, float(torch.tensor(4 / 3).log()) ** 2 / 4]
rows = [("sums", *variances), ("by hand", *by_hand)]
Table(["variance of", "$e$", "$s$"], rows, ".4f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: How much should be masked?
# :label: ex-mask-rate
#
# Each masked token can teach a model at most what the perfect model knows and word frequencies do not. Masking more
# tokens gives more riddles, each with less context. At what rate is most to be learnt from a text? Is that the rate at
# which one should train?
#
# :::{admonition} Hint
# :class: dropdown
# `bayes_floor(hmm, mask_rate=…)` gives the loss that remains. What is learnable per token of text is the rate times
# the fall from the entropy of the frequencies to that floor.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-mask-rate
# :class: dropdown
# :::
#
# A first experiment, on the HMM of fifteen states:

# %%
frequencies, rows = float(entropy(unigram)), []
for rate in [0.05, 0.15, 0.3, 0.4, 0.5, 0.6, 0.8, 0.95]:
    floor = bayes_floor(hmm, mask_rate=rate, n_texts=200, generator=0).value
    rows.append((f"{rate:.0%}", frequencies - floor, rate * (frequencies - floor)))
Table(["masked", "learnable nats per masked token", "per token of text"], rows, ".3f")

# %% [markdown]
# By this count the best rate is far above 15%. But the count says what *could* be learnt at most, and nothing of how fast
# a network learns it, nor of what a task needs: a head that reads a single mask in a full text is served by accuracy at
# the first row of the earlier table. To find out, train the small networks of {doc}`pretraining` at several rates and
# compare their error at a single blank. We have not done it.
#
# :::{solution-end}
# :::
#
# ## Summary
#
# - A hidden Markov model writes text; given its parameters, everything about a text's hidden states is exact.
# - The perfect masked language model is $G_i(x) = W\,\mathbb{P}[H_i \mid x_{-i}]$, for all $i$ in one pass.
# - At a blank, it shows the posterior of the hidden state through $W$. That is all a head on top can use.
# - Loss = Bayes floor + divergence from $G$. Only the second part can be trained away.
