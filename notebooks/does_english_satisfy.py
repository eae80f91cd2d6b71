# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Does English satisfy the assumptions?
#
# It is the first question that every student asks. The theorems of this part begin with *let the columns of $W$ be
# linearly independent*, and our examples were drawn at random. Is real text like that?
#
# The question needs an HMM of English, and there is an old one: the hidden states are parts of speech. A determiner is
# followed by an adjective or a noun, and a noun emits *time* or *thing*. People tagged text with such HMMs for decades
# {cite:p}`merialdo1994tagging`. Here both matrices can be *counted*, as each word comes with its tag. So we can ask each
# assumption for a number. This chapter finds that $W$ passes, with one exception that is worth knowing; that a head
# can be built on it; and that the assumption which fails is one that the theorems do not even list: that text comes from
# such an HMM. Running it takes about a quarter of a minute.

# %% [markdown]
# ## A text and its tags
#
# Our English is Jane Austen's: *Pride and Prejudice* and most of *Emma* for counting, the beginning of *Persuasion* for
# testing. **The tags are not a person's.** A program gave them, the small English model of spaCy, which is right on about
# 97 of 100 words of its own kind of text, and on less of this kind. What we measure is English as that program sees it.

# %%
import numpy as np
import torch

from hmmlib.analysis import COARSE_TAGS, read_tagged, tagged_text
from hmmlib.plotting import use_style
from hmmlib.tables import Table

use_style()
n_words, fewest = 1000, 50  # change me: words to keep; occurrences for a tag to count
pairs = read_tagged("train")
full = tagged_text(pairs, fewest=fewest)
text = full.cut(n_words)  # every rarer word becomes the token …
held = tagged_text(read_tagged("heldout"), like=full).cut(n_words)
hmm = text.hmm(pseudo_counts=1.0)

# %%
print(" ".join(f"{word}/{tag}" for word, tag in pairs[:8]))
print(f"{len(text)} words to count, {len(held)} to test; {hmm}")

# %% [markdown]
# A tag such as NN (noun), VBD (verb, past tense) or DT (determiner) is one of the Penn Treebank's; punctuation has tags
# of its own. $A$ holds how often a tag follows another, $W$ how often it comes with a word. One pseudo-count per row
# keeps every probability above zero, so that no text is impossible. The treebank's tags of the opening and the
# closing quotation mark are called OPEN and CLOSE here.

# %% [markdown]
# ## Are the columns independent?
#
# {prf:ref}`thm-head-tuning` wants rank $H$. {prf:ref}`prop-conditioning` wants more: a smallest singular value
# that is not tiny, since the head's weights may be as large as $\lVert\mu\rVert_2 / \sigma_{\min}(W)$. The same number
# decides whether an HMM can be learnt from pairs and triples of tokens {cite:p}`hsu2012spectral`.

# %%
one_quote = {tag: tag for tag in text.tags} | {"OPEN": "QUOTE", "CLOSE": "QUOTE"}
kinds = {"as above": text, "more words": full.cut(4000), "fewer": full.cut(100)}
kinds |= {"quotes merged": text.merged(one_quote)}
kinds |= {"coarse tags": full.merged(COARSE_TAGS).cut(n_words)}
rows = []
for name, kind in kinds.items():
    for alpha in [0.0, 100.0] if name == "as above" else [0.0]:
        W = kind.hmm(alpha).emission.T
        s = torch.linalg.svdvals(W)
        rank = int((s > 1e-9 * s[0]).sum())
        row = (f"{name}, {alpha:.0f}", W.shape[1], W.shape[0], rank, s[-2], s[-1])
        rows.append((*row, s[0] / s[-1] if rank == len(s) else None))
header = ["text, pseudo-counts", "$H$", "$V$", "rank", "second smallest σ"]
Table([*header, "smallest σ", "condition"], rows, [None] * 4 + [".3f", ".4f", ".0f"])

# %% [markdown]
# **The rank is full**, as soon as the vocabulary is large enough, and smoothing changes nothing that matters. The
# condition number is little more than a hundred. For the paper's HMMs with ten states and ten tokens it is larger by many powers of
# ten, as the {doc}`chapter on heads <head_tuning>` found. In this respect English is far *kinder* than the experiments.
#
# But one singular value is much smaller than the next. Which tags does it confuse? The right singular vector says.

