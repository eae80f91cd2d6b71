# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A memory in place of a head
#
# A frozen model and a few hundred labelled texts: this book fits a head to them. Fitting can be left out. Let the model
# read each labelled text once, and keep the vector that it shows beside the label. A new text gets the label of those
# that are nearest to it.
#
# Language models that look up their own training text in this way came first {cite:p}`khandelwal2020generalization`.
# {cite:t}`shi2024reference` do it with the labelled texts of a task, and call it *reference trustable decoding*. **Their
# claim**: nothing has to be trained, a question costs hardly more than without, the results are as good as those of
# examples in the prompt and of small trained parts, and it can be combined with either. Votes of several slices of the
# vector are better than one.
#
# We had their abstract, the opening of the paper, and the code that they released. What we did not find there is the
# nearest competitor: a linear head on the same vectors and the same labels. Here both stand side by side, on what an exact
# model shows and on what a network shows. Running the chapter takes about half a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %% [markdown]
# ## Votes of the nearest
#
# :::{prf:definition} A memory of references
# :label: rd-def-memory
#
# References are pairs $(h_i, y_i)$ of what a frozen model shows of a labelled text, a vector of $d$ entries, and its
# label. For a new text with the vector $h$ let $D_i = |h - h_i|$. Of the $k$ nearest, each votes for its label with a
# weight proportional to $\exp(-D_i^2 / T)$; the weights sum to one. With several *parts*, the vectors are cut into $P$
# slices; in each the nearest are sought, and vote, on their own, with $P D_i^2$ in place of $D_i^2$; the votes' mean is
# taken.
# :::
#
# Slices are called *heads* in the paper. In this book a head is something else.

# %%
from hmmlib import ExactMaskedLM, blank_probs, draw_dataset, draw_task, random_hmm
from hmmlib.heads import NeighbourHead

seed, n = 1, 512  # change me: the HMM, labelled texts
hmm = random_hmm(25, 10, generator=seed)
task = draw_task(hmm, generator=seed, min_share=0.2, max_redraws=200)
data = draw_dataset(task, generator=seed, sizes=(4096, 500, 2000))
lm = ExactMaskedLM(hmm)
G = [blank_probs(lm, split.tokens) for split in data]
memory = NeighbourHead(G[0][:n], data.train.labels[:n], k=32, share=0.1)
right = (memory.labels(G[2]) == data.test.labels).double().mean()
print(f"{memory}: {right:.1%} of labels right")

# %% [markdown]
# :::{prf:proposition} What a vote does not depend on
# :label: rd-prop-votes
#
# 1. For $T \to 0$ the nearest reference decides, if there is one. For $T \to \infty$ the $k$ nearest count alike, and with
#    $k = N$ each class gets its share of the references.
# 2. If all vectors are multiplied by $s$ and moved by a constant, the votes at the temperature $s^2 T$ are those at $T$
#    before. With one part, turning the vectors changes nothing.
# 3. With $k = N$ and one part, a reference's weight is a product of one factor for each slice. With $P$ parts its vote is a
#    sum of one term for each slice.
# :::
#
# :::{prf:proof}
# Multiply numerator and denominator of a weight by $\exp(\min_j D_j^2 / T)$: what remains at $T \to 0$ are the nearest, at
# $T \to \infty$ ones. Distances are multiplied by $s$, and neither a constant nor a rotation changes them. Over the
# slices, squared distances add up, and the exponential of a sum is a product.
# :::
#
# So a temperature is nothing that can be taken over from one model to another. In the released code it is 160, 1000, or
# 5000; which of them is warm depends on how large the vectors are. In the library it is a share of the references'
# total variance.

# %%
h = torch.from_numpy(np.random.RandomState(0).standard_normal((400, 8)))
y = (h[:, 0] * h[:, 1] > 0).long()
turn = torch.linalg.qr(h[:8]).Q
moved = {}
for parts in (1, 4):
    votes = [
        NeighbourHead(x[:300], y[:300], k=9, share=0.1, n_parts=parts).probs(x[300:])
        for x in (h, 7 * h @ turn + 3)
    ]
    moved[parts] = float((votes[0] - votes[1]).abs().max())
print("one part, turned, stretched and moved:", deviation(moved[1], 1e-9))
print(f"four parts: {moved[4]:.2f}")
print(f"T = 1000 is {1000 / memory.variance:,.0f} variances of the model's vectors")

