# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Memory and the attention head
#
# A film review is about one film. What the reviewer thinks of the plot and of the actors was settled before the first word, and
# stays the same to the last; meanwhile grammar moves from word to word. So it is with topics, sentiment, the
# speaker, the language: much of what we ask of a document is constant in it. A model of text should know the difference
# between what stays and what moves on.
#
# Those who use a trained model do. For a question about a whole document one rarely reads a single position. Usual heads average all
# positions, or let a small *attention pooling* choose: each position gets a score, the scores are turned into weights by a
# softmax {cite:p}`vaswani2017attention`, and the head reads the weighted mean. How much does such a head need to know of the
# hidden states?
#
# Less than one would think. {cite:t}`wei2021why` show that a head that may *look for the right positions* needs far less of the
# emissions than the linear head of {doc}`head_tuning`, which has to tell all states apart. We shall build their head, prove when it
# is right, simplify the assumption, and see what is left when no position is certain, when attention is soft, and
# when the model is only nearly right. At the end we take the assumptions away one by one. Running the chapter takes about a minute.

# %% [markdown]
# ## A text with a memory
#
# :::{prf:definition} Memory-augmented HMM (the paper's Section 4)
# :label: att-def-memory
#
# A *memory* $M = (M_1, \dots, M_N)$ of $N$ cells, each with a value in a finite set $\mathcal{M}$, is drawn once per
# text and never changes. A Markov chain $H_i = (J_i, S_i)$ says which cell $J_i$ is being read at position $i$ and in
# which *syntax state* $S_i \in \mathcal{S}$ the text is. The token depends on the one value that is read:
#
# $$
# \mathbb{P}[X_i \mid M,\, H_i = (j, s)] = W_{:,(M_j, j, s)}.
# $$
# :::
#
# So a hidden state is an *address*: it says where to look in the memory, not what is found there.

# %% mystnb={"figure": {"caption": "What depends on what in a memory-augmented HMM. The chain above is an HMM's. The memory, in the frame (a plate, which stands for its $N$ cells), is drawn once, and each token reads the one cell that the chain points to.", "name": "att-fig-model"}, "image": {"alt": "A chain of three circles J 1 S 1 to J 3 S 3, joined by arrows A. Below each a shaded circle X with an arrow from the chain. At the bottom a frame with a circle M j and the words j equals 1 to N; arrows labelled W go from it to all three tokens."}}
import matplotlib.pyplot as plt

from hmmlib.plotting import use_style
from hmmlib.plotting.memory_and_attention import memory_model

use_style()
memory_model(3)
plt.show()

# %% [markdown]
# The next cell writes down a small HMM of this kind, for the part of a review that tells what the film is like. Its memory has two cells: the
# *scene*, where the film plays, and the *mood*. Nouns are drawn from what the scene holds, adjectives from what the mood holds; `the`,
# `is` and `and` are the same whatever the memory. Some words are ambiguous: a `light` may be a lamp, or not heavy.
#
# Our running question was whether a reviewer praises or complains. Read "verdict on the plot" for *scene* and "verdict on the actors" for
# *mood*, and it is the same question: two opinions, each settled once, each coming through in some words and not in others. We take
# scene and mood because one sees at a glance which words speak of which.

# %%
import torch

nouns = {  # change me: the scenes, and how probable each noun is there
    "sea": {"boat": 0.5, "horse": 0.1, "light": 0.4},
    "farm": {"boat": 0.2, "horse": 0.5, "light": 0.3},
    "town": {"boat": 0.3, "horse": 0.2, "light": 0.5},
}
adjectives = {  # change me: the moods, as many as there are scenes
    "calm": {"calm": 0.8, "light": 0.2},
    "grim": {"cold": 0.8, "light": 0.2},
    "torn": {"calm": 0.4, "cold": 0.4, "light": 0.2},
}
mu = [1.0, -1.5, 0.8]  # change me: one weight per scene
seed, length = 3, 16  # change me: of the texts

# %% tags=["hide-input"]
if len(nouns) != len(adjectives):
    raise ValueError(f"{len(nouns)} scenes but {len(adjectives)} moods; give as many")
if len(nouns) < 2 or length < 2:
    raise ValueError("give at least two scenes, and a length of at least two words")
pairs = list(zip(nouns.values(), adjectives.values(), strict=True))
table = [[[{"the": 1}, n], [{"is": 0.5, "and": 0.5}, a]] for n, a in pairs]
words = list(
    dict.fromkeys(w for value in table for cell in value for d in cell for w in d)
)
emission = [
    [[[d.get(w, 0) for w in words] for d in cell] for cell in v] for v in table
]
print("vocabulary:", *words)

# %%
from hmmlib import MemoryHMM, PosteriorTask

names = ["scene, article", "scene, noun", "mood, link", "mood, adjective"]
moves = [[0, 1, 0, 0], [0.2, 0, 0.8, 0], [0, 0.3, 0, 0.7], [0.5, 0.2, 0.3, 0]]
start = torch.full([len(pairs), len(pairs), 2, 2], 1 / (4 * len(pairs) ** 2))
hmm = MemoryHMM(start.double(), moves, emission)
task = PosteriorTask.two_class(hmm, mu, cell=0)
print(hmm)

# %% mystnb={"figure": {"caption": "A text, and what each of its tokens reads. Nouns (full markers) are read from the scene, adjectives from the mood; the memory itself never changes.", "name": "att-fig-reader"}, "image": {"alt": "Step plot over the words of a text; the four rows are the scene read as article and as noun, and the mood read as link and as adjective. Full markers show the nouns."}}
from hmmlib import sample
from hmmlib.plotting.memory_and_attention import text_and_reader