# %% tags=["hide-input"]
W = text.hmm().emission.T
weakest = torch.linalg.svd(W).Vh[-1]
rows = []
for tag in weakest.abs().argsort(descending=True)[:4].tolist():
    counts = text.word_counts[tag]
    top = counts.argsort()[::-1][:2]
    said = ", ".join(f"`{text.words[i]}` ({counts[i]:.0f})" for i in top)
    rows.append((f"`{text.tags[tag]}`", weakest[tag] / weakest.abs().max(), said))
Table(["tag", "entry, rescaled", "most frequent words (count)"], rows)

# %% [markdown]
# The opening and the closing quotation mark. In this text both are printed as the same straight `"`, and only the single
# `'` is a little more frequent at the end. As states they differ as much as can be: one begins speech, one ends it.
# As columns they are almost the same vector. This is the example `fork` of {doc}`head_tuning`, in the wild.
#
# Merge the two and the condition number falls to the value in the table. Keep them, and a head that asks *opening or
# closing?* has to magnify a difference of a percent. Is even that real? We draw the words anew, given the tags:

# %% tags=["hide-input"]
rng, drawn = np.random.default_rng(0), []
totals = text.word_counts.sum(1).astype(int)
for _ in range(50):
    again = [rng.multinomial(n, w) for n, w in zip(totals, W.T.numpy(), strict=True)]
    shares = np.array(again) / totals[:, None]
    drawn.append(np.linalg.svd(shares, compute_uv=False)[-2:])
low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
rows = [("second smallest", low[0], high[0]), ("smallest", low[1], high[1])]
Table(["singular value", "from", "to"], rows, ".4f")

# %% [markdown]
# The second smallest is known well. The smallest is known to a factor of about three: it is small, and the text hardly
# says how small. Two warnings. Noise makes columns *more* independent, so full rank of a counted $W$ proves little by
# itself; what counts is the size of the singular values beside their spread. And words of one novel are not drawn
# independently, so these intervals are too narrow.
#
# ### Which tags are recoverable
#
# {doc}`memory_and_attention` asks for less than independence of all columns: only that some column lies
# outside what the others span. How far outside, we can measure, for each tag. The distance of $W_{:,h}$ from the span
# is $1/\lVert W^+_{h,:} \rVert_2$. The distance from the *cone* (combinations with positive weights) is a least-squares
# problem with bounds. A tag's column is in the cone of the others if every text could be explained without it.

# %%
from scipy.optimize import nnls

columns = W.numpy()
size = np.linalg.norm(columns, axis=0)
span = 1 / np.linalg.norm(np.linalg.pinv(columns), axis=1) / size
others = [np.delete(columns, h, axis=1) for h in range(len(size))]
cone = (
    np.array([nnls(o, w)[1] for o, w in zip(others, columns.T, strict=True)]) / size
)

# %% mystnb={"figure": {"caption": "Distance of each tag's column of $W$ from the span and from the cone of the other columns, over the column's length. One would be a tag whose words no other tag emits. The quotation marks touch the others; next come open classes of words: nouns, comparatives, adjectives, participles. Function words and punctuation stand alone. For nearly all tags the two distances agree.", "name": "es-fig-distances"}, "image": {"alt": "Dots for forty-two tags in the order of their distance from the span. Two quotation marks are near zero. Nouns, comparatives, adjectives and participles lie between about 0.2 and 0.5. More than half of the tags are above 0.9. The distance from the cone is clearly higher for comparative adverbs only."}}
import matplotlib.pyplot as plt

from hmmlib.plotting.does_english_satisfy import distances

distances(text.tags, span, cone)
plt.show()

# %% [markdown]
# So every tag is recoverable, most of them easily. There is a simpler reason for it than geometry: *some words give
# their tag away*. {cite:t}`stratos2016unsupervised` call them anchors, and learn HMMs of tags from the assumption that each
# tag has one. How often does a word say which tag it has, in at least 99 of 100 cases?

# %% tags=["hide-input"]
shares = text.word_counts / text.word_counts.sum(0)
tells = (shares >= 0.99) & (np.arange(n_words + 1) < n_words)
rows = []
for name in ["DT", "PRP", "IN", "NN", "VB", "JJ", "VBG", "TO", "OPEN"]:
    h = text.tags.index(name)
    counts = text.word_counts[h] * tells[h]
    best = ", ".join(text.words[i] for i in counts.argsort()[::-1][:3] if counts[i])
    rows.append((f"`{name}`", counts.sum() / totals[h], best or "none"))
