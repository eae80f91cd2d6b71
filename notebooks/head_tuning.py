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
# In practice few people train a language model. They take one that is there, say BERT, and put a small classifier on
# top: a linear function of what BERT computes at one position, which answers *positive* or *negative*. If only that
# function is trained and the model below is **frozen**, this is **head tuning**. The same experiment with another purpose
# is a **linear probe** {cite:p}`alain2016understanding,belinkov2021probing`: how well the head does says what can be read
# off the model, linearly.
#
# Most heads read the hidden vector, 768 numbers in BERT-base. The head of {cite:t}`wei2021why`, and of this book, reads the
# *probabilities* that the model gives to the tokens under a mask. People do that too. {cite:t}`schick2021exploiting` put a
# mask behind a review, *It was [MASK]*, and compare the probabilities of a few chosen words, such as *great* and *bad*. A
# linear head on all probabilities generalises this: it gives every word a weight.
#
# What is gained, and what is lost? The probabilities are what pretraining is *about*. They have a right value, so that we
# can speak of the perfect model and prove something of it, whatever network computes it. Hidden vectors have none: two
# networks with the same predictions may have quite different ones. On the other side, the probabilities are
# computed from the hidden vector, so it holds at least as much. What is blurred by the step from one to the other, a head
# on probabilities cannot read, and a head on the hidden vector perhaps can ({ref}`ex-hidden` returns to this). Nor
# is either kind of *linear* function contained in the other, as a softmax stands between.
#
# The question of this chapter: when can a linear head on the perfect model's probabilities get **every** label right?
# The paper has a condition on the emissions under which it always can. We prove it, build the head, and then take the
# condition away: first a little, then altogether. Running the chapter takes about half a minute.

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
# {numref}`fig-pipeline` shows the way from text to label. Our task is the one that the last chapter announced: *is the
# reviewer praising, rather than complaining, under the mask?* With the states describe, praise and complain that is
# $\mu = (0, 1, -1)$. The reviewer here takes more time than that of the last chapter: he mostly goes on with what
# he does. So the text says more about the mask. The next cell is the one to change.

# %%
import numpy as np
import torch

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, blank_probs, sample_tokens
from hmmlib.hmm import REVIEW_STATES, REVIEW_WORDS, review_hmm
from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %%
stay = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]]  # change me: from, to
mu = [0.0, 1.0, -1.0]  # change me: one weight per state
quick = review_hmm()  # the reviewer of the last chapter
hmm = HMM(quick.initial, stay, quick.emission)  # three states, to be drawn
task = PosteriorTask.two_class(hmm, mu)
lm = ExactMaskedLM(hmm)  # the frozen model: all G, exactly


# %%
def draw_texts(hmm, n_texts, length, seed):
    """x_1 … x_T behind a mask: the token at position 0 is dropped."""
    return sample_tokens(hmm, batch=n_texts, time=length + 1, generator=seed)[:, 1:]


texts = draw_texts(hmm, 400, 12, seed=0)
G = blank_probs(lm, texts)  # what the frozen model shows at the mask
posterior = task.posterior(texts)  # what the labels are made from
labels = task.labels(texts)
rows = [(t, *posterior[t], *G[t], labels[t]) for t in range(4)]
header = [*(f"P[{name}]" for name in REVIEW_STATES[:3])]
header += [f"G[{word}]" for word in REVIEW_WORDS]
Table(["text", *header, "label"], rows, ".3f")

# %% mystnb={"figure": {"caption": "From a text to its label. The frozen model shows a distribution over the words at the mask; the head multiplies it with one weight per word and adds up; the sign is the label. The head drawn here is the one that this chapter derives. Only the head is tuned.", "name": "fig-pipeline"}, "image": {"alt": "Five boxes in a row joined by arrows: the text, a mask and four words; the frozen masked language model in grey; bars of its probabilities for plot, great and dull; bars of the head's weights, zero for plot, positive for great and negative for dull; and the value with the label."}}
import matplotlib.pyplot as plt

from hmmlib.plotting.head_tuning import pipeline

b = torch.linalg.pinv(hmm.emission.T).T @ task.mu
words = ("great", "plot", "great", "dull")
x = torch.tensor([[REVIEW_WORDS.index(word) for word in words]])
pipeline(words, REVIEW_WORDS, blank_probs(lm, x)[0], b)
plt.show()

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
# as in equation {eq}`eq-blank`. The distributions over three things form a triangle, over $H$ things a **simplex**, whose
# corners are the certainties. The matrix $W$ maps the simplex of posteriors linearly into that of token distributions,
# and its corners to the columns of $W$. A line that splits the labels on one side is carried to a line that splits them
# on the other, as long as $W$ does not flatten the simplex.

