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
# A language model is trained by hiding words and asking it to guess them. What is the best that *any* model
# could learn this way?
#
# For text written by people nobody knows. For text written by a hidden Markov model the answer is exact: it
# follows from the model's parameters in one pass over the text. This chapter builds that world. It samples
# text, watches what a text reveals about the hidden states behind it, computes the perfect masked language
# model, and measures how much loss even the perfect model must pay.
#
# The chapters that follow put heads and prompts on top of this perfect model, as {cite:t}`wei2021why` do in
# their proofs. Running this one takes about ten seconds.

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
# Here is a model small enough to read. State 0 mostly writes `a` and then hands over to state 1, which
# mostly writes `b`, and so on round.

# %%
import torch

from hmmlib import HMM, posteriors, random_hmm, sample
from hmmlib.plotting import spell

small = HMM(
    initial=[1.0, 0.0, 0.0],
    transition=[[0.7, 0.3, 0.0], [0.0, 0.7, 0.3], [0.4, 0.0, 0.6]],
    emission=[[0.9, 0.1, 0.0, 0.0], [0.0, 0.8, 0.2, 0.0], [0.0, 0.0, 0.3, 0.7]],
)
text = sample(small, batch=1, time=30, generator=1)
print(small)
print(spell(text.tokens[0]))

# %% mystnb={"figure": {"caption": "A text and the hidden states that wrote it. A reader sees the letters only.", "name": "fig-text-with-states"}, "image": {"alt": "Step plot of hidden states 0, 1 and 2 over thirty tokens; the letters of the text stand below the horizontal axis, and each state writes mostly one letter."}}
from hmmlib.plotting.text_from_an_hmm import text_with_states

text_with_states(text.tokens[0], text.states[0])
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
# where the $P_k$ are random permutation matrices and all entries of $U_w, U_h$ are uniform on $[0, 1]$. The
# initial distribution is a softmax of uniform numbers over a temperature of 10, so it is nearly uniform.
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
# At this temperature a softmax of uniform numbers is close to one-hot. So most states have one favourite
# successor and one favourite token. The chain nearly walks around the cycles of a permutation, and a text is
# nearly predictable once you know where in the cycles it is.
#
# One more thing can be seen in the lower row, and it will matter in {doc}`head_tuning`: different states often
# share their favourite token. Let us count over twenty seeds.

# %%
from hmmlib.tables import Table

rows = []
for n_states in [4, 8, 10, 15, 25, 30]:
    drawn = [random_hmm(n_states, generator=seed) for seed in range(1, 21)]
    peak = torch.stack([h.emission.amax(-1).mean() for h in drawn]).mean()
    distinct = sum(len(h.emission.argmax(-1).unique()) for h in drawn) / len(drawn)
    strongest = torch.stack([h.transition.amax(-1).mean() for h in drawn]).mean()
    rows.append((n_states, peak, distinct, strongest))
names = ["favourite emission", "different favourites", "strongest permutation"]
Table(["$H$", *names], rows)

# %% [markdown]
# The last three columns are averages over the seeds: the probability of a state's favourite token, how many different
# tokens are somebody's favourite, and the probability of a state's favourite successor. Already with
# $H \le V$ there are fewer favourites than states.

# %% [markdown]
# ## What a text reveals
#
# Someone who knows the HMM but sees only the text can say how probable each hidden state is. There are three answers,
# by how much of the text they may look at.
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
# Are these numbers right? For a short text we can add up {eq}`eq-joint` over *all* paths through the hidden states and
# condition by hand. With three states and six tokens there are 729 of them.

# %%
from itertools import pairwise, product

x = sample(small, batch=1, time=6, generator=3).tokens
total, smoothed = 0.0, torch.zeros(6, 3, dtype=torch.float64)
for path in product(range(3), repeat=6):
    moves = [small.transition[h, k] for h, k in pairwise(path)]
    emissions = [small.emission[h, z] for h, z in zip(path, x[0], strict=True)]
    p = float(small.initial[path[0]]) * float(torch.stack(moves + emissions).prod())
    total += p
    smoothed[range(6), path] += p
exact = posteriors(small, x)
error = (smoothed / total - exact.smoothed[0]).abs().max()
print(f"posteriors are at most {error:.0e} apart")
print(f"likelihoods: {abs(total - exact.log_likelihood[0].exp()):.0e}")

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
# We can check them without using {prf:ref}`prop-conditionals` at all. Put every token $z$ at position $i$ in turn;
# the likelihoods of the $V$ texts that result, normalised, are $G_i(x)$ by definition.

# %%
i = 7
variants = text.tokens.repeat(hmm.n_tokens, 1)
variants[:, i] = torch.arange(hmm.n_tokens)
likelihoods = posteriors(hmm, variants, keep=()).log_likelihood.softmax(0)
difference = (likelihoods - known.conditionals[0, i]).abs().max()
print(f"G_{i}(x) =", [round(float(p), 3) for p in known.conditionals[0, i]])
print("agrees with the definition to 1e-12:", bool(difference < 1e-12))

# %% [markdown]
# ## Blanks
#
# A blank $\varnothing$ is a position whose token is not known. It is no evidence for or against any state, so
# its factor $W[x_i, :]$ in the messages becomes a vector of ones. That is the same as summing over all tokens
# that could stand there, since the columns of $W$ sum to one:

# %%
observed = torch.ones_like(text.tokens, dtype=torch.bool)
observed[0, i] = False
blank = posteriors(hmm, text.tokens, observed=observed, keep=("smoothed",))
summed = posteriors(hmm, variants, keep=()).log_likelihood.logsumexp(0)
same = torch.allclose(blank.log_likelihood, summed, atol=1e-12)
print("a blank is a sum over tokens:", same)
same = torch.allclose(blank.smoothed[0, i], known.leave_one_out[0, i], atol=1e-12)
print("smoothed there = leave-one-out:", same)

# %% [markdown]
# The second line is worth a thought: under a blank, reading everything and leaving that position out are the
# same. The tasks in this book are about a state of which no token is seen. They put one blank in front,
# $(\varnothing, x_1, \dots, x_T)$, and ask about the state $H_0$ under it; $\pi_0$ is its distribution. Then
#
# $$
# G_\varnothing(\varnothing, x) = W\, \mathbb{P}[H_0 \mid X_{1:T} = x].
# $$ (eq-blank)
#
# In words: what the perfect model predicts *at the blank* is the posterior of the hidden state, seen through $W$.
# The whole question of head tuning is what can be read off the left-hand side about the right-hand side.

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
# The small HMM from the beginning, to type on and to drag, computed in your browser as you go. Make state 0 write
# `d` now and then: which positions become less certain? What does the model expect at the blank, and can any
# text change its mind, as long as the HMM starts in state 0?
#
# :::{explorer} A text and its HMM
# :machines: letters
# :panels: reveal, machine
#
# The small HMM of this chapter can be changed here. That needs JavaScript, which is switched off; the figures above
# show the same quantities for fixed texts.
# :::

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
# So a training curve alone says little: a loss of 0.2 nats may be perfect or poor. The *excess over the floor* is
# a distance from the truth. The floor is an average over random texts, so we estimate it from a sample and give
# the standard error. Averaging entropies is steadier than averaging $-\log G_i(X_i)$, since the entropy has
# already averaged over the hidden token:

# %%
from hmmlib.hmm import bayes_floor, entropy

tokens = sample(hmm, batch=500, time=128, generator=2).tokens
probs = posteriors(hmm, tokens, keep=("conditionals",)).conditionals
surprise = -probs.gather(-1, tokens[..., None]).log().mean((1, 2))
entropies = entropy(probs).mean(1)
for name, per_text in (
    ("mean of -log G(X)", surprise),
    ("mean entropy of G", entropies),
):
    error = per_text.std() / len(per_text) ** 0.5
    print(f"{name}: {per_text.mean():.4f} ± {error:.4f} nats per token")

# %% [markdown]
# Two estimates of one number, each with its standard error. The split of {prf:ref}`prop-floor` can be checked on
# a predictor that is far from perfect, one that only knows how frequent each token is. Its loss minus the floor
# should be its divergence from $G$.

# %%
unigram = hmm.stationary() @ hmm.emission
loss = -unigram[tokens].log().mean(1)
divergence = (torch.xlogy(probs, probs) - probs * unigram.log()).sum(-1).mean(1)
gap = loss - entropies - divergence
parts = {"loss": loss, "floor": entropies, "divergence": divergence}
print(", ".join(f"{name} {part.mean():.3f}" for name, part in parts.items()))
close = gap.mean().abs() < 3 * gap.std() / 500**0.5
print("gap within three standard errors:", bool(close))

# %% [markdown]
# How low is the floor on the paper's HMMs? The next figure draws twenty of them for each number of states
# in the paper's first experiment.

# %%
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
# In training, one masks a share of all positions at once rather than one at a time. Then the neighbours of a blank
# may be blank too, and the floor is higher. The rate matters:

# %%
rows = []
for rate in [None, 0.05, 0.15, 0.4, 0.8]:
    floor = bayes_floor(hmm, mask_rate=rate, generator=0)
    name = "one" if rate is None else f"{rate:.0%}"
    rows.append((name, (floor.value, floor.standard_error)))
Table(["masked", "Bayes floor (nats per masked token)"], rows, ".3f")

# %% [markdown]
# ## Exercises

# %% [markdown]
# :::{exercise}
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
# :::

# %% [markdown]
# :::{solution-start} ex-leave-one-out
# :class: dropdown
# :::
#
# Where $W[x_i, h] = 0$ the smoothed posterior is zero too, and $0/0$ says nothing about a state that the other
# tokens may well allow. In the small HMM above, a `b` at position $i$ rules out state 2. If only the other tokens
# are read, state 2 is possible again:

# %%
x = torch.tensor([[0, 1, 1, 2, 1, 3]])
found = posteriors(small, x)
divided = found.smoothed[0, 4] / small.emission[:, x[0, 4]]
divided = divided.nan_to_num(0.0)  # 0/0 taken as 0
print("by division:", [round(float(p), 3) for p in divided / divided.sum()])
print("by the product:", [round(float(p), 3) for p in found.leave_one_out[0, 4]])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# :::{exercise}
# :label: ex-forgetting
#
# How far does the model look? For one of the HMMs, compare the conditional in the middle of a text given all other
# tokens with the conditional given only the $k$ nearest tokens on each side, and print the mean total variation
# between the two against $k$.
# :::

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
#
# ## Summary
#
# - A hidden Markov model writes text; given its parameters, everything about a text's hidden states is exact.
# - The perfect masked language model is $G_i(x) = W\,\mathbb{P}[H_i \mid x_{-i}]$, for all $i$ in one pass.
# - At a blank, it shows the posterior of the hidden state through $W$. That is all a head on top can use.
# - Loss = Bayes floor + divergence from $G$. Only the second part can be trained away.
