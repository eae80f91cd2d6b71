# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # When heads fail
#
# Somebody puts a linear head on a frozen language model, trains it, and gets 80% of the labels right. What went wrong? Was
# the head badly trained: too few texts, too short a time, the wrong optimiser? Or was the answer not there to be read?
# In practice this is settled by trying harder, and never quite: that one more attempt failed proves nothing of the next
# one. What probes show, and what they do not, has been argued about for years {cite:p}`belinkov2021probing`.
#
# Here we can *know*. The perfect model is a formula, a head is a vector, and whether some vector will do is a question of
# linear algebra or of linear programming. Both answer no with a proof that anyone can check. With more states than
# tokens, where the theorem of the {doc}`previous chapter <head_tuning>` is silent, we ask three questions, each more
# forgiving than the last. Is there a head that reproduces every margin? One that gets every label right? And if not, how
# many can the best one get?
#
# The reviewer of the last chapters now also *quotes* others. When he does, he writes *great* and *dull* equally often: the
# column of *quote* in $W$ is the mean of those of *praise* and *complain*. Four states share three words. Is he
# praising rather than complaining? That can still be read. Is it his *own* opinion that he gives? We shall see. Running
# the chapter takes about half a minute.

# %% [markdown]
# ## Three coins
#
# A drawer holds three coins that show side a with probability 0.2, 0.5 and 0.8, and side b otherwise. One is drawn and
# tossed again and again. The text is the list of sides, the hidden state is the coin, which never changes, and there are
# three states but two tokens. The task: *is it the fair coin?* More precisely, is it more likely than not?

# %%
import numpy as np
import torch

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, blank_probs, sample_tokens
from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %%
coins = HMM(
    initial=[1 / 3, 1 / 3, 1 / 3],
    transition=torch.eye(3),
    emission=[[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]],
)
fair = PosteriorTask.two_class(coins, [-1, 1, -1])
tosses = sample_tokens(coins, batch=300, time=13, generator=0)[:, 1:]
shown = blank_probs(ExactMaskedLM(coins), tosses)

# %% [markdown]
# At the mask the frozen model shows a single number, the probability of side a. A head compares it with a threshold.
# But the fair coin is the one *in the middle*.

# %% mystnb={"figure": {"caption": "Left, the posterior of each text over the three coins; the black line is where the margin is zero, and along each grey line the model shows the same. Right, what it shows, with a row for each label (heights within a row are only for the eye). Texts of label 1 lie between texts of label 0, and no threshold separates them.", "name": "fig-fail-coins"}, "image": {"alt": "Left, a triangle of posteriors in which points form an arch from state 0 over state 1 to state 2; a straight line separates the top of the arch. Right, two rows of points against the probability of token a: label 1 lies in the middle, label 0 at both ends."}}
import matplotlib.pyplot as plt

from hmmlib.certificates import row_space_test
from hmmlib.plotting.when_heads_fail import fibres

lost = row_space_test(coins, fair.mu).lost
fibres(fair.posterior(tosses), shown[:, 0], fair.labels(tosses), fair.mu, lost)
plt.show()

# %% [markdown]
# Nothing was trained, so nothing was trained badly. The posterior separates the labels by a line; $W$ has pressed the
# triangle flat, and the line with it. For the coins there is a proof without any computing. It comes back three times in
# this book, behind prompts and before attention heads, and so we state it once in general.
#
# :::{prf:lemma} What is shown moves one way (ours)
# :label: fail-lem-one-way
#
# Let $w_h \ge 0$, not all zero, $r_h > 0$ and $p_h$ be numbers such that $r$ grows with $p$: $(p_g - p_h)(r_g - r_h) \ge 0$ for
# all $g, h$. For $n = 0, 1, 2, \dots$ let
#
# $$
# E_n = \frac{\sum_h w_h\, r_h^n\, p_h}{\sum_h w_h\, r_h^n}.
# $$
#
# 1. $E_0 \le E_1 \le E_2 \le \dots$
# 2. For any $\alpha$ and $\beta$ the labels $\mathbf{1}(\alpha + \beta E_n \ge 0)$ change at most once as $n$ grows. So no
#    $\alpha, \beta$ give three numbers $n_1 < n_2 < n_3$ the labels 1, 0, 1, nor 0, 1, 0.
# :::
#
# :::{prf:proof}
# $E_n$ is the mean $\mathbb{E}[p]$ under weights proportional to $w_h r_h^n$. One step more multiplies the weights by
# $r_h$, so under the *same* weights $E_{n+1} = \mathbb{E}[p\,r] / \mathbb{E}[r]$. With $\tilde w$ for the weights,
# divided by their sum,
#
# $$
# \begin{aligned}
# &\mathbb{E}[p\,r] - \mathbb{E}[p]\,\mathbb{E}[r] \\
# &\quad = \tfrac12 \sum_{g, h} \tilde w_g\, \tilde w_h\, (p_g - p_h)(r_g - r_h) \ge 0,
# \end{aligned}
# $$
#
# and $\mathbb{E}[r] > 0$. That is the first claim. By it $\alpha + \beta E_n$ is monotone in $n$. So the $n$ on which it is
# at least zero are the first ones or the last ones, and the label changes at most once.
# :::
#
# What has that to do with heads? Let there be two tokens, a and b, with $p_h = W[a, h]$, and let the state never change. Of
# the texts of $T$ tosses let $x_n$ have $n$ sides a. Its posterior is proportional to $\pi_0(h)\, p_h^n (1 - p_h)^{T-n}$, which is
# $w_h r_h^n$ with $w_h = \pi_0(h) (1 - p_h)^T$ and $r_h = p_h / (1 - p_h)$, and this ratio grows with $p_h$. What the model
# shows for a is $E_n$, and the value of a linear head, $b_a E_n + b_b (1 - E_n)$, is $\alpha + \beta E_n$. The labels of
# the fair coin are 0, 1, 0 along $n$. Hence no linear head is right. Nor is one if the model is led to other weights
# $w_h$ while the labels stay, as by a prompt. In exact fractions, for twelve tosses:

