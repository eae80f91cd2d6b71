# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Soft prompts
#
# You have a large frozen model and a pile of film reviews, and want to know which are positive. You could ask in words: *Is the
# following film review positive or negative?* Such a *hard* prompt can only say what words can say, and somebody has to find them.
# {cite:t}`lester2021power` tune the prompt instead. They put a few vectors before the embedded text and learn these
# by gradient descent, while every weight of the model stays as it is. One copy of the model then serves all tasks, each with
# its own handful of vectors, often about twenty; they find that more bring little. {cite:t}`li2021prefix` do the same at every layer and call it prefix tuning. A learnt vector need not be the
# embedding of any word; hence *soft* prompt.
#
# Why should this work at all? The model has been trained to predict words, and a vector that is no word was
# never in its training. {cite:t}`wei2021why` give an answer for text from HMMs: a prompt can tell the model what to rule
# out, and that can be worth more than any head.
#
# We shall see tasks that no head can do, prove when a prompt with a head can do one, and build both. Then we ask
# what becomes of a prompt that is not perfect, and why a single vector will be enough for us where the paper's
# experiment tunes twenty. Running the chapter takes about a minute.
#
# ## A task that no head can do
#
# The reviewer of {doc}`text_from_an_hmm` describes, praises or complains. Now there is a fourth thing to do: *quote* what others
# think. Who quotes writes `great` and `dull` equally often, so that the column of `quote` is the mean of the columns of
# `praise` and `complain`: four states, three tokens. We ask two questions about the state under the mask. *Is the reviewer praising
# rather than complaining?* And: *is it the reviewer's own opinion*, praise or complaint, at least five times as likely as a
# quotation?

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib import HMM, ExactMaskedLM, PosteriorTask, blank_probs, sample_tokens
from hmmlib.certificates import best_accuracy, certificate_bound, separate
from hmmlib.hmm import REVIEW_STATES, review_hmm
from hmmlib.plotting import use_style
from hmmlib.tables import Table

use_style()

# %%
reviews = review_hmm(quotes=True)
print("states:", *REVIEW_STATES)
questions = {"praise, not complaint": [0, 1, -1, 0], "own opinion": [0, 1, 1, -5]}
short = [
    torch.cartesian_prod(*[torch.arange(3)] * n).reshape(-1, n) for n in range(1, 6)
]

# %%
rows = []
for name, weights in questions.items():
    task = PosteriorTask.two_class(reviews, weights)
    shown = torch.cat([blank_probs(ExactMaskedLM(reviews), x) for x in short])
    labels = torch.cat([task.labels(x) for x in short])
    verdict = separate(shown, labels)
    most = float("nan")
    if not verdict.separable:
        most = certificate_bound(shown, labels, verdict.certificate)
    right = best_accuracy(shown, labels, exact_up_to=0).lower
    rows.append((name, len(labels), labels.double().mean(), right, most))
header = ["question", "texts", "share of label 1", "right by the best head"]
Table([*header, "certificate leaves"], rows, [None, None, ".2f", ".2f", ".0e"])

# %% [markdown]
# The first question can be answered by a head, although there are more states than tokens: it gives `quote` the mean of what
# it gives to `praise` and `complain`, so $\mu$ is in the row space of $W$ ({prf:ref}`thm-head-tuning` asks for more than is
# needed). The second cannot: the best head does no better than always to give the more frequent label. That no head is right is
# proved by the certificate of {prf:ref}`prop-fail-farkas`, evaluated in rational arithmetic on all texts of up to five
# words: the last column bounds by how much any head with weights up to 1 can separate the labels. Where the model predicts `great` and `dull` equally often, is this a
# quotation, or a reviewer who is either delighted or furious?
#
# A head comes after the model. What could be put *in front* of it? If we could tell the model that nobody is quoted here,
# three states would be left, with independent columns, and a head could read them.
#
# ## One fake token
#
# The exact model reads a token $z$ through its embedding $e(z)$, row $z$ of $W$: for each state, how likely it is to
# emit $z$. That is all a token is to the model: a vector of $H$ likelihoods. So why not feed it a vector that belongs
# to no token?
#
# :::{prf:definition} The exact model, fed embeddings (ours)
# :label: sp-def-fed
#
# Let $v_0, \dots, v_n \in \mathbb{R}^H$ with $v_t \ge 0$. Then $\overline{G}_i(v_0, \dots, v_n)$ is the probability vector
# proportional to
#
# $$
# \sum_{h_0, \dots, h_n} \pi_0(h_0) \prod_{t=1}^{n} A[h_t, h_{t-1}]\, \prod_{t \ne i} v_t(h_t)\; W_{:,h_i},
# $$ (sp-eq-fed)
#
# wherever this is not zero. Where a token or $\varnothing$ stands among its arguments, its embedding is meant.
# :::
#
# With the embeddings $v_t = e(x_t)$ of a text, $v_t(h_t) = W[x_t, h_t]$, and {eq}`eq-joint` summed over $x_i$ makes this $G_i(x)$: so $\overline{G}$ extends
# $G$. The vector of ones, $e(\varnothing)$, is no evidence at all. A vector may be multiplied by any positive number, as the
# sum is rescaled in the end. What is read at $i$ does not depend on $v_i$.
#
# :::{prf:definition} Soft prompt (the paper's Section 3.1)
# :label: sp-def-prompt
#
# A *soft prompt* is a sequence of vectors $u_1, \dots, u_k \in \mathbb{R}^H$ with $u_j \ge 0$. It is put before the blank, so
# that the frozen model reads $(u_1, \dots, u_k, \varnothing, x)$, and a head reads
# $\overline{G}_\varnothing(u_1, \dots, u_k, \varnothing, x)$, what the model shows (predicts) at the blank. We write $u$
# for a prompt of a single vector, $k = 1$.
# :::
#
# Labels do not change. They are those of $x$, $F^\star(x) = \mathbf{1}(\mu^\top \mathbb{P}[H_0 \mid x] \ge 0)$ as in
# {prf:ref}`def-task`, and know nothing of a prompt.

# %% mystnb={"figure": {"caption": "A prompt in front of the mask. Hidden states form a chain; below each stands what the model is fed there. Arrows up are evidence: a token's row of $W$, and the prompt's own entries. At the blank there is no evidence, and the head reads what the model predicts.", "name": "sp-fig-before"}, "image": {"alt": "A chain of circles H u, H blank, H 1, H 2, joined by arrows labelled A, with pi 0 into the first. Below them boxes: u, with a heavy frame, then the blank, dashed, then shaded tokens x 1 and x 2. Arrows go up from u and the tokens; at the blank an arrow W goes down, and from there one to the head."}}
from hmmlib.plotting.soft_prompts import prompt_before_the_blank

