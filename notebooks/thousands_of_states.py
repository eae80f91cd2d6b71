# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Thousands of states
#
# The HMMs of this book have four to thirty states. That is enough to prove things, and far too few to write English. HMMs were
# language models once, and were given up: with few states they are worse than counting pairs of words, and with many they were
# thought to be too slow and too hungry for text.
#
# {cite:t}`chiu2020scaling` tried again, with tens of thousands of states. Three ideas carry them: each state writes
# the words of one class only, so that inference stays exact and quick; a network makes the matrices; and dropout, of
# whole states, keeps it from learning the text by heart. **Their claim**: such models are much more accurate than
# earlier HMMs and than n-grams, and come nearer to neural networks.
#
# On their text, one cannot tell how much is left to gain. We can: on sentences from an HMM whose entropy is known.
# Then we turn to real text, the King James Bible. We ask what each of the three ideas brings, and what kind of
# statement *better than n-grams* is. Running the chapter takes about a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib.plotting import use_style
from hmmlib.tables import Table
from hmmlib.words import KneserNey, Sentences, perplexity, random_blocked_hmm

use_style()

# %% [markdown]
# ## Words in classes
#
# :::{prf:definition} Blocked emissions (Chiu and Rush)
# :label: ts-def-blocked
#
# Split the $V$ words into $K$ classes, $[x]$ for word $x$, and the $H = Kk$ states into as many, $k$ for each. An HMM has
# *blocked emissions* if a state of class $c$ writes words of class $c$ only: $W[x, h] = 0$ unless $h$ is one of the $k$ states of $[x]$.
# :::
#
# Here is a small one: three classes of four words, four states each.

# %% mystnb={"figure": {"caption": "A blocked HMM with twelve states and twelve words; darker is more probable. Right, a word can be written by the four states of its class only. Left, when a word of one class follows a word of another, only one block of the transition takes part.", "name": "ts-fig-blocks"}, "image": {"alt": "Two grey matrices of twelve rows. Lines divide the transition into nine blocks of four by four, all of them filled. In the emission only the three blocks on the diagonal are filled."}}
from hmmlib.plotting.thousands_of_states import blocked_matrices

small = random_blocked_hmm(3, 4, 4, generator=1, sharpness=2.0, concentration=1.0)
order = small.classes.argsort(stable=True)
dense = small.dense()
A, W = dense.transition.numpy(), dense.emission[:, order].numpy()
blocked_matrices(A, W, small.classes[order].tolist())
plt.show()

# %% [markdown]
# :::{prf:proposition} Exact inference in $k^2$ steps a word
# :label: ts-prop-cost
#
# With blocked emissions every forward message is zero outside the $k$ states of the word just read, and so is every
# smoothed posterior. The probability of a text of $T$ words, and all expected counts, take of the order of $T k^2$
# multiplications, whatever $K$.
# :::
#
# :::{prf:proof}
# The message at position $t$ is $\alpha_t(h) = \mathbb{P}[x_{1:t}, H_t = h]$ $= W[x_t, h] \sum_g A[h, g]\,
# \alpha_{t-1}(g)$. The first factor is zero unless $h$ belongs to $[x_t]$; and the sum runs over the states of
# $[x_{t-1}]$, as $\alpha_{t-1}$ is zero elsewhere. That is one block of $k \times k$ entries of $A$. The smoothed
# posterior at $t$ is proportional to $\alpha_t$ times something, and the expected transitions to a block's entries.
# :::
#
# With 4,096 states in 64 classes a word takes 4,096 multiplications and not sixteen million. Nothing is approximated. A
# dense HMM with the same matrices is the same model:

# %%
from hmmlib import posteriors, sample_tokens
from hmmlib.hmm import expected_counts
from hmmlib.words import expected_block_counts