# %%
from fractions import Fraction as F

rows, sides = [], [F(1, 5), F(1, 2), F(4, 5)]
for n in [0, 3, 5, 6, 7, 9, 12]:
    weights = [p**n * (1 - p) ** (12 - n) for p in sides]
    posterior = [weight / sum(weights) for weight in weights]
    shown_a = sum(p * share for p, share in zip(sides, posterior, strict=True))
    margin = posterior[1] - posterior[0] - posterior[2]
    rows.append((n, float(shown_a), float(margin), int(margin >= 0)))
header = ["sides a of twelve", "shown: P[a]", "margin of *fair*", "label"]
Table(header, rows, ".4f")

# %% [markdown]
# Now for the reviewer who quotes. Change him; the rest of the chapter follows, apart from examples with a name.

# %%
from hmmlib.hmm import REVIEW_STATES, REVIEW_WORDS, review_hmm

hmm = review_hmm(quotes=True)  # change me: any HMM whose texts can all occur
mu = [-1.0, 1.0, 1.0, -1.0]  # change me: is it his own opinion?
length = 4  # change me: words in a text
n_states, n_tokens = hmm.n_states, hmm.n_tokens
quoting = n_states == 4 and n_tokens == 3
words = REVIEW_WORDS if quoting else "abcdefghijklmnopqrstuvwxyz"[:n_tokens]
states = REVIEW_STATES if quoting else [str(h) for h in range(n_states)]
rows = zip(states, *hmm.emission.T.tolist(), mu, strict=True)
Table(["state", *words, r"$\mu$"], rows, ".1f")

# %% [markdown]
# ## First question: every margin?
#
# The theorem's head does more than is asked of it: it reproduces the margin $\mu^\top \mathbb{P}[H_0 \mid x]$ itself. What
# stops other heads from doing that is a direction in which posteriors differ and token distributions do not.
#
# :::{prf:definition} Posterior span, lost direction
# :label: def-fail-lost
#
# The *posterior span* $\mathcal{P} \subseteq \mathbb{R}^H$ is the span of $\mathbb{P}[H_0 \mid X_{1:T} = x]$ over all texts $x$ of
# all lengths that can occur. A *lost direction* is a $v \in \mathcal{P}$, $v \ne 0$, with $Wv = 0$.
# :::
#
# :::{prf:theorem} Which margins a head can reproduce (ours)
# :label: thm-fail-converse
#
# There is a $b$ with $b^\top G_\varnothing(\varnothing, x) = \mu^\top \mathbb{P}[H_0 \mid x]$ for every text $x$ that can
# occur, if and only if $\mu^\top v = 0$ for every lost direction $v$.
# :::
#
# :::{prf:proof}
# By equation {eq}`eq-through-w`, $G_\varnothing(\varnothing, x) = Wp$ with $p = \mathbb{P}[H_0 \mid x]$. So $b$ reproduces
# every margin exactly if $(W^\top b - \mu)^\top p = 0$ for all posteriors $p$, and then for all $p \in \mathcal{P}$.
#
# If such a $b$ exists and $v$ is lost, then $\mu^\top v = b^\top W v = 0$.
#
# Conversely, let $P$ have an orthonormal basis of $\mathcal{P}$ as columns. A $b$ exists if $P^\top W^\top b =
# P^\top \mu$ has a solution, that is, if $P^\top \mu$ is in the column space of $(WP)^\top$. This is the orthogonal
# complement of the null space of $WP$. A vector $c$ in that null space makes $v = Pc$ lost (or zero), and
# $(P^\top\mu)^\top c = \mu^\top v = 0$ by assumption.
# :::
#
# With independent columns nothing is lost, whatever $\mu$: this is {prf:ref}`thm-head-tuning`. With $H > V$ there
# always are directions with $Wv = 0$, and they are lost if texts can move the posterior along them.
#
# How do we get hold of *all* texts? Put $L(x)_h = \mathbb{P}[x \mid H_0 = h]$; the posterior is $\pi_0 \odot L(x)$, rescaled. One
# more token in front of a text gives
#
# $$
# L(zx)_h = \sum_{h'} A[h', h]\, W[z, h']\, L(x)_{h'},
# $$
#
# a linear map of $L(x)$. So the span over texts of length $n + 1$ is the sum of the images of the span over length
# $n$, and it contains that span, as $\sum_z L(xz) = L(x)$. Once it stops growing it has stopped for good, after at
# most $H - 1$ steps. That is a loop of a few lines, {py:func}`~hmmlib.certificates.posterior_span`.

# %%
from hmmlib.certificates import posterior_span

rows = []
tasks = {"own opinion": mu}
if quoting:
    tasks = {"praise rather than complaint": [0, 1, -1, 0]} | tasks
for longest in range(n_states):
    span = posterior_span(hmm, longest)
    tests = [row_space_test(hmm, m, length=longest) for m in tasks.values()]
    rows.append((longest, span.shape[1], *(t.representable for t in tests)))
header = [f"every margin of: {name}" for name in tasks]
Table(["longest text", "dimension of the span", *header], rows)