prompt_before_the_blank(2)
plt.show()

# %% [markdown]
# What does a prompt do to the prediction at the blank? A lemma says it exactly.
#
# :::{prf:lemma} A prompt re-weights the prior
# :label: sp-lem-prior
#
# Let $\rho = A\,(u \odot \pi_0)$ and $L(x)_h = \mathbb{P}[X_{1:T} = x \mid H_0 = h]$. For every text $x$ with
# $\rho^\top L(x) > 0$,
#
# $$
# \begin{aligned}
# \overline{G}_\varnothing(u, \varnothing, x) &= W \tilde p, \\
# \tilde p_h &= \frac{\rho_h\, L(x)_h}{\rho^\top L(x)} .
# \end{aligned}
# $$ (sp-eq-prior)
# :::
#
# :::{prf:proof}
# In {eq}`sp-eq-fed` fix the state $h$ under the blank. The paths' first part, the one state before,
# contributes $\sum_g \pi_{0,g}\, u_g\, A[h, g] = \rho_h$. The blank contributes 1. The last part contributes the
# weight of everything after, which is $L(x)_h$. So state $h$ gets weight $\rho_h L(x)_h$; divide by the sum and apply
# $W$, as in {prf:ref}`prop-conditionals`.
# :::
#
# Without a prompt the weights are $\pi_{0,h} L(x)_h$. So a prompt replaces the prior $\pi_0$ by $\rho$ and does nothing else. The
# scale of $u$ is irrelevant. What matters most is where $\rho$ is zero. The **support** of a vector, $\operatorname{supp}$, are
# the places where it is not. $\operatorname{supp} \rho$ are the states that can follow some state of $\operatorname{supp} u$ (in
# which the chain can start), and $W$ only has to tell *those* apart.
#
# Back to the reviews. Which prompt rules out which states?

# %%
from hmmlib.constructions import prompt_head, prompted_prior

rows = [("none", *reviews.initial)]
for state, name in enumerate(REVIEW_STATES):
    rho = prompted_prior(reviews, torch.eye(4)[state : state + 1])
    rows.append((f"before the mask: {name}", *rho))
Table(["prompt", *(f"prior of {name}" for name in REVIEW_STATES)], rows, ".2f")

# %% [markdown]
# None of them rules out anything. From every state this reviewer may go on to every other, so all four columns stay, whatever the
# prompt. Nor does re-weighting help with *own opinion*. A $b$ with $W^\top b = \mu \odot \pi_0/\rho$, which is what the theorem below
# builds, would have to give `praise` and `complain` the positive numbers $\pi_{0,h}/\rho_h$ and `quote`, their mean, the negative number
# $-5\,\pi_{0,h}/\rho_h$. The labels alone? We try forty prompts at random, of one vector or two:

# %%
own = PosteriorTask.two_class(reviews, questions["own opinion"])
y, random = (
    torch.cat([own.labels(x) for x in short[:4]]),
    torch.Generator().manual_seed(0),
)
lm, bounds = ExactMaskedLM(reviews), []
for k in range(40):
    u = torch.randn(1 + k % 2, 4, dtype=torch.float64, generator=random).mul(3).exp()
    shown = torch.cat([blank_probs(lm, x, u) for x in short[:4]])
    verdict = separate(shown, y)
    if not verdict.separable:
        bounds.append(certificate_bound(shown, y, verdict.certificate))
print(f"prompts behind which no head is right: {len(bounds)} of 40, by certificates")
print(f"that leave at most {max(bounds):.0e}")

# %% [markdown]
# A prompt lives on the zeros of $A$, and here there are none.
#
# Here is a reviewer of firmer habits, with five states. State 0 describes (mostly token 0), 1 praises (token 1), 4 complains (token 2); 2
# and 3 are in between. Every state has two successors. The task asks whether the reviewer describes rather than
# complains, state 0 or state 4, and the prompt is one on states 3 and 4, zero elsewhere.

# %%
A = [[0.5, 0, 0, 0, 0.5], [0.2, 0, 0, 0.8, 0], [0.5, 0, 0.5, 0, 0]]
A += [[0, 0.8, 0, 0, 0.2], [0.7, 0, 0, 0, 0.3]]  # from state 0, 1, …, 4
W = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2]]
W += [[0.2, 0.2, 0.6], [0.1, 0.1, 0.8]]
five = HMM([0.2] * 5, transition=A, emission=W)
zero_or_four = PosteriorTask.two_class(five, [1, 0, 0, 0, -1])
u = torch.tensor([[0, 0, 0, 1, 1]])
rho = prompted_prior(five, u)

# %% mystnb={"figure": {"caption": "Left, the distribution of the state under the blank without a prompt. Middle, the prompt. Right, the distribution under the blank with the prompt, before any text is seen: only what can follow states 3 and 4 is left. Full bars: states that the task weighs (left and right); crosses: zero.", "name": "sp-fig-prior"}, "image": {"alt": "Three bar charts over states 0 to 4. Left, five equal bars. Middle, bars of height one at states 3 and 4, crosses at 0, 1 and 2. Right, bars at states 0, 1 and 4, crosses at states 2 and 3."}}
from hmmlib.plotting.soft_prompts import prior_under_prompt, token_probs_with_prompt

prior_under_prompt(five.initial, u[0], rho, weighed=[0, 4])
plt.show()

# %% [markdown]
# The prompt says: *the state before the blank is 3 or 4*. So the state under the blank is one that can follow those two.
# States 2 and 3 are switched off. What does the model show now?

# %% mystnb={"figure": {"caption": "What the model shows at the blank for the same 600 texts, without and with the prompt. Numbered circles are the columns of $W$ that take part. Without the prompt, five columns share a triangle and the labels are mixed up. With it, three columns are left, the corners of a triangle of their own, and a line (the head of the theorem below) splits the labels.", "name": "sp-fig-triangles"}, "image": {"alt": "Two triangles of token distributions. On the left, points of two labels overlap and five numbered circles are spread over the triangle. On the right only circles 0, 1 and 4 are left, and a straight line separates the points of the two labels."}}
lm = ExactMaskedLM(five)
x = sample_tokens(five, batch=600, time=9, generator=0)[:, 1:]
head = prompt_head(five, zero_or_four.mu, u)
plain, prompted = blank_probs(lm, x), blank_probs(lm, x, u)
y = zero_or_four.labels(x)
token_probs_with_prompt(plain, prompted, y, five.emission, [0, 1, 4], head.weights)
plt.show()