x = sample_tokens(dense, batch=200, time=15, generator=0)
text = Sentences(x, torch.full((200,), 15))
found = small.log_probs(text)
off = (found - posteriors(dense, x, keep=()).log_likelihood).abs().max()
print(f"log P, blocked and dense: differ by at most {max(float(off), 1e-12):.0e}")
counts = expected_block_counts(small, text)
moves = counts.moves.view(3, 3, 4, 4).transpose(1, 2).reshape(12, 12)
off = (moves - expected_counts(dense, x).transition).abs().max()
print(f"expected transitions: differ by at most {max(float(off), 1e-12):.0e}")

# %% [markdown]
# The two ends are old friends. With one class, $K = 1$, there is no restriction. With one state a class, $k = 1$, the state *is*
# the class, nothing is hidden, and the model is the *class bigram* of {cite:t}`brown1992class`.
#
# ## Learning by counting
#
# Expected counts do more than describe. They are all that any learning needs:
#
# :::{prf:proposition} Fisher's identity
# :label: ts-prop-fisher
#
# Let $\phi$ be what an HMM's matrices are made from, by any differentiable rule. For every text $x$ that can occur,
#
# $$
# \nabla_\phi \log \mathbb{P}_\phi[x] = \mathbb{E}\bigl[\nabla_\phi \log \mathbb{P}_\phi[x, H] \bigm| x\bigr],
# $$ (ts-eq-fisher)
#
# the expectation over hidden paths $H$ given $x$. So the gradient is that of $\sum$ (expected count) · (logarithm of
# the entry) over all entries of the matrices, with the counts held fixed.
# :::
#
# :::{prf:proof}
# $\nabla \log \mathbb{P}[x] = \sum_h \nabla \mathbb{P}[x, h] / \mathbb{P}[x]$ $= \sum_h \mathbb{P}[h \mid x]\, \nabla
# \log \mathbb{P}[x, h]$, since $\nabla p = p\, \nabla \log p$. And $\log \mathbb{P}[x, h]$ is the sum of the
# logarithms of the start, of each transition and of each emission on the path: each entry occurs as often as the path
# uses it.
# :::
#
# Two ways to learn follow. *Expectation–maximisation* (EM) sets each matrix to the shares of its expected counts; the
# likelihood never falls {cite:p}`baum1970maximization`. And a *network* that makes the matrices needs exact inference
# once, without gradients, and then the derivative of a weighted sum of logarithms. No recursion is differentiated. Is
# that the gradient? We compare with automatic differentiation through a dense recursion:

# %%
from hmmlib.hmm import log_likelihood
from hmmlib.words import NeuralBlockedHMM

net = NeuralBlockedHMM(small.classes, 12, width=6, generator=0).double()
net.loss(text, torch.Generator()).backward()
ours = net.states.grad.clone()
net.zero_grad()
logs = net.log_tables()
A = logs.moves.exp().view(3, 3, 4, 4).transpose(1, 2).reshape(12, 12)
own = torch.nn.functional.one_hot(small.classes, 3).double()
W = (own[:, :, None] * logs.emission.exp()[:, None]).reshape(12, 12)
nats = -log_likelihood(logs.initial.exp().view(-1), A, W[x]).sum() / text.n_tokens
nats.backward()
off = (ours - net.states.grad).abs().max() / net.states.grad.abs().max()
print(f"gradients of the states' embeddings, relative: {max(float(off), 1e-12):.0e}")

# %% [markdown]
# Dropout fits in as well. For each batch a share of each class's states is taken out, and the distributions are those
# over the states that are left. What remains is an HMM, a smaller one, and inference in it is exact; a text is
# evaluated with all states.
#
# ## A source that is known
#
# Our source has 256 states in 8 classes of 32 words. Its sentences have 24 words. Since we know it, we know the least
# perplexity that any model can have.
#
# :::{prf:definition} Perplexity
# :label: ts-def-perplexity
#
# The *perplexity* of a model on sentences of $n$ words in all is $\exp\bigl(-\tfrac1n \sum \log
# \mathbb{P}[\text{sentence}]\bigr)$: among how many equally likely words it seems to choose. A uniform model has
# perplexity $V$. The source itself has, in expectation, the least.
# :::
#
# Beside it stand n-grams with Kneser and Ney's smoothing {cite:p}`kneser1995improved`, for decades the thing to beat.
# How well does an HMM do, fitted by EM, if it is told the classes, and gets more and more states?