# %% [markdown]
# Praise rather than complaint lies in the row space: the two columns differ, and the head *great minus dull* has every
# margin. Of one's own opinion a head has the margins only while texts are so short that the posterior has no room. Where
# the last row says no, the test hands out a lost direction $v$, here a multiple of $(0, 1, 1, -2)$: from quoting to giving
# an opinion, half of it praise. To believe in it one need not trust the loop: $v$ is a weighted sum of posteriors of texts
# that can be named. Its positive weights and its negative ones have the same sum, as
# $\mathbf{1}^\top v = \mathbf{1}^\top W v = 0$. So they are *two bundles of texts*, for which the model shows the same on
# average. A head is linear, and has to give both the same average value.


# %%
from itertools import product

from scipy.optimize import linprog


# %%
def all_posteriors(hmm, longest):
    """All texts of at most so many words that can occur, and P[H_0 | x] of each."""
    start, A, W = (t.numpy() for t in (hmm.initial, hmm.transition, hmm.emission))
    found = {}
    for n in range(longest + 1):
        for text in product(range(W.shape[1]), repeat=n):
            L = np.ones(len(start))
            for token in reversed(text):
                L = A @ (W[:, token] * L)
            if start @ L > 0:
                found[text] = start * L / (start @ L)
    return list(found), np.array(list(found.values()))


# %% tags=["hide-input"]
test, lines = row_space_test(hmm, mu), []
if test.lost is not None:
    named, P = all_posteriors(hmm, 2)
    sides = np.vstack([P, -P]).T
    c = linprog(np.ones(2 * len(P)), A_eq=sides, b_eq=test.lost.numpy()).x
    bundles = c.reshape(2, -1) / c.reshape(2, -1).sum(1, keepdims=True)
    for text, *pair in zip(named, *bundles, strict=True):
        if any(pair):
            lines.append((" ".join(["∅", *(words[z] for z in text)]), *pair))
    for word, pair in zip(words, (bundles @ P @ hmm.emission.numpy()).T, strict=True):
        lines.append((f"average prediction of {word}", *pair))
    lines.append(("average margin", *(bundles @ P @ np.array(mu))))
Table(["text", "first bundle", "second bundle"], lines, [None, ".3f", ".3f"])

# %% [markdown]
# First come the shares of the texts in each bundle, then what the model shows on average, which is the same for both, and the
# averages of their margins, which are not.
#
# In control theory $v$ would be called an *unobservable* direction of the state, here one that a single look at the mask
# does not observe although the text has moved the posterior in it. The spans of $L(x)$ over all texts are the
# subject of predictive state representations {cite:p}`singh2004predictive`, which drop the hidden state and keep the
# probabilities of what may follow.
#
# ## Second question: every label?
#
# A head need not reproduce margins. One that gets every *label* right is all we want, and there may be one
# although some direction is lost. For a finite set of texts that is a question about two clouds of points: the token
# distributions $g_i$ of label 1 and those of label 0. Write $y_i = \pm 1$ for the labels, and keep the weights in a
# box, as only their direction matters.
#
# :::{prf:proposition} Head or certificate (ours)
# :label: prop-fail-farkas
#
# For token distributions $g_1, \dots, g_n$ with labels $y_i = \pm 1$, the two numbers
#
# $$
# \begin{aligned}
# t^\star &= \max_{\lvert b_j \rvert \le 1}\; \min_i\; y_i\, b^\top g_i, \\
# r^\star &= \min_{\lambda \ge 0,\; \sum_i \lambda_i = 1}\; \Bigl\lVert \sum_i \lambda_i\, y_i\, g_i \Bigr\rVert_1
# \end{aligned}
# $$
#
# are equal. If they are positive, the best $b$ gets every label right. If they are zero, no head does, and $\lambda$
# shows it: the convex hulls of the two classes have a point in common.
# :::
#
# :::{prf:proof}
# In three steps:
#
# 1. For any admissible $b$ and $\lambda$, the least of the numbers $y_i b^\top g_i$ is at most their average,
#    $\sum_i \lambda_i y_i b^\top g_i = b^\top \sum_i \lambda_i y_i g_i$, and this is at most
#    $\lVert \sum_i \lambda_i y_i g_i \rVert_1$ since $\lvert b_j \rvert \le 1$. So $t^\star \le r^\star$.
# 2. Both are **linear programs**, and each is the **dual** of the other: for fixed $\lambda$ the largest
#    $b^\top \sum_i \lambda_i y_i g_i$ over the box is the norm. Both have solutions, so by strong duality their values agree.
# 3. If $t^\star > 0$, every $y_i b^\top g_i$ is positive. If $r^\star = 0$, then
#    $\sum_{y_i = 1} \lambda_i g_i = \sum_{y_i = -1} \lambda_i g_i$. The entries of each $g_i$ sum to one, so both
#    sides have the same weight, one half, and twice this vector is in both hulls. A head that is non-negative on the
#    one class and negative on the other would have to be both there.
# :::
#
# That one of two things exists, a solution or a proof that there is none, is Farkas' lemma; here it comes with numbers
# attached. A reader of support vector machines knows the picture too: the largest margin is a distance of convex hulls
# {cite:p}`bennett2000duality`. There it is Euclidean; here weights are bounded one by one, and the distance is in
# $\lVert \cdot \rVert_1$.
#
# The first step of the proof is worth a second look. It needs no solver and no theory: given *any* $\lambda$, however it
# was found, $\lVert \sum \lambda_i y_i g_i \rVert_1$ bounds what any head can do. So
# {py:func}`~hmmlib.certificates.separate` returns both a head and a $\lambda$, and what they prove is
# recomputed from the texts, if wanted in fractions and without any rounding. For the coins three texts are enough.

# %%
from hmmlib.certificates import certificate_bound, separate

verdict = separate(shown, fair.labels(tosses))
bound = certificate_bound(shown, fair.labels(tosses), verdict.certificate)
print("largest margin of a head:", deviation(verdict.margin), "at least")
print("and", deviation(bound), "at most, by the certificate in fractions")
support, rows = verdict.certificate.nonzero().flatten(), []
for i in support[shown[support, 0].argsort()]:
    word = "".join("ab"[token] for token in tosses[i])
    rows.append((f"`{word}`", fair.labels(tosses)[i], shown[i, 0]))