# %% [markdown]
# ### Change the corners
#
# The two triangles again, to drag and to switch. What becomes of the corners when the prompt gives state 2 a little?
#
# :::{geometry} Corners that a prompt removes
# :machines: prompt
# :panels: prompt, task
#
# The prompt can be changed here. That needs JavaScript, which is switched off; the figure above shows one prompt and none.
# :::
#
# ## The theorem
#
# :::{prf:definition} Relaxed non-degeneracy (the paper's Section 3.1)
# :label: sp-def-relaxed
#
# Let $u$ be a prompt and $B = \operatorname{supp} \rho$. Then $u$ satisfies *relaxed non-degeneracy* for $\mu$ if
#
# - the columns $W_{:,h}$ with $h \in B$ are linearly independent, and
# - $\operatorname{supp} \mu \subseteq B$.
#
# The states of $B$, which are left, are the *essential* hidden states. On a given HMM $B$ depends on $C = \operatorname{supp} u$
# alone, so that this is a property of the *prompt states* $C$: they *suit* $\mu$ if it holds.
# :::
#
# The matrix of the columns in $B$ is $W_B$. There may be any number of states now, as long as at most $V$ of them are
# left.
#
# :::{prf:theorem} Soft prompt tuning on a vanilla HMM (the paper's Section 3.1)
# :label: sp-thm-prompt
#
# Let $u$ satisfy relaxed non-degeneracy for $\mu$, and let
#
# $$
# b = (W_B^+)^\top\, (\mu \odot \pi_0 / \rho)_B .
# $$
#
# Then for every text $x$ that can occur, and can occur after the prompt,
#
# $$
# \begin{aligned}
# c(x)\; b^\top\, \overline{G}_\varnothing(&u, \varnothing, x) \\
#   &= \mu^\top\, \mathbb{P}[H_0 \mid x], \\
# c(x) &= \frac{\rho^\top L(x)}{\pi_0^\top L(x)} > 0,
# \end{aligned}
# $$ (sp-eq-value)
#
# and therefore $F^\star(x) = \mathbf{1}\bigl(b^\top\, \overline{G}_\varnothing(u, \varnothing, x) \ge 0\bigr)$.
# :::
#
# :::{prf:proof}
# Write $L$ for $L(x)$. In three steps:
#
# 1. By {prf:ref}`sp-lem-prior`, $\overline{G}_\varnothing(u, \varnothing, x) = W \tilde p = W_B\, \tilde p_B$, since
#    $\tilde p$ is zero off $B$.
# 2. The columns of $W_B$ are independent, so $W_B^+ W_B$ is the identity, and $b^\top W_B\, \tilde p_B$
#    $= (\mu \odot \pi_0 / \rho)_B^\top\, \tilde p_B$
#    $= \sum_{h \in B} \mu_h\, \pi_{0,h}\, L_h / \rho^\top L$, where $\rho_h$ has cancelled.
# 3. As $\mu$ is zero off $B$, the sum runs over all $h$. By Bayes' rule $\mathbb{P}[H_0 = h \mid x] = \pi_{0,h} L_h /
#    \pi_0^\top L$. So the value is $\mu^\top \mathbb{P}[H_0 \mid x]$ times $\pi_0^\top L / \rho^\top L$.
#
# Both $\rho^\top L$ and $\pi_0^\top L$ are positive by assumption, so that the sign is that of the margin.
# :::
#
# The head gives back what the prompt has done to the prior: it divides by $\rho$ and multiplies by $\pi_0$. It no longer
# reproduces the margin, only a positive multiple of it, which is all a label needs. Where $\pi_0 > 0$ on $B$ the factor
# can be read off the ordinary posterior, $c(x) = \sum_h (\rho_h / \pi_{0,h})\, \mathbb{P}[H_0 = h \mid x]$.
#
# :::{prf:remark}
# :label: sp-rem-weaker
#
# Three things the paper does not state, all visible in the proof:
#
# - Independence is not needed. Any $b$ with $W_B^\top b = (\mu \odot \pi_0/\rho)_B$ will do, so this vector only has to
#   be in the row space of $W_B$.
# - A state with $\pi_{0,h} = 0$ does not matter even if $\mu_h \ne 0$, for $H_0$ is never there. It is enough that
#   $\operatorname{supp}(\mu \odot \pi_0) \subseteq B$.
# - A text that can occur, but not after the prompt, has $L(x)_h = 0$ for all $h \in B$. The prompted model predicts nothing
#   for such a text, as the sum of {eq}`sp-eq-fed` is zero. Its margin is exactly zero, since $\mu$ weighs no other states.
# :::
#
# ### Change it
#
# The HMM of five states, computed in your browser. Without the prompt no $b$ is right for all texts; switch the
# prompt on and one is. Now give state 2 a little of the prompt: what is left under the blank, and what becomes of the head?
# {doc}`../book/explorer` has the transitions to drag as well.
#
# :::{explorer} A prompt and a head
# :machines: prompt
# :panels: prompt, head
#
# The HMM of five states can be changed here. That needs JavaScript, which is switched off; the figures above show it
# with one prompt and without.
# :::
#
# ## The construction
#
# The cell below is the one to change: a random HMM in which each state has few successors, and a task that weighs
# the states which can follow those in `after`.

# %%
from hmmlib.hmm import random_sparse_hmm

n_states, n_tokens, n_followers, seed = 24, 10, 2, 31  # change me: sizes and seed
after = [0, 1, 2]  # change me: the task weighs the states that can follow these
hmm = random_sparse_hmm(n_states, n_tokens, generator=seed, n_followers=n_followers)
mu = torch.randn(
    n_states, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
)
mu[hmm.transition[after].sum(0) == 0] = 0  # or change me: any weights
task = PosteriorTask.two_class(hmm, mu)
texts = sample_tokens(hmm, batch=400, time=33, generator=0)[:, 1:]
print("weighed:", task.mu.nonzero().flatten().tolist())

# %% [markdown]
# First the head alone. {py:func}`~hmmlib.certificates.separate` looks for a head that gets all labels of
# these texts right. If there is none it returns a certificate, and `certificate_bound` checks it.

# %%
lm = ExactMaskedLM(hmm)
labels, plain = task.labels(texts), blank_probs(lm, texts)
verdict = separate(plain, labels)
print("texts:", len(texts), "with label 1:", int(labels.sum()))
if not verdict.separable:
    most = certificate_bound(plain, labels, verdict.certificate)
    print(f"no head separates the labels by more than {most:.0e}")
found = best_accuracy(plain, labels, exact_up_to=0).lower
print(f"best head found: {found:.2f} of the labels")

# %% [markdown]
# Now the prompt. `soft_prompt` searches for prompt states, checks the assumption and builds the head of
# {prf:ref}`sp-thm-prompt`. Should your own task have no such prompt, the cell prints why.

# %%
from textwrap import fill

from hmmlib.constructions import AssumptionError, soft_prompt