Table(["tag", "share of its words that tell", "the most frequent"], rows)

# %% [markdown]
# Most tags have anchors. Not all: *to* is now and then a preposition, and a quotation mark is open or closed. Anchors
# are sufficient for independence ({ref}`an exercise <es-ex-anchor>`); the column of TO is far from the others without one.
#
# ## What many words change
#
# The paper's experiments have $V = 10$ tokens and up to 30 states. Language has it the other way round: tens of states,
# thousands of words. We keep the most frequent words and merge the rest.

# %%
from hmmlib import random_hmm


def condition(kind, size):
    s = torch.linalg.svdvals(kind.cut(size).hmm().emission)
    full_rank = size >= len(s) and s[-1] > 1e-9 * s[0]
    return float(s[0] / s[-1]) if full_rank else np.inf


# %%
sizes = [10, 20, 30, 50, 100, 200, 300, 400, 500, 700, 1000, 2000, 4000]
merged = {"all tags": full, "quotes merged": full.merged(one_quote)}
merged |= {"coarse tags": full.merged(COARSE_TAGS)}
curves = {n: {v: condition(k, v) for v in sizes} for n, k in merged.items()}
tens = [random_hmm(10, generator=seed).emission for seed in range(1, 21)]
spectra = [torch.linalg.svdvals(emission) for emission in tens]
paper = float(np.median([s[0] / s[-1] for s in spectra]))
print(f"the paper's HMMs with ten states, median: {paper:.0e}")

# %% mystnb={"figure": {"caption": "Condition number of $W$ against the number of words kept, from where the rank is full. The dotted level is the median of the paper's HMMs with $H = V = 10$ (twenty seeds). A few hundred words are enough; thousands more change nothing.", "name": "es-fig-condition"}, "image": {"alt": "Three lines on doubly logarithmic axes. Coarse tags start near fifty words and fall to about ten. All tags start near four hundred words, at about 200, and level off at about 140; with merged quotation marks they fall to about 20. A dotted line lies nine powers of ten higher."}}
from hmmlib.plotting.does_english_satisfy import condition_numbers

condition_numbers(curves, paper)
plt.show()

# %% [markdown]
# With ten words there are at most eleven independent columns, and the theorem has nothing to say. With a few hundred
# it applies, and from a thousand on the curves are flat: what tells tags apart are the *frequent* words, and those come
# first. Rarer words do not help a norm in which a thousand words of one count each weigh little.
#
# ### Prompts
#
# A prompt leaves the tags $B$ that can follow the prompt states ({prf:ref}`sp-thm-prompt`), and only $W_B$ has to be
# independent. Say that the word before the blank is a determiner, or *to*:

# %%
counted, rows = text.hmm(), []
for name in ["TO", "MD", "DT", "IN"]:
    after = counted.transition[text.tags.index(name)]
    for least in [0.0, 0.002]:
        B = after > least
        s = torch.linalg.svdvals(counted.emission[B])
        lost = float(after[~B].sum())
        rows.append((f"`{name}`", least, int(B.sum()), lost, s[-1], s[0] / s[-1]))
header = ["prompt state", "followers above", r"$\lvert B \rvert$", "share left out"]
specs = [None, ".3f", None, ".3f", ".3f", ".0f"]
Table([*header, r"σ_min of $W_B$", "condition"], rows, specs)

# %% [markdown]
# A modal or *to* is never followed by a quotation mark in this text, and $W_B$ is then in good order. After a
# preposition almost every tag occurs at least once. To call these followers rare and drop them leaves out about one
# percent of the text, and the theorem's equality becomes an approximation. That is the honest state of *relaxed*
# non-degeneracy here: $A$ has no zeros that one could swear by. With pseudo-counts it has none at all.
#
# ### Do texts reach all posteriors?
#
# {doc}`when_heads_fail` weakened independence once more: only directions in the posterior span matter.

# %%
from hmmlib.certificates import posterior_span, row_space_test

tags = text.tags
marks = torch.tensor([(t == "OPEN") - 1.0 * (t == "CLOSE") for t in tags])
for length in [0, 1, 2]:
    dimension = posterior_span(hmm, length).shape[1]
    print(f"texts of up to {length} words: dimension {dimension}")