# %% mystnb={"figure": {"caption": "Left, the posterior of each text over three hidden states, and the line on which the margin is zero. Right, what the frozen model shows at the mask for the same texts. The whole triangle on the left becomes the dashed one on the right, corner 0 (describe) to corner 0 and so on: the columns of $W$. It is smaller, but it is still a triangle, and a straight line still splits the labels. That line is the head of the theorem below.", "name": "fig-simplices"}, "image": {"alt": "Two triangles with points of two labels. On the left the points spread over the triangle with corners describe, praise and complain, numbered 0 to 2, and a straight line separates the labels. On the right, in the triangle with corners plot, great and dull, a smaller dashed triangle with corners 0 to 2 holds the same points, again separated by a straight line."}}
from hmmlib.plotting.head_tuning import two_simplices

corners = (REVIEW_STATES[:3], REVIEW_WORDS)
two_simplices(posterior, G, labels, task.mu, b, hmm.emission, corners)
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
# Let the emissions be non-degenerate, and let $b = (W^+)^\top \mu$ with the **pseudo-inverse**
# $W^+ = (W^\top W)^{-1} W^\top$. Then for every text $x$ that can occur, the empty one included,
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
# 2. As the columns of $W$ are linearly independent, $W^\top W$ is invertible, and $W^+ W$ is the identity.
# 3. Hence $b^\top G_\varnothing(\varnothing, x)$ $= \mu^\top W^+ W p$ $= \mu^\top p$.
# :::
#
# The head does not merely get the labels right; it reproduces the margin itself. It knows nothing of the transitions,
# for they are not in $b$. Compared with the paper, less is assumed:
#
# ```{list-table}
# :header-rows: 1
# :name: tab-assumptions
#
# * - The paper assumes
#   - We assume
#   - Why it may be dropped
# * - The columns of $W$ are linearly independent.
#   - The same; for a single task less will do.
#   - {prf:ref}`rem-row-space`
# * - The chain is **ergodic**: from every state every other can be reached, in no fixed rhythm, so that it forgets where it started.
#   - Nothing of $A$.
#   - The proof uses of the chain only that token and text are independent given $H_0$.
# * - It starts from its stationary distribution.
#   - Any $\pi_0$.
#   - Stationarity makes a shift of the text by one step harmless. Here nothing is shifted: the mask stands at position 0,
#     and $H_0$ has the distribution $\pi_0$ whatever that is.
# * - The model shows $G$ exactly.
#   - The same; later, nearly.
#   - {prf:ref}`prop-conditioning`
# ```
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
# its assumption checked.) For the reviewer it is *great minus dull*, times 5/3. The two reviewers differ in their
# transitions and write with the same $W$, and so one head serves both:


# %%
def theorem_head(hmm, mu):
    """The weights b = (W⁺)ᵀμ."""
    return torch.linalg.pinv(hmm.emission.T).T @ mu


# %%
b, rows = theorem_head(hmm, task.mu), []
for name, model in {"slow": hmm, "quick": quick}.items():
    asked = PosteriorTask.two_class(model, mu)
    x = draw_texts(model, 400, 12, seed=0)
    value = blank_probs(ExactMaskedLM(model), x) @ b
    margin = asked.posterior(x) @ asked.mu
    wrong = ((value >= 0) != (margin >= 0)).sum()
    rows.append((name, margin.std(), deviation((value - margin).abs().max()), wrong))
print("b:", [round(float(weight), 4) + 0.0 for weight in b])
header = ["spread of the margins", "head − margin, at most", "wrong labels of 400"]
Table(["reviewer", *header], rows, ".3f")

# %% [markdown]
# ### Change it
#
# The slow reviewer, computed in your browser: tokens `a`, `b` and `c` are *plot*, *great* and *dull*, states 0, 1 and 2
# describe, praise and complain. *Keep this b*, drag the emissions, and watch the head's value leave the
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
# ## Three hundred other HMMs
#
# One HMM proves little. So we draw 300 of 2 to 10 states with ten tokens, a random task for each, and 40 texts for each
# task. The margins come from a recursion written here, not from the library. A check must be able to fail: the second
# row repeats it with a mistake that is easily made, reading the margin off the state *of the first word*, one position
# too late. The head's value is a difference of large numbers if $b$ is large. So texts are left out whose
# margin is smaller than what rounding may do to the value, ten units in the last place of $\lVert b \rVert_1$, and counted.