tuned = None
try:
    tuned = soft_prompt(hmm, task.mu)
except AssumptionError as error:
    print(fill(f"no prompt: {error}", 74))
if tuned is not None:
    print("prompt states:", tuned.states)
    print("states left:", tuned.reached)
    wrong = (tuned.labels(lm, texts) != labels).sum()
    print(f"wrong labels: {wrong} of {len(texts)}")

# %% [markdown]
# Model and texts are the same, and nothing was trained: prompt and head are written down from the
# HMM's parameters, just as the head was in {doc}`head_tuning`. What training can find of them is another question.
#
# ## Finding prompt states
#
# Which states should a prompt let through? There are $2^H - 1$ sets to choose from, and two wishes that pull in
# opposite directions: $B$ has to be large enough to cover $\operatorname{supp} \mu$, and small enough for its columns
# to be independent. The search in {py:func}`~hmmlib.constructions.find_prompt_states` rests on two observations.
#
# - *Every weighed state needs a predecessor in $C$.* So cover the weighed states one at a time, trying all predecessors
#   of each.
# - *More prompt states never make $B$ smaller*, and a subset of independent columns is independent. So once the columns
#   are dependent, turn back; and members of $C$ that cover nothing new are never needed.
#
# Trying all predecessors and turning back only when it must, the search misses nothing: if it finds no set there is
# none. (It looks at no more than ten thousand sets. Should that not be enough, it raises `SearchGaveUpError`, which says neither
# yes nor no; on this page it never happens.) We compare it with brute force, which tries all 4,095 sets of twelve states.

# %% tags=["hide-input"]
from itertools import combinations

from hmmlib.constructions import find_prompt_states


def suitable_sets(hmm, weighed):
    """All sets of prompt states that satisfy the definition, by trying every set."""
    H, found = range(hmm.n_states), []
    for states in (c for k in H for c in combinations(H, k + 1)):
        B = hmm.transition[list(states)].sum(0) > 0
        columns, count = hmm.emission[B], int(B.sum())
        if B[weighed].all() and int(torch.linalg.matrix_rank(columns)) == count:
            found.append(states)
    return found


# %%
twelve = random_sparse_hmm(12, 6, generator=4, n_followers=3)
weights, weighed = torch.zeros(12), [0, 5, 8, 9]
weights[weighed] = 1.0
before = [twelve.transition[:, s].nonzero().flatten().tolist() for s in weighed]
rows = [(s, str(states)) for s, states in zip(weighed, before, strict=True)]
display(Table(["state", "comes after"], rows))
print("prompt states that suit, by brute force:", suitable_sets(twelve, weighed))
print("found by the search:", find_prompt_states(twelve, weights))

# %% [markdown]
# One set among 4,095. Choosing for each weighed state the first predecessor in the list does not lead there. And here
# is a task on the same HMM that has none, although it weighs fewer states:

# %%
weights = torch.zeros(12)
weights[[0, 2, 3]] = 1.0
print("prompt states that suit, by brute force:", suitable_sets(twelve, [0, 2, 3]))
try:
    find_prompt_states(twelve, weights)
except AssumptionError as error:
    print(fill(str(error), 74))

# %% [markdown]
# ## The theorem on a thousand HMMs
#
# We draw a thousand HMMs of 12 to 21 states with ten tokens, so that {prf:ref}`thm-head-tuning` applies to none. Each task weighs
# the successors of one to four random states, the prompt is searched for, and {eq}`sp-eq-value` is checked in full: $c(x)$ times
# the value against the margin, which exact inference finds without any prompt. Two planted errors show that the check can
# fail: a head that forgets to divide by $\rho$, and one that was built for $\rho$ but reads the model without a prompt.


# %% tags=["hide-input"]
def random_task(seed):
    """An HMM with more states than tokens; a task on what follows some states."""
    hmm = random_sparse_hmm(12 + seed % 10, 10, generator=seed)
    rng = np.random.default_rng(seed)
    leaders = rng.choice(hmm.n_states, 1 + seed % 4, replace=False)
    followed = (hmm.transition[leaders].sum(0) > 0).numpy()
    mu = rng.standard_normal(hmm.n_states) * followed
    return hmm, PosteriorTask.two_class(hmm, mu)


# %%
def three_heads(seed):
    """Texts; for the theorem's head and two planted errors: wrong labels, deviation."""
    hmm, task = random_task(seed)
    x = sample_tokens(hmm, batch=20, time=11, generator=seed)[:, 1:]
    posterior, prompt = task.posterior(x), soft_prompt(hmm, task.mu)
    margin, rho = posterior @ task.mu, prompted_prior(hmm, prompt.prompt)
    c, B = posterior @ (rho / hmm.initial), list(prompt.reached)
    shown = blank_probs(ExactMaskedLM(hmm), x, prompt.prompt)
    values = [prompt.head.values(shown)]
    values.append(shown @ (torch.linalg.pinv(hmm.emission[B]) @ task.mu[B]))
    values.append(prompt.head.values(blank_probs(ExactMaskedLM(hmm), x)))
    values = torch.stack(values)
    wrong = ((values >= 0) != (margin >= 0)).sum(1)
    return len(x), wrong, (c * values - margin).abs().amax(1)


# %%
found = [three_heads(seed) for seed in range(1000)]
wrong, worst = sum(f[1] for f in found), torch.stack([f[2] for f in found]).amax(0)
names = ["theorem", "planted: not divided by ρ", "planted: no prompt"]
total = sum(f[0] for f in found)
rows = [(n, 1000, total, *pair) for n, *pair in zip(names, wrong, worst, strict=True)]
header = ["head", "HMMs", "texts", "wrong labels", "largest deviation"]
Table(header, rows, [None, None, None, None, ".0e"])