# %% [markdown]
# ## What a memory cannot lose
#
# In {doc}`when_heads_fail` a drawer held three coins. The texts are tosses, and the question whether the coin is the fair
# one. The model shows one number, the probability of side a, and the fair coin lies in the middle of the others. A
# linear head has one threshold, so it must fail, however many labels it is given. A memory has as many as it has
# references.
#
# :::{prf:proposition} The nearest of $N$ references
# :label: rd-prop-nearest
#
# Let there be finitely many texts, and let the text that is asked and the references be drawn independently. Of a text
# $x$ let $F_x(r)$ be the probability of texts within the distance $r$ of $x$, and $F_x(r-)$ that of those nearer than $r$.
#
# 1. Its nearest reference is at the distance $r$ with the probability $(1 - F_x(r-))^N - (1 - F_x(r))^N$.
# 2. Let $\mu(x)$ be the probability of the texts that are nearer to $x$ than every text of another label. The nearest
#    reference has another label with probability $(1 - \mu(x))^N$ at most.
# 3. If no two texts with different labels show the same, the error of the nearest reference goes to zero with growing
#    $N$, however the labels lie.
# :::
#
# :::{prf:proof}
# (1) All references are at $r$ or farther, but not all farther. (2) If a single reference is nearer than every text of
# another label, the nearest one has the label of $x$; with probability $(1 - \mu(x))^N$ none is. (3) $\mu(x)$ is at least
# the probability of $x$ itself, so $(1 - \mu(x))^N$ goes to zero for each of finitely many texts.
# :::
#
# By the first part the error can be computed exactly, over all references that could have been drawn. For the coins the
# order of tosses is of no account, and twelve of them make thirteen different texts.

# %%
from math import comb

from hmmlib import HMM, PosteriorTask
from hmmlib.heads import nearest_error

sides = np.array([0.2, 0.5, 0.8])
coins = HMM([1 / 3] * 3, torch.eye(3), np.stack([sides, 1 - sides], 1))
fair = PosteriorTask.two_class(coins, [-1, 1, -1])
tosses = torch.tensor([[0] * k + [1] * (12 - k) for k in range(13)])
shown, labels = blank_probs(ExactMaskedLM(coins), tosses), fair.labels(tosses)
likely = [
    comb(12, k) * np.mean(sides**k * (1 - sides) ** (12 - k)) for k in range(13)
]

# %%
sizes = (1, 4, 16, 64, 256)
exact = nearest_error(shown, labels, sizes, probs=likely)
likely = np.array(likely)
beyond = np.arange(13)[:, None] <= np.arange(13)  # thresholds: 1 from here on
wrong = (beyond != labels.numpy()) @ likely
best_head = min(wrong.min(), 1 - wrong.max())


# %%
def errors_drawn(size, draws=20):
    """Errors of the nearest of so many references, one for each draw, in percent."""
    random, found = np.random.RandomState(0), []
    for rows in random.choice(13, (draws, size), p=likely):
        head = NeighbourHead(shown[rows], labels[rows], k=1)
        found.append(100 * (head.labels(shown) != labels).double().numpy() @ likely)
    return found


# %% mystnb={"figure": {"caption": "Three coins: texts whose label is wrong, by the number of references, for a memory that answers with the nearest. The exact error is the mean over all references that could be drawn; dots are twenty draws each. In grey, the best linear head that there is.", "name": "rd-fig-coins"}, "image": {"alt": "The exact error of a memory falls from 38 percent with one reference to about 20 with four and to almost nothing from 16 on; the means of twenty draws lie near it. With four references it is below the level of the best linear head, 25 percent."}}
from hmmlib.plotting.shared import means_over_seeds

names = [str(size) for size in sizes]
curves = {"memory, drawn": {str(size): errors_drawn(size) for size in sizes}}
levels = {"memory, exact": 100 * exact, "best linear head": [100 * best_head] * 5}
for name, values in levels.items():
    curves[name] = {x: [float(y)] for x, y in zip(names, values, strict=True)}
labelled = {"x_label": "references", "y_label": "labels wrong, %"}
means_over_seeds({"Is it the fair coin?": curves}, tuple(levels), **labelled)
plt.show()

