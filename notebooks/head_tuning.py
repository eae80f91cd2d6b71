# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Head tuning
#
# The perfect masked language model was never told about any task. Freeze it, put one linear function on what it
# predicts at a blank, and train only that function: this is *head tuning*. When can it get **every** label right?
#
# {cite:t}`wei2021why` give a condition on the emissions under which it always can. This chapter states and
# proves their theorem, builds the head that it promises, checks it on thousands of random texts, and then takes
# the condition away: first a little, then altogether. Running it takes about twenty seconds.

# %% [markdown]
# ## The task
#
# Put a blank in front of a text, $(\varnothing, x)$. A task asks about the hidden state $H_0$ under the blank, the
# state that the HMM was in just before the text began.
#
# :::{prf:definition} Downstream task
# :label: def-task
#
# Given weights $\mu \in \mathbb{R}^H$, the label of a text is
#
# $$
# F^\star(x) = \mathbf{1}\bigl(\mu^\top\, \mathbb{P}[H_0 \mid X_{1:T} = x] \ge 0\bigr).
# $$
#
# The number $\mu^\top \mathbb{P}[H_0 \mid x]$ is the text's *margin*.
# :::
#
# Labels follow the *posterior*, not the state itself: they ask what can be known, and so every text has one right
# answer. The frozen model does not show the posterior. It shows $G_\varnothing(\varnothing, x)$, a distribution over
# tokens, and a head may use nothing else:
#
# :::{prf:definition} Linear head
# :label: def-head
#
# With weights $b \in \mathbb{R}^V$, the head answers $\mathbf{1}\bigl(b^\top G_\varnothing(\varnothing, x) \ge 0\bigr)$.
# :::
#
# The next cell is the one to change.

# %%
import numpy as np
import torch

from hmmlib import PosteriorTask, random_hmm
from hmmlib.plotting import use_style

use_style()
seed = 76  # change me
mu = [1.0, -1.5, 0.8]  # change me: one weight per state
warm = {"transition_temperature": 0.3, "emission_temperature": 0.3}  # change me
hmm = random_hmm(3, n_tokens=3, generator=seed, **warm)  # three: to be drawn
task = PosteriorTask.two_class(hmm, mu)
print(task)


# %%
from hmmlib import ExactMaskedLM, blank_probs, sample_tokens

texts = sample_tokens(hmm, batch=400, time=129, generator=0)
texts = texts[:, 1:]  # x_1 … x_T; the dropped token belongs to H_0

# %%
G = blank_probs(ExactMaskedLM(hmm), texts)  # what the frozen model shows
posterior = task.posterior(texts)  # what the labels are made from
labels = task.labels(texts)
print("G at the blank:", [round(float(p), 3) for p in G[0]])
print("posterior of H0:", [round(float(p), 3) for p in posterior[0]])
print("share of label 1:", round(float(labels.double().mean()), 3))

# %% [markdown]
# ## Seen through the emissions
#
# How is the one related to the other? Everything rests on a fact about any three random variables.
#
# :::{prf:lemma} Seen through a middle variable
# :label: lem-middle
#
# If $U$ and $V$ are independent given $Z$, then
#
# $$
# \mathbb{P}[U \mid V = v] = \mathbb{P}[U \mid Z]\; \mathbb{P}[Z \mid V = v],
# $$
#
# where $\mathbb{P}[U \mid Z]$ is the matrix with entries $\mathbb{P}[U = u \mid Z = z]$.
# :::
#
# :::{prf:proof}
# Sum over the values of $Z$:
#
# $$
# \mathbb{P}[U = u \mid V = v] = \sum_z \mathbb{P}[U = u \mid Z = z, V = v]\, \mathbb{P}[Z = z \mid V = v],
# $$
#
# and given $Z = z$ the condition $V = v$ can be dropped.
# :::
#
# The token at the blank, its hidden state and the text are such a triple. So
#
# $$
# G_\varnothing(\varnothing, x) = W\, \mathbb{P}[H_0 \mid X_{1:T} = x],
# $$ (eq-through-w)
#
# as in equation {eq}`eq-blank`: the matrix $W$ maps the simplex of posteriors linearly into the simplex of token
# distributions. A line that splits the labels on one side is carried to a line that splits them on the other, as long as
# $W$ does not flatten the simplex.