# %% [markdown]
# How often are there suitable states? A task that weighs more states than there are tokens has none, since
# $\operatorname{supp}\mu \subseteq B$ and at most $V$ columns are independent. Short of that, what matters is not $H$ but how many
# states have to be told apart once the prompt has done its work. {doc}`prompts_on_the_papers_hmms` has the counts.
#
# ## When model or prompt are only nearly right
#
# A trained network is not the exact model, and tuning does not find zeros. How much can go wrong? Two things can: the model
# predicts a little else than it should, and states that ought to be off are only turned down.
#
# :::{prf:proposition} A model or a prompt that is only nearly right (ours)
# :label: sp-prop-robust
#
# Let $B \subseteq \operatorname{supp}\rho$ be states with independent columns, $\operatorname{supp}\mu \subseteq B$, and
# $b$ as in {prf:ref}`sp-thm-prompt` for this $B$. Let $E = \operatorname{supp}\rho \setminus B$, and let $\hat G$ be a distribution
# within $\varepsilon$ of $\overline{G}_\varnothing(u, \varnothing, x)$ in Euclidean norm. Then for every text $x$ that can occur, and can
# occur after the prompt,
#
# $$
# \begin{aligned}
# &\bigl\lvert c(x)\, b^\top \hat G - \mu^\top \mathbb{P}[H_0 \mid x] \bigr\rvert \\
# &\le c(x)\, \Bigl( \lVert b_\perp \rVert_2\, \varepsilon
#   + \max_{g \in E} \lvert b^\top W_{:,g} \rvert\; \tilde p(E) \Bigr),
# \end{aligned}
# $$
#
# where $\tilde p(E)$ is the probability of $E$ under the distribution $\tilde p$ of {eq}`sp-eq-prior`, and $b_\perp$ is $b$
# minus the mean of its entries. Moreover
#
# $$
# \lVert b_\perp \rVert_2 \le \lVert b \rVert_2 \le \frac{\lVert (\mu \odot \pi_0/\rho)_B \rVert_2}{\sigma_{\min}(W_B)}.
# $$
# :::
#
# :::{prf:proof}
# By {prf:ref}`sp-lem-prior` the exact prediction is $W_B\, \tilde p_B + \sum_{g \in E} \tilde p_g W_{:,g}$. Apply
# $b^\top$. The first term gives the margin over $c(x)$, by steps 2 and 3 of the theorem's proof. The second is a sum of
# $\tilde p_g\, b^\top W_{:,g}$, at most what is stated. The entries of $\hat G - \overline{G}_\varnothing$ sum to zero, so $b$ and $b_\perp$
# give them the same value, at most $\lVert b_\perp \rVert_2\, \varepsilon$ by Cauchy–Schwarz. The last line holds because
# $W_B^+$ has norm $1/\sigma_{\min}(W_B)$.
# :::
#
# Two lessons. A *weighed* state should not be turned down, since $\pi_0/\rho$ becomes large there, and the head with it. And to turn an
# unwanted state down is not to switch it off: a text that is sure of $g$ makes $\tilde p_g$ large however small $\rho_g$ is.
# On the five states, let the prompt have an entry $\eta$ at state 2, and add an error of size $\varepsilon$ to every prediction.

# %%
from hmmlib import posteriors_from_evidence, prepend_prompt

lm, B = ExactMaskedLM(five), [0, 1, 4]
x = sample_tokens(five, batch=2000, time=13, generator=1)[:, 1:]
posterior, mu5 = zero_or_four.posterior(x), zero_or_four.mu
error = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)).double()
error -= error.mean(1, keepdim=True)  # predictions sum to one
error /= error.norm(dim=1, keepdim=True)


def state_behind(u):
    """The distribution of the state under the blank, by exact inference."""
    blank_and_text = torch.cat([torch.ones(2000, 1, 5).double(), lm.embed(x)], 1)
    fed = prepend_prompt(u, blank_and_text)
    return posteriors_from_evidence(five, fed, keep=["smoothed"]).smoothed[:, 1]


# %%
sizes = [(0, 0), (1e-4, 0), (1e-2, 0), (0, 1e-2), (1e-2, 1e-2), (1, 0)]
rows, margin = [], posterior @ mu5
for eta, eps in sizes:
    vector = torch.tensor([[0, 0, eta, 1, 1]]).double()
    rho = prompted_prior(five, vector)
    b = torch.linalg.pinv(five.emission[B]) @ (mu5 * five.initial / rho)[B]
    c = posterior @ (rho / five.initial)
    value = c * ((blank_probs(lm, x, vector) + eps * error) @ b)
    outside = (b @ five.emission[2]).abs() * state_behind(vector)[:, 2]
    bound = c * ((b - b.mean()).norm() * eps + outside) + 1e-12
    wrong, safe = (value >= 0) != (margin >= 0), margin.abs() > bound
    ratio = ((value - margin).abs() / bound).max() if eta + eps else np.nan
    rows.append((eta, eps, wrong.sum(), safe.sum(), (wrong & safe).sum(), ratio))

# %%
header = ["η", "ε", "wrong labels of 2,000", "beyond the bound", "wrong among these"]
header.append("largest error / bound")
Table(header, rows, [".0e", ".0e", None, None, None, ".3f"])

# %% [markdown]
# No label is wrong whose margin exceeds the bound, and the bound is met: with $\varepsilon = 0$ error and bound are equal, as
# $E$ is a single state. The prompt with $\eta = 1$ lets state 2 through like the others.
#
# ## Are longer prompts better?
#
# The paper's experiment, like much of practice, tunes twenty vectors. On a vanilla HMM, with the exact
# model, one is as good as twenty. (With a memory of several cells it is otherwise: {prf:ref}`mp-prop-length`.)
#
# :::{prf:proposition} One vector is enough (ours)
# :label: sp-prop-length
#
# If $\pi_{0,h} > 0$ for all $h$, then for every prompt $u_1, \dots, u_k$ there is a single vector $u$ after which the
# model shows the same at the blank, for all texts.
# :::
#
# :::{prf:proof}
# With several vectors, each multiplies the distribution of its state and the chain takes a step: $\rho_j = A\,(u_j \odot
# \rho_{j-1})$ with $\rho_0 = \pi_0$, by the argument of {prf:ref}`sp-lem-prior`. What is shown depends on the prompt
# through $\rho_k$ alone. Now $\rho_k = A v$ with $v = u_k \odot \rho_{k-1} \ge 0$. Put $u = v / \pi_0$, entry by entry.
# Then $u \ge 0$ and $A\,(u \odot \pi_0) = A v = \rho_k$.
# :::
#
# In other words, on a vanilla HMM $\rho$ ranges over the cone spanned by the columns of $A$, whatever the length. The recipe in the proof,
# on 200 random prompts of three vectors:

# %%
model = random_sparse_hmm(8, 4, generator=0, n_followers=3)
x = sample_tokens(model, batch=50, time=17, generator=0)[:, 1:]
random, largest = torch.Generator().manual_seed(0), 0.0
for _ in range(200):
    three = torch.rand(3, 8, dtype=torch.float64, generator=random) ** 4
    v = three[2] * prompted_prior(model, three[:2])
    one = (v / model.initial)[None]
    after, same = (blank_probs(ExactMaskedLM(model), x, u) for u in (three, one))
    largest = max(largest, float((after - same).abs().max()))
print(f"largest difference over 200 prompts and 50 texts: {largest:.0e}")

# %% [markdown]
# So if prompt and head are *optimised*, for a task that neither can solve, the best loss cannot depend on the length.
# {py:func}`~hmmlib.tuning.optimal_prompt` minimises the log-loss over prompts and heads together, from several starts, as
# there are poor local minima. We take the reviews and the question *own opinion*.