# %% [markdown]
# A few references tell more than the best line. All that the model shows is used, and none of it has to be linear.
#
# ## How many references
#
# A memory fails in no world, then, with references enough. How many are enough? By the second part of the proposition,
# as many as it takes to have one close to every text, closer than the next text of another label. That is a matter of how
# many different things a model shows, and of how much room there is between those of different labels.
#
# The HMMs of the paper show few different things. With 25 states and 10 words the head has too few numbers to tell the
# states apart ({doc}`when_heads_fail`). At the paper's temperatures each state has one successor and one word that are far
# more likely than the others, so the texts come in bundles. The other world has 10 states and 10 words, and is warm: what
# is shown spreads out, and a linear head can be right on every text ({doc}`head_tuning`). Number of neighbours,
# temperature, and the head's penalty are chosen on 500 other texts.

# %%
from hmmlib.heads import tune_logistic, tune_neighbours

warm = {"transition_temperature": 0.1, "emission_temperature": 0.1}
worlds = {"25 states, the paper's": (25, {}), "10 states, warm": (10, warm)}


def texts_of(n_states, heat, seed):
    """Labels, and what the exact model shows: training, validation and test texts."""
    model = random_hmm(n_states, 10, generator=seed, **heat)
    task = draw_task(model, generator=seed, min_share=0.2, max_redraws=200)
    data = draw_dataset(task, generator=seed, sizes=(4096, 500, 2000), length=64)
    rows = [blank_probs(ExactMaskedLM(model), split.tokens) for split in data]
    return rows, [split.labels for split in data]


# %%
def right_of(rows, labels, n):
    """Labels that a memory and a head get right, in percent, with n labelled texts."""
    known = (rows[0][:n], labels[0][:n], rows[1], labels[1])
    heads = (tune_neighbours(*known).head, tune_logistic(*known).head)
    return [
        100 * float((head.labels(rows[2]) == labels[2]).double().mean())
        for head in heads
    ]


counts = (16, 64, 256, 1024, 4096)
drawn = {
    name: [texts_of(*world, s) for s in (1, 2, 3)] for name, world in worlds.items()
}

# %% mystnb={"figure": {"caption": "Labels that a memory and a linear head get right on what an exact model shows, by the number of labelled texts. Lines are means over three HMMs, dots the HMMs.", "name": "rd-fig-flip"}, "image": {"alt": "Two panels. Left, 25 states: with 16 texts the head is a little ahead; then the memory rises to 99 percent, and the head stays below 90. Right, 10 states, warm: the head is ahead of the memory at every number, near 100 percent from 1024 texts on; the memory rises from 75 to 98 percent."}}
panels = {}
for name, machines in drawn.items():
    curves = {"memory": {}, "linear head": {}}
    for n in counts:
        found = [right_of(*machine, n) for machine in machines]
        for name_, values in zip(curves, zip(*found, strict=True), strict=True):
            curves[name_][str(n)] = values
    panels[name] = curves
means_over_seeds(panels, x_label="labelled texts", y_label="labels right, %")
plt.show()

# %% [markdown]
# Which of them is better depends on the world, and on nothing that training could change. On the left the head has too
# few numbers, and 4096 labels do not help it. On the right it has as many as it needs, and few labels fix them, while the
# memory has to fill the space in between.
#
# How full the space is can be computed. Let references be drawn from 4,096 texts. Over all that could be drawn, the error
# of the nearest is known by {prf:ref}`rd-prop-nearest`; 400 test texts are asked.

# %%
powers = [2**k for k in range(12)]
rows = []
for name, machines in drawn.items():
    for number, (shown, labels) in enumerate(machines, 1):
        asked = (shown[2][:400], labels[2][:400])
        errors = nearest_error(shown[0], labels[0], powers, asked=asked)
        enough = [int((errors > most).sum()) for most in (0.2, 0.1, 0.05)]
        needed = [f"{powers[k]:,}" if k < 12 else "more than 2,048" for k in enough]
        rows.append((name, number, *needed))
header = ["world", "HMM", "20 % wrong", "10 % wrong", "5 % wrong"]
Table(header, rows)

# %% [markdown]
# In both worlds a hundred references do most of the work. But the last few percent cost few references more where texts
# come in bundles, and many where they are spread out: there every halving of the error takes several times as many.
#
# ## How many votes
#
# Why ask more than the nearest? Where labels are a function of what is shown, as in all of the above, there is no reason,
# and a vote of many looks farther away than it need. It is another matter if labels are wrong now and then. In the warm
# world, with 1,024 references of which some share has the wrong label:


# %%
def right_with_noise(shown, labels, share, k):
    """Labels right, in percent, with so many neighbours and a share of wrong labels."""
    flips = torch.from_numpy(np.random.RandomState(0).rand(1024) < share).long()
    noisy = (labels[0][:1024] + flips) % 2
    head = NeighbourHead(shown[0][:1024], noisy, k=k, share=1.0)
    return 100 * float((head.labels(shown[2]) == labels[2]).double().mean())


# %%
rows, machines = [], drawn["10 states, warm"]
for share in (0.0, 0.1, 0.2, 0.3):
    votes = [
        [right_with_noise(*m, share, k) for m in machines] for k in (1, 4, 16, 64)
    ]
    rows.append((f"{share:.0%}", *np.mean(votes, 1)))
header = ["labels wrong", "1 neighbour", "4", "16", "64"]
Table(header, rows, ".1f")

# %% [markdown]
# The nearest alone repeats every wrong label. With one label in ten wrong, a few votes are enough to outvote it; with
# three in ten, a great many.
#
# ## What a network shows
#
# `hmmlib sweep reference-decoding` pretrains a network on each of five HMMs of both worlds, by the book's laptop recipe,
# and freezes it. References hold the network's vector at the blank before the text. A head is fitted to the same vectors.
# Beside them stands a memory of the words themselves: its distance counts the places at which two texts differ.

# %%
from hmmlib.analysis import mean_over_seeds, read_results

records = read_results("reference_decoding_laptop")["cells"]
in_world = {
    name: [record for record in records if record["n_states"] == n_states]
    for name, (n_states, _) in worlds.items()
}
every = list(records[0]["methods"]["vector"])


def of(name, features, way, n):
    """Labels right in a world, in percent, one number for each HMM."""
    return [100 * r["methods"][features][n][way] for r in in_world[name]]


# %%
shown_as = {
    "memory, network": ("vector", "tuned"),
    "head, network": ("vector", "head"),
    "memory, words": ("words", "tuned"),
    "memory, exact": ("exact", "tuned"),
    "head, exact": ("exact", "head"),
}
panels = {
    name: {
        label: {n: of(name, *way, n) for n in every}
        for label, way in shown_as.items()
    }
    for name in worlds
}

# %% mystnb={"figure": {"caption": "Labels that memories and heads get right on a network's vector, and a memory of the words, by the number of labelled texts; five HMMs each. Lines are means, dots the HMMs. In grey, the means on what the exact model shows.", "name": "rd-fig-network"}, "image": {"alt": "Two panels. Left, memory and head on the network's vector rise together from 75 to 99 and 97 percent; the exact model's memory lies on the network's, its head stays below 86; the memory of words ends at 80. Right, memory and head on the network's vector rise together from 82 to about 92 percent, below both of the exact model, which end near 100; the memory of words stays below 70."}}
labelled = {"x_label": "labelled texts", "y_label": "labels right, %"}
means_over_seeds(panels, ("memory, exact", "head, exact"), **labelled)
plt.show()

# %% tags=["hide-input"]
rows = []
for name in worlds:
    kl = [1000 * record["blank_kl"] for record in in_world[name]]
    ways = ("one", "fixed", "tuned", "head")
    found = [of(name, "vector", way, "1024") for way in ways]
    ahead = np.subtract(found[2], found[3])
    mean, half = mean_over_seeds([kl, *found, ahead])
    rows.append((name, *zip(mean, half, strict=True)))
header = ["world", "KL, mnat", "nearest", "32, not tuned", "tuned", "head"]
Table([*header, "tuned less head"], rows, ".1f")