# %%
from hmmlib.experiments.sentence_worlds import SYNTHETIC, sentence_world
from hmmlib.words import fit_blocked_hmm

n_words, seed = 12_000, 1  # change me: words to learn from; seed of the source
world = sentence_world(SYNTHETIC, n_words, seed)
classes = world.source.classes


def fitted(n_states, classes, **how):
    """A blocked HMM by EM, the iteration chosen on the validation sentences."""
    how |= {"validation": world.validation, "generator": seed}
    return fit_blocked_hmm(world.train, n_states, classes, **how).model


# %%
levels = {"the source": perplexity(world.source, world.test)}
for n in (1, 2, 3):
    counted = KneserNey(world.train, n, world.n_tokens)
    levels[f"{n}-gram"] = perplexity(counted, world.test)
told = {h: fitted(h, classes) for h in (8, 16, 64, 256, 512)}
rows = [(name, None, height) for name, height in levels.items()]
rows += [("HMM by EM", h, perplexity(model, world.test)) for h, model in told.items()]
Table(["model", "states $H$", "perplexity"], rows, ".1f")

# %% [markdown]
# More states help, and less and less: once there are as many as in the source, twice as many bring little. No n-gram
# comes near the best of them, as what matters is not in the last two words alone. But the best HMM is far from the
# source, too. It has the right form and the right classes; what is missing are *data*: 256 states have $256^2$
# transitions to be learnt, from a few thousand words.
#
# Who chooses the classes? We told the HMM those of the source. In practice they are found by clustering. The
# *exchange* algorithm moves words between classes as long as the likelihood of the class bigram grows
# {cite:p}`kneser1993improved`.
# %%
from hmmlib.words import exchange_classes

shuffled = torch.from_numpy(np.random.RandomState(seed).permutation(256) % 8)
kinds = {
    "of the source": classes,
    "by exchange": exchange_classes(world.train, 8, 256).classes,
    "random": shuffled,
}
rows = [
    (name, *(perplexity(fitted(h, kind), world.test) for h in (64, 256)))
    for name, kind in kinds.items()
]
Table(["classes", "64 states", "256 states"], rows, ".1f")

# %% [markdown]
# Good classes are worth more than four times as many states. Exchange lies between the true and the random ones. Here
# it has only pairs of neighbouring words to go by, and words of one class differ much from one another. On real text
# it finds more, as we shall see.
#
# ## The King James Bible
#
# Now real text: all the verses, without punctuation. Whole chapters are held out to choose by and to test on. A
# verse is a sentence; its end is a word like any other, and every verse begins anew. ({ref}`An exercise <ts-ex-reset>`
# asks what it does to run on over the ends instead.) The text is formulaic and full of parallels, which suits n-grams.
#
# For the page we train on a tenth of the chapters; the whole comes below.

# %%
from hmmlib.words import king_james

bible = king_james(0.1)  # change me: the share of chapters to train on
print(bible)
verse = bible.test.part(bible.test.lengths == 12).tokens[0]
print(bible.spell(verse))

# %%
groups = exchange_classes(bible.train, 64, bible.n_words).classes
often = bible.train.tokens.flatten().bincount(minlength=bible.n_words)
often[0] = 0  # what pads short verses
by_size = [(groups == c).nonzero()[:, 0] for c in range(64)]
by_size.sort(key=lambda words: -int(often[words].sum()))
for words in by_size[4:28:4]:
    print(bible.spell(words[often[words].argsort(descending=True)][:8]))