# %%
from hmmlib.heads import logistic_head
from hmmlib.tuning import optimal_prompt

x = sample_tokens(reviews, batch=600, time=13, generator=1)[:, 1:]
lm, y = ExactMaskedLM(reviews), own.labels(x)
rows = [("none", logistic_head(blank_probs(lm, x), y).loss)]
for k in [1, 2, 3]:
    best = optimal_prompt(lm, x, y, n_prompt=k, starts=3, generator=0)
    rows.append((str(k), best.loss))
Table(["prompt vectors", "log-loss with the best head"], rows, ".4f")

# %% [markdown]
# A trained network is not bound by this. Its embedding space is not a space of likelihoods, and nothing forces a
# learnt prompt to act by re-weighting a prior. The proposition says what longer prompts *cannot* be needed for. What an optimised prompt
# reaches on the paper's own HMMs is the subject of {doc}`prompts_on_the_papers_hmms`.
#
# ## What each assumption is for
#
# For counterexamples we return to the three coins of {doc}`when_heads_fail`: side a comes up with probability 0.2, 0.5
# and 0.8, the hidden state is the coin, and it never changes. With $A$ the identity, $\rho = u \odot \pi_0$: a prompt
# may give the coins any prior it likes. Texts are all sequences of up to 20 tosses, of which only the number of a's
# matters.

# %%
coins = HMM([1 / 3] * 3, torch.eye(3), [[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]])
tosses = [
    torch.tensor([[0] * n + [1] * (t - n) for n in range(t + 1)])
    for t in range(1, 21)
]


def on_coins(mu, prompt=None, texts=tosses):
    """Can a head be right on these texts? Also what it sees, and the labels."""
    task, lm = PosteriorTask.two_class(coins, mu), ExactMaskedLM(coins)
    labels = torch.cat([task.labels(x) for x in texts])
    shown = torch.cat([blank_probs(lm, x, prompt) for x in texts])
    return separate(shown, labels), shown, labels


# %% [markdown]
# With the task *coin 0 rather than coin 1?* and a prompt that removes coin 2, the theorem applies.
#
# **A weighed state out of reach**, $\operatorname{supp} \mu \not\subseteq B$. Same task, but the prompt keeps coins 0 and
# 2. Their columns are independent. The construction refuses:

# %%
from hmmlib.constructions import UnreachableStateError

first_or_fair = [1.0, -1.0, 0.0]
try:
    soft_prompt(coins, first_or_fair, states=[0, 2])
except UnreachableStateError as error:
    print(fill(str(error), 74))
wrong_ones = torch.tensor([[1.0, 0.0, 1.0]])
verdict, shown, labels = on_coins(first_or_fair, wrong_ones)
most = certificate_bound(shown, labels, verdict.certificate)
print(f"no head behind it separates by more than {most:.0e}")

# %% [markdown]
# and rightly so: the certificate rules out *every* head behind this prompt, not only the theorem's. The prompted model
# believes that the coin is 0 or 2, weighs the tosses accordingly, and what they say about coin 1 is not in what it shows.
#
# **Dependent columns.** Now the task of the last chapter: *is it the fair coin?* It weighs all three. Any prompt that
# keeps all three leaves three columns in two dimensions. Perhaps some clever prompt gets around that, of any length?
#
# :::{prf:proposition} No prompt finds the fair coin (ours)
# :label: sp-prop-coins
#
# Let an HMM have $A = I$ and two tokens, each with positive probability in every state, and let $x_n$ be a text of
# $T$ tokens of which $n$ are a. Behind any prompt, of any length, $\overline{G}_\varnothing(\dots, \varnothing, x_n)[a]$
# does not decrease with $n$. So no prompt and linear head give three texts $x_{n_1}, x_{n_2}, x_{n_3}$ with
# $n_1 < n_2 < n_3$ the labels 0, 1, 0, nor 1, 0, 1.
# :::
#
# :::{prf:proof}
# Let $p_h = W[a, h]$. By {prf:ref}`sp-lem-prior` (for several vectors, by the proof of {prf:ref}`sp-prop-length`) the
# model's weights are $\tilde p_h \propto \rho_h\, p_h^n (1 - p_h)^{T-n}$. One more a in place of the other token
# multiplies them by $r_h = p_h/(1 - p_h)$. Taking means under the weights for $n$, what is shown goes from $\mathbb{E}[p]$ to
# $\mathbb{E}[p\,r] / \mathbb{E}[r]$. And
#
# $$
# \mathbb{E}[p\,r] - \mathbb{E}[p]\,\mathbb{E}[r] = \tfrac12 \sum_{g, h} \tilde p_g\, \tilde p_h\, (p_g - p_h)(r_g - r_h) \ge 0,
# $$
#
# because $r$ grows with $p$. So what is shown moves one way along $x_0, x_1, \dots, x_T$, and {prf:ref}`fail-lem-one-way` rules
# out the labels 0, 1, 0 and 1, 0, 1.
# :::
#
# Below, all texts of twelve tosses. The label is 1 in the middle and 0 at both ends, while what the model shows only
# ever rises, whatever the prompt (a negative fall is a rise). For 200 random prompts of one to three vectors certificates
# say the same.

# %%
fair, twelve_tosses = [-1.0, 1.0, -1.0], tosses[11:12]
random, rows, bounds = torch.Generator().manual_seed(0), [], []
_, shown, labels = on_coins(fair, None, twelve_tosses)
rows.append(shown[:, 0])
for k in range(200):
    vectors = torch.randn(1 + k % 3, 3, dtype=torch.float64, generator=random)
    verdict, shown, _ = on_coins(fair, (3 * vectors).exp(), twelve_tosses)
    rows.append(shown[:, 0])
    if not verdict.separable:
        bounds.append(certificate_bound(shown, labels, verdict.certificate))
falls = -torch.stack(rows).diff().min()
print(f"largest fall of what is shown, from one text to the next: {float(falls):.0e}")
print(f"prompts behind which no head is right: {len(bounds)} of 200, by certificates")
print(f"that leave at most {max(bounds):.0e}")

# %% mystnb={"figure": {"caption": "Is it the fair coin? Left, the margin of each text of twelve tosses. Right, what the model shows at the blank, without a prompt and behind 40 random ones. No threshold on a rising curve can be right in the middle and at both ends.", "name": "sp-fig-coins"}, "image": {"alt": "Left, margins against the number of tokens a from 0 to 12: negative at both ends, positive in the middle, with full markers in the middle. Right, one bold and many thin curves of the probability of token a, all rising from left to right."}}
from hmmlib.plotting import turning_labels