# %% [markdown]
# Three things can be seen.
#
# A memory of the words knows little. Two texts that say the same of the blank differ at most places, and at that distance
# all other texts are as well. What pretraining has done is to bring them together.
#
# On the left the network's memory does as well as the exact model's. And a head comes near it, *on the network's vector*,
# though a head fails on what the exact model shows. Nothing is wrong with heads, then, nor with what is known. The ten
# probabilities are too few, and the vector has 64 entries.
#
# On the right neither mends what the network has not learnt. With ten states nothing is lost in the ten probabilities, so
# the exact model is ahead of the network, whoever reads.
#
# In the table, with 1,024 labelled texts, the memory's lead over the head on the same vectors is small beside the differences
# between HMMs. What the choice of neighbours and temperature brings is smaller still.
#
# ## Votes of slices
#
# Is a vote of several slices better? The network's 64 entries are cut into four parts, and into sixteen. As a control they
# are turned first, by a random rotation: if slices meant something of their own, that would do away with it.

# %% tags=["hide-input"]
rows = []
for name in worlds:
    for parts in ("4", "16"):
        for n in ("256", "4096"):
            one = np.array(of(name, "vector", "tuned", n))
            entries = [record["parts"][parts][n] for record in in_world[name]]
            plain = 100 * np.array([entry["plain"] for entry in entries]) - one
            turned = 100 * np.array([np.mean(e["turned"]) for e in entries]) - one
            mean, half = mean_over_seeds([plain, turned])
            rows.append((name, parts, n, *zip(mean, half, strict=True)))
header = ["world", "parts", "labelled texts", "as they are", "turned"]
Table(header, rows, [None, None, None, ".2f", ".2f"])

# %% [markdown]
# What is listed are points gained over one vote on the whole vector. Four parts do as well as one. Sixteen do no better, in
# the mean worse, though five HMMs do not tell. And it makes no difference whether the vector was turned before. So in these
# networks slices have no meaning of their own, and that votes of slices are better does not reproduce here. {ref}`An
# exercise <rd-ex-slices>` has a world where it does.
#
# ## Asking the model as well
#
# A model may know the names of the classes. Then it can be asked without any label: which name does it expect at the
# blank? This is called *zero-shot*; the memory is to help where names mislead. The votes $r$ and the probabilities
# $q$ of the names are mixed, $\lambda r + (1 - \lambda) q$.
#
# Let the states of a warm HMM have four classes. Half of what a state emits is a name, one of four more words. It is
# the name of its class with probability $1 - \varepsilon$, and that of the next class otherwise: so much is a
# name's use from what it is thought to mean.
#
# :::{prf:proposition} Two names
# :label: rd-prop-names
#
# Let there be two classes only, each named after the other with probability $\varepsilon$, and let the label be the more
# probable class at the blank. Then zero-shot is right on every text if $\varepsilon < 1/2$, and wrong on every text if
# $\varepsilon > 1/2$, unless both classes are equally probable.
# :::
#
# :::{prf:proof}
# With probabilities $\pi_1, \pi_2$ of the classes at the blank, the names have probabilities proportional to $(1 -
# \varepsilon) \pi_1 + \varepsilon \pi_2$ and $(1 - \varepsilon) \pi_2 + \varepsilon \pi_1$. Their difference is $(1
# - 2 \varepsilon)(\pi_1 - \pi_2)$.
# :::
#
# With four classes it is less simple: what the model expects depends on how sure it is.


# %%
def named(n_classes, misuse, seed, n_states=20):
    """A warm HMM with 12 words and a name for each class, and the states' classes."""
    base = random_hmm(n_states, 12, generator=seed, **warm)
    classes = torch.arange(n_states) % n_classes
    own = torch.eye(n_classes, dtype=torch.float64)
    names = (1 - misuse) * own[classes] + misuse * own[(classes + 1) % n_classes]
    emission = torch.cat([0.5 * base.emission, 0.5 * names], 1)
    return HMM(base.initial, base.transition, emission), own[classes].T


# %%
def asked_both_ways(n_classes, misuse, seed):
    """Labels, what is shown, and the names' probabilities, for three splits."""
    model, weights = named(n_classes, misuse, seed)
    task = PosteriorTask(model, weights)
    data = draw_dataset(task, generator=seed, sizes=(1024, 500, 2000), length=32)
    shown = [blank_probs(ExactMaskedLM(model), split.tokens) for split in data]
    names = [rows[:, 12:] / rows[:, 12:].sum(1, keepdim=True) for rows in shown]
    return [split.labels for split in data], shown, names


# %%
for misuse in (0.4, 0.6):
    labels, _, names = asked_both_ways(2, misuse, seed)
    right = (names[2].argmax(1) == labels[2]).double().mean()
    print(f"two names, misused {misuse:.0%}: zero-shot right {right:.1%}")