# %% [markdown]
# Classes with a meaning, from nothing but which words stand beside which. How many states do they need, and what do
# the states *inside* a class do? They are the only memory that this model has.

# %%
parts = {"train": bible.train, "validation": bible.validation, "test": bible.test}
world = world._replace(**parts)
models = {h: fitted(h, groups) for h in (64, 256, 1024)}
grams = {n: KneserNey(bible.train, n, bible.n_words) for n in (1, 2, 3)}
rows = [(f"{n}-gram", None, perplexity(m, bible.test)) for n, m in grams.items()]
rows += [("HMM by EM", h, perplexity(m, bible.test)) for h, m in models.items()]
Table(["model", "states $H$", "perplexity"], rows, ".1f")

# %%
own = int(groups[bible.words.index("went")])  # change me: another word's class
emission = models[256].emission[groups == own]
inside = (groups == own).nonzero()[:, 0]
for state in range(4):
    top = emission[:, state].argsort(descending=True)[:5]
    shares = [f"{bible.words[inside[i]]} {emission[i, state]:.2f}" for i in top]
    print(f"state {state}:", ", ".join(shares))

# %% [markdown]
# On so little text an HMM is no match even for a bigram, though every doubling helps. Look into one class with four
# states: two of them speak, two move. Which of them is at work is hidden, and the context decides it.
#
# ## The whole of it
#
# Now on all the chapters, with up to 4,096 states, and on the known source with three amounts of text. Seeds are
# those of the start, on the source also of the HMM that writes. These are results of `hmmlib sweep scaling-states`;
# each model is the one of its best iteration on the validation sentences.

# %%
from hmmlib.analysis import read_results

known = read_results("scaling_states_synthetic")["cells"]
real = read_results("scaling_states_king_james")["cells"]


def of(cells, arm, part="test", words=None):
    """Perplexities of one model, one for each seed."""
    some = [c for c in cells if c["arm"] == arm and words in (None, c["words"])]
    return [c["perplexity"][part] for c in some]


# %% tags=["hide-input"]
sizes, large = (8, 16, 64, 256, 512), (64, 256, 1024, 4096)
w = 36_000  # change me: 12_000, 36_000 or 96_000
left = {"test": {h: of(known, f"em_{h}", words=w) for h in sizes}}
left["test, classes by exchange"] = {256: of(known, "em_256_exchange", words=w)}
left["test, random classes"] = {256: of(known, "em_256_random", words=w)}
right = {"test": {h: of(real, f"em_{h}") for h in large}}
right["training"] = {h: of(real, f"em_{h}", "train") for h in large}
arms = {"bigram": "kneser_ney_2", "trigram": "kneser_ney_3"}
levels = {"bigram": np.mean(of(known, "kneser_ney_2", words=w))}
levels["the source"] = np.mean(of(known, "source", words=w))
marks = {name: of(real, arm)[0] for name, arm in arms.items()}

# %% mystnb={"figure": {"caption": "Perplexity on held-out sentences against the number of states; dots are seeds. Left, the known source with 36,000 words to learn from, means over five sources; beyond as many states as in the source (256) little is gained. Right, the King James Bible: test and training sentences drift apart, and the test still improves.", "name": "ts-fig-states"}, "image": {"alt": "Two panels with logarithmic axes. Left, a falling line that flattens at 256 states, far below the level of the bigram and above the level of the source; two single points for other classes lie higher. Right, test perplexity falls from 64 to 4,096 states, below the level of the bigram and above that of the trigram; training perplexity falls faster."}}
from hmmlib.plotting.thousands_of_states import perplexity_by_states

perplexity_by_states(
    {"the known source": left, "the King James Bible": right},
    {"the known source": levels, "the King James Bible": marks},
)
plt.show()

# %% tags=["hide-input"]
from hmmlib.analysis import mean_over_seeds