margins = PosteriorTask.two_class(coins, fair).scores(twelve_tosses[0])
margins = margins[:, 1] - margins[:, 0]
names = r"margin $\mu^\top P[H_0 | x]$", r"$\overline{G}_∅[a]$"
shown, x_label = torch.stack(rows[:41]), "tokens a in the text"
turning_labels(range(13), margins.tolist(), shown, x_label=x_label, y_labels=names)
plt.show()

# %% [markdown]
# Was information lost here? Not at all: the probability of a increases strictly with $n$ as long as $\rho$ leaves two
# coins, so it determines the label. A head with *two* thresholds would be right. What fails is the pair of a prompt that
# re-weights and a head that is linear.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Which states does it let through?
# :label: sp-ex-by-hand
#
# Six states, three tokens, no three emission columns dependent. The arrows are 0 → 1, 2; 1 → 2, 3; 2 → 0, 4; 3 → 1, 4;
# 4 → 0, 5; 5 → 3, 5. A task weighs states 1 and 4. Find suitable prompt states by hand. Which pairs of states can be weighed
# so that there is none?
#
# :::{admonition} Hint
# :class: dropdown
#
# How many states may be left? List the successors of each state, and of each pair of states.
# :::
# ::::

# %% [markdown]
# :::{solution-start} sp-ex-by-hand
# :class: dropdown
# :::
#
# At most three states may be left. Both 1 and 4 follow state 3, so $C = \{3\}$ leaves $B = \{1, 4\}$. A pair in general
# needs one prompt state that leads to both, or two that share a successor; two that share none leave four states, one
# too many. Choose, say, states 0 and 2: 0 follows 2 or 4, and 2 follows 0 or 1, and each of the four combinations leaves
# four states. The search agrees:

# %%
from hmmlib import random_hmm

warm = {"transition_temperature": 0.2, "emission_temperature": 0.5}
arrows = {0: (1, 2), 1: (2, 3), 2: (0, 4), 3: (1, 4), 4: (0, 5), 5: (3, 5)}
A = torch.zeros(6, 6)
for state, next_ones in arrows.items():
    A[state, list(next_ones)] = 0.5
small = HMM([1 / 6] * 6, A, random_hmm(6, 3, generator=3, **warm).emission)
print("after state 3:", soft_prompt(small, [0, 1, 0, 0, -1, 0], states=[3]).reached)
print("the search finds:", find_prompt_states(small, [0, 1, 0, 0, -1, 0]))

# %%
without = []
for pair_of_states in combinations(range(6), 2):
    weights = [float(h in pair_of_states) for h in range(6)]
    try:
        find_prompt_states(small, weights)
    except AssumptionError:
        without.append(pair_of_states)
print("pairs without a set:", without)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ● Think: A prompt behind the text
# :label: sp-ex-behind
#
# What if the prompt is put *behind* the text, $(\varnothing, x, u)$? Where does it act, and what becomes of it as texts
# grow longer?
#
# :::{admonition} Hint
# :class: dropdown
#
# What does $L(x)$ become if one more vector of evidence follows the text?
# :::
# ::::

# %% [markdown]
# :::{solution-start} sp-ex-behind
# :class: dropdown
# :::
#
# The prior under the blank stays $\pi_0$. The vector is evidence about the state *after* the text and changes
# $L(x)_h = \mathbb{P}[x \mid H_0 = h]$ to $\sum_g \mathbb{P}[x, H_{T+1} = g \mid H_0 = h]\, u_g$. It can switch off states under the
# blank only through the whole text. On a chain that forgets, $H_{T+1}$ says ever less about $H_0$, and $u$ loses its say.
# The mean total variation between what the blank shows with and without it:

# %%
model = random_hmm(
    6, 5, generator=5, transition_temperature=0.3, emission_temperature=0.5
)
lm = ExactMaskedLM(model)
u = torch.eye(6, dtype=torch.float64)[:1]  # only state 0
rows = []
for length in [1, 2, 4, 8, 16]:
    x = sample_tokens(model, batch=300, time=length + 1, generator=0)[:, 1:]
    embedded = torch.cat([torch.ones(300, 1, 6), lm.embed(x), u.expand(300, 1, 6)], 1)
    behind, plain = lm.token_probs(embedded)[:, 0], blank_probs(lm, x)
    before = blank_probs(lm, x, u)
    moved = [0.5 * (p - plain).abs().sum(1).mean() for p in (behind, before)]
    rows.append((length, *moved))