# %%
mixes = (0.0, 0.25, 0.5, 0.75, 1.0)


def mixed(drawn, n):
    """Labels right, in percent, at each mixture; and at that chosen on validation."""
    labels, shown, names = drawn
    head = tune_neighbours(shown[0][:n], labels[0][:n], shown[1], labels[1]).head
    right = {}
    for split in (1, 2):
        votes = torch.zeros_like(names[split])
        votes[:, : head.n_classes] = head.probs(shown[split])
        found = [(mix * votes + (1 - mix) * names[split]).argmax(1) for mix in mixes]
        right[split] = [100 * (f == labels[split]).double().mean() for f in found]
    return [*right[2], right[2][int(np.argmax(right[1]))]]


# %% mystnb={"figure": {"caption": "Labels right by the weight of the memory in a mixture with what the model expects, for 16, 64 and 256 references, where names are used for the next class in 20, 50 and 70 of 100 cases. Lines are means over three HMMs, dots the HMMs.", "name": "rd-fig-mixture"}, "image": {"alt": "Three panels over the weight of the memory. With 20 percent misuse the lines fall from 90 with growing weight, steeply with 16 references, not at all with 256. With 50 percent they jump up from 46 at a weight of a quarter and stay level, higher with more references. With 70 percent they jump up from 15 and still rise a little."}}
panels, chosen = {}, []
for misuse in (0.2, 0.5, 0.7):
    curves = {}
    machines = [asked_both_ways(4, misuse, s) for s in (1, 2, 3)]
    for n in (16, 64, 256):
        found = np.array([mixed(machine, n) for machine in machines])
        curves[f"{n} references"] = dict(zip(mixes, found[:, :-1].T, strict=True))
        chosen.append((f"{misuse:.0%}", n, *found.mean(0)[[0, -2, -1]]))
    panels[f"misused {misuse:.0%}"] = curves
means_over_seeds(panels, x_label=r"weight $\lambda$", y_label="labels right, %")
plt.show()

# %%
header = ["misused", "references", "model alone", "memory alone", "weight chosen"]
Table(header, chosen, [None, None, *[".1f"] * 3])

# %% [markdown]
# Where names are mostly right, nothing beats asking the model until references are many. With half of them misused, a little of
# what the model expects still helps while references are few; with more than that it only does harm. So a mixture is
# seldom better than the better of the two by much. But which of them is better need not be known: a weight chosen on
# validation texts comes out near it everywhere.
#
# And examples in the prompt? A model learns to use them only from text that has such examples in it, which the models of
# this book have never read; so we cannot show it on them. What the best of such models would do is known, though. Say it
# has learnt that four names can be given to four classes in any of 24 ways. Then each labelled text tells it one of them,
# and it guesses among the names that are left.

# %%
shares = machines[0][0][0].bincount(minlength=4).double().numpy() / 1024
random, found = np.random.RandomState(0), {}
for n in (1, 2, 4, 8, 16):
    seen = random.choice(4, (2000, n), p=shares)[:, :, None] == np.arange(4)
    known = seen.any(1)
    left = np.maximum(4 - known.sum(1), 1)
    found[n] = 100 * np.mean(known @ shares + (~known) @ shares / left)
header = ["in context, ideal", *(f"{n} labelled" for n in found)]
Table(header, [("right, %", *found.values())], ".1f")

# %% [markdown]
# Sixteen labelled texts are all that it needs, for it has two things to learn where the memory has a whole space to fill.
# How much of that a real model does is another question.
#
# ## What this says about the paper of this book
#
# The paper shows when a *linear* head on the model's token distribution can be right, and offers a prompt where it
# cannot. Here are two other ways out of the same corner. A memory on the same distribution is right where no line is,
# because what a line cannot reach has not been lost: the three coins have thirteen different texts, and the model shows
# thirteen different numbers. And a linear head on the network's own vector is hardly troubled by the corner at all.
#
# The second should make one careful. The obstacle of {doc}`when_heads_fail` is one of the last layer, the narrow place
# where what a model knows has become probabilities of few words. Heads in practice are put on the vector before it, and
# real vocabularies are wide. So whoever looks for the theorem's limit in a large model should look at tasks that need
# something no vector shows, and not at the number of words.
#
# A prompt does something that neither of them can: it changes what the model asks of the text. A memory, like a head,
# takes what it is shown.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: A temperature moves house
# :label: rd-ex-units
#
# A memory works well at $T = 1000$ on one model. Another model shows the same, but all its vectors are ten times as
# long. Which $T$ does it need? What happens at 1000?
#
# :::{admonition} Hint
# :class: dropdown
# {prf:ref}`rd-prop-votes`, second part.
# :::
# ::::