Table(["text", "label", r"$\mathbb{P}[a]$"], rows, ".3f")

# %% [markdown]
# A text of label 1 lies between two of label 0, as the lemma has it. And the reviewer? His own opinion has no head for the
# *margins*. The labels are another matter. We ask of all texts of four words, and beside it a more demanding question: *is
# an opinion of his own at least five times as likely as a quotation?* That is $\mu = (0, 1, 1, -5)$.

# %%
texts = torch.tensor(list(product(range(n_tokens), repeat=length)))
G, rows = blank_probs(ExactMaskedLM(hmm), texts), []
questions = {"own opinion": mu}
if quoting:
    questions["five times as likely as a quotation"] = [0, 1, 1, -5]
for name, weights in questions.items():
    asked = PosteriorTask.two_class(hmm, weights)
    labels = asked.labels(texts)
    verdict = separate(G, labels)
    bound = certificate_bound(G, labels, verdict.certificate)
    ones, mixed = labels.double().mean(), int((verdict.certificate > 0).sum())
    rows.append((name, ones, deviation(verdict.margin), deviation(bound), mixed))
header = ["share of label 1", "margin, at least", "at most", r"texts in $\lambda$"]
Table(["question", *header], rows, ".2f")

# %% [markdown]
# To the first question the answer is always yes, and a head that says yes to everything is right. Margins are lost, labels
# are not. To the second no linear head is right, and four texts prove it.

# %% mystnb={"figure": {"caption": "What the model shows for texts of four words, asked whether an own opinion is five times as likely as a quotation. The star lies in the convex hull of either class: lines join it to the texts that the certificate mixes, solid for label 1 and dashed for label 0, unless a text is that very point. No straight line has the classes on different sides.", "name": "fig-fail-overlap"}, "image": {"alt": "Left, a triangle of token distributions with points of two labels close together in its middle. Right, the same enlarged: points of label 0 lie between those of label 1. A star is joined by solid lines to three points of label 1; a point of label 0 lies in the star."}}
from hmmlib.plotting.when_heads_fail import overlap

if n_tokens == 3:
    overlap(G, labels, verdict.certificate, words, closer=True)
    plt.show()

# %% [markdown]
# :::{prf:remark}
# :label: rem-fail-linear
#
# A certificate of this kind rules out *linear* heads. For the coins a head that can bend would do: label 1 wherever
# $\mathbb{P}[a]$ is between two thresholds. When two texts of different labels show the *same* token distribution, as
# on the HMM `fork` of the previous chapter, no function of it whatever can be right. That is the special case in which
# $\lambda$ has two entries.
# :::