for rtol in [1e-10, 0.02]:
    missed = row_space_test(hmm, marks, rtol=rtol).residual
    print(
        f"quotes, if directions below {rtol:g} are lost: {missed:.2f} of μ out of reach"
    )

# %% [markdown]
# A single word after the blank spans everything, since $A$ is invertible and $W$ has full rank. So this way out is
# closed: texts do move the posterior along the direction in which the quotation marks differ, and $W$ all but hides it.
#
# ## How well does it predict?
#
# Before we build on this HMM, how good a language model is it? We leave out one word of the test text at a time, and
# compare its conditional $G_i$ with what counts of words alone predict.

# %%
from hmmlib import posteriors
from hmmlib.analysis import between, bigram_law

cut = len(held) // 64 * 64  # pieces of 64 words
words, states = held.tokens[:cut], held.states[:cut]


def left_out(model, tokens):
    """P[H_i | all words but x_i], a row for each word."""
    pieces = torch.as_tensor(tokens).reshape(-1, 64).split(64)
    found = [posteriors(model, piece, keep=["leave_one_out"]) for piece in pieces]
    return torch.cat([one.leave_one_out for one in found]).flatten(0, 1)


# %%
one, two = bigram_law(text.tokens, n_words + 1)
posterior = left_out(hmm, words)
tag_known = hmm.emission[states, words]
probs = {
    "word frequencies": one[words],
    "word before (bigrams of words)": two[words[:-1], words[1:]],
    "HMM of tags": (posterior * hmm.emission.T[words]).sum(1).numpy(),
    "word before and after (bigrams of words)": between(words, two, one),
    "tag of the word, if it were known": tag_known.numpy(),
}
rows = []
for name, p in probs.items():
    means = -np.log(p)[: len(p) // 500 * 500].reshape(-1, 500).mean(1)
    rows.append((name, (means.mean(), 1.96 * means.std() / len(means) ** 0.5)))
Table(["a left-out word is predicted from", "nats per word"], rows)

# %% [markdown]
# (Intervals treat stretches of 500 words as independent.) Forty-two states beat a table with a million entries that
# sees only the left, and lose to the same table once it sees both sides. That table is an HMM too, with a state for each
# word and $W$ the identity: non-degenerate beyond all doubt, and with nothing to say about grammar. The last row is what
# remains when the tag is certain. Even a perfect guess of the tag leaves that much: *which* noun comes next is not a
# matter of tags.
#
# ## A head for nouns and verbs
#
# *Is the masked word a noun or a verb?* Let $\mu$ be $+1$ on the four tags of nouns, $-1$ on those of verbs, and
# zero elsewhere. The mask may stand inside the text: {eq}`eq-through-w` holds for any place, with $\mathbb{P}[H_i \mid
# x_{-i}]$ as the posterior. We build the theorem's head, and beside it train heads by logistic regression.

# %%
from hmmlib import logistic_head

nouns = np.array([t.startswith("NN") for t in tags])
verbs = np.array([t.startswith("VB") or t == "MD" for t in tags])
mu = torch.tensor(nouns - 1.0 * verbs)
W = hmm.emission.T
b = torch.linalg.pinv(W).T @ mu
P = posterior[:6400]
G, margin = P @ W.T, P @ mu
label = margin >= 0

# %%
seen = left_out(hmm, text.tokens[: 64 * 400])
pick, rows = np.random.default_rng(0).permutation(len(seen)), []
for n in [30, 100, 300, 1000]:
    p = seen[pick[:n]]
    fit = logistic_head(p @ W.T, (p @ mu >= 0).long(), l2=1e-6)
    right = (G @ fit.head.weights >= 0) == label
    rows.append((f"trained on {n}", right.double().mean()))
rows.append(("the theorem's, on none", ((G @ b >= 0) == label).double().mean()))
Table(["head", "labels right"], rows, ".3f")

# %%
of_two = (nouns | verbs)[states[:6400]]
agree = (label.numpy() == nouns[states[:6400]])[of_two]
print(f"largest deviation of value and margin: {(G @ b - margin).abs().max():.0e}")
print(f"share of nouns and verbs in the text: {of_two.mean():.2f}")
print(f"of these, label agrees with the word's own tag: {agree.mean():.2f}")

# %% [markdown]
# The theorem's head is exact on a novel that was not counted, with no training at all. It
# reproduces the *label*, what the other words let one conclude; that agrees with the tag of the word that really stood
# there less often, since the others do not always decide. This is also the setting of *probes*, linear heads that read
# parts of speech from a network. {cite:t}`hewitt2019designing` ask whether a probe finds structure or learns the task
# itself. Here the two come apart: $b$ was never shown a label.
#
# ### With a prompt
#
# The prompt *the word before is "to"* leaves the tags that follow it. The task can only weigh those. Its head reads the
# prompted model and gives the label *without* the prompt. Texts are sampled from the counted HMM, which has zeros.

# %%
from hmmlib import ExactMaskedLM, PosteriorTask, sample_tokens, soft_prompt

to = tags.index("TO")
asked = torch.where(counted.transition[to] > 0, mu, 0.0)
tuned = soft_prompt(counted, asked, states=[to])
x = sample_tokens(counted, batch=400, time=16, generator=0)[:, 1:]
truth = PosteriorTask.two_class(counted, asked).labels(x)
wrong = int((tuned.labels(ExactMaskedLM(counted), x) != truth).sum())
plain = torch.linalg.pinv(counted.emission.T).T @ asked
print(f"wrong labels with the prompt: {wrong} of {len(x)}")
print(f"norm of b with the prompt: {tuned.head.weights.norm():.0f}", end=", ")
print(f"without: {plain.norm():.0f}")

# %% [markdown]
# The theorem holds, and is of no use here. Its head undoes the prompt by the factors $\pi_0/\rho$, which are huge for tags
# that are rare after *to*. A better conditioned $W_B$ does not make up for that: prompts help those who need them, an
# HMM with dependent columns, and this one has none.
#
# ## How good must a model be?
#
# A real model shows $\hat G \ne G$, and its quality is quoted as a KL divergence in nats. How small is small enough?
#
# :::{prf:proposition} A budget in nats (ours)
# :label: es-prop-budget
#
# Let $W^\top b = \mu$, let $R(b) = \tfrac12 (\max_z b_z - \min_z b_z)$, and let $m = \mu^\top p$ be the margin of a
# posterior $p$ with $G = Wp$. If
#
# $$
# \mathrm{KL}(G \,\|\, \hat G) < \frac{m^2}{2 R(b)^2},
# $$
#
# then $b^\top \hat G$ has the sign of $m$.
# :::
#
# :::{prf:proof}
# The entries of $\hat G - G$ sum to zero, so from $b$ we may subtract the middle of its range, and
# $\lvert b^\top(\hat G - G) \rvert \le R(b)\, \lVert \hat G - G \rVert_1$. By Pinsker's inequality the norm is at most
# $\sqrt{2\,\mathrm{KL}}$, which makes the change smaller than $\lvert m \rvert$. And $b^\top G = m$.
# :::
#
# With $V > H$ many $b$ satisfy $W^\top b = \mu$. The pseudo-inverse is the one of smallest *norm*; the one of smallest
# *range* is found by linear programming.

# %%
from scipy.optimize import linprog

n, h = W.shape
terms = [W.T, np.ones((h, 1)), -mu[:, None]]  # Wᵀc + k·1 = t μ, |c| ≤ 1, t large
bounds = [(-1, 1)] * n + [(None, None)] * 2
goal = -np.eye(n + 2)[-1]
best = linprog(goal, A_eq=np.hstack(terms), b_eq=np.zeros(h), bounds=bounds).x
flat = torch.tensor((best[:n] + best[n]) / best[-1])

# %%
heads = {"smallest norm": b, "smallest range": flat}
quarters = torch.tensor([0.25, 0.5, 0.75], dtype=W.dtype)
rows, budgets = [], {}
for name, weights in heads.items():
    R = float(weights.max() - weights.min()) / 2
    budgets[name] = (margin / R) ** 2 / 2
    rows.append((name, weights.norm(), R, *budgets[name].quantile(quarters)))
header = ["head", r"$\lVert b \rVert_2$", "$R(b)$", "quarter", "half"]
specs = [None, ".1f", ".1f", ".5f", ".5f", ".5f"]
Table([*header, "three quarters"], rows, specs)

# %% [markdown]
# The last columns are the KL at which a quarter, half, and three quarters of the labels lose their guarantee.
# For half of the labels to be safe the model has to be within a few thousandths of a nat, *with the better head*. Is
# the guarantee tight? Let us take models that are really wrong: HMMs of tags counted from less text.

# %%
rows = []
for n in [3_000, 30_000, 100_000]:
    small = tagged_text(pairs[-n:], like=full).cut(n_words).hmm(50.0)
    shown = left_out(small, words[:6400]) @ small.emission
    kl = (G * (G / shown).log()).sum(1)
    row = [((shown @ w >= 0) == label).double().mean() for w in heads.values()]
    safe = (kl < budgets["smallest range"]).double().mean()
    rows.append((f"{n:,}", kl.mean(), safe, *row))
header = ["words counted", "mean KL", "guaranteed", "kept, smallest norm"]
Table([*header, "kept, smallest range"], rows, [None] + [".3f"] * 4)

# %% [markdown]
# Two lessons. The guarantee is *pessimistic*: at a tenth of a nat it covers a small part of the labels, and
# nearly all are kept, because real errors do not point in the worst direction. And it is a poor guide: the head that was
# built for the worst case does *worse* on real errors than the pseudo-inverse. Its weights sit at the bounds, so
# that it sums errors over a thousand words.
#
# ## Where the HMM fails
#
# So far the HMM was taken at its word. It makes two promises that no theorem of this part checks. Given $H_i$, the
# tags before and after are independent; and given the tags, the words are. Both can be put as a conditional mutual
# information that ought to be zero:
#
# $$
# \begin{aligned}
# &I(H_{i-1};\, H_{i+1} \mid H_i), \\
# &I(X_i;\, X_{i+k} \mid H_i, H_{i+k}).
# \end{aligned}
# $$
#
# Counted frequencies never give exactly zero. So we shuffle one variable among places where the condition is the same:
# that destroys the dependence and keeps the bias. What the text has beyond the shuffled texts is the *excess*. To see
# that this works, the same is done on text sampled from the HMM, where the truth is zero.

# %%
from hmmlib.analysis import dependence
from hmmlib.hmm import sample

drawn = sample(hmm, 1000, len(text) // 1000, generator=0).states.numpy()
sides = {"the novels": full.states[None], "sampled from the HMM": drawn}
rows = []
for name, h in sides.items():
    neighbours = [h[:, :-2].ravel(), h[:, 2:].ravel(), h[:, 1:-1].ravel()]
    d = dependence(*neighbours, generator=0, shuffles=19)
    rows.append((name, d.plug_in, d.baseline, d.excess, d.low, d.high, d.p_value))
header = ["tags on both sides", "counted", "shuffled", "excess", "from", "to", "$p$"]
Table(header, rows, [None] + [".4f"] * 5 + [".2f"])

# %%
found = {}
for k in [1, 2, 5, 20]:
    first, last = text.states[:-k], text.states[k:]
    both = first * len(tags) + last
    near, far = text.tokens[:-k], text.tokens[k:]
    found[k] = dependence(near, far, both, generator=0, shuffles=3)
print("excess:", {k: round(d.excess, 3) for k, d in found.items()}, "nats")

# %% mystnb={"figure": {"caption": "What two words tell of one another beyond their tags, by distance: counted minus shuffled, with intervals over twenty stretches of text. The HMM says zero at every distance.", "name": "es-fig-dependence"}, "image": {"alt": "Line with error bars on a logarithmic axis of distances 1, 2, 5 and 20. It falls from about a fifth of a nat for neighbours to about a tenth at distance two and to nearly zero at twenty."}}
from hmmlib.plotting.does_english_satisfy import dependence_by_distance

dependence_by_distance(found)
plt.show()

# %% [markdown]
# **Both promises are broken**, and by amounts that no sample size will cure. Words stick together beyond
# grammar (*Miss Bates*, *I am*), tags remember more than one step. Three cautions: the tagger looks at neighbours when
# it tags, which can add dependence between tags; the excess tends to be too small, as the bias is smaller under
# dependence; and intervals cover sampling alone.
#
# What would repair it? Let a state be a *pair* of tags, the last two. The first information is then zero by
# construction. But states $(g, h)$ and $(g', h)$ emit the same words: their columns are *equal*, and non-degeneracy
# fails for all of them at once ({ref}`an exercise <es-ex-pairs>`). The assumption that English satisfies is
# satisfied by too simple a model of English. Prompts, and the memory of {doc}`memory_and_attention`, are ways to have
# more states than $W$ can tell apart.
#
# An HMM of tags is *not* a grammar: it has no agreement across a clause and no nesting. It has no topic and no plot.
# Its states were chosen by people for other ends. What it shows is that the columns of a $W$ of real words can be as
# independent as the theorems want, and where that stops.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Two quotation marks
# :label: es-ex-quotes
#
# Two states emit `"` and `'` only, the first with probabilities $(1-a, a)$, the second with $(1-c, c)$. Find the $b$ with
# $W^\top b = (1, -1)$ and its $R(b)$. How large is it for the counts of the two marks in the novels?
#
# :::{admonition} Hint
# :class: dropdown
# Subtract the two equations: only $b_2 - b_1$ is left.
# :::
# ::::

# %% [markdown]
# :::{solution-start} es-ex-quotes
# :class: dropdown
# :::
#
# The equations are $b_1 + a (b_2 - b_1) = 1$ and $b_1 + c (b_2 - b_1) = -1$. So $b_2 - b_1 = 2/(a - c)$ and $b_1 = 1 -
# 2a/(a-c)$. The range is $R(b) = 1/\lvert a - c\rvert$: one over the total-variation distance of the columns.

# %%
shares = []
for mark in ["OPEN", "CLOSE"]:
    counts = text.word_counts[tags.index(mark)]
    double, single = (counts[text.words.index(sign)] for sign in ['"', "'"])
    shares.append(single / (double + single))
print(
    f"a = {shares[0]:.4f}, c = {shares[1]:.4f}, R = {1 / abs(np.subtract(*shares)):.0f}"
)

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ● Think: A word that gives it away
# :label: es-ex-anchor
#
# Suppose that each tag has an *anchor*, a word that no other tag emits. Why are the columns of $W$ independent? Which
# tag in {numref}`es-fig-distances` shows that anchors are not necessary?
#
# :::{admonition} Hint
# :class: dropdown
# Look at the rows of $W$ that belong to the anchors.
# :::
# ::::

# %% [markdown]
# :::{solution-start} es-ex-anchor
# :class: dropdown
# :::
#
# The rows of the anchors form, in the right order, a diagonal matrix with positive entries. It is invertible, so the
# columns of $W$ are independent already there. TO has no anchor, since *to* is sometimes a preposition, and yet its
# column is far from all others: nearly everything that it emits is *to*, and no other tag can imitate that.

# %%
h = tags.index("TO")
print(f"distance of TO: {span[h]:.2f}; share of its words that tell: ", end="")
print(f"{(text.word_counts[h] * tells[h]).sum() / totals[h]:.2f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: Which merger pays most?
# :label: es-ex-merge
#
# After the quotation marks are merged, which pair of tags should be merged next to lower the condition number most?
# Try all pairs.
#
# :::{admonition} Hint
# :class: dropdown
# Merging adds two rows of `word_counts`. A matrix of $40 \times 1001$ has its singular values within milliseconds from its
# Gram matrix, which merging changes in one row and column.
# :::
# ::::

# %% [markdown]
# :::{solution-start} es-ex-merge
# :class: dropdown
# :::
#
# With $N$ the counts and $n$ their row sums, $W^\top W$ is $N N^\top$ divided by $n n^\top$.

# %%
from itertools import combinations, pairwise

quoted = text.merged(one_quote)
N = quoted.word_counts
gram, n, found_pairs = N @ N.T, N.sum(1), []
for g, h in combinations(range(len(n)), 2):
    join = np.delete(np.eye(len(n)), h, axis=0)
    join[g, h] = 1  # g < h, so row g is still that of g
    values = np.linalg.eigvalsh(join @ gram @ join.T / np.outer(join @ n, join @ n))
    name = f"`{quoted.tags[g]}` and `{quoted.tags[h]}`"
    found_pairs.append((name, (values[-1] / values[0]) ** 0.5))
Table(["merged", "condition"], sorted(found_pairs, key=lambda p: p[1])[:3], ".1f")

# %% [markdown]
# All three contain the noun, NN, and what it is merged with hardly matters. A column that is spread over hundreds of words is
# *short* in the Euclidean norm, whatever it looks like; merged with a tag of few words it is so no longer. The
# {ref}`next exercise <es-ex-split>` says what to make of that.
#
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: More words never hurt
# :label: es-ex-split
#
# A token is split into two (*…* into *abbey* and the rest). (a) The rank of $W$ does not fall. (b) $\sigma_{\min}(W)$ does not
# fall. (c) $\min\,\lVert Wv \rVert_1 / \lVert v \rVert_1$ over $v \ne 0$ does not fall.
#
# :::{admonition} Hint
# :class: dropdown
# Undoing the split adds two rows: a linear map. What does it do to each norm?
# :::
# ::::

# %% [markdown]
# :::{solution-start} es-ex-split
# :class: dropdown
# :::
#
# Let $S$ be the map that adds the two rows, so that the old matrix is $SW$.
#
# - (a) is true: $\operatorname{rank}(SW) \le \operatorname{rank} W$.
# - (b) is false: a token split evenly, in all states, turns an entry $w$ into two of $w/2$, and its square $w^2$ into
#   $w^2/2$. The one-state, one-token HMM has $\sigma_{\min} = 1$ before and $\sqrt{1/2}$ after.
# - (c) is true: $\lVert S W v \rVert_1 \le \lVert W v \rVert_1$ by the triangle inequality.
#
# So it is the $\ell_1$ norm that respects vocabularies, and with it $R(b)$, which belongs to it by duality: any
# head of the coarse vocabulary is one of the fine vocabulary, equal on both halves. The smallest $R$ cannot grow.

# %%
for n in [500, 1000, 2000, 4000, 8000]:
    s = torch.linalg.svdvals(full.merged(one_quote).cut(n).hmm().emission)
    print(f"{n} words: smallest singular value {s[-1]:.4f}")

# %% [markdown]
# It rises at first and falls at the end, as (b) allows.
#
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: States that remember
# :label: es-ex-pairs
#
# Let states be pairs of coarse tags, the last one and the one before. What are the rank of $W$, the prediction of
# left-out words and the information beyond the state? Which states would keep both the gain and independent columns?
#
# :::{admonition} Hint
# :class: dropdown
# A pair is a tag with a longer name: count pairs as tags with `tagged_text`.
# :::
# ::::

# %% [markdown]
# :::{solution-start} es-ex-pairs
# :class: dropdown
# :::
#
# A first experiment. If words depend on the last tag alone, as the second-order model of tags has it, equal columns
# hold the rank at the number of tags. Counted *given the pair*, the columns differ, and the rank says little: what
# matters is how small the singular values are.

# %%
few = full.merged(COARSE_TAGS).cut(n_words)
marked = [few.tags[h] for h in few.states]
both = [f"{g} {h}" for g, h in pairwise(marked)]
named = [few.words[x] for x in few.tokens[1:]]
double = tagged_text(list(zip(named, both, strict=True)), fewest=50).cut(n_words)
untagged = [(few.words[x], "no tag") for x in words]

# %%
rows = []
for name, t in {"one tag": few, "pairs of tags": double}.items():
    model = t.hmm(1.0)
    seen = words if t is few else tagged_text(untagged, like=double).tokens
    loss = -(left_out(model, seen) * model.emission.T[seen]).sum(1).log().mean()
    s = torch.linalg.svdvals(model.emission)
    rows.append((name, len(t.tags), (s > 0.01 * s[0]).sum(), s[-1], loss))
header = ["states", "$H$", "σ above a hundredth", "smallest σ", "nats per word"]
Table(header, rows, [None, None, None, ".4f", ".3f"])

# %% [markdown]
# What is known: pairs predict better, and many of their columns are nearly dependent. That a pair changes *which* word of a
# tag is likely keeps some of them apart. Open: states that split only where the split shows in the words, a trade
# between the two columns of the table. The memory of {doc}`memory_and_attention` is one such design.
#
# :::{solution-end}
# :::
#
# ## Summary
#
# - Counted from two novels with a tagger's tags, $W$ has full rank once a few hundred words are kept. Its condition
#   number is little more than a hundred, and the quotation marks alone are to blame for most of it.
# - Frequent words and anchors keep tags apart. More words change little.
# - $A$ has few reliable zeros: a prompt removes rare followers only approximately. The posterior span is everything.
# - The theorem's head for *noun or verb* is exact on unseen text without training. A guarantee in nats is strict and
#   pessimistic; the head that it favours is not the best one in practice. A prompt's head is right, and far larger.
# - What English violates is the HMM itself: neighbouring tags, and words given their tags, depend on one another. States
#   that repair this have dependent columns.