def summary(cells, arm, words=None):
    """Seeds; test perplexity with its 95% interval; training perplexity; CPU seconds of training."""
    some = [c for c in cells if c["arm"] == arm and words in (None, c["words"])]
    test = of(cells, arm, "test", words)
    mean = mean_over_seeds([test]) if len(test) > 1 else None
    shown = test[0] if mean is None else (mean[0][0], mean[1][0])
    took = np.mean([c["cpu_seconds"]["training"] for c in some])
    return len(test), shown, np.mean(of(cells, arm, "train", words)), took


# %% tags=["hide-input"]
arms = {f"{n}-gram": f"kneser_ney_{n}" for n in (1, 2, 3, 5)}
arms |= {f"HMM, {h:,} states": f"em_{h}" for h in large}
arms |= {"HMM, 1,024, random classes": "em_1024_random"}
arms |= {"HMM by a network, 1,024": "neural_1024"}
arms |= {"the same, half the states dropped": "neural_1024_dropout", "LSTM": "lstm"}
rows = [(name, *summary(real, arm)) for name, arm in arms.items()]
header = ["the Bible", "seeds", "test", "training", "CPU s"]
Table(header, rows, [None, None, ".1f", ".1f", ".0f"])

# %% [markdown]
# On this text 1,024 states beat counting pairs, no HMM here beats counting triples, and the LSTM beats them all. So
# *better than n-grams* is a statement about a text and about $n$. The Bible repeats itself, often in the same words,
# and a trigram can quote where an HMM can only paraphrase. The largest HMM fits its training sentences far better than
# new ones, and is still the best of them on new ones. Here too, 256 states in good classes do
# better than 1,024 in random ones. That an LSTM does better than such HMMs, {cite:t}`chiu2020scaling` say of their
# texts, too.
#
# Is it worth the time? Each model was trained on one core:

# %% mystnb={"figure": {"caption": "Test perplexity on the Bible against the CPU time of training. Numbers beside points: states, or n. The LSTM was stopped after ten epochs, when it was still getting better.", "name": "ts-fig-seconds"}, "image": {"alt": "Points in a plane with logarithmic axes. N-grams take a few seconds; those of n = 3 and 5 are lower than any HMM. HMMs by expectation-maximisation fall from 64 to 4,096 states as their time grows to minutes. The network takes many times longer and comes out lower, with dropout higher. The LSTM takes longest and is the lowest of all."}}
from hmmlib.plotting.thousands_of_states import perplexity_by_seconds

families = {
    "HMM by EM": {f"em_{h}": f"{h:,}" for h in large},
    "network": {"neural_1024": "1,024", "neural_1024_dropout": "with dropout"},
    "n-grams": {f"kneser_ney_{n}": f"{n}" for n in (2, 3, 5)},
    "LSTM": {"lstm": ""},
}
points = {}
for name, some in families.items():
    found = [(summary(real, arm), word) for arm, word in some.items()]
    points[name] = [(s[3], float(np.ravel(s[1])[0]), word) for s, word in found]
perplexity_by_seconds(points)
plt.show()

# %% [markdown]
# (ts-sec-network)=
# ## What does the network add, and what dropout?
#
# On the known source, where everything is measured from the least that is possible. The network and the fit by EM
# have the same 256 states in the same true classes.

# %% tags=["hide-input"]
arms = {"bigram": "kneser_ney_2", "trigram": "kneser_ney_3", "EM": "em_256"}
arms |= {"EM, ten times the pseudo-counts": "em_256_smooth"}
arms |= {"EM, 512 states": "em_512", "EM, classes by exchange": "em_256_exchange"}
arms |= {"EM, random classes": "em_256_random", "network": "neural_256"}
arms |= {"network with dropout": "neural_256_dropout"}

# %% tags=["hide-input"]
rows = []
for name, arm in arms.items():
    above = []
    for w in (12_000, 36_000, 96_000):
        cells = [c for c in known if c["arm"] == arm and c["words"] == w]
        ratio = [100 * (c["perplexity"]["test"] / c["exact"] - 1) for c in cells]
        mean, half = mean_over_seeds([ratio])
        above.append((mean[0], half[0]))
    rows.append((name, *above, summary(known, arm, 36_000)[3]))