# %%
def margins_by_recursion(hmm, mu, texts, late=0):
    """μᵀP[H_0 | x] from L(zx) = Aᵀ(W[z] ⊙ L(x)); with late=1, of H_1."""
    L, prior = torch.ones(len(texts), hmm.n_states).double(), hmm.initial
    words = texts.T.flip(0)  # the last first
    for z in words[: len(words) - late]:
        L = (hmm.emission.T[z] * L) @ hmm.transition.T
    if late:
        prior, L = prior @ hmm.transition, hmm.emission.T[words[-1]] * L
    return (prior * L) @ mu / (L @ prior)


# %%
from hmmlib import random_hmm

warm = {"transition_temperature": 0.3, "emission_temperature": 0.3}


# %%
def one_check(seed, late):
    """Of 40 texts: largest deviation, wrong labels, texts left out."""
    model = random_hmm(2 + seed % 9, 10, generator=seed, **warm)
    weights = torch.tensor(
        np.random.default_rng(seed).standard_normal(model.n_states)
    )
    x, b = draw_texts(model, 40, 16, seed), theorem_head(model, weights)
    value = blank_probs(ExactMaskedLM(model), x) @ b
    margin = margins_by_recursion(model, weights, x, late)
    clear = margin.abs() > 10 * torch.finfo(b.dtype).eps * b.abs().sum()
    wrong = ((value >= 0) != (margin >= 0))[clear]
    return float((value - margin).abs().max()), int(wrong.sum()), int((~clear).sum())


# %%
rows = []
for name, late in {"none": 0, "one position late": 1}.items():
    largest, wrong, unclear = zip(
        *(one_check(s, late) for s in range(300)), strict=True
    )
    rows.append((name, sum(unclear), deviation(max(largest), 1e-10), sum(wrong)))
header = ["texts left out of 12,000", "head − margin, at most", "wrong labels"]
Table(["mistake", *header], rows)

# %% [markdown]
# ## A model that is only nearly perfect
#
# A trained model computes some $\hat G$ near $G$. How near must it be?
#
# :::{prf:proposition} Error of the head (ours)
# :label: prop-conditioning
#
# If $\lVert \hat G - G \rVert_2 \le \varepsilon$ at the mask, the head's value moves by at most
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
# So the theorem's yes-or-no condition has a size: the smallest **singular value** $\sigma_{\min}$ of $W$, the least factor
# by which $W$ shortens a vector. When two states emit nearly the same tokens, $\sigma_{\min}$ is small, $b$ is large, and
# small errors of the model are blown up. (As $\hat G$ and $G$ both sum to one, adding one number to all entries of $b$
# changes nothing of the error. In the bound $b$ may be replaced by $b$ minus its mean.) We add noise of a known size to
# exact predictions and watch the labels, for HMMs whose emissions are blurred more and more.

# %% tags=["hide-input"]
noise, curves = torch.logspace(-5, -0.5, 10), {}
rng = np.random.default_rng(2)
weights = rng.standard_normal(10)
error = torch.tensor(rng.standard_normal((2000, 10)))
for temperature in [0.1, 0.3, 1.0]:
    mild = {"transition_temperature": 0.05, "emission_temperature": temperature}
    model = random_hmm(10, 10, generator=2, **mild)
    drawn = PosteriorTask.two_class(model, weights)
    x = draw_texts(model, 2000, 64, seed=2)
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
# Here are the **condition numbers** $\sigma_{\max}/\sigma_{\min}$ over the paper's twenty seeds.

# %% tags=["hide-input"]
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
# its label is well defined, but decided by probabilities that no model will ever see. A label is called *clear* in this
# book if its margin is farther than $10^{-9}$ from zero ({ref}`what-zero-means`).

# %% tags=["hide-input"]
from hmmlib import draw_task


def paper_cell(n_states, seed):
    """Labels: share that are clear; right, of all and of the clear; majority."""
    hmm = random_hmm(n_states, generator=seed)
    task = draw_task(hmm, generator=seed)
    x = draw_texts(hmm, 500, 128, seed)
    margin = task.posterior(x) @ task.mu
    value = blank_probs(ExactMaskedLM(hmm), x) @ theorem_head(hmm, task.mu)
    right, clear = (value >= 0) == (margin >= 0), margin.abs() > 1e-9
    ones = (margin >= 0).double().mean()
    shares = [clear.double().mean(), right.double().mean()]
    shares += [right[clear].double().mean(), max(ones, 1 - ones)]
    return [float(share) for share in shares]