# %% mystnb={"figure": {"caption": "Left, the posterior of each text over three hidden states, and the line on which the margin is zero. Right, what the frozen model shows at the blank for the same texts. The emissions have pressed the triangle together, but a straight line still splits the labels: the head of the theorem below.", "name": "fig-simplices"}, "image": {"alt": "Two triangles with points of two labels. On the left the points spread over the triangle of hidden states and a straight line separates the labels. On the right the same points lie in a smaller part of the triangle of tokens, again separated by a straight line."}}
import matplotlib.pyplot as plt

from hmmlib.plotting.head_tuning import two_simplices

b = torch.linalg.pinv(hmm.emission.T).T @ task.mu
two_simplices(posterior, G, labels, task.mu, b)
plt.show()

# %% [markdown]
# ## The theorem
#
# :::{prf:definition} Non-degenerate emissions
# :label: def-non-degenerate
#
# The columns of $W$ are linearly independent: no state's emission distribution is a combination of the others'.
# In particular $H \le V$.
# :::
#
# :::{prf:theorem} Head tuning on a vanilla HMM (the paper's Section 3)
# :label: thm-head-tuning
#
# Let the emissions be non-degenerate, and let $b = (W^+)^\top \mu$ with $W^+$ the pseudo-inverse of $W$. Then for
# every text $x$ that can occur
#
# $$
# b^\top G_\varnothing(\varnothing, x) = \mu^\top\, \mathbb{P}[H_0 \mid X_{1:T} = x],
# $$
#
# and therefore $F^\star(x) = \mathbf{1}\bigl(b^\top G_\varnothing(\varnothing, x) \ge 0\bigr)$.
# :::
#
# :::{prf:proof}
# In three steps:
#
# 1. Write $p = \mathbb{P}[H_0 \mid X_{1:T} = x]$. By {eq}`eq-through-w`, $G_\varnothing(\varnothing, x) = W p$.
# 2. As the columns of $W$ are linearly independent, $W^\top W$ is invertible and
#    $W^+ = (W^\top W)^{-1} W^\top$, so $W^+ W$ is the identity.
# 3. Hence $b^\top G_\varnothing(\varnothing, x)$ $= \mu^\top W^+ W p$ $= \mu^\top p$.
# :::
#
# Nothing was asked of the transitions, of the length of the text or of where the chain started. The head does not
# merely get the labels right; it reproduces the margin itself.
#
# :::{prf:remark}
# :label: rem-row-space
#
# The inverse is more than is needed. All that the proof uses is $W^\top b = \mu$. Such a $b$ exists whenever $\mu$ lies
# in the *row space* of $W$, whether or not the columns are independent. For non-degenerate emissions the row space is
# everything, so that one condition serves all tasks at once.
# :::
#
# ## The construction
#
# In code the head is one line. (The library's {py:func}`~hmmlib.constructions.linear_head` is that line with
# its assumption checked.) The largest deviation between head and margin, and the labels it gets wrong:


# %%
def theorem_head(hmm, mu):
    """The weights b = (W⁺)ᵀμ."""
    return torch.linalg.pinv(hmm.emission.T).T @ mu


value = G @ theorem_head(hmm, task.mu)
margin = posterior @ task.mu
largest = (value - margin).abs().max()
print("deviation from the margin below 1e-12:", bool(largest < 1e-12))
print(f"wrong labels: {int(((value >= 0).long() != labels).sum())} of {len(labels)}")

# %% [markdown]
# ### Change it
#
# The HMM above, computed in your browser. *Keep this b*, drag the emissions, and watch the head's value leave the
# margin; choose *b rebuilt* and it is back. Then make two rows of the emissions equal. {doc}`../book/explorer` has more to try.
#
# :::{explorer} A head and its HMM
# :machines: head
# :panels: head, machine
#
# The HMM of this chapter can be changed here. That needs JavaScript, which is switched off; the cell above prints the
# head's deviation from the margin for 400 texts.
# :::