drawn = sample(hmm, batch=400, time=length + 1, generator=seed)
texts, states = drawn.tokens[:, 1:], drawn.states[:, 1:] % 4  # x_1 … x_T, and H
scene, mood = hmm.contents[drawn.states[0, 0] // 4].tolist()
title = f"memory: scene = {list(nouns)[scene]}, mood = {list(adjectives)[mood]}"
spelt = [words[z] for z in texts[0]]
text_and_reader(spelt, states[0], names, starred=[1], title=title)
plt.show()

# %% [markdown]
# A task asks for the value of *one* cell $j^\star$. Here it is the scene: given $\mu \in \mathbb{R}^{\mathcal{M}}$,
#
# $$
# F^\star(x) = \mathbf{1}\bigl(\mu^\top\, \mathbb{P}[M_{j^\star} \mid X_{1:T} = x] \ge 0\bigr),
# $$
#
# and $\mu^\top\, \mathbb{P}[M_{j^\star} \mid x]$ is the text's margin. As before the frozen model knows nothing of the task.
# It shows $G_i(x) = \mathbb{P}[X_i \mid X_{-i} = x_{-i}]$, now at *every* position of the text. (A blank precedes the text,
# as in {doc}`text_from_an_hmm`, so that the first token is one step after $H_0$; the head of this chapter does not
# read what is shown there.)

# %%
from hmmlib import ExactMaskedLM, text_probs

lm = ExactMaskedLM(hmm)
G = text_probs(lm, texts)
margin = task.posterior(texts) @ task.mu
print("shape of G (texts, positions, tokens):", tuple(G.shape))
first = [round(float(p), 3) for p in task.posterior(texts)[0]]
print("posterior of the scene, first text:", first)
print("share of label 1:", round(float(task.labels(texts).double().mean()), 3))

# %% [markdown]
# ## Too many states for a linear head
#
# One could forget that there is a memory. The pair $(M, H_i)$ is an ordinary hidden state, of which there are
# $|\mathcal{M}|^N \cdot N \cdot |\mathcal{S}|$, and {prf:ref}`thm-head-tuning` applies if all their emission columns
# are independent. They are not.
#
# With $V$ tokens there are at most $V$ independent columns. Worse, with two or more cells the flat columns
# *repeat*: the column of $(m_1, \dots, m_N, j, s)$ depends on $m_j$ alone. So for $N \ge 2$ and
# $|\mathcal{M}| \ge 2$ the emissions are degenerate whatever $V$ is. Counting equal ones once leaves
# $|\mathcal{M}| \cdot N \cdot |\mathcal{S}|$ columns $W_{:,(m, j, s)}$, and these are what we shall work with.

# %%
W = hmm.emission.flatten(0, 2).T  # a column for each (m, j, s)
print("flat states:", hmm.n_states)
print("columns (m, j, s):", W.shape[1])
print("tokens:", hmm.n_tokens)
print("independent columns:", int(torch.linalg.matrix_rank(W)))

# %% [markdown]
# ## Recoverable states
#
# The columns of `the` are equal for all values, and so are those of `is` and `and`. But why should the head care?
# Such words say nothing about the scene. It is enough to be able to read nouns, *and to know when a noun is being
# read*.
#
# Call a column $W_{:,(m, h)}$, with $h = (j, s)$, *used* if some position of some text may read it: $\mathbb{P}[M_j = m,\, H_i = h] > 0$ for
# some $i$. Columns that are never used can do no harm, and do not count in what follows.
#
# :::{prf:definition} Recoverable hidden states (the paper's Section 4)
# :label: att-def-recoverable
#
# A set $\mathcal{H}^\star = \{j^\star\} \times \mathcal{S}^\star$ of chain states is *recoverable* if
#
# - the used columns $W_{:,(m, h)}$ with $m \in \mathcal{M}$, $h \in \mathcal{H}^\star$ are linearly independent, and
# - their span meets the span of all other used columns, those of $h \notin \mathcal{H}^\star$, only at zero.
# :::
#
# The definition asks about a whole set at once. Must we try all subsets of $\mathcal{S}$ to find one? No. The next statement,
# which the paper does not make, asks about each column by itself.
#
# :::{prf:proposition} One question per column (ours)
# :label: att-prop-columns
#
# Let $W$ be the matrix of the used columns. $\mathcal{H}^\star$ is recoverable if and only if none of its columns takes part in
# any linear dependency: every $n$ with $W n = 0$ has $n_{(m, h)} = 0$ for all used columns with $h \in \mathcal{H}^\star$.
#
# Hence unions of recoverable sets are recoverable, subsets too, and there is one largest $\mathcal{S}^\star$: the
# syntax states all of whose columns take part in no dependency.
# :::
#
# :::{prf:proof}
# Write $W = (W_\star, W_\circ)$ for the columns of $\mathcal{H}^\star$ and the others, and $n = (n_\star, n_\circ)$
# accordingly.
#
# - Let $\mathcal{H}^\star$ be recoverable and $W n = 0$. Then $W_\star n_\star = -W_\circ n_\circ$ lies in both spans,
#   so it is zero, and $n_\star = 0$ by independence.
# - Let every null vector vanish on $\mathcal{H}^\star$. If $W_\star a = 0$ then $(a, 0)$ is a null vector, so
#   $a = 0$: the columns are independent. If $W_\star a = W_\circ c$ then $(a, -c)$ is a null vector, so $a = 0$ and the
#   common vector is zero.
#
# The condition is on each column alone, so it holds for a set of syntax states exactly if it holds for each of
# them.
# :::

# %% mystnb={"figure": {"caption": "The emission columns of the scene and of the mood, one for each value and syntax state. Framed: the columns of the largest recoverable set. They may share words with other columns, as long as no combination of columns vanishes in which they take part.", "name": "att-fig-columns"}, "image": {"alt": "Heat map of word probabilities; columns are pairs of a memory value and a syntax state, rows are words. The columns of the nouns are framed, each with words of its own; the article columns are all alike, and so are the link columns."}}
from hmmlib.constructions import recoverable_states
from hmmlib.plotting.memory_and_attention import emission_columns

kinds = ["article", "noun", "link", "adjective"]
rows = [(m, k) for k in range(4) for m in range(hmm.n_values)]
value_names = [list(nouns)] * 2 + [list(adjectives)] * 2
labelled = [f"{value_names[k][m]}, {kinds[k]}" for m, k in rows]
columns = torch.stack([W[:, 4 * m + k] for m, k in rows])
largest = recoverable_states(hmm, cell=0)
emission_columns(
    columns, words, labelled, [i for i, (_, k) in enumerate(rows) if k in largest]
)
plt.show()

# %% [markdown]
# What recoverable states are good for is that they can be *read off a token distribution*, blind to all other states.
#
# :::{prf:proposition} The map Φ (ours)
# :label: att-prop-phi
#
# If $\mathcal{H}^\star$ is recoverable, there is a linear map $\Phi$ such that for all used columns
#
# $$
# \Phi\, W_{:,(m, h)} =
# \begin{cases} e_{(m, h)} & h \in \mathcal{H}^\star, \\ 0 & h \notin \mathcal{H}^\star: \end{cases}
# $$
#
# the rows of $W^+$ that belong to the columns of $\mathcal{H}^\star$. Without recoverability there is no such map.
# :::
#
# :::{prf:proof}
# $W^+ W$ is the orthogonal projection onto the row space of $W$, which is the orthogonal complement of the null space.
# Let $c$ be a column of $\mathcal{H}^\star$. By {prf:ref}`att-prop-columns` every null vector vanishes at $c$, so the
# unit vector $e_c$ is orthogonal to the null space, and the projection leaves it as it is. The projection being
# symmetric, row $c$ of $W^+ W$ is $e_c^\top$: row $c$ of $W^+$ gives 1 on column $c$ and 0 on every other.
#
# Conversely, let $\Phi$ be such a map and $W n = 0$. Then $0 = \Phi W n = n_\star$, so every null vector vanishes on
# $\mathcal{H}^\star$.
# :::
#
# The paper builds its $\Phi$ in another way, by dividing out the span of the other columns first. On token
# distributions the two agree, and an exercise below shows more.

# %%
from hmmlib.constructions import recovery

found_phi = recovery(hmm, cell=0, states=largest or [1])  # an error if there is none
wanted = torch.zeros(len(found_phi.columns), W.shape[1], dtype=W.dtype)
wanted[range(len(found_phi.columns)), found_phi.columns] = 1
print("largest S*:", [kinds[s] for s in found_phi.states])
print("Phi has shape", tuple(found_phi.projection.shape))
off = (found_phi.projection @ W - wanted).abs().max()
print(f"Phi W differs from what is wanted by at most {float(off):.0e}")

# %% [markdown]
# ## The attention head
#
# :::{prf:definition} Attention head (the paper's Section 4)
# :label: att-def-head
#
# With $\Phi$ as above, the head computes at each position $i$ of the text
#
# $$
# \begin{aligned}
# \text{key}_i &= \mathbf{1}^\top \Phi\, G_i(x), \\
# \text{value}_i &= b^\top \bigl( \Phi\, G_i(x) \odot e^\star(x_i) \bigr),
# \end{aligned}
# $$
#
# where $e^\star(z)$ has the entries $W[z, (m, h)]$ for $m \in \mathcal{M}$, $h \in \mathcal{H}^\star$, and
# $b_{(m, h)} = \mu_m$. Its output is the mean of the values over $\mathcal{I}$, the positions with the largest key. Its
# label is 1 if the output is $\ge 0$.
# :::
#
# A head of this form with any other $\Phi$, key weights, value weights $b$ and embeddings $e^\star$ is also called
# an attention head; the ones above are those the theorem chooses.
#
# :::{prf:remark}
# :label: att-rem-tolerance
#
# Computers round. The library counts a key as largest if it is within `AttentionHead.tolerance`, $10^{-9}$, of the largest, and this page
# calls a position *certain* if its key is above $1 - 10^{-9}$. The tables below check that against exact inference.
# :::
#
# :::{prf:lemma} What keys and values mean
# :label: att-lem-keys
#
# For every text $x$ that can occur and every position $i$,
#
# $$
# \begin{aligned}
# \text{key}_i &= \mathbb{P}[H_i \in \mathcal{H}^\star \mid x_{-i}], \\
# \text{value}_i &= G_i(x)[x_i]\, \sum_m \mu_m\, \mathbb{P}[M_{j^\star} = m,\, H_i \in \mathcal{H}^\star \mid x].
# \end{aligned}
# $$
# :::
#
# :::{prf:proof}
# In three steps:
#
# 1. Let $Z_i = (M_{J_i}, J_i, S_i)$ be the column that position $i$ uses. Given $M$ and $H_i$, the token $X_i$ is
#    independent of the others and its distribution is the column $Z_i$. So given $Z_i$ it is independent of the others
#    too, and {prf:ref}`lem-middle` gives $G_i(x) = W\, \mathbb{P}[Z_i \mid x_{-i}]$.
# 2. Apply $\Phi$: the entry $(m, h)$ of $\Phi\, G_i(x)$ is $\mathbb{P}[M_{j^\star} = m,\, H_i = h \mid x_{-i}]$. Summing over
#    all entries gives the key.
# 3. Multiply the entry by $W[x_i, (m, h)]$, the probability of the token that is seen. The result is the
#    probability of $M_{j^\star} = m$, $H_i = h$ and $X_i = x_i$ given $x_{-i}$, which is $G_i(x)[x_i]$ times
#    $\mathbb{P}[M_{j^\star} = m,\, H_i = h \mid x]$. Sum with the weights $\mu_m$.
# :::
#
# The multiplication in step 3 is the reason why the head needs the token as well as $G_i$: the model leaves out
# $x_i$ when it predicts it, and $x_i$ is evidence about the memory like any other token.
#
# :::{prf:theorem} The attention head with recoverable states (the paper's Section 4)
# :label: att-thm-head
#
# Let $\mathcal{H}^\star$ be recoverable, and let $x$ be a text that can occur in which some position is sure to read
# $\mathcal{H}^\star$: for some $i$, $\mathbb{P}[H_i \in \mathcal{H}^\star \mid x_{-i}] = 1$. Then the attention head answers
# $F^\star(x)$.
# :::
#
# :::{prf:proof}
# By {prf:ref}`att-lem-keys` no key exceeds 1, and $\text{key}_i = 1$. So $\mathcal{I}$ consists of the positions
# whose key is 1. At each of them $H_i \in \mathcal{H}^\star$ is certain given $x_{-i}$, hence given $x$, and the second line of the
# lemma reads
#
# $$
# \text{value}_i = G_i(x)[x_i] \cdot \mu^\top\, \mathbb{P}[M_{j^\star} \mid x].
# $$
#
# As $x$ can occur, $G_i(x)[x_i] > 0$. So all values that are averaged have the sign of the margin, or are all
# zero with it, and so has their mean.
# :::
#
# It is enough that *one* position of the text is certain. The head finds it by itself, and what it reads there
# is not a local guess: $\mathbb{P}[M_{j^\star} \mid x]$ is the posterior given the whole text. The model has carried the
# evidence of all other positions to this one. Nothing was asked of the transitions, nor of the columns off
# $\mathcal{H}^\star$ among themselves.

# %%
from hmmlib.constructions import attention_head

head = attention_head(hmm, mu, cell=0)
keys, values = head.keys(G), head.values(G, texts)
covered = keys.amax(1) > 1 - 1e-9
wrong = (values >= 0) != (margin >= 0)
print(f"texts with a certain position: {int(covered.sum())} of {len(texts)}")
print(f"wrong labels among them: {int(wrong[covered].sum())}")

# %% mystnb={"figure": {"caption": "The attention head on the text of the first figure. Dark bars: the positions with the largest key, where the other words leave nothing but a noun to be read. There the value divided by $G_i(x)[x_i]$ is the margin itself.", "name": "att-fig-one-text"}, "image": {"alt": "Three panels over the words of one text. Above, the hidden chain with full markers at nouns. In the middle, bars of the key, dark and of height one at some of the nouns, hatched and lower elsewhere. Below, bars of the value; the dark ones end on the dashed line of the margin."}}
from hmmlib.plotting.memory_and_attention import attention_over_text

seen = G.gather(2, texts[..., None])[..., 0]  # G_i(x)[x_i]
scaled = head.position_values(G, texts) / seen
chain = {"states": states[0], "names": names, "starred": [1]}
attention_over_text(spelt, keys[0], scaled[0], float(margin[0]), **chain)
plt.show()

# %% [markdown]
# A position is certain after `the`, and also between an adjective and a link: nothing but a noun fits there. Other
# bars reach the margin as well, those of a `boat` or a `horse` whose neighbours leave a choice. The *token* settles
# that it is a noun, but the key does not look at the token. We come back to this in an exercise.

# %% [markdown]
# ### Change it
#
# The same HMM, computed in your browser, with texts to type or sample. Replace one noun by another: the values
# move at *all* starred positions, as the memory is one for the whole text. {doc}`../book/explorer` has the
# HMM's tables to drag as well.
#
# :::{explorer} A memory and an attention head
# :machines: memory
# :panels: reveal, head
#
# The HMM of scene and mood can be changed here. That needs JavaScript, which is switched off; the figure above shows
# the head on one text.
# :::

# %% [markdown]
# ## The theorem on a thousand HMMs
#
# We draw 1,000 HMMs with one or two cells, 2 to 4 values, and one or two recoverable syntax states;
# all other columns are mixtures of one or two token distributions, so that they are dependent in plenty. Exact inference, which knows no
# head, says what $\mathbb{P}[H_i \in \mathcal{H}^\star \mid x_{-i}]$ is and so which positions are certain; the keys and labels are
# compared with that. Two planted errors show that the comparison can fail: a head that does not multiply by $e^\star(x_i)$, and one whose $\Phi$
# is $W_\star^+$, blind to what the other columns do.

# %% tags=["hide-input"]
from dataclasses import replace

import numpy as np
from torch.nn.functional import pad

from hmmlib import posteriors, sample_tokens
from hmmlib.hmm import random_recoverable_hmm


def random_task(seed, n_cells):
    """A random HMM whose cell 0 is recoverable, and weights for its values."""
    sizes = {"n_recoverable": 1 + seed % 2, "n_patterns": 1 + seed // 2 % 2}
    sizes |= {"n_values": 2 + seed // 4 % 3, "n_cells": n_cells, "n_syntax": 3}
    hmm = random_recoverable_hmm(n_tokens=12, generator=seed, **sizes)
    return hmm, np.random.default_rng(seed).standard_normal(hmm.n_values)


# %%
def inside_probs(hmm, x, kind):
    """P[H_i in H* | x_{-i}] ("leave_one_out") or given x ("smoothed"), exactly."""
    text, seen = pad(x, (1, 0)), pad(torch.ones_like(x, dtype=torch.bool), (1, 0))
    p = getattr(posteriors(hmm, text, observed=seen, keep=[kind]), kind)[:, 1:]
    p = p.unflatten(2, (-1, hmm.n_cells, hmm.n_syntax))
    return p[:, :, :, 0, list(recoverable_states(hmm))].sum((2, 3))


# %%
def with_planted_errors(hmm, mu):
    """The theorem's head; one that reads no token; one with a wrong Φ."""
    right = attention_head(hmm, mu)
    star = hmm.emission.flatten(0, 2)[recovery(hmm).columns]
    no_token = replace(right, embeddings=torch.ones_like(right.embeddings))
    return right, no_token, replace(right, projection=torch.linalg.pinv(star.T))


# %%
def three_heads(seed, n_cells):
    """Texts, certain ones; wrong labels and deviation of keys, for three heads."""
    hmm, mu = random_task(seed, n_cells)
    x = sample_tokens(hmm, batch=8, time=13, generator=seed)[:, 1:]
    shown = text_probs(ExactMaskedLM(hmm), x)
    margin = PosteriorTask.two_class(hmm, mu).posterior(x) @ torch.tensor(mu)
    inside = inside_probs(hmm, x, "leave_one_out")
    certain = inside.amax(1) > 1 - 1e-12
    heads, truth = with_planted_errors(hmm, mu), margin >= 0
    wrong = [((h.values(shown, x) >= 0) != truth)[certain].sum() for h in heads]
    off = [(h.keys(shown) - inside).abs().max() for h in heads]
    return len(x), int(certain.sum()), torch.stack(wrong), torch.stack(off)


# %% tags=["hide-input"]
from hmmlib.tables import Table, deviation

found = [three_heads(seed, n) for n in (1, 2) for seed in range(500)]
texts_, certain = (sum(f[k] for f in found) for k in (0, 1))
wrong = sum(f[2] for f in found)
off = torch.stack([f[3] for f in found]).amax(0)
kinds_ = ["theorem", "planted: token not read", "planted: others not projected out"]
rows = [(n, certain, *pair) for n, *pair in zip(kinds_, wrong, off, strict=True)]
print("HMMs: 1000, texts:", texts_)
header = ["head", "texts with a certain position", "wrong labels there"]
Table([*header, "largest deviation of a key"], rows, [None, None, None, ".0e"])

# %% [markdown]
# ## Soft attention
#
# One cannot train the choice of a largest key by gradients. What is trained in practice is a softmax
# over the positions, with weights $\propto e^{\text{key}_i/\tau}$, and hard attention is its limit for $\tau \to 0$.
# How small must the temperature $\tau$ be?
#
# :::{prf:proposition} Soft attention is nearly hard (ours)
# :label: att-prop-soft
#
# Let $T$ be the number of positions and $\Delta > 0$ the gap between the largest key and the largest key outside of
# $\mathcal{I}$. Softmax attention puts a total weight of
#
# $$
# w \le T\, e^{-\Delta/\tau}
# $$
#
# outside of $\mathcal{I}$, and its output differs from that of hard attention by at most
# $2 \max_m \lvert \mu_m \rvert \cdot w$. Where the hard output exceeds that in size, the labels agree.
# :::
#
# :::{prf:proof}
# Let $\kappa$ be the largest key. A position outside of $\mathcal{I}$ has weight at most
# $e^{(\kappa - \Delta)/\tau} / e^{\kappa/\tau}$, as the softmax's denominator has the term $e^{\kappa/\tau}$. There are at most $T$ such
# positions.
#
# Positions in $\mathcal{I}$ have equal keys, so they share the weight $1 - w$ equally, and the soft output is
# $(1 - w)\, y + w\, y'$ with $y$ the hard output and $y'$ some weighted mean of the other values. The difference is
# $w\,(y' - y)$. By {prf:ref}`att-lem-keys` every value is at most $\max_m \lvert \mu_m \rvert$ in size, and so are
# their means.
# :::
#
# We follow three texts with different gaps over a range of temperatures: how much attention goes astray, and how far
# the output is from that of hard attention.

# %%
temperatures = torch.logspace(-2.5, 1, 15, dtype=torch.float64).tolist()
inside = keys >= keys.amax(1, keepdim=True) - 1e-9  # the positions of I
gap = keys.amax(1) - keys.masked_fill(inside, -1).amax(1)
softened = [replace(head, temperature=t) for t in temperatures]
stray = torch.stack([(soft.attention(G) * ~inside).sum(1) for soft in softened])
moved = torch.stack([(soft.values(G, texts) - values).abs() for soft in softened])
limit = length * torch.stack([(-gap / t).exp() for t in temperatures])
most = 2 * task.mu.abs().max()
some = (~inside).any(1)  # texts in which attention can go astray
for name, size, allowed in (("stray", stray, limit), ("output", moved, most * limit)):
    share = (size / allowed)[allowed > 1e-9].max()
    print(f"{name}: at most {float(share):.2f} of its bound")

# %% mystnb={"figure": {"caption": "Softmax attention at different temperatures, for three texts of different gap \u0394 (markers), and the bounds of the proposition (thin lines). Left, the share of attention outside of the best positions; right, how far the output is from that of hard attention.", "name": "att-fig-soft"}, "image": {"alt": "Two panels against the temperature, both axes logarithmic. In each, three curves with markers rise with temperature and level off, each below a thin line of its own; the curve of the largest gap is the lowest."}}
from hmmlib.plotting.memory_and_attention import soft_attention

order = some.nonzero().flatten()[gap[some].argsort()]
chosen = [int(order[k * (len(order) - 1) // 4]) for k in (0, 2, 4)]
tables = {
    f"Δ = {gap[k]:.2g}": torch.stack([stray[:, k], limit[:, k]]) for k in chosen
}
outputs = [torch.stack([moved[:, k], most * limit[:, k]]) for k in chosen]
soft_attention(temperatures, tables, outputs)
plt.show()

# %%
agree = torch.stack([(s.values(G, texts) >= 0) == (margin >= 0) for s in softened])
agree = agree[:, covered].double().mean(1)
print(f"labels right at the lowest temperature: {100 * agree[0]:.1f}%")
print(f"labels right at the highest temperature: {100 * agree[-1]:.1f}%")

# %% [markdown]
# At the highest temperature all positions count nearly alike, and most labels survive even that. The value at an
# uncertain position leaves out a part of the posterior, but what it keeps mostly has the right sign. How much can it
# leave out?
#
# ## When no position is certain
#
# The theorem asks for certainty, and says nothing of a text in which the best key is 0.999. The paper does not go
# into this; here is how the statement bends.
#
# :::{prf:proposition} The head without certainty (ours)
# :label: att-prop-robust
#
# Let $\mathcal{H}^\star$ be recoverable. For every text $x$ that can occur and every position $i$,
#
# $$
# \left\lvert \frac{\text{value}_i}{G_i(x)[x_i]} - \mu^\top\, \mathbb{P}[M_{j^\star} \mid x] \right\rvert
#   \le \max_m \lvert \mu_m \rvert \cdot \mathbb{P}[H_i \notin \mathcal{H}^\star \mid x].
# $$
#
# The head can compute the right-hand side itself, since
#
# $$
# \mathbb{P}[H_i \in \mathcal{H}^\star \mid x]
#   = \frac{\mathbf{1}^\top \bigl(\Phi\, G_i(x) \odot e^\star(x_i)\bigr)}{G_i(x)[x_i]}.
# $$ (att-eq-inside)
# :::
#
# :::{prf:proof}
# Split the margin by whether position $i$ reads $\mathcal{H}^\star$:
#
# $$
# \begin{aligned}
# \mu^\top\, \mathbb{P}[M_{j^\star} \mid x]
#   &= \sum_m \mu_m\, \mathbb{P}[M_{j^\star} = m,\, H_i \in \mathcal{H}^\star \mid x] \\
#   &\quad + \sum_m \mu_m\, \mathbb{P}[M_{j^\star} = m,\, H_i \notin \mathcal{H}^\star \mid x].
# \end{aligned}
# $$
#
# By {prf:ref}`att-lem-keys` the first sum is $\text{value}_i / G_i(x)[x_i]$. The second is at most
# $\max_m \lvert \mu_m \rvert$ times $\mathbb{P}[H_i \notin \mathcal{H}^\star \mid x]$. Taking $\mu_m = 1$ for all $m$ in the
# lemma gives the last formula.
# :::
#
# So a head can say how sure it is. Wherever the value at some position, divided by $G_i(x)[x_i]$, exceeds the bound in
# size, its sign is *certified* to be the label, although no position may be certain. It is
# run here on texts of five words, which often have no article.

# %%
short = sample_tokens(hmm, batch=400, time=6, generator=seed)[:, 1:]
G_short = text_probs(lm, short)
margin_short = task.posterior(short) @ task.mu
bound = task.mu.abs().max() * (1 - inside_probs(hmm, short, "smoothed"))
seen_short = G_short.gather(2, short[..., None])[..., 0]
read = head.position_values(G_short, short) / seen_short
sure = inside_probs(hmm, short, "leave_one_out").amax(1) > 1 - 1e-12
certified = read.abs() > bound + 1e-9
off = (read >= 0) != (margin_short >= 0)[:, None]
print(f"texts: {len(short)}, with a certain position: {int(sure.sum())}")
print(f"certified labels: {int(certified.any(1).sum())}", end=", ")
print(f"wrong among these: {int((off & certified).any(1).sum())}")

# %% [markdown]
# The next figure shows the bound at work on a hundred of the random HMMs, at every third position of their texts. The table
# below it counts the positions whose sign is certified there. Without the bound (last row) some are certified that are wrong.


# %% tags=["hide-input"]
def readings(seed):
    """Of a random HMM: scaled values, margins and P[H_i not in H* | x], by position."""
    model, weights = random_task(seed, n_cells=1)
    x = sample_tokens(model, batch=8, time=13, generator=seed)[:, 1:]
    g, scale = text_probs(ExactMaskedLM(model), x), np.abs(weights).max()
    m = PosteriorTask.two_class(model, weights).posterior(x) @ torch.tensor(weights)
    values = attention_head(model, weights).position_values(g, x)
    values = values / g.gather(2, x[..., None])[..., 0]
    outside = 1 - inside_probs(model, x, "smoothed")
    return torch.stack(
        [values / scale, m[:, None].expand_as(values) / scale, outside]
    )


# %% mystnb={"figure": {"caption": "How far the scaled value at a position is from the margin, against what the proposition allows, both divided by $\\max_m \\lvert \\mu_m \\rvert$: a hundred random HMMs. On the far right are positions that do not read the recoverable states at all. No dot is above the line.", "name": "att-fig-robust"}, "image": {"alt": "Scatter plot of deviation against bound; all dots lie on or below the dashed diagonal, some close to it, with a cluster at the origin and a column at the right edge."}}
from hmmlib.plotting.memory_and_attention import deviation_against_bound

found = torch.cat([readings(seed)[:, :, ::3].flatten(1) for seed in range(100)], 1)
scaled_values, margins_, outside = found
deviation_against_bound(outside, (scaled_values - margins_).abs())
plt.show()

# %%
rows, off = [], (scaled_values >= 0) != (margins_ >= 0)
for share in [1, 0.5, 0]:
    said = scaled_values.abs() > share * outside + 1e-9
    rows.append((share, len(said), said.sum(), (said & off).sum()))
header = ["share of the bound used", "positions", "certified", "wrong among these"]
Table(header, rows)

# %% [markdown]
# ## When the model is only nearly right
#
# A trained network shows $\hat G_i$, not $G_i$. What can that do to the head? All depends on how far the columns of
# $\mathcal{H}^\star$ stand out from the others.
#
# :::{prf:proposition} An error of the model (ours)
# :label: att-prop-noise
#
# Let $\mathcal{H}^\star$ be recoverable, let $\sigma$ be the smallest singular value of $W_\star$ after projecting its $d$
# columns onto the orthogonal complement of the span of $W_\circ$, and let $\lVert \hat G_i - G_i \rVert_2 \le \varepsilon$ at all
# positions. Then $\lVert \Phi \rVert_2 = 1/\sigma$, and
#
# $$
# \begin{aligned}
# \lvert \widehat{\text{key}}_i - \text{key}_i \rvert &\le \sqrt{d}\, \varepsilon / \sigma, \\
# \lvert \widehat{\text{value}}_i - \text{value}_i \rvert &\le \max_m \lvert \mu_m \rvert\, \sqrt{d}\, \varepsilon/\sigma .
# \end{aligned}
# $$
#
# If some position of $x$ is certain, the head on $\hat G$ answers $F^\star(x)$ if at each position that it chooses
#
# $$
# G_i(x)[x_i]\, \bigl\lvert \mu^\top \mathbb{P}[M_{j^\star} \mid x] \bigr\rvert
#   > 3 \max_m \lvert \mu_m \rvert\, \sqrt{d}\, \varepsilon/\sigma .
# $$
# :::
#
# :::{prf:proof}
# Let the rows of $Q$ be an orthonormal basis of that complement. Then $\Phi = (Q W_\star)^+ Q$ (an exercise below), and
# its norm is $1/\sigma_{\min}(Q W_\star)$. The entries of $\mathbf{1}$ and of $b \odot e^\star(x_i)$ are at most 1 and
# $\max \lvert \mu_m \rvert$ in size, so their norms are at most $\sqrt d$ times that; Cauchy–Schwarz gives the two bounds. Write
# $\eta = \sqrt{d}\, \varepsilon/\sigma$.
#
# If some key is 1, every position $i$ that is chosen has $\widehat{\text{key}}_i \ge 1 - \eta$, hence $\text{key}_i \ge 1 - 2\eta$. By
# {prf:ref}`att-lem-keys`, $\text{value}_i$ is $G_i(x)[x_i]$ times the margin, up to
# $\max \lvert \mu_m \rvert$ times $\mathbb{P}[H_i \notin \mathcal{H}^\star,\, X_i = x_i \mid x_{-i}]$, which is at most
# $1 - \text{key}_i \le 2\eta$. Then $\widehat{\text{value}}_i$ is off by one more $\eta$. So all values that are averaged have the
# sign of the margin.
# :::
#
# We add an error of size $\varepsilon$ in a random direction to every prediction of the HMM above.

# %%
Phi_norm, d = (
    torch.linalg.matrix_norm(found_phi.projection, 2),
    len(found_phi.columns),
)
others = torch.ones(W.shape[1], dtype=torch.bool)
others[found_phi.columns] = False
left, sizes, _ = torch.linalg.svd(W[:, others])
Q = left[:, int((sizes > 1e-10).sum()) :].T  # orthonormal rows
sigma = torch.linalg.svdvals(Q @ W[:, ~others])[-1]
print(f"1/σ = {float(1 / sigma):.6f}, norm of Φ = {float(Phi_norm):.6f}")
error = torch.randn(G.shape, generator=torch.Generator().manual_seed(0)).double()
error = error - error.mean(2, keepdim=True)  # predictions sum to one
error /= error.norm(dim=2, keepdim=True)

# %% tags=["hide-input"]
rows, top = [], task.mu.abs().max()
clean, known = head.position_values(G, texts), seen * margin.abs()[:, None]
for eps in [1e-4, 1e-3, 1e-2, 1e-1]:
    noisy, eta = G + eps * error, d**0.5 * eps / sigma
    moved_key = (head.keys(noisy) - keys).abs().max() / eta
    moved_value = (head.position_values(noisy, texts) - clean).abs().max() / top / eta
    chosen = head.attention(noisy) > 0
    safe = covered & ((known > 3 * top * eta) | ~chosen).all(1)
    wrong = (head.values(noisy, texts) >= 0) != (margin >= 0)
    counts = wrong[covered].sum(), safe.sum(), (wrong & safe).sum()
    rows.append((eps, *counts, moved_key, moved_value))

# %%
header = ["ε", "wrong of covered", "safe by the bound", "wrong among these"]
header += ["largest error / bound: key", "value"]
Table(header, rows, [".0e", None, None, None, ".2f", ".2f"])

# %% [markdown]
# No label that the bound calls safe is wrong, and errors beyond its reach do turn labels. The last two columns may not exceed 1.
# They stay well below, since a random direction is seldom the worst.
#
# ## What each assumption is for
#
# The theorem has three: the columns of $\mathcal{H}^\star$ are independent, their span avoids that of the others, and
# some position is certain. In each of the next examples one of them is dropped and the two others hold, and *no*
# attention head gets all labels right, whatever its $\Phi$, keys, values and embeddings, hard or soft.
#
# ### Independent columns
#
# Take one cell with three values and one syntax state. The chain never moves: given the value, tokens are
# drawn independently, which is the simplest of topic models. All states are in $\mathcal{H}^\star$, every position is
# certain, there are no other columns. But with two tokens, three columns are dependent.

# %%
from textwrap import fill

from hmmlib.constructions import AssumptionError

urns = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]  # P[a], P[b] for each value
prior = [0.98, 0.0198, 0.0002]
topic = MemoryHMM([[[p]] for p in prior], [[1]], [[[urn]] for urn in urns])
ends = [1, -1, 1]  # the middle value against the two outer ones
try:
    attention_head(topic, ends)
except AssumptionError as problem:
    print(fill(str(problem), 78))

# %% tags=["hide-input"]
from hmmlib.plotting import turning_labels


def runs_of_a(hmm, lengths, mu):
    """For texts aⁿ: the margins, and G at the first position."""
    asked = PosteriorTask.two_class(hmm, mu)
    all_a = [torch.zeros(1, n, dtype=torch.long) for n in lengths]
    margins = [float(asked.posterior(x)[0] @ asked.mu) for x in all_a]
    probs = [text_probs(ExactMaskedLM(hmm), x)[0] for x in all_a]
    assert all(torch.allclose(p, p[:1], atol=1e-12) for p in probs)
    return margins, torch.stack([p[0] for p in probs])


# %% mystnb={"figure": {"caption": "Texts $a^n$ of growing length. The posterior moves from the first value to the second and on to the third, so the label goes 1, 0, 1. What the model shows moves along a segment, from mostly b to mostly a.", "name": "att-fig-turning"}, "image": {"alt": "Two panels against the length of the text. Left, the margin starts positive, falls below zero for middle lengths and ends positive; full markers are label 1, open markers label 0. Right, the probability of token a rises steadily, with full, then open, then full markers."}}
lengths = list(range(1, 15))
margins, probs = runs_of_a(topic, lengths, ends)
names = {"x_label": "length $n$ of the text $a^n$"}
names["y_labels"] = r"margin $\mu^\top P[M | x]$", "$G_i(x)[a]$"
turning_labels(lengths, margins, probs[None, :, 0], **names)
plt.show()

# %% [markdown]
# In the text $a^n$ every position shows the same token and the same $G$. Attention has nothing to choose from: it
# averages equal values, and the head's output is $v^\top G$ with $v = \Phi^\top(b \odot e^\star(a))$, a linear
# function. What is shown moves one way, while the labels go 1, 0, 1: by {prf:ref}`fail-lem-one-way` one label of
# three is wrong. The certificate is the combination of the three distributions that says so: for all $v$,
# $\sum_n \lambda_n y_n v^\top G(a^n) = 0$ with $\lambda \ge 0$ and $y_n = \pm 1$ the labels.

# %%
from hmmlib.certificates import certificate_bound, separate


def verdict(hmm, mu):
    """Is some attention head right on the texts a², a⁴ and a¹⁰?"""
    margins, probs = runs_of_a(hmm, [2, 4, 10], mu)
    labels = torch.tensor([int(m >= 0) for m in margins])
    tried = separate(probs, labels)
    print("margins:", [round(m, 3) for m in margins], "labels:", labels.tolist())
    most = certificate_bound(probs, labels, tried.certificate)
    print("certificate:", [round(float(share), 4) for share in tried.certificate])
    print(f"no head separates these labels by more than {most:.0e}")


verdict(topic, ends)

# %% [markdown]
# ### Spans that avoid one another
#
# Now two values and two syntax states that alternate for certain. Value 0 emits `a` in state 0 and `b` in state 1,
# value 1 the reverse, and a text always begins in state 0. The columns of $\mathcal{S}^\star = \{0\}$ are
# independent, and every second position is certain to read it. But the columns of state 1 are the same two.

# %%
a, b = [1, 0], [0, 1]
start = [[[0, 0.5]], [[0, 0.5]]]  # state 1 under the blank, 0 at the first token
alternating = MemoryHMM(start, [[0, 1], [1, 0]], [[[a, b]], [[b, a]]])
which = PosteriorTask.two_class(alternating, [1, -1])
pair = torch.tensor([[0, 1] * 3, [1, 0] * 3])
print("labels of ababab and bababa:", which.labels(pair).tolist())
G_pair = text_probs(ExactMaskedLM(alternating), pair)
look = torch.cat([pair[..., None].double(), G_pair], 2).round(decimals=12)
rows = [sorted(text.tolist()) for text in look]
apart = torch.tensor(rows[0]) - torch.tensor(rows[1])
print(
    f"the pairs (token, G), sorted, differ by at most {float(apart.abs().max()):.0e}"
)

# %% [markdown]
# An attention head computes something from each pair $(x_i, G_i)$ and averages, with weights computed from the
# pairs as well. It does not know the *order* of the positions. The two texts consist of the same pairs, each
# equally often, so every attention head gives both the same output, and they have different labels. This is the
# whole certificate. (A head that could see whether a position is odd or even would succeed; it is the *content* of
# position $i$ from which the head has to tell that $H_i \in \mathcal{H}^\star$, and the content does not show it.)

# %%
try:
    attention_head(alternating, [1, -1], states=[0])
except AssumptionError as problem:
    print(fill(str(problem), 78))

# %% [markdown]
# ### A certain position
#
# Finally, an HMM with a recoverable state that some texts never visit. State 0 has three tokens of its own, one
# per value. State 1 emits `a` and `b` just as the topic model above. The chain starts in one of them and stays.

# %%
own = np.eye(5)[2:]  # tokens c, d, e
closed = MemoryHMM(
    [[[p / 2, p / 2]] for p in prior],
    np.eye(2),
    [[[own[m], [*urns[m], 0, 0, 0]]] for m in range(3)],
)
keeper = attention_head(closed, ends)
print("largest S*:", list(recoverable_states(closed)))
aa = torch.zeros(1, 4, dtype=torch.long)
keys_aa = keeper.keys(text_probs(ExactMaskedLM(closed), aa))
print(f"largest key on aaaa: {float(keys_aa.abs().max()):.0e}")
verdict(closed, ends)

# %% [markdown]
# State 0 is recoverable, and the head of the theorem is right on every text of `c`, `d` and `e`. In a
# text of two or more `a` each token shows to every other that the chain is in state 1. There the theorem's head has nothing to
# read. And since what the model shows is then what the topic model shows, no other attention head is right either.
#
# None of this says how often the assumptions hold. On the HMMs of the paper's second experiment they do not, as soon as a cell has
# three values: {doc}`prompts_on_the_papers_hmms`.

# %% [markdown]
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: The smallest Φ
# :label: att-ex-by-hand
#
# One cell with two values, two syntax states, three tokens `a`, `b` and `c`. In state 0 value 0 writes `a` and value 1 writes `b`. In state 1
# both values write `a`, `b` and `c` with probabilities 1/4, 1/4 and 1/2. Write down $W$. Is state 0 recoverable? Find $\Phi$, and with it the
# key and the value for $\mu = (1, -1)$ where the model shows $(0.5, 0.1, 0.4)$ and the token is `a`.
#
# :::{admonition} Hint
# :class: dropdown
#
# $\Phi$ has two rows, each orthogonal to the column of state 1.
# :::
# ::::

# %% [markdown]
# :::{solution-start} att-ex-by-hand
# :class: dropdown
# :::
#
# The columns are $(1, 0, 0)$ and $(0, 1, 0)$ for state 0 and twice $(\tfrac14, \tfrac14, \tfrac12)$ for state 1. The two of state 0 and the
# one of state 1 are independent, so state 0 is recoverable. Row 0 of $\Phi$ is 1 on the first column, 0 on the second and on
# the third: $(1, 0, -\tfrac12)$. Row 1 is $(0, 1, -\tfrac12)$. On $(0.5, 0.1, 0.4)$ they give 0.3 and $-0.1$. A probability cannot be
# negative, so no text shows that; $(0.5, 0.3, 0.2)$ is possible and gives 0.4 and 0.2, a key of 0.6. The token `a` has $e^\star = (1, 0)$, so the
# value is 0.4.

# %%
a, b, c = np.eye(3)
by_hand = MemoryHMM(
    np.full((2, 1, 2), 0.25),
    [[0.5, 0.5], [0.5, 0.5]],
    [[[a, [0.25, 0.25, 0.5]]], [[b, [0.25, 0.25, 0.5]]]],
)
print("recoverable:", recoverable_states(by_hand))
phi = recovery(by_hand).projection
print("Φ:", phi.numpy().round(6).tolist())
for shown in ([0.5, 0.1, 0.4], [0.5, 0.3, 0.2]):
    entries = phi @ torch.tensor(shown).double()
    print(shown, "gives", entries.numpy().round(6), f"key {float(entries.sum()):.3g}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ● Think: Ask for the mood
# :label: att-ex-mood
#
# Ask for the mood instead of the scene. Which assumption fails on the HMM of this chapter, and what change of
# the moods would mend it?
#
# :::{admonition} Hint
# :class: dropdown
#
# Write the third mood as a mixture of the other two.
# :::
# ::::

# %% [markdown]
# :::{solution-start} att-ex-mood
# :class: dropdown
# :::
#
# The library names the dependency. The adjectives of the third mood are the mean of those of the other two, so no head
# can tell a torn text's adjective from one that is calm or grim with equal chances. A new word, used by the third
# mood alone, makes its column independent of all others, and with it those of the other two.

# %%
try:
    attention_head(hmm, mu, cell=1, states=[1])
except AssumptionError as problem:
    print(fill(str(problem), 78))
wider = torch.nn.functional.pad(hmm.emission, (0, 1))  # one more word
wider[-1, 1, 1] /= 2
wider[-1, 1, 1, -1] = 0.5
mended = MemoryHMM(hmm.initial, hmm.transition, wider)
print("recoverable now:", [kinds[2 + s] for s in recoverable_states(mended, cell=1)])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ● Code: Leave a state out
# :label: att-ex-smaller
#
# Any part of a recoverable set is recoverable. Draw HMMs with two recoverable syntax states, and compare the head
# over both with the head over one of them. Which covers more texts, and why is the largest $\mathcal{S}^\star$ always
# the best choice?
#
# :::{admonition} Hint
# :class: dropdown
#
# `attention_head(..., states=[0])`.
# :::
# ::::

# %% [markdown]
# :::{solution-start} att-ex-smaller
# :class: dropdown
# :::
#
# The key is $\mathbb{P}[H_i \in \mathcal{H}^\star \mid x_{-i}]$, which grows with the set. So a position that is certain for the
# small set is certain for the large one, and the bound of {prf:ref}`att-prop-robust` only gets smaller. In these
# HMMs the cue says that one of the two states follows, but not which: the smaller set is never certain.

# %%
best = []
for seed in range(40):
    model = random_recoverable_hmm(
        3, 4, 12, generator=seed, n_recoverable=2, n_patterns=2
    )
    x = sample_tokens(model, batch=50, time=11, generator=seed)[:, 1:]
    shown = text_probs(ExactMaskedLM(model), x)
    sets = [attention_head(model, [1, 0, -1], states=s) for s in ([0, 1], [0])]
    best.append(torch.stack([h.keys(shown).amax(1) for h in sets]))
best = torch.cat(best, 1)
both, one = (best > 1 - 1e-9).sum(1).tolist()
print(f"covered of {best.shape[1]} texts: {both} with both states, {one} with one")
print("mean of the largest key:", [round(float(k), 3) for k in best.mean(1)])
print(f"largest gain by leaving a state out: {float((best[1] - best[0]).max()):.0e}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: Look after reading
# :label: att-ex-position
#
# The key looks at $x_{-i}$ only. Let a head choose the position by $\mathbb{P}[H_i \in \mathcal{H}^\star \mid x]$ instead, from
# {eq}`att-eq-inside`, and read the value there. Show that this choice has the smallest bound of
# {prf:ref}`att-prop-robust`, and that it is right on every text that {prf:ref}`att-thm-head` covers. On how many of the
# short texts is it sure?
#
# :::{admonition} Hint
# :class: dropdown
#
# A certain key makes $\mathbb{P}[H_i \in \mathcal{H}^\star \mid x]$ equal to 1.
# :::
# ::::

# %% [markdown]
# :::{solution-start} att-ex-position
# :class: dropdown
# :::
#
# The bound is $\max\lvert\mu\rvert\,(1 - \mathbb{P}[H_i \in \mathcal{H}^\star \mid x])$, smallest where that probability is
# largest. A key of 1 makes it 1, so the new choice is certain wherever the old one was; with probability 1 the bound
# is 0, and the sign is right. It gains the texts in which a token gives its state away: `horse` can only be a noun.

# %%
best = bound.argmin(1, keepdim=True)
surer = inside_probs(hmm, short, "smoothed").amax(1) > 1 - 1e-12
new = read.gather(1, best)[:, 0]
wrong = ((new >= 0) != (margin_short >= 0)) & surer
print("sure by the key:", int(sure.sum()), end=", ")
print("sure by the new choice:", int(surer.sum()))
print("wrong:", int(wrong.sum()))
by_key = (head.attention(G_short) * read).sum(1)  # equal keys share
for name, said in (("key", by_key), ("new choice", new)):
    right = ((said >= 0) == (margin_short >= 0)).double().mean()
    print(f"labels right on all short texts by the {name}: {float(right):.3f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: The paper's Φ
# :label: att-ex-quotient
#
# The paper's way to $\Phi$: let the rows of $Q$ be a basis of the left null space of $W_\circ$, the columns off
# $\mathcal{H}^\star$, so that $Q W_\circ = 0$, and put $\Phi' = (Q W_\star)^+ Q$. Show that
# $\Phi'\, G_i(x) = \Phi\, G_i(x)$ for every text, whichever basis is taken. When are the two matrices equal?
#
# :::{admonition} Hint
# :class: dropdown
#
# What does $Q$ do to a vector in the span of $W_\circ$?
# :::
# ::::

# %% [markdown]
# :::{solution-start} att-ex-quotient
# :class: dropdown
# :::
#
# $Q$ divides out the span of $W_\circ$: $Q y = 0$ exactly if $y$ lies in it. If $Q W_\star a = 0$ then $W_\star a$ lies in
# both spans, so $a = 0$. Hence the columns of $Q W_\star$ are independent, $(Q W_\star)^+ Q W_\star$ is the identity,
# and $\Phi' W_\circ = 0$. So $\Phi'$ and $\Phi$ agree on the columns of $W$, and every $G_i(x)$ is a combination of
# columns.
#
# On a vector $u$ orthogonal to all columns of $W$ we have $W^+ u = 0$, so $\Phi u = 0$. If the rows of $Q$ are
# orthonormal, $Q^\top Q$ projects onto the complement of the span of $W_\circ$, where $u$ lies. Then
# $(Q W_\star)^\top Q u = W_\star^\top u = 0$ and so $\Phi' u = 0$ too: the matrices are equal. For another basis they
# need not be.

# %%
skew = torch.eye(len(Q), dtype=W.dtype) + torch.ones(len(Q), len(Q)).tril(-1)
rows = []
for kind, basis in [("orthonormal", Q), ("skew", skew @ Q)]:
    quotient = torch.linalg.pinv(basis @ W[:, ~others]) @ basis
    on_G = (G @ quotient.T - G @ found_phi.projection.T).abs().max()
    same = torch.allclose(quotient, found_phi.projection, atol=1e-9)
    rows.append((kind, deviation(on_G), "yes" if same else "no"))
header = ["basis", "difference on every $G$, at most", "the same matrix"]
Table(header, rows)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: Two heads see more than one
# :label: att-ex-two-heads
#
# "What one attention head cannot do, two can, if their outputs are added." Prove it or refute it for the HMM whose two syntax states
# alternate. And what if one is allowed to multiply the two outputs?
#
# :::{admonition} Hint
# :class: dropdown
#
# What do the two texts of opposite label have in common?
# :::
# ::::

# %% [markdown]
# :::{solution-start} att-ex-two-heads
# :class: dropdown
# :::
#
# Refuted. `ababab` and `bababa` consist of the same pairs of token and prediction, equally often. Each attention head gives both texts the
# same output, so any function of the outputs of any number of heads does: sums, products, a whole network on top. What is missing is
# not a second head but a sense of place. Below, two hundred random heads of three temperatures:

# %%
from hmmlib import AttentionHead

random, apart = torch.Generator().manual_seed(0), 0.0
for k in range(200):
    parts = [torch.randn(3, 2), torch.randn(3), torch.randn(3), torch.randn(3, 3)]
    parts = [torch.randn(p.shape, generator=random).double() for p in parts]
    any_head = AttentionHead(*parts, temperature=[0.0, 0.1, 1.0][k % 3])
    outputs = any_head.values(G_pair, pair)
    apart = max(apart, float((outputs[0] - outputs[1]).abs()))
print(f"outputs of 200 heads on the two texts differ by at most {apart:.0e}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: The best head without certainty
# :label: att-ex-pooling
#
# Where no position is certain, the head of this chapter reads one position and forgets the others. Can one pool them better? Compare
# on the texts of five words: the value at the largest key; the mean of all values divided by $G_i(x)[x_i]$; and the same mean with weights
# that grow with $\mathbb{P}[H_i \in \mathcal{H}^\star \mid x]$.
#
# :::{admonition} Hint
# :class: dropdown
#
# `read` holds the divided values, and the bound is smallest where the value can be trusted most.
# :::
# ::::

# %% [markdown]
# :::{solution-start} att-ex-pooling
# :class: dropdown
# :::
#
# By {prf:ref}`att-lem-keys` each divided value is a part of the margin, that of the contents with $H_i \in \mathcal{H}^\star$. Pooling does not
# get at what no position shows. Which weights lose fewest labels is not known to us in general; here is a first comparison. On these
# texts whatever reads more than one position does better than the single best, and harder HMMs are needed to tell the
# others apart. (No
# head of {prf:ref}`att-def-head` divides by $G_i(x)[x_i]$. Whether that matters is part of the question.)

# %%
trust = inside_probs(hmm, short, "smoothed")
undivided = head.position_values(G_short, short)
pools = {
    "value at the largest key": by_key,
    "mean of all values, not divided": undivided.mean(1),
    "mean, divided": read.mean(1),
    "weights P[H_i in H* | x]": (trust * read).sum(1),
    "weights P[H_i in H* | x]^4": (trust**4 * read).sum(1),
}
truth = margin_short >= 0
rows = [(name, ((v >= 0) == truth).double().mean()) for name, v in pools.items()]
Table(["pooling", "labels right, texts of five words"], rows, ".3f")

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# - A memory is drawn once per text; hidden states are addresses into it. With two or more cells the flat model is
#   always degenerate, so the linear head's theorem cannot apply.
# - States of one cell are recoverable if none of their columns takes part in a linear dependency. There is one
#   largest such set, and $\Phi$ is a part of $W^+$.
# - The attention head then gets every label right on texts in which some position is certain to read these states.
#   Softmax attention gets there as $T\,e^{-\Delta/\tau}$ vanishes.
# - Without certainty its error is at most $\max\lvert\mu\rvert \cdot \mathbb{P}[H_i \notin \mathcal{H}^\star \mid x]$, which it
#   can compute. Errors of the model count $1/\sigma$ times.
# - Drop any of the three assumptions, and there are HMMs on which no attention head is right.
# - Memory can also be narrowed by a prompt, so that fewer columns have to be independent: {doc}`prompts_and_memory`.