# %% tags=["hide-input"]
sizes = [4, 8, 10, 15, 25, 30]
cells = {
    h: torch.tensor([paper_cell(h, seed) for seed in range(1, 21)]) for h in sizes
}
rows = [(n_states, cell[:, 0].mean()) for n_states, cell in cells.items()]
Table(["$H$", "labels with a margin beyond 1e-9 (mean of 20 seeds)"], rows)

# %% mystnb={"figure": {"caption": "The theorem's head on the paper's HMMs and tasks, twenty seeds for each number of states (dots) and their mean. Up to $H = V$ the theorem applies; what is lost there is lost to rounding. Beyond, $W^\\top b = \\mu$ has in general no solution, and the $b$ that comes nearest is drawn.", "name": "fig-paper-machines"}, "image": {"alt": "Line chart of labels right against number of hidden states. The head's mean on labels with a clear margin is near 100 percent for 4 and 8 states, lower at 10, and falls to the level of always giving the more frequent label at 25 and 30 states."}}
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
# example: states 0 and 1 emit alike, they are **aliased** {cite:p}`weiss2015learning`, but what follows them differs.

# %%
fork = HMM(
    initial=[0.5, 0.5, 0.0, 0.0],
    transition=[[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]],
    emission=[[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
)
zero_or_one = PosteriorTask.two_class(fork, [1, -1, 0, 0])
x = torch.tensor([[1, 0, 1], [2, 0, 1]])
p, y = zero_or_one.posterior(x), zero_or_one.labels(x)
g = blank_probs(ExactMaskedLM(fork), x)
rows = [
    (word, str(p[i].tolist()), y[i], str(g[i].tolist()))
    for i, word in enumerate(["bab", "cab"])
]
Table(["text", "posterior", "label", "$G$ at the mask"], rows)

# %% [markdown]
# The two texts have different posteriors and different labels, and the frozen model shows the *same* thing at the
# mask for both. Whatever the head does with it, one label comes out wrong. The information is not hidden from a
# linear head; it is gone.
#
# In {numref}`fig-paper-machines` this is what happens to the right of $H = V$. The head of the theorem is then only
# one choice among others, and the figure does not say how well the best head would do. The {doc}`next chapter
# <when_heads_fail>` finds out, with proofs that no head does better.
#
# ## Neighbours
#
# Independent emission columns are also what spectral learning of HMMs asks for {cite:p}`hsu2012spectral`: where states can
# be read off the next token, the model can be learnt from short windows of text. HMMs with more states than tokens
# are called *overcomplete*, and {cite:t}`sharan2017learning` show which of them can be learnt, and from how long
# windows. {cite:t}`saunshi2021mathematical` prove for next-word models that near-optimal ones solve, linearly, the tasks that
# a sentence completion would answer; {prf:ref}`thm-head-tuning` says which tasks these are when the text comes from an HMM.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: The reviewer's head
# :label: ex-review-head
#
# Solve $W^\top b = \mu$ for the reviewer, whose states write *plot, great, dull* with probabilities (8, 1, 1)/10,
# (2, 7, 1)/10 and (2, 1, 7)/10, and $\mu = (0, 1, -1)$. For the quick reviewer of the last chapter behind the text
# *great* find posterior, margin, $G$ and the head's value as fractions.
#
# :::{admonition} Hint
# :class: dropdown
# Subtract the last two equations and add them. The quick reviewer moves from describe to the three states with (4, 3, 3)/10,
# from praise with (4, 5, 1)/10, from complain with (4, 1, 5)/10, and starts with (4, 3, 3)/10.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-review-head
# :class: dropdown
# :::
#
# Subtracting gives $\tfrac{6}{10}(b_1 - b_2) = 2$, adding gives $\tfrac{4}{10} b_0 + \tfrac{8}{10}(b_1 + b_2) = 0$, and with
# the first equation $b_0 = b_1 + b_2 = 0$. So $b = (0, \tfrac53, -\tfrac53)$.
#
# The word *great* follows the three states with probabilities 28/100, 40/100 and 16/100. Times the prior and
# rescaled that is $p = (\tfrac25, \tfrac37, \tfrac6{35})$, and the margin is $\tfrac37 - \tfrac6{35} = \tfrac9{35}$. From $Wp$
# comes $G[\text{great}] = \tfrac5{14}$ and $G[\text{dull}] = \tfrac{71}{350}$, and
# $\tfrac53\bigl(\tfrac5{14} - \tfrac{71}{350}\bigr) = \tfrac53 \cdot \tfrac{54}{350} = \tfrac9{35}$.

# %%
from fractions import Fraction as F

tenths = [[F(n, 10) for n in row] for row in [(8, 1, 1), (2, 7, 1), (2, 1, 7)]]
moves = [[F(n, 10) for n in row] for row in [(4, 3, 3), (4, 5, 1), (4, 1, 5)]]
start, states = [F(4, 10), F(3, 10), F(3, 10)], range(3)
b = [F(0), F(5, 3), F(-5, 3)]
print("Wᵀb:", [str(sum(tenths[h][z] * b[z] for z in range(3))) for h in states])
joint = [start[h] * sum(moves[h][k] * tenths[k][1] for k in states) for h in states]
p = [q / sum(joint) for q in joint]
g = [sum(tenths[h][z] * p[h] for h in states) for z in range(3)]
value = sum(weight * share for weight, share in zip(b, g, strict=True))
print("p:", *p, "| margin:", p[1] - p[2], "| G:", *g, "| head:", value)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: A task on dependent columns
# :label: ex-row-space
#
# Find a task on the HMM `fork` above that a linear head *does* solve, although the columns of its $W$ are
# dependent, and its head $b$.
#
# :::{admonition} Hint
# :class: dropdown
# {prf:ref}`rem-row-space`.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-row-space
# :class: dropdown
# :::
#
# By the remark after the theorem, any $\mu$ in the row space of $W$ will do: one that gives states 0 and 1 the same
# weight. For instance, "is the HMM in state 2 rather than 3?" has $\mu = (0, 0, 1, -1)$, and $W^\top b = \mu$ is
# solved by $b = (0, 1, -1)$. For the task of the example above, no $b$ comes nearer than the last column says.

# %%
W, rows = fork.emission.T, []
for wanted in ([0.0, 0.0, 1.0, -1.0], [1.0, -1.0, 0.0, 0.0]):
    mu_here = torch.tensor(wanted, dtype=torch.float64)
    b = torch.linalg.pinv(W).T @ mu_here
    missed = (W.T @ b - mu_here).norm()
    rows.append((str(wanted), str([round(float(v), 6) + 0.0 for v in b]), missed))
Table([r"$\mu$", "$b$", r"$\lVert W^\top b - \mu \rVert$"], rows)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: More than two classes
# :label: ex-classes
#
# A task with $K$ classes gives class $k$ the score $\mu_k^\top \mathbb{P}[H_0 \mid x]$ and picks the largest. Show that under
# the assumption of {prf:ref}`thm-head-tuning` a linear head $B \in \mathbb{R}^{V \times K}$ on $G_\varnothing$ gets all labels
# right, and check it for $K = 4$. See your check fail, too.
#
# :::{admonition} Hint
# :class: dropdown
# One column of $B$ for each class.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-classes
# :class: dropdown
# :::
#
# Stack the weights as columns of $M = (\mu_1, \dots, \mu_K)$ and take $B = (W^+)^\top M$. Then
# $B^\top G_\varnothing = M^\top W^+ W\, p = M^\top p$, so all scores are reproduced, and with them the largest. To see it
# fail, take the head of an HMM with two states exchanged.

# %%
cool = {"transition_temperature": 0.1, "emission_temperature": 0.1}
model = random_hmm(6, 10, generator=4, **cool)
M = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
four, rows = PosteriorTask(model, M.T), []
x = draw_texts(model, 1000, 32, seed=4)
exchanged = model.emission[[1, 0, 2, 3, 4, 5]]
for name, W in {"W": model.emission.T, "W, two exchanged": exchanged.T}.items():
    scores = blank_probs(ExactMaskedLM(model), x) @ torch.linalg.pinv(W).T @ M
    rows.append((name, (scores.argmax(-1) != four.labels(x)).sum()))
print("texts per class:", torch.bincount(four.labels(x), minlength=4).tolist())
Table(["head built from", "wrong labels of 1000"], rows)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: States that emit alike
# :label: ex-alike
#
# "If two states emit alike, every task that gives them different weights has margins that no head reproduces."
#
# :::{admonition} Hint
# :class: dropdown
# Let what *follows* the two states be alike as well. What does a text then say about which of them it was?
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-alike
# :class: dropdown
# :::
#
# *Refuted.* If states 0 and 1 have the same transitions, all texts are equally probable after either, and the posterior
# divides between them as $\pi_0$ does. So $\mu_0 p_0 + \mu_1 p_1 = m\,(p_0 + p_1)$ with $m$ the mean of the two weights
# under $\pi_0$, and the task has the margins of one that weighs both with $m$. That one lies in the row space. On the fork
# itself, where the followers differ, the statement is true. The {doc}`next chapter <when_heads_fail>` has the exact
# condition. The cell fits the best $b$ to the margins of four texts.

# %%
from hmmlib.certificates import row_space_test

same = fork.transition.tolist()
same[1] = same[0] = [0.0, 0.0, 0.5, 0.5]
rows = []
for name, moves in {"different": fork.transition, "the same": same}.items():
    model = HMM([0.3, 0.5, 0.2, 0.0], moves, fork.emission)
    x = torch.tensor([[0, 1, 0, 1], [0, 2, 0, 1], [1, 0, 1, 0], [2, 0, 1, 0]])
    g = blank_probs(ExactMaskedLM(model), x)
    margins = margins_by_recursion(model, torch.tensor([1.0, -1, 0, 0]).double(), x)
    missed = g @ torch.linalg.lstsq(g, margins, driver="gelsd").solution - margins
    head = row_space_test(model, [1, -1, 0, 0]).representable
    rows.append((name, deviation(missed.abs().max()), head))
header = ["margins missed by the best fit", "a head has every margin"]
Table(["followers", *header], rows)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: A head on something else
# :label: ex-hidden
#
# A head on hidden vectors reads something from which $G$ is computed. Which features of the exact model would be a fair
# stand-in for hidden vectors, and how much more than $G$ do they give a linear head? Try $\log G$, the input of the
# softmax up to a constant, and the posterior.
#
# :::{admonition} Hint
# :class: dropdown
# {py:func}`~hmmlib.heads.logistic_head` fits a head. Take HMMs with more states than tokens, and score on new texts.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-hidden
# :class: dropdown
# :::
#
# The exact model has no hidden vectors, only what they would have to determine. The most that a network could hold of the
# state under the mask is the posterior, and a linear head on it is always right. The least is $G$. A first experiment with
# ten HMMs of eight states and four tokens:

# %% tags=["hide-input"]
from hmmlib.heads import logistic_head


def rights(seed):
    """Labels right on new texts: a head on G, on log G, on the posterior."""
    model = random_hmm(8, 4, generator=seed, **cool)
    weights = np.random.default_rng(seed).standard_normal(8)
    asked = PosteriorTask.two_class(model, weights - weights @ model.initial.numpy())
    train, test = (draw_texts(model, 1000, 16, seed=s) for s in (seed, seed + 50))
    g, new = (blank_probs(ExactMaskedLM(model), x) for x in (train, test))
    seen = [(g, new), (g.log(), new.log()), map(asked.posterior, (train, test))]
    y, new_y = asked.labels(train), asked.labels(test)
    heads = [(logistic_head(a, y).head, b) for a, b in seen]
    return [float((head.labels(b) == new_y).double().mean()) for head, b in heads]


# %% tags=["hide-input"]
names = ["$G$", r"$\log G$", "posterior"]
found = np.array([rights(seed) for seed in range(10)])
rows = zip(names, found.mean(0), found.min(0), strict=True)
Table(["features", "labels right, mean", "worst"], rows)

# %% [markdown]
# What lies between the two, where a trained network's hidden vectors are, and whether pretraining has any reason to keep
# there what the prediction at the mask does not need, these numbers cannot say. {doc}`where_the_error_comes_from` measures
# the step from $G$ to the posterior on the paper's HMMs, under the name *emissions → linear readout*.
#
# :::{solution-end}
# :::
#
# ## Summary
#
# - At the mask the frozen model shows $G_\varnothing = W\,\mathbb{P}[H_0 \mid x]$, and a head can use nothing else.
# - If the columns of $W$ are independent, $b = (W^+)^\top \mu$ reproduces every margin, hence every label.
# - How well it does so on an imperfect model depends on $\sigma_{\min}(W)$. On the paper's HMMs that number is
#   often tiny, already for $H \le V$.
# - With $H > V$ different posteriors can look alike at the mask, and then no head can tell them apart.