# %% [markdown]
# ## A check over many random draws
#
# One HMM proves little. The next cell draws 300 HMMs of 2 to 10 states with ten tokens, a random task for
# each, and 40 texts for each task. The margin is accurate to its last digits, but the head's value is a difference of large
# numbers if $b$ is large. So texts are left out whose margin is smaller than what rounding may do to the value,
# ten units in the last place of $\lVert b \rVert_1$, and counted.

# %%
largest, wrong, total, unclear = 0.0, 0, 0, 0
for seed in range(300):
    model = random_hmm(2 + seed % 9, 10, generator=seed, **warm)
    weights = np.random.default_rng(seed).standard_normal(model.n_states)
    drawn = PosteriorTask.two_class(model, weights)
    x = sample_tokens(model, batch=40, time=33, generator=seed)[:, 1:]
    b = theorem_head(model, drawn.mu)
    value = blank_probs(ExactMaskedLM(model), x) @ b
    margin = drawn.posterior(x) @ drawn.mu
    clear = margin.abs() > 10 * np.finfo(float).eps * b.abs().sum()
    largest = max(largest, float((value - margin).abs().max()))
    wrong += int(((value >= 0) != (margin >= 0))[clear].sum())
    total, unclear = total + len(x), unclear + int((~clear).sum())
print(f"{total} texts, left out: {unclear}")
print(f"largest deviation {largest:.0e}, wrong labels {wrong}")

# %% [markdown]
# ## A model that is only nearly perfect
#
# A trained model computes some $\hat G$ near $G$. How near must it be?
#
# :::{prf:proposition} Error of the head (ours)
# :label: prop-conditioning
#
# If $\lVert \hat G - G \rVert_2 \le \varepsilon$ at the blank, the head's value moves by at most
# $\lVert b \rVert_2\, \varepsilon$, and $\lVert b \rVert_2 \le \lVert \mu \rVert_2 / \sigma_{\min}(W)$. Every
# label whose margin exceeds $\lVert b \rVert_2\, \varepsilon$ in size stays right.
# :::
#
# :::{prf:proof}
# $\lvert b^\top(\hat G - G) \rvert \le \lVert b \rVert_2 \lVert \hat G - G \rVert_2$ by Cauchy–Schwarz, and
# $\lVert (W^+)^\top \mu \rVert_2 \le \lVert W^+ \rVert_2 \lVert \mu \rVert_2$ with
# $\lVert W^+ \rVert_2 = 1/\sigma_{\min}(W)$.
# :::
#
# So the theorem's yes-or-no condition has a size: the smallest singular value of $W$. When two states emit nearly
# the same tokens, $\sigma_{\min}$ is small, $b$ is large, and small errors of the model are blown up. We add noise
# of a known size to exact predictions and watch the labels, for HMMs whose emissions are blurred more and more.

# %%
noise, curves = torch.logspace(-5, -0.5, 10), {}
rng = np.random.default_rng(2)
weights = rng.standard_normal(10)
error = torch.tensor(rng.standard_normal((2000, 10)))
for temperature in [0.1, 0.3, 1.0]:
    mild = {"transition_temperature": 0.05, "emission_temperature": temperature}
    model = random_hmm(10, 10, generator=2, **mild)
    drawn = PosteriorTask.two_class(model, weights)
    x = sample_tokens(model, batch=2000, time=65, generator=2)[:, 1:]
    head, exact = theorem_head(model, drawn.mu), blank_probs(ExactMaskedLM(model), x)
    answers = [((exact + size * error) @ head >= 0).long() for size in noise]
    name = f"τ = {temperature:g}, σ = {torch.linalg.svdvals(model.emission)[-1]:.1g}"
    curves[name] = [float((a == drawn.labels(x)).double().mean()) for a in answers]

# %% mystnb={"figure": {"caption": "Labels that the theorem's head gets right when noise is added to each entry of $G$, for emissions of three temperatures \u03c4 with smallest singular value \u03c3. The blurrier the emissions, the less noise the head can bear.", "name": "fig-noise"}, "image": {"alt": "Line chart of accuracy against noise level on a logarithmic axis. All three curves start at 100 percent and fall; the curve of the blurriest emissions falls first, at the smallest noise."}}
from hmmlib.plotting.head_tuning import accuracy_curves