# %%
fork = HMM(
    initial=[0.5, 0.5, 0.0, 0.0],
    transition=[[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]],
    emission=[[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
)
zero_or_one = PosteriorTask.two_class(fork, [1, -1, 0, 0])
two = torch.tensor([[1, 0, 1], [2, 0, 1]])
pair = blank_probs(ExactMaskedLM(fork), two)
half = [0.5, 0.5]  # a certificate, by hand
print("bound:", certificate_bound(pair, zero_or_one.labels(two), half))

# %% [markdown]
# ## How much noise can be borne?
#
# A trained model shows $\hat G$ instead of $G$. How wrong may it be before no head can save the labels? The number
# $t^\star$ is not quite the answer. Its box counts weights that all grow together as large, though such a change adds
# the same to every value: token distributions sum to one. So let us give the head a constant for free. Let both labels
# occur, and let $C_1$ and $C_0$ be the convex hulls of the $g_i$ of label 1 and of label 0.
#
# :::{prf:proposition} The distance of the hulls (ours)
# :label: prop-fail-noise
#
# The number
#
# $$
# d^\star = \max_{\lvert b_j \rvert \le 1,\; c}\; \min_i\; y_i\, (b^\top g_i + c)
# $$
#
# is the total-variation distance between the hulls, $\min\, \tfrac12 \lVert p - q \rVert_1$ over
# $p \in C_1$ and $q \in C_0$. Let it be positive.
#
# 1. If vectors $\hat g_i$ that sum to one have $\lVert \hat g_i - g_i \rVert_1 < d^\star$ for all $i$, the best head is
#    right on all of them.
# 2. There are $\hat g_i$ that sum to one, with $\lVert \hat g_i - g_i \rVert_1 = d^\star$ for all $i$, on which no head has a
#    positive margin. They are distributions if $g_{ij} \ge \tfrac12 \lvert p_j - q_j \rvert$ for all $i$ and $j$, with
#    $p$ and $q$ the nearest points.
# :::
#
# :::{prf:proof}
# Let $\lambda \ge 0$ have the sum $\tfrac12$ on each class. Then $\sum_i \lambda_i y_i g_i = \tfrac12 (p - q)$ with points
# $p$, $q$ of the hulls, and all such pairs arise. The least of the numbers $y_i (b^\top g_i + c)$ is at most their average,
# $\tfrac12 b^\top (p - q)$, from which $c$ has gone, and this is at most $\tfrac12 \lVert p - q \rVert_1$. The two programs are
# dual to one another, a free $c$ being what makes the classes weigh the same; so their values agree.
#
# 1. For the best $b$ and $c$ the numbers $y_i (b^\top \hat g_i + c)$ are at least
#    $d^\star - \lvert b^\top(\hat g_i - g_i) \rvert$, and so positive. As $\hat g_i$ sums to one,
#    $b^\top \hat g_i + c$ is what the weights $b_j + c$ give.
# 2. Let $r = \tfrac12 (p - q)$ for the nearest points, so that $\lVert r \rVert_1 = d^\star$ and the entries of $r$ sum to zero.
#    Move every $g_i$ to $\hat g_i = g_i - y_i r$. Then $\sum_i \lambda_i y_i \hat g_i = r - r = 0$: a certificate for the $\hat g_i$.
# :::
#
# So the distance is a budget for the errors of pretraining. Where the moved $\hat g_i$ have negative entries no model
# makes these very errors, and what can be borne may be more than $d^\star$. The margin in the box is near: $t^\star \le d^\star \le 2 t^\star$. For
# $c = 0$ is allowed, and with $\lvert c \rvert \le 1$, all that the best head needs, half of $b + c$ is in the box.
#
# {py:func}`~hmmlib.certificates.hull_distance` returns the head, which shows how large the distance is at least,
# and the two points, which show how large it is at most. With three tokens we can look.

# %%
from hmmlib import random_hmm
from hmmlib.certificates import hull_distance

warm = {"transition_temperature": 0.3, "emission_temperature": 0.12}
three = random_hmm(3, 3, generator=53, **warm)
small_task = PosteriorTask.two_class(three, [1, -1, 0.5])
x = sample_tokens(three, batch=60, time=5, generator=53)[:, 1:]
g, y = blank_probs(ExactMaskedLM(three), x), small_task.labels(x)
apart = hull_distance(g, y)
print(f"between {apart.margin:.6f} and {apart.distance:.6f}")
print(f"largest margin in the box: {separate(g, y).margin:.6f}")

# %% mystnb={"figure": {"caption": "Token distributions of two classes of texts and their convex hulls. The black line joins the two nearest points. The hexagons around them hold what is no further from them than $d^\\star$ in $\\lVert\\cdot\\rVert_1$: they touch, and so may the hulls if every prediction is off by as much.", "name": "fig-fail-hulls"}, "image": {"alt": "A triangle with two filled polygons, one for each label, around squares and diamonds. A short black line joins their nearest points, each of which is in the middle of a dashed hexagon; the two hexagons meet half-way."}}
from hmmlib.plotting.when_heads_fail import hulls

hulls(g, y, apart)
plt.show()

# %% [markdown]
# ### Change it
#
# Drag the numbered columns of $W$: the hulls of the two labels move with them, come near and meet, and a lost direction
# appears where the columns become dependent.
#
# :::{geometry} Columns, hulls and a lost direction
# :machines: head, quotes, reviews
# :panels: task
#
# The columns of $W$ can be dragged here. That needs JavaScript, which is switched off; the figure above shows one HMM.
# :::
#
# We now spend this budget on the paper's HMMs.
#
# ## The paper's HMMs, twenty seeds
#
# For each number of states and each seed, 500 texts of the paper's HMM and task. Labels that are not clear are left out,
# those with a margin within $10^{-9}$ of zero ({ref}`what-zero-means`). For the others we ask how far apart the hulls are, and then the third question:
# if no head gets all labels right, how many does the best one get?

# %% [markdown]
# :::{prf:remark}
# :label: rem-fail-brackets
#
# The third question is hard in general: to find the head with the fewest errors is a combinatorial problem.
# {py:func}`~hmmlib.certificates.best_accuracy` brackets the answer. From below, it takes the best of
# several heads: that of logistic regression, solved to convergence, that of the largest margin, and what a search
# along each coordinate makes of them. From above, for a few dozen texts, a mixed-integer program counts the fewest
# errors, with one yes-or-no variable for each text.
# :::

# %%
from hmmlib.certificates import best_accuracy

few, rows = slice(0, 80, 2), []  # every second text
sets = {"coins": (shown, fair.labels(tosses)), "five times as likely": (G, labels)}
for name, (probs, truth) in sets.items():
    best = best_accuracy(probs[few], truth[few])
    rows.append((name, len(truth[few]), best.lower, best.upper))
Table(["labels right", "texts", "at least", "at most"], rows, ".3f")

# %% tags=["hide-input"]
from hmmlib import draw_task
from hmmlib.hmm import random_sparse_hmm


# %% tags=["hide-input"]
def paper_cell(n_states, seed):
    """Distance of the hulls, accuracy of the best head found, share of the majority."""
    hmm = random_hmm(n_states, generator=seed)
    task = draw_task(hmm, generator=seed)
    x = sample_tokens(hmm, batch=500, time=65, generator=seed)[:, 1:]
    margin = task.posterior(x) @ task.mu
    clear = margin.abs() > 1e-9
    probs = blank_probs(ExactMaskedLM(hmm), x)[clear]
    truth = (margin[clear] >= 0).long()
    best = best_accuracy(probs, truth, exact_up_to=0).lower
    ones = float(truth.double().mean())
    return max(hull_distance(probs, truth).margin, 0.0), best, max(ones, 1 - ones)


# %% tags=["hide-input"]
sizes = [4, 8, 10, 15, 25, 30]
cells = {h: np.array([paper_cell(h, seed) for seed in range(1, 21)]) for h in sizes}
rows = []
for h, cell in cells.items():
    distances, best, majority = cell.T
    counts = [(distances < size).sum() for size in (1e-2, 1e-9)]
    rows.append((h, *counts, best.mean(), best.min(), majority.mean()))
header = ["$H$", "seeds with a distance < 1e-2", "< 1e-9"]
header += ["labels right by the best head found: mean", "worst seed", "majority"]
Table(header, rows)

# %% mystnb={"figure": {"caption": "The total-variation distance between the hulls of both classes, as a head shows it, one dot for each of twenty seeds; crosses, seeds for which no head shows more than $10^{-9}$. It is the error in $G$, per text and in $\\ell_1$, that can be borne.", "name": "fig-fail-margins"}, "image": {"alt": "Dots of distances on a logarithmic axis for 4 to 30 hidden states. At 4 states nearly all are near one; with more states they spread down to a millionth and less; at 25 and 30 states most are crosses at the bottom, meaning none."}}
from hmmlib.plotting.when_heads_fail import distances_by_states

distances_by_states({h: cell[:, 0] for h, cell in cells.items()}, n_tokens=10)
plt.show()

# %% [markdown]
# Three things can be read off.
#
# **Below $V$, what is scarce is room.** For $H \le 10$ the theorem promises a head, and linear programming finds one for
# all but a seed or two. (The exceptions do not contradict the theorem, which promises a head and no distance: a distance
# below $10^{-9}$ is one that we cannot tell from none.) But already at $H = 8$ and $10$ it is often below a hundredth, and
# {numref}`fig-fail-margins` shows some below a millionth. A model whose predictions at the blank are off by more than
# that may have no head at all. Nothing is lost there; much is out of reach.
#
# **Above $V$, labels are lost, but not many.** At $H = 25$ and $30$ most seeds have a certificate. But the best head on
# the perfect model still gets about nine labels out of ten. The paper reports 66% for a head on the trained model at
# $H = 30$ ({numref}`fig-paper-figure-3`). What no head can read explains only a part of that fall.
#
# **The heads above are optimistic.** They were chosen by looking at the very texts that they are scored on. What a
# head learns from one set of texts and gets right on another is lower; the
# {doc}`chapter on the HMMs of the paper <prompts_on_the_papers_hmms>` has those numbers.

# %% mystnb={"figure": {"caption": "The best head found for the exact predictions of the paper's HMMs, on labels with a clear margin of the 500 texts that it was chosen on: twenty seeds (dots) and their mean, with the share of the more frequent label.", "name": "fig-fail-best"}, "image": {"alt": "Line chart of labels right against hidden states. The best head is at 100 percent up to 10 states and falls to somewhat above 90 percent at 30; the more frequent label stays near 65 to 70 percent."}}
from hmmlib.plotting import accuracy_by_states

series = {
    "best head found": {h: cell[:, 1].tolist() for h, cell in cells.items()},
    "more frequent label": {h: cell[:, 2].tolist() for h, cell in cells.items()},
}
accuracy_by_states(series, n_tokens=10)
plt.show()

# %% [markdown]
# ## Are the verdicts right?
#
# The next cells put both answers to the test on small HMMs with sparse transitions, against programs that share nothing
# with those of the library. All texts of fewer than $H$ words are written out, with their posteriors. To the first question the answer
# is a least-squares fit to their margins; to the second, whether some point is in both hulls, asked of a solver in
# terms of that point. A representable task has to bring a margin too: $t^\star \ge \min_i \lvert \mu^\top p_i \rvert / \max_j \lvert b_j \rvert$.


# %%
def some_head_fits(features, margins):
    b = np.linalg.lstsq(features, margins, rcond=1e-9)[0]
    return bool(np.abs(features @ b - margins).max() < 1e-8)


def hulls_meet(g, ones):
    """Whether shares of both classes give the same point."""
    sides = np.where(ones[:, None], g, -g).T
    sums = np.stack([ones, ~ones]).astype(float)
    target = np.append(np.zeros(g.shape[1]), [1, 1])
    tried = linprog(np.zeros(len(g)), A_eq=np.vstack([sides, sums]), b_eq=target)
    return tried.status == 0


# %% tags=["hide-input"]
def small_case(seed):
    """A small HMM, what is shown of all short texts, weights, margins."""
    rng = np.random.default_rng(seed)
    hmm = random_sparse_hmm(2 + seed % 3, 2 + seed % 2, generator=seed)
    W, n = hmm.emission.numpy(), hmm.n_states
    mu = rng.standard_normal(n)
    if seed % 5 == 0:  # a task that a head can do, even with H > V
        mu = W @ rng.standard_normal(W.shape[1])
    P = all_posteriors(hmm, n - 1)[1]
    return hmm, P @ W, mu, P @ mu


# %% tags=["hide-input"]
def disagreements(seed, flip=0, shorter=0):
    """Which of three answers is not the other program's, with planted errors."""
    hmm, G, mu, margins = small_case(seed)
    first = row_space_test(hmm, mu, length=hmm.n_states - 1 - shorter)
    labels = (margins >= 0).astype(int)
    labels[:flip] = 1 - labels[:flip]
    second, least = separate(G, labels), 0.0
    if first.head:
        least = np.abs(margins).min() / float(first.head.weights.abs().max())
    return (
        first.representable != some_head_fits(G, margins),
        second.separable == hulls_meet(G, margins >= 0),
        second.margin < least - 1e-9,
    )


# %%
rows = []
for planted in ({}, {"shorter": 1}, {"flip": 1}):
    counts = np.sum([disagreements(seed, **planted) for seed in range(150)], 0)
    name = ", ".join(planted) or "none"
    rows.append((name, *counts))
header = ["planted error", "first question", "second question", "margin too small"]
Table(header, rows)

# %% [markdown]
# Without an error there is no disagreement in 150 HMMs. With a span that stops one word too early, or with the label of
# one text turned round, there are: the check would have noticed.

# %% [markdown]
# ## What each assumption is for
#
# The theorem of the {doc}`previous chapter <head_tuning>` has one assumption, and the coins drop it. Their columns
# are dependent, $W_{:,1} = \tfrac12 W_{:,0} + \tfrac12 W_{:,2}$. The library's construction says so.

# %%
from textwrap import fill

from hmmlib.constructions import AssumptionError, linear_head

try:
    linear_head(coins, fair.mu)
except AssumptionError as error:
    print(fill(str(error), 78))

# %% [markdown]
# The converse has a condition too: a lost direction has to lie in the *posterior span*. Take it away, and there are
# HMMs with dependent columns on which a head has every margin. In the next one state 2 is followed as states 0 and 1
# are on average and emits as they do on average, so that texts move the weight of state 2 only together with theirs.
# The last column fits the best $b$ to all texts of up to five words, written out, and says what it misses.

# %%
mixture = HMM(
    initial=[0.3, 0.3, 0.4],
    transition=[[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.4, 0.4, 0.2]],
    emission=[[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]],
)
rows, cases = [], {"mixture": (mixture, [1, -1, 0.5]), "coins": (coins, [-1, 1, -1])}
for name, (model, weights) in cases.items():
    span, test = posterior_span(model), row_space_test(model, weights)
    P = all_posteriors(model, 5)[1]
    features, margins = P @ model.emission.numpy(), P @ np.array(weights)
    best = np.linalg.lstsq(features, margins, rcond=1e-9)[0]
    missed = deviation(np.abs(features @ best - margins).max())
    rows.append((name, span.shape[1], test.representable, missed))
header = ["dimension of the span", "a head has every margin", "margins missed"]
Table(["HMM", *header], rows)

# %% [markdown]
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Five reviews that no head can label
# :label: ex-fail-five
#
# Is an opinion of the quoting reviewer's own five times as likely as a quotation? Of the texts of two words, *plot plot*,
# *great great* and *dull dull* have label 1, *great dull* and *dull great* label 0. At the mask *plot* has the
# probability 82/203 for the first, 161/445 for the next two and 446/1195 for the last two. Exchanging *great* and
# *dull* in a text exchanges them in what is shown. Prove that no linear head gets the five labels right, and give a
# certificate.
#
# :::{admonition} Hint
# :class: dropdown
# Average over a text and its mirror image. What is then left of $g$?
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-fail-five
# :class: dropdown
# :::
#
# The mean of a text and its mirror image shows *great* and *dull* equally often, so it is given by $q = G[\text{plot}]$ alone.
# The pairs of label 1 lie at $161/445 = 0.362$ and, *plot plot* being its own mirror image, at $82/203 = 0.404$. The pair
# of label 0 lies at $446/1195 = 0.373$, in between. A head's mean value over a pair is $\alpha + \beta q$. It is at least
# zero at both ends if the head is right there, so it is in the middle as well, and there it cannot be right on both texts
# of label 0. The certificate puts half of the weight on the two texts of label 0 and divides the other half between the
# ends as the middle divides them. The cell computes all of it in fractions, from the tables.


# %%
def shown_exactly(text):
    """G at the mask before a text of the quoting reviewer, in fractions."""
    A, W = (
        [[F(round(10 * p), 10) for p in row] for row in t.tolist()] for t in tables
    )
    start = [F(3, 10)] * 3 + [F(1, 10)]
    L = [F(1)] * 4
    for z in reversed(text):
        L = [sum(A[h][k] * W[k][z] * L[k] for k in range(4)) for h in range(4)]
    joint = [p * q for p, q in zip(start, L, strict=True)]
    return [sum(W[h][z] * joint[h] for h in range(4)) / sum(joint) for z in range(3)]


# %%
quoter = review_hmm(quotes=True)
tables = quoter.transition, quoter.emission
five = [shown_exactly(text) for text in [(0, 0), (1, 1), (2, 2), (1, 2), (2, 1)]]
print("plot:", *(str(g[0]) for g in five))
share = (five[3][0] - five[1][0]) / (five[0][0] - five[1][0])
lam = [share / 2, (1 - share) / 4, (1 - share) / 4, F(1, 4), F(1, 4)]
signed = zip(lam, [1, 1, 1, -1, -1], five, strict=True)
signed = [(weight * y, g) for weight, y, g in signed]
rest = [sum(weight * g[z] for weight, g in signed) for z in range(3)]
print("λ:", *map(str, lam), "| Σ λ y g:", *map(str, rest))

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: A head that bends
# :label: ex-fail-bend
#
# On the coins, let the head read $g$ and the products $g_j g_k$. Show with
# {py:func}`~hmmlib.certificates.separate` that this head gets every label right, and explain why the same
# trick is of no use on `fork`.
#
# :::{admonition} Hint
# :class: dropdown
# A quadratic function of one variable has two zeros.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-fail-bend
# :class: dropdown
# :::
#
# A quadratic function of $\mathbb{P}[a]$ is positive between its two zeros, so it can be right where a threshold cannot. On
# `fork` the two texts have one and the same $g$, so any features computed from $g$ agree as well.

# %%
squares = (shown[:, :, None] * shown[:, None, :]).flatten(1)
bent = separate(torch.cat([shown, squares], 1), fair.labels(tosses))
print(f"largest margin with products: {bent.margin:.5f}")
print(
    "on fork the two token distributions differ by",
    float((pair[0] - pair[1]).abs().max()),
)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: The budget, spent
# :label: ex-fail-noise
#
# Carry out the proof of {prf:ref}`prop-fail-noise`: take an HMM with $H \le V$ and texts of both labels, move each
# $g_i$ as the proof does, by a factor of 0.99 and of 1, and let `separate` judge. Are the moved $g_i$ distributions?
#
# :::{admonition} Hint
# :class: dropdown
# `hull_distance(…).points` are $q$ and $p$.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-fail-noise
# :class: dropdown
# :::
#
# Up to $0.99\, d^\star$ some head is right; at $d^\star$ none is. No moved vector has a negative entry, so a model can show
# these very distributions, and $d^\star$ is all that can be borne.

# %%
small = random_hmm(3, 4, generator=1, **warm)
which = PosteriorTask.two_class(small, [1, -1, 0.5])
x = sample_tokens(small, batch=60, time=7, generator=1)[:, 1:]
probs, y = blank_probs(ExactMaskedLM(small), x), which.labels(x)
before = hull_distance(probs, y)
sign = (2 * y - 1)[:, None]
r = (before.points[1] - before.points[0]) / 2
rows = []
for share in [0.99, 1.0]:
    moved = probs - share * sign * r
    negative = (moved < 0).any(1).double().mean()
    rows.append((share, deviation(separate(moved, y).margin), negative))
header = ["moved by", "largest margin of a head", "texts with a negative entry"]
Table(header, rows, ".2f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: The margin is the budget
# :label: ex-fail-budget
#
# "The best head's margin $t^\star$ in the box of {prf:ref}`prop-fail-farkas` is the error that it can bear: distributions
# that are all off by $t^\star$ in $\lVert \cdot \rVert_1$ can be such that no head is right."
#
# :::{admonition} Hint
# :class: dropdown
# Two texts that show (0.9, 0.1) and (0.8, 0.2).
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-fail-budget
# :class: dropdown
# :::
#
# *Refuted.* In the box the weights have to be positive on one text and negative on the other: $b = (b_0, -1)$ gives
# $0.9\, b_0 - 0.1$ and $0.8\, b_0 - 0.2$, whose signs are best for $b_0 = 3/17$, and $t^\star = 1/17$. But two distributions
# have to be moved by $d^\star = 1/10$ each before they meet. The certificate of the box moves them to vectors that do not sum
# to one, and no model shows such. True is that $t^\star$ is *safe*: it is a lower bound. If all labels are the same, $t^\star$ is 1
# and no error does any harm at all.

# %%
two_points = [[0.9, 0.1], [0.8, 0.2]], [1, 0]
boxed, free = separate(*two_points).margin, hull_distance(*two_points).distance
print(f"t* = {boxed:.6f}, 1/17 = {1 / 17:.6f}, d* = {free:.6f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Think: Nothing to lose
# :label: ex-fail-period
#
# Find an HMM with $H > V$ on which a head has every margin of *every* task.
#
# :::{admonition} Hint
# :class: dropdown
# The posterior span must be small.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-fail-period
# :class: dropdown
# :::
#
# If the transition does not depend on the state, the text says nothing of $H_0$: every posterior is $\pi_0$, the span
# has dimension one, and $W\pi_0 \ne 0$, so nothing is lost. The head is constant, as is the margin. With transitions that
# do depend on the state, random tasks have no such head:

# %%
blurred, rows = random_hmm(4, 2, generator=0, **warm), []
for name, moves in {
    "forgets": [[0.25] * 4] * 4,
    "does not": blurred.transition,
}.items():
    model = HMM([0.1, 0.2, 0.3, 0.4], moves, blurred.emission)
    drawn = np.random.default_rng(0).standard_normal((30, 4))
    heads = sum(row_space_test(model, m).representable for m in drawn)
    rows.append((name, posterior_span(model).shape[1], heads))
Table(["the chain", "dimension of the span", "tasks with a head, of 30"], rows)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: What a lost direction costs
# :label: ex-fail-cost
#
# On the quoting reviewer a random task loses its margins, as it weighs the lost direction. How often does it lose a *label*,
# and how many? Can one tell from $\mu$?
#
# :::{admonition} Hint
# :class: dropdown
# Draw tasks, take all texts of up to four words, and ask `separate`. Subtract the mean margin from $\mu$, so that both
# labels occur.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ex-fail-cost
# :class: dropdown
# :::
#
# Known: no label is lost if $\mu$ lies in the row space, and {prf:ref}`prop-fail-farkas` decides each single task. A first
# experiment with 100 tasks:

# %%
P = torch.tensor(all_posteriors(quoter, 4)[1])
g, costs = P @ quoter.emission, []
v = torch.tensor([0.0, 1.0, 1.0, -2.0]).double() / 6**0.5
for seed in range(100):
    m = torch.tensor(np.random.default_rng(seed).standard_normal(4))
    m = m - m @ P.mean(0)
    right = best_accuracy(g, (P @ m >= 0).long(), exact_up_to=0).lower
    costs.append((float((m @ v).abs() / m.norm()), right))
costs = np.array(sorted(costs))

# %%
rows = []
for name, part in {"half": costs[:50], "other half": costs[50:]}.items():
    rows.append((name, part[:, 0].mean(), (part[:, 1] == 1).sum(), part[:, 1].min()))
header = [r"mean $\lvert \mu^\top v \rvert / \lVert \mu \rVert$", "all labels, of 50"]
header += ["worst share of labels"]
Table(["tasks", *header], rows, ".3f")

# %% [markdown]
# All 100 lose margins and most lose no label. The tasks that weigh $v$ more lose labels more often, but by no means all of
# them do. A bound on the labels lost in terms of $\mu^\top v$ and of how far texts move the posterior along $v$ would turn
# the theorem's yes or no into a quantity. We do not have one.
#
# :::{solution-end}
# :::
#
# ## Summary
#
# - A head reproduces every margin exactly if the task does not weigh a *lost direction*, one that texts can move the
#   posterior in and that $W$ does not show.
# - Where what is shown moves one way along texts and labels turn twice, no linear head is right.
# - For a finite set of texts a linear program finds a head with its margin, or weights $\lambda$ that prove that no
#   head exists. Neither has to be trusted: both are checked by a sum.
# - With a constant for free, the best margin is the total-variation distance between the hulls of the two classes, and the
#   error in $G$ that can be borne. On the paper's HMMs it is often tiny already for $H \le V$.
# - For $H > V$ the labels of most of the paper's tasks cannot all be right, but the best head on the perfect model loses
#   far fewer than the paper's trained models do.