# %% [markdown]
# :::{solution-start} rd-ex-units
# :class: dropdown
# :::
#
# $s = 10$, so $T = 100\,000$. At 1000 weights are those of $T = 10$ before, a hundred times colder: nearly the nearest
# alone.

# %%
for stretch, heat in ((1, 1.0), (10, 1.0), (10, 0.01)):
    moved = NeighbourHead(stretch * h[:300], y[:300], k=9, share=heat)
    probs = moved.probs(stretch * h[300:])
    print(f"x {stretch}, T = {moved.temperature:,.1f}: {probs[0, 1]:.4f} for class 1")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove: As many references as texts
# :label: rd-ex-thin
#
# $M$ texts are equally likely, and what is shown of them are the numbers $1, \dots, M$. Labels alternate: even, odd. Show
# that the nearest of $N$ references is wrong with probability $e^{-N/M}$ at most. How many references does 1 % take for
# $M = 10^4$?
#
# :::{admonition} Hint
# :class: dropdown
# {prf:ref}`rd-prop-nearest`: which texts are nearer to $x$ than every text of another label?
# :::
# ::::

# %% [markdown]
# :::{solution-start} rd-ex-thin
# :class: dropdown
# :::
#
# Only $x$ itself, so $\mu(x) = 1/M$ and the error is at most $(1 - 1/M)^N \le e^{-N/M}$. By this bound 1 % takes
# $N = M \ln 100$ references. The bound is nearly exact: where $x$ itself is not among the references, the
# nearest is most probably a neighbour, which has the other label.