header = ["tokens", "prompt behind the text", "prompt before the blank"]
Table(header, rows, ".3f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: Which margin is it?
# :label: sp-ex-conditional
#
# Suppose that the chain is stationary, $A \pi_0 = \pi_0$, and that all predecessors of states in $B$ are prompt states.
# Show that the indicator of $C$ makes $\rho = \pi_0$ on $B$, and that the theorem's head then reproduces a margin after
# all. Which one?
#
# :::{admonition} Hint
# :class: dropdown
#
# Which predecessors of a state of $B$ does the prompt leave out?
# :::
# ::::

# %% [markdown]
# :::{solution-start} sp-ex-conditional
# :class: dropdown
# :::
#
# For $h \in B$, $\rho_h = \sum_{g \in C} A[h, g]\, \pi_{0,g}$ $= \sum_g A[h, g]\, \pi_{0,g} = \pi_{0,h}$, since
# $A[h, g] = 0$ for all other $g$. Then $b = (W_B^+)^\top \mu_B$, just as for a head alone if there were only the states
# of $B$, and its value is
#
# $$
# \frac{\sum_{h \in B} \mu_h\, \pi_{0,h} L_h}{\sum_{h \in B} \pi_{0,h} L_h} = \mu^\top\, \mathbb{P}[H_0 \mid x,\, H_0 \in B],
# $$
#
# the margin given that the state is in $B$. (The library rescales $\rho$ to sum to one, which multiplies $b$ and the
# values by $\sum_{h \in B} \pi_{0,h}$.) A chain that walks in blocks has such sets. Below, states 0 and 1 lead to states 2
# and 3, those to 4 and 5, and those back to 0 and 1.

# %%
step = torch.tensor([[0.3, 0.7], [0.8, 0.2]], dtype=torch.float64)
A = torch.zeros(6, 6, dtype=torch.float64)
A[0:2, 2:4], A[2:4, 4:6], A[4:6, 0:2] = step, step.flip(1), step
blocks = HMM([1 / 6] * 6, A, random_hmm(6, 3, generator=2, **warm).emission)
blocks = blocks.with_initial(blocks.stationary())
pair = PosteriorTask.two_class(blocks, [0, 0, 1, -0.5, 0, 0])
prompt = soft_prompt(blocks, pair.mu, states=[0, 1])
B = list(prompt.reached)
x = sample_tokens(blocks, batch=500, time=9, generator=0)[:, 1:]
p = pair.posterior(x)
conditional = p @ pair.mu / p[:, B].sum(1)
value = prompt.values(ExactMaskedLM(blocks), x) / blocks.initial[B].sum()
off = float((value - conditional).abs().max())
print(f"B = {B}, largest deviation from the margin given B: {off:.0e}")
print(f"from the margin itself: {float((value - p @ pair.mu).abs().max()):.2f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: Take the first that comes
# :label: sp-ex-greedy
#
# Write a search that is not complete: cover the weighed states one after the other, each by its first predecessor,
# and never turn back. On how many random HMMs with a task of four weighed states does it find prompt states, and on how
# many does `find_prompt_states`?
#
# :::{admonition} Hint
# :class: dropdown
#
# `hmm.transition[:, state].nonzero()` are the predecessors of a state.
# :::
# ::::

# %% [markdown]
# :::{solution-start} sp-ex-greedy
# :class: dropdown
# :::
#
# A first predecessor may lead to states that make the columns dependent, while another one does not. Turning back is what makes the
# search complete.


# %%
def greedy(hmm, weights):
    """Prompt states found without ever turning back; an error if they do not suit."""
    chosen = set()
    for state in weights.nonzero()[0]:
        before = hmm.transition[:, state].nonzero().flatten().tolist()
        if not chosen & set(before):
            chosen.add(before[0])
    soft_prompt(hmm, weights, states=sorted(chosen))
    B = hmm.transition[sorted(chosen)].sum(0) > 0
    if int(torch.linalg.matrix_rank(hmm.emission[B])) < int(B.sum()):
        raise AssumptionError("dependent columns")


# %%
def finds(search, seed, n):
    hmm = random_sparse_hmm(n, 10, generator=seed, n_followers=3)
    live = (hmm.transition > 0).any(0).nonzero().flatten().numpy()
    weights = np.zeros(n)
    weights[np.random.default_rng(seed).permutation(live)[:4]] = 1.0
    try:
        search(hmm, weights)
    except AssumptionError:
        return False
    return True


# %%
rows, searches = [], (greedy, find_prompt_states)
for n in (10, 15, 20):
    rows.append((n, *(sum(finds(s, k, n) for k in range(30)) for s in searches)))
Table(["$H$", "never turns back, of 30", "complete search"], rows)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: A longer prompt can do more
# :label: sp-ex-two-vectors
#
# "A longer prompt can do more than one vector." Prove it or refute it, for vanilla HMMs. Does it matter where the chain can
# start?
#
# :::{admonition} Hint
# :class: dropdown
#
# A single vector can select only states in which the chain can start.
# :::
# ::::

# %% [markdown]
# :::{solution-start} sp-ex-two-vectors
# :class: dropdown
# :::
#
# If $\pi_{0,h} > 0$ for all $h$ it is refuted by {prf:ref}`sp-prop-length`. Otherwise it may be true, and the following HMM
# proves it. (With a memory of several cells it is true even if everything can start everywhere:
# {prf:ref}`mp-prop-length`.)
#
# A single vector can only start from the support of $\pi_0$; a second one can select a state that is reached later. Let
# the chain start in 0, 1 or 2, and let each of them lead to 2 (among others). State 2 emits a mixture of what 0 and 1
# emit, so 0, 1 and 2 must not all be left. But from state 2 the chain may go to state 3, whose followers are 0 and 1
# only. So $u_1$ selects state 2, and $u_2$ selects state 3.

# %%
A = [[0.5, 0, 0.5, 0], [0, 0.5, 0.5, 0], [0.25] * 4, [0.5, 0.5, 0, 0]]
W = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]]
late = HMM([0.3, 0.3, 0.4, 0.0], A, W)
weights = [1.0, -2.0, 0.0, 0.0]
try:
    find_prompt_states(late, weights)
except AssumptionError as error:
    print(fill(f"one vector: {error}", 74))

# %%
two = torch.tensor([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
x = sample_tokens(late, batch=1000, time=9, generator=0)[:, 1:]
answers = prompt_head(late, weights, two).labels(
    blank_probs(ExactMaskedLM(late), x, two)
)
wrong = (answers != PosteriorTask.two_class(late, weights).labels(x)).sum()
rho = prompted_prior(late, two).tolist()
print(f"two vectors: rho = {rho}, wrong labels {wrong}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: Prompts made of words
# :label: sp-ex-words
#
# A *hard* prompt is a string of tokens before the blank. Its vectors are embeddings $e(z)$. Which $\rho$ can it reach, and how near does
# it come to what a soft prompt does? Begin with the HMM of five states and its prompt: how near to its $\rho$ do strings
# of up to six tokens come, in total variation?
#
# :::{admonition} Hint
# :class: dropdown
#
# `prompted_prior(five, five.emission.T[list(string)])`, over all strings.
# :::
# ::::

# %% [markdown]
# :::{solution-start} sp-ex-words
# :class: dropdown
# :::
#
# A string reaches finitely many $\rho$ for each length. If all tokens have positive probability everywhere, it switches
# nothing off that is not off without a prompt. So the theorem's prompt is out of reach, and only the distance is a question.
# Here it gets small: several tokens together are better evidence than one. Whether the nearest string keeps
# most labels is the next thing to measure, and {prf:ref}`sp-prop-robust` bounds it. What happens for a network, whose words
# are not likelihoods, is open.

# %%
from itertools import product

target, rows = prompted_prior(five, u := torch.tensor([[0, 0, 0, 1, 1]])), []
for length in range(1, 7):
    best = (2.0, "")
    for string in product(range(3), repeat=length):
        found = prompted_prior(five, five.emission.T[list(string)])
        apart = 0.5 * float((found - target).abs().sum())
        best = min(best, (apart, "".join("abc"[z] for z in string)))
    rows.append((length, best[1], best[0]))
Table(
    ["tokens", "nearest string", "total variation from the soft prompt"], rows, ".3f"
)

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# - A soft prompt before the blank replaces the prior $\pi_0$ by $\rho = A\,(u \odot \pi_0)$, and does nothing else.
# - It can switch states off, if $A$ has zeros. If those left cover the states that the task weighs and have independent emission columns,
#   a head gets every label right, however many states there are.
# - Prompt states can be searched for completely; the search says so when there are none.
# - A prompt that is nearly right is safe for margins beyond a bound. A state that is turned down, but not off, comes back on
#   texts that are sure of it.
# - On a vanilla HMM, with the exact model, longer prompts do no more than one vector, if the chain can start everywhere.
# - Where all states matter, no prompt need help: three coins defeat every prompt and linear head together.
# - How far these prompts go on the HMMs of the paper's experiment: {doc}`prompts_on_the_papers_hmms`.