header = ["above the source, %", "12,000 words", "36,000", "96,000", "CPU s (36,000)"]
Table(header, rows, [None, ".0f", ".0f", ".0f", ".1f"])

# %% [markdown]
# The network is no better than counting where words are few, and much better where there are more: it has as many
# distributions to learn, but makes them from fewer numbers, and states that behave alike help one another. Dropout is
# the other way round: it helps where words are few, and costs where they are not. On the Bible the network with 1,024
# states beats every HMM fitted by counts, the one with four times as many states included, at many times the cost;
# with half the states dropped it is no better than a bigram after as many epochs. So of the three ideas the first,
# many states, is what makes the second worth having; and the third is for those who have little text, or much more
# time. A fit by EM with more pseudo-counts, which costs nothing, gets part of what dropout gets.
#
# ## Where it fails
#
# Random classes are the counterexample that matters: the same number of states, the same text, exact inference, and
# most of the gain is gone. Nothing in the three ideas chooses classes; a clustering does that before. Does a word
# with two meanings suffer from belonging to one class? It sounds plausible, and we do not show it: the word has $k$ states
# for them.
#
# Is the restriction itself a loss? Not if a class has enough states:
#
# :::{prf:proposition} Every HMM is a blocked one (ours)
# :label: ts-prop-any
#
# An HMM with $H$ states and words in $K$ classes has a blocked HMM with $H$ states *for each class* that gives every
# text the same probability.
# :::
#
# :::{prf:proof}
# Let the state be the pair $(h, c)$ of the old state and of the class of the word that it writes. Put $P[c \mid h] =
# \sum_{x \in c} W[x, h]$. From $(g, d)$ go to $(h, c)$ with probability $A[h, g]\, P[c \mid h]$, and write $x$ of
# class $c$ with probability $W[x, h]/P[c \mid h]$ (where $P[c \mid h] = 0$, with any). Along a path the factors $P[c
# \mid h]$ cancel, and what is left is the old HMM's product.
# :::
#
# The price is the factor $K$ in the number of states, of which a word leaves $H$ as before. So blocking brings
# nothing for an HMM that needs all its $H$ states for every word. It pays when a word needs few.
#
# ## What this says about the paper of this book
#
# {prf:ref}`thm-head-tuning` asks for independent columns of $W$. With more states than words that is impossible. In a
# blocked HMM it is a matter of each class alone, since columns of different classes have no word in common: the rank
# of $W$ is the sum of the ranks of the $K$ blocks. And one question needs no independence at all:
#
# :::{prf:proposition} A head can always read the class (ours)
# :label: ts-prop-class
#
# With blocked emissions, the probability that the hidden word is of class $c$ is $b^\top G_i(x)$ with $b_x =
# \mathbf{1}([x] = c)$, whatever the columns.
# :::
#
# :::{prf:proof}
# Each state of $c$ writes words of $c$ only, and others none. So $W^\top b$ is one on the states of $c$ and zero
# elsewhere, and by {prf:ref}`prop-conditionals` $b^\top G_i(x) = (W^\top b)^\top\, \mathbb{P}[H_i \mid x_{-i}]$.
# :::
#
# *Which of the class's states* is another matter. For the models fitted above to a tenth of the Bible:

# %%
rows = []
for h, model in models.items():
    blocks = [model.emission[groups == c] for c in range(64)]
    ranks = [int(torch.linalg.matrix_rank(block, rtol=1e-7)) for block in blocks]
    crowded = sum(len(block) < block.shape[1] for block in blocks)
    rows.append((h, h // 64, crowded, sum(ranks)))
header = ["states $H$", "$k$", "classes with fewer words than states", "rank of $W$"]
Table(header, rows)

# %% [markdown]
# Where a class has fewer words than states, two posteriors of its states can look the same through $W$, and
# {doc}`when_heads_fail` applies. This is where more states stop being more for a head: it cannot tell them apart,
# though the language model uses them. A prompt can help as in {doc}`soft_prompts`, by ruling states out; but smoothed
# transitions have no zeros, so that it would only turn them down.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: One state a class
# :label: ts-ex-hand
#
# Class 0 has the words `the` and `a`, class 1 `king`, `lamb` and `came`. From the sentences *the king came* and *a
# lamb*, with $k = 1$ and no pseudo-counts: what are initial distribution, transition and emission, and the
# probability of *the lamb came*?
#
# :::{admonition} Hint
# :class: dropdown
# Nothing is hidden: count classes.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ts-ex-hand
# :class: dropdown
# :::
#
# Both sentences begin in class 0. It is followed by class 1 twice, and class 1 by itself once. So $\pi_0 = (1,
# 0)$, and both rows of the transition are $(0, 1)$. `the` and `a` have a half each; `king`, `lamb`, `came` a
# third each. *the lamb came* has probability $\tfrac12 \cdot \tfrac13 \cdot \tfrac13 = \tfrac1{18}$.
# %%
two = Sentences(torch.tensor([[0, 2, 4], [1, 3, 0]]), torch.tensor([3, 2]))
none = {"transition_pseudo_counts": 0.0, "emission_pseudo_counts": 0.0}
by_hand = fit_blocked_hmm(two, 2, [0, 0, 1, 1, 1], generator=0, **none).model
p = by_hand.log_probs(Sentences(torch.tensor([[0, 3, 4]]), torch.tensor([3]))).exp()
print(f"1 over the probability: {1 / float(p[0]):.6f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: Nothing is lost
# :label: ts-ex-any
#
# "For any split of its words into classes, an HMM with $H$ states has the same distribution of texts as some blocked
# HMM with $H$ states." Prove it or refute it. If it is wrong, what is right?
#
# :::{admonition} Hint
# :class: dropdown
# One state, two words in two classes.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ts-ex-any
# :class: dropdown
# :::
#
# Refuted: with one state and two words in two classes a blocked HMM with one state, which is in one class, never
# writes the other's word. {prf:ref}`ts-prop-any` says what is right: $H$ states for each class are enough. Its
# construction, checked on a small HMM:

# %%
from hmmlib import random_hmm
from hmmlib.words import BlockedHMM

warm = {"transition_temperature": 0.5, "emission_temperature": 0.5}
plain = random_hmm(3, 6, generator=0, **warm)
split = torch.tensor([0, 1, 0, 1, 1, 0])
member = torch.nn.functional.one_hot(split, 2).double()  # (V, K)
share = plain.emission @ member  # P[c | h], (H, K)

# %%
first = (share.T * plain.initial).reshape(-1)
step = torch.einsum("gh,hc->gch", plain.transition, share).repeat(2, 1, 1, 1)
same = BlockedHMM(
    first, step.reshape(6, 6), (plain.emission / share[:, split]).T, split
)
x = sample_tokens(plain, batch=100, time=12, generator=0)
gap = same.log_probs(Sentences(x, torch.full((100,), 12)))
gap = (gap - posteriors(plain, x, keep=()).log_likelihood).abs().max()
print(f"log P differs by at most {max(float(gap), 1e-12):.0e}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: The end of a verse
# :label: ts-ex-reset
#
# In training every verse begins anew. What happens to the perplexity if in evaluation it does not, and the chain runs
# on over the ends, as one text?
#
# :::{admonition} Hint
# :class: dropdown
# One long sentence.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ts-ex-reset
# :class: dropdown
# :::
#
# The transitions out of the states of `<eos>` were never trained. All they have are pseudo-counts, spread as the
# words are: so the first word of a verse is predicted by the frequencies of classes alone. The model looks worse than
# it is, and the more so, the shorter the sentences.

# %%
some = bible.test.part(slice(0, 200))
inside = torch.arange(some.tokens.shape[1]) < some.lengths[:, None]
stream = some.tokens[inside][None]
one_text = Sentences(stream, torch.tensor([stream.shape[1]]))
rows = [(h, perplexity(m, some), perplexity(m, one_text)) for h, m in models.items()]
Table(["states", "each verse anew", "one text"], rows, ".1f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Think: One word, two states
# :label: ts-ex-states
#
# The four states above of the class of *went* divide its words between saying and moving. Take *came* in two verses
# of your own: which state is it in? What would you expect of *said*?
#
# :::{admonition} Hint
# :class: dropdown
# `posteriors(model.dense(), …).smoothed` has the probability of each state at each word.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ts-ex-states
# :class: dropdown
# :::
#
# *Said* names its state by itself. *Came* can be of several, and what stands around it decides.


# %%
def states_of(verse, word):
    """P[state of its class | the verse] at a word."""
    tokens = torch.tensor([[bible.words.index(w) for w in verse.split()]])
    smoothed = posteriors(models[256].dense(), tokens, keep=("smoothed",)).smoothed
    place, own = verse.split().index(word), int(groups[bible.words.index(word)])
    return smoothed[0, place, 4 * own : 4 * own + 4]


# %%
verses = {
    "and he came unto him and said": "came",
    "and the word of the lord came unto me saying": "came",
    "and he came out of the city": "came",
    "and he said unto him": "said",
}
rows = [(verse, *states_of(verse, word).tolist()) for verse, word in verses.items()]
Table(["verse", *(f"state {i}" for i in range(4))], rows, ".2f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: Better classes
# :label: ts-ex-open
#
# The exchange algorithm chooses classes for a model with one state a class. For many states other classes may be
# better. Alternate: fit the HMM, move words to the class whose states explain their neighbours best, fit again. How
# much of the gap between exchange and the source's classes on the known source can be closed?
#
# :::{admonition} Hint
# :class: dropdown
# Begin with `initial_classes` of `exchange_classes`, and measure on the validation sentences.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ts-ex-open
# :class: dropdown
# :::
#
# We have not done it. A first step is to see how much the start matters: from random classes of equal sizes, instead
# of by frequency, the exchange ends elsewhere, and nearly as good.

# %%
seeds = [np.random.RandomState(s).permutation(bible.n_words) % 64 for s in (0, 1)]
for start in (None, *seeds):
    found = exchange_classes(
        bible.train, 64, bible.n_words, initial_classes=start, max_sweeps=8
    )
    print(f"nats per word by the class bigram: {-found.log_likelihoods[-1]:.4f}")

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# ```{list-table}
# :header-rows: 1
# :name: ts-tab-claim
#
# * - Claim
#   - In this world it holds when
#   - It fails when
#   - Evidence
# * - Exact inference with thousands of states is quick
#   - each state writes words of one class, and classes have few states
#   - one class needs most of the states
#   - {prf:ref}`ts-prop-cost`
# * - More states are better
#   - there are fewer than in the source; on the Bible, up to the most we tried
#   - there are as many as in the source: then data are what is missing
#   - {numref}`ts-fig-states`
# * - Such HMMs are better than n-grams
#   - what matters lies farther back than $n$ words; on the Bible, for $n = 2$ and all the text
#   - the text repeats itself word for word, or is short
#   - {numref}`ts-fig-states`
# * - The network and dropout are needed
#   - network: there is enough text; dropout: there is little
#   - network: little text; dropout: more text, or too few epochs to make up for it
#   - {ref}`ts-sec-network`
# ```
#
# - With words in classes, a word leaves $k$ of $Kk$ states possible, and inference is exact in $k^2$ steps a word.
# - Expected counts are all that learning needs, by EM or by gradients (Fisher's identity).
# - Good classes are worth more than four times as many states.
# - A head on such a model can read the class under a mask, and the states of a class only if
#   they have as many words to tell them by.