accuracy_curves(
    noise.tolist(), curves, "standard deviation of the noise in each entry of $G$"
)
plt.show()

# %% [markdown]
# ## The paper's own HMMs
#
# The paper's experiments have $V = 10$ tokens and emissions at temperature 0.01. For $H \le 10$ the columns of $W$
# are linearly independent with probability one, so the theorem applies. But the {doc}`previous chapter
# <text_from_an_hmm>` found that states often share their favourite token, and then two columns are nearly equal.
# Here are the condition numbers $\sigma_{\max}/\sigma_{\min}$ over the paper's twenty seeds.

# %%
from hmmlib.tables import Table

rows = []
for n_states in [4, 8, 10]:
    drawn = [random_hmm(n_states, generator=seed) for seed in range(1, 21)]
    spectra = [torch.linalg.svdvals(h.emission) for h in drawn]
    logs = torch.stack([(s[0] / s[-1]).log10() for s in spectra])
    rows.append((n_states, logs.median(), (logs > 6).sum()))
header = ["$H$", "median of log10(condition number)", "seeds above 1e6"]
Table(header, rows, ".1f")

# %% [markdown]
# A condition number of $10^{11}$ costs eleven of the sixteen digits of double precision, and a trained network has
# far fewer to spend. At $H = V = 10$ the theorem still holds in exact arithmetic, yet its head is out of reach: by
# {prf:ref}`prop-conditioning` the model would have to be accurate to many more digits than it has.
#
# A second thing is easily missed. The paper's tasks give weight to a few states only, and posteriors on these
# HMMs are nearly one-hot. A text whose posterior sits on states of weight zero has a margin of almost nothing:
# its label is well defined, but decided by probabilities that no model will ever see.

# %%
from hmmlib import draw_task


def paper_cell(n_states, seed):
    """Labels: share that are clear; right, of all and of the clear; majority."""
    hmm = random_hmm(n_states, generator=seed)
    task = draw_task(hmm, generator=seed)
    x = sample_tokens(hmm, batch=500, time=129, generator=seed)[:, 1:]
    margin = task.posterior(x) @ task.mu
    value = blank_probs(ExactMaskedLM(hmm), x) @ theorem_head(hmm, task.mu)
    right, clear = (value >= 0) == (margin >= 0), margin.abs() > 1e-9
    ones = (margin >= 0).double().mean()
    shares = [clear.double().mean(), right.double().mean()]
    shares += [right[clear].double().mean(), max(ones, 1 - ones)]
    return [float(share) for share in shares]


# %%
sizes = [4, 8, 10, 15, 25, 30]
cells = {
    h: torch.tensor([paper_cell(h, seed) for seed in range(1, 21)]) for h in sizes
}
rows = [(n_states, cell[:, 0].mean()) for n_states, cell in cells.items()]
Table(["$H$", "labels with a margin beyond 1e-9 (mean of 20 seeds)"], rows)

# %% mystnb={"figure": {"caption": "The theorem's head on the paper's HMMs and tasks, twenty seeds for each number of states (dots) and their mean. Up to $H = V$ the theorem applies; what is lost there is lost to rounding. Beyond, no $b$ with $W^\\top b = \\mu$ exists.", "name": "fig-paper-machines"}, "image": {"alt": "Line chart of labels right against number of hidden states. The head's mean on labels with a clear margin is near 100 percent for 4 and 8 states, lower at 10, and falls to the level of always giving the more frequent label at 25 and 30 states."}}
from hmmlib.plotting import accuracy_by_states

series = {
    "head, clear labels": {h: cell[:, 2].tolist() for h, cell in cells.items()},
    "head, all labels": {h: cell[:, 1].tolist() for h, cell in cells.items()},
    "more frequent label": {h: cell[:, 3].tolist() for h, cell in cells.items()},
}
accuracy_by_states(series, n_tokens=10)
plt.show()