# %%
M = 500
sizes = [M, 2 * M, 4 * M, 8 * M]
line = torch.arange(M)[:, None].double()
exact = nearest_error(line, torch.arange(M) % 2, sizes)
rows = [
    (size // M, 100 * error, 100 * np.exp(-size / M))
    for size, error in zip(sizes, exact, strict=True)
]
Table(["references, in M", "wrong, %", "bound, %"], rows, [None, ".2f", ".2f"])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: A rare class
# :label: rd-ex-rare
#
# The released code enters every question of several choices once for each order of the choices, so that all answers are
# equally frequent among references. Take the warm world with 240 references of class 0 and 16 of class 1. How often is a
# memory of 64 warm votes right on either class? And if every reference of class 1 is entered fifteen times?
#
# :::{admonition} Hint
# :class: dropdown
# Repeat rows of features and labels; a fifteenfold reference has fifteen votes.
# :::
# ::::

# %% [markdown]
# :::{solution-start} rd-ex-rare
# :class: dropdown
# :::
#
# Among 64 neighbours there can be at most 16 of the rare class, so with equal votes it never wins. Entered fifteen times,
# it wins too often. The nearest alone does not mind how often something is entered.

# %%
shown, labels = drawn["10 states, warm"][0]
common, rare = (torch.where(labels[0] == label)[0] for label in (0, 1))
stores = {
    "as it is": torch.cat([common[:240], rare[:16]]),
    "balanced": torch.cat([common[:240], rare[:16].repeat(15)]),
}
rows = []
for name, kept in stores.items():
    for k, share in ((64, 100.0), (1, 0.1)):
        head = NeighbourHead(shown[0][kept], labels[0][kept], k=k, share=share)
        right = (head.labels(shown[2]) == labels[2]).double()
        rows.append((name, k, *(100 * right[labels[2] == c].mean() for c in (0, 1))))
header = ["references", "votes", "class 0 right, %", "class 1 right, %"]
Table(header, rows, [None, None, ".1f", ".1f"])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: Slices are of no use
# :label: rd-ex-slices
#
# "Votes of slices can only lose against one vote on the whole vector, since a slice has less to go by."
#
# :::{admonition} Hint
# :class: dropdown
# What does a part of the vector do to distances that has nothing to do with the label, and varies a lot?
# :::
# ::::

# %% [markdown]
# :::{solution-start} rd-ex-slices
# :class: dropdown
# :::
#
# Refuted. Let two of eight entries decide the label, and let the others vary ten times as much, for no reason. Distances in
# the whole vector are those of the others, and one vote is a guess. Of four slices one knows, and three guess; their mean
# leans to where the one points. Turn the vectors, and every slice has its share of the noise. So slices help where
# coordinates mean something. (Dividing each entry by its deviation would help more.)

# %%
random = np.random.RandomState(1)
loud = torch.from_numpy(random.standard_normal((3000, 8)))
labels = (loud[:, 0] + loud[:, 1] > 0).long()
loud[:, 2:] *= 10
turn = torch.linalg.qr(loud[:8]).Q
for name, x in (("as they are", loud), ("turned", loud @ turn)):
    heads = [
        NeighbourHead(x[:2000], labels[:2000], k=16, share=1.0, n_parts=parts)
        for parts in (1, 4)
    ]
    right = [
        (head.labels(x[2000:]) == labels[2000:]).double().mean() for head in heads
    ]
    print(f"{name}: one part {right[0]:.1%}, four parts {right[1]:.1%}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: What can be forgotten
# :label: rd-ex-open
#
# A memory of 4,096 references has 4,096 times as many numbers as a head. Which of them does it need? Find a rule that keeps
# few and loses little, in the paper's world and in the warm one.
#
# :::{admonition} Hint
# :class: dropdown
# Begin with one reference of each class; go through the others, and keep only those that the memory so far gets wrong.
# :::
# ::::

# %% [markdown]
# :::{solution-start} rd-ex-open
# :class: dropdown
# :::
#
# A first look, by the rule of the hint. Where texts come in bundles nearly nothing has to be kept. Where they are spread
# out, what is kept lies along the border between the classes: the very thing that a head describes by one line. We have
# not looked for the best rule, nor for one that knows how many votes to give to what it keeps.


# %%
def condensed(x, y):
    """References that those before them get wrong."""
    kept = [int((y == label).nonzero()[0]) for label in (0, 1)]
    for row in range(len(y)):
        near = (x[kept] - x[row]).square().sum(1).argmin()
        if y[kept[int(near)]] != y[row]:
            kept.append(row)
    return kept


# %%
rows = []
for name, machines in drawn.items():
    shown, labels = machines[0]
    kept = condensed(shown[0], labels[0])
    for some in (range(4096), kept):
        head = NeighbourHead(shown[0][list(some)], labels[0][list(some)], k=1)
        right = (head.labels(shown[2]) == labels[2]).double().mean()
        rows.append((name, len(some), 100 * right))
Table(["world", "references kept", "right, %"], rows, [None, ",", ".1f"])

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# ```{list-table}
# :header-rows: 1
# :name: rd-tab-claim
#
# * - Claim
#   - In this world it holds when
#   - It fails when
#   - Evidence
# * - Looking up labelled texts is as good as training on them
#   - what is shown comes in bundles, or labels are no linear function of it
#   - labels are linear in what is shown, and texts are spread out: then a head needs fewer labels
#   - {prf:ref}`rd-prop-nearest`, {numref}`rd-fig-flip`
# * - It needs nothing but the frozen model
#   - neighbours and temperature are chosen on validation texts
#   - a temperature is taken over from another model, or labels are wrong now and then and only the nearest votes
#   - {prf:ref}`rd-prop-votes`, {numref}`rd-fig-network`
# * - Votes of slices are better than one
#   - entries of the vector have a meaning of their own, and some are noise
#   - the vector is a trained network's, as far as we went: turning it changes nothing
#   - {ref}`an exercise <rd-ex-slices>`
# * - It can be combined with what the model expects
#   - names are sometimes right and sometimes not, and the weight is chosen on validation texts
#   - names are right, or wrong, on nearly every text: then one of the two is best alone
#   - {prf:ref}`rd-prop-names`, {numref}`rd-fig-mixture`
# ```
#
# - A memory loses nothing that a model shows. How many references it takes depends on how full the space is.
# - A temperature has a unit. As a share of the vectors' variance it can be taken from one model to another.
# - What a linear head misses on a token distribution can be there in the network's vector.
# - Zero-shot, a memory and a head answer different questions: what names mean to the model, what is near, and what is
#   linear.