# %% [markdown]
# ## When there are more states than tokens
#
# With $H > V$ the columns of $W$ cannot be independent. Then $W$ sends different posteriors to the same token
# distribution, and there are tasks for which *no* head can be right, linear or not. Here is the smallest kind of
# example: states 0 and 1 emit alike, but what follows them differs.

# %%
from hmmlib import HMM

fork = HMM(
    initial=[0.5, 0.5, 0.0, 0.0],
    transition=[[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]],
    emission=[[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
)
zero_or_one = PosteriorTask.two_class(fork, [1, -1, 0, 0])
x = torch.tensor([[1, 0, 1], [2, 0, 1]])
print("posteriors:", zero_or_one.posterior(x).tolist())
print("labels:", zero_or_one.labels(x).tolist())
print("G at blank:", blank_probs(ExactMaskedLM(fork), x).tolist())

# %% [markdown]
# The two texts have different posteriors and different labels, and the frozen model shows the *same* thing at the
# blank for both. Whatever the head does with it, one label comes out wrong. The information is not hidden from a
# linear head; it is gone.
#
# In {numref}`fig-paper-machines` this is what happens to the right of $H = V$. The head of the theorem is then only
# one choice among others, and the figure does not say how well the best head would do. The {doc}`next chapter
# <when_heads_fail>` finds out, with proofs that no head does better.
#
# ## Exercises

# %% [markdown]
# :::{exercise}
# :label: ex-classes
#
# A task with $K$ classes gives class $k$ the score $\mu_k^\top \mathbb{P}[H_0 \mid x]$ and picks the largest. Show that under
# the assumption of {prf:ref}`thm-head-tuning` a linear head $B \in \mathbb{R}^{V \times K}$ on $G_\varnothing$ gets all labels
# right, and check it for $K = 4$.
# :::

# %% [markdown]
# :::{solution-start} ex-classes
# :class: dropdown
# :::
#
# Stack the weights as columns of $M = (\mu_1, \dots, \mu_K)$ and take $B = (W^+)^\top M$. Then
# $B^\top G_\varnothing = M^\top W^+ W\, p = M^\top p$, so all scores are reproduced, and with them the largest.

# %%
model = random_hmm(
    6, 10, generator=4, transition_temperature=0.1, emission_temperature=0.1
)
M = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
four = PosteriorTask(model, M.T)
x = sample_tokens(model, batch=1000, time=33, generator=4)[:, 1:]
scores = (
    blank_probs(ExactMaskedLM(model), x) @ torch.linalg.pinv(model.emission.T).T @ M
)
print("texts per class:", torch.bincount(four.labels(x), minlength=4).tolist())
print("wrong labels:", int((scores.argmax(-1) != four.labels(x)).sum()))

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# :::{exercise}
# :label: ex-row-space
#
# Find a task on the HMM `fork` above that a linear head *does* solve, although the columns of its $W$ are
# dependent, and its head $b$.
# :::

# %% [markdown]
# :::{solution-start} ex-row-space
# :class: dropdown
# :::
#
# By the remark after the theorem, any $\mu$ in the row space of $W$ will do: one that gives states 0 and 1 the same
# weight. For instance, "is the HMM in state 2 rather than 3?" has $\mu = (0, 0, 1, -1)$, and $W^\top b = \mu$ is
# solved by $b = (0, 1, -1)$.

# %%
W = fork.emission.T
wanted = torch.tensor([0.0, 0.0, 1.0, -1.0], dtype=torch.float64)
b = torch.linalg.pinv(W).T @ wanted
print("b =", [round(float(value), 6) + 0.0 for value in b])
print("solves W'b = mu:", torch.allclose(W.T @ b, wanted, atol=1e-12))

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# - At the blank the frozen model shows $G_\varnothing = W\,\mathbb{P}[H_0 \mid x]$, and a head can use nothing else.
# - If the columns of $W$ are independent, $b = (W^+)^\top \mu$ reproduces every margin, hence every label.
# - How well it does so on an imperfect model depends on $\sigma_{\min}(W)$. On the paper's HMMs that number is
#   often tiny, already for $H \le V$.
# - With $H > V$ different posteriors can look alike at the blank, and then no head can tell them apart.
