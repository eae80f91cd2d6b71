# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Does a network learn the process, or its traces?
#
# A language model has read many sentences. Does it know the grammar behind them, or the sentences? One would ask it for
# sentences that it has never seen. But nobody has a list of all sentences of English, and what looks new may be in the
# training text in other words.
#
# Companies have text with a grammar of which there is such a list. An order comes in, it is checked, packed and billed,
# the last two in any order; each case leaves a *trace* of its activities in a log, and a process model says which traces
# can be. {cite:t}`peeperkorn2022can` train recurrent networks on logs from which some traces are missing, and let them
# write. **Their claims**: networks can fail to learn the structure, even of simple processes. Measures against
# overfitting help, but hyperparameters that are chosen by accuracy are not those that help. The less of the process is
# shown, the more sharply generalisation falls. They find no relation to how many activities are parallel.
#
# Here a process is a hidden Markov model. So every probability is exact, nothing has to be simulated, and a learner can
# stand beside the network that knows the hidden states. Then one sees what is the network's fault, and what nobody
# could have learnt. Running the chapter takes about half a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %% [markdown]
# ## A process is a hidden Markov model
#
# :::{prf:definition} Process, marking, variant
# :label: ps-def-process
#
# A *process* is made of activities: one after the other, one of several, several side by side, or again and again. What
# is left of it after some activities is its *marking*. From each marking every possible move is as probable as any
# other, the end among them. The state of the HMM is the marking with the activity that led to it, which it emits; the
# end emits END, for ever. A *variant* is a text of the process, and a *log* is a list of texts.
# :::
#
# Our process has eight activities. First a; then b, c, d and e in any order; then f or g; then h. That makes 48
# variants. A quarter of them we leave out, to see whether they are found again.

# %%
from hmmlib import posteriors
from hmmlib.processes import act, leave_out, parallel, seq, to_hmm, variants, xor

seed, k = 1, 12  # change me: what is drawn, variants that are left out
orders = parallel(*[act(name) for name in "bcde"])
tree = seq(act("a"), orders, xor(act("f"), act("g")), act("h"))
texts = variants(tree)
hmm, names = to_hmm(tree)
forward = posteriors(hmm, texts.tokens).log_likelihood.exp()
print(f"{len(texts.probs)} variants, {hmm.n_states} hidden states")
print("probabilities, sum less one:", deviation(texts.probs.sum() - 1))
print("listed and forward, apart by:", deviation((texts.probs - forward).max()))

# %%
ways = ("random", "consecutive")
sets = {how: leave_out(48, k, how, generator=seed)[0] for how in ways}
left = sets["random"]

# %% [markdown]
# :::{prf:proposition} Texts tell the marking
# :label: ps-prop-marking
#
# If from no marking two different ones can be reached by the same activity, then the beginning of a text tells the
# marking, and the probability of a text is $\prod_t 1 / m_t$, where $m_t$ is the number of moves from the marking before
# its $t$-th activity, or before its end.
# :::
#
# :::{prf:proof}
# The first marking is known. Each activity then leads to one marking only. So of all paths of hidden states one is
# possible, and its probability is the product of those of its moves.
# :::
#
# Otherwise the state is really hidden. Of "a, b, c or a, b, d", where the choice comes first, nobody knows after a which
# of the two it is.

# %%
double = xor(seq(*map(act, "abc")), seq(*map(act, "abd")))
unclear, _ = to_hmm(double)
belief = posteriors(unclear, torch.tensor([[0]]), keep=("filtered",)).filtered
print("belief after a:", belief[0, 0][belief[0, 0] > 0].tolist())

# %% mystnb={"figure": {"caption": "The markings of the process, each written as the activities that may come next, and the moves between them. Twelve of 48 variants are left out: drawn at random, or the first twelve in the order of the alphabet.", "name": "ps-fig-markings"}, "image": {"alt": "Two graphs that are the same, from a on the left by all orders of b, c, d and e to f or g, h and the end. In the first every move is a full line. In the second the move by b to the marking c, d, e and the three moves on from there are dotted."}}
from hmmlib.plotting.process_structure import marking_graph

titles = {f"left out: {how}": rows for how, rows in sets.items()}
marking_graph(tree, texts, titles)
plt.show()

# %% [markdown]
# ## What can be learnt from a part
#
# Let $p$ be the law of the variants and $q$ that of a learner, whose sum is less than one if it also writes texts that
# the process does not have. $L$ are the variants that are left out, with the probability $P(L)$. What the log is drawn
# from is $p_L(v) = p(v) / (1 - P(L))$, and 0 on $L$.
#
# :::{prf:definition} Fit, precision, generalisation
# :label: ps-def-scores
#
# $$
# \begin{aligned}
# \text{Fit} &= \textstyle\sum_v \min(q(v), p_L(v)), \\
# \text{Prec} &= \textstyle\sum_v \min(q(v), p(v)), \\
# \text{Gen} &= \frac{1}{P(L)} \textstyle\sum_{v \in L} \min(q(v), p(v)).
# \end{aligned}
# $$ (ps-eq-scores)
# :::
#
# The paper counts what a simulated log has in common with others; these are the limits for long logs. With short ones
# even the truth does not reach one.
#
# :::{prf:proposition} What two logs have in common
# :label: ps-prop-ceiling
#
# Of two independent logs of $N$ texts from $p$, the mean share that they have in common is
#
# $$
# \frac{1}{N} \sum_v \sum_{j \ge 0} \mathbb{P}[X_v > j]^2,
# $$
#
# where $X_v$ is binomial with $N$ draws and the probability $p(v)$.
# :::
#
# :::{prf:proof}
# Each log has a binomial number of texts of the variant $v$, and $\mathbb{E} \min(X, Y) = \sum_j \mathbb{P}[X > j] \mathbb{P}[Y > j]$
# for independent counts.
# :::
#
# The paper's first model has five activities in any order, which makes 120 variants, and its logs have 12,000 texts;
# two others have 128 variants. With one variant left out, the mean fits of their networks are printed in the notebooks
# that come with the paper.

# %%
from hmmlib.processes import EXAMPLES, sampling_ceiling

uniform = {n: np.full(n, 1 / n) for n in (120, 128)}
rows = [
    ("1", 120, 0.9435, sampling_ceiling(12_000, uniform[120])),
    ("2", 128, 0.9420, sampling_ceiling(12_800, uniform[128])),
    ("3", 128, 0.9438, sampling_ceiling(12_800, uniform[128])),
]
Table(["model", "variants", "fit, as released", "fit of the truth"], rows, ".4f")

# %% [markdown]
# So what looks like a gap in the fit is none: nobody can do better. What about generalisation?
#
# :::{prf:proposition} The log prefers itself to the truth
# :label: ps-prop-best
#
# Texts that are drawn from $p_L$ are expected to cost $-\sum_v p_L(v) \log q(v)$ nats, in training and in validation.
#
# 1. No learner pays less than $q = p_L$, which has $\text{Fit} = 1$, $\text{Prec} = 1 - P(L)$ and $\text{Gen} = 0$.
# 2. The truth $q = p$ has $\text{Fit} = 1 - P(L)$, $\text{Prec} = \text{Gen} = 1$, and pays exactly $-\log(1 - P(L))$
#    nats per text more.
# :::
#
# :::{prf:proof}
# What $q$ pays beyond $p_L$ is the divergence of $q$ from $p_L$, which is zero only for $q = p_L$. For $q = p$ it is the
# logarithm of $p_L / p = 1 / (1 - P(L))$ on all that is ever drawn. The scores follow from {eq}`ps-eq-scores`; on the
# variants that are shown $\min(p, p_L) = p$.
# :::

# %%
from hmmlib.processes import process_scores, training_law, truth_excess

p = texts.probs
p_log = training_law(p, left)
rows = []
for name, q in {"what the log is drawn from": p_log, "the process": p}.items():
    scores = process_scores(q, p, left)
    nats = -(p_log * q.log()).nansum()
    rows.append((name, scores.fit, scores.precision, scores.generalisation, nats))
print(f"the process pays more by {truth_excess(p, left):.3f}")
Table(["learner", "Fit", "Prec", "Gen", "nats per text"], rows, ".3f")

# %% [markdown]
# That is why one may not trust validation here. If it has other texts of the variants that are shown, then whoever
# knows the process loses against whoever knows the log by heart, and the more so the more is missing. To generalise, a
# learner must not do too well.
#
# The second thing to know is what one could expect at all. The simplest learners count what follows what.
#
# :::{prf:proposition} What was never seen
# :label: ps-prop-never
#
# A learner that counts what follows a *context*, the marking or the last few activities, gives a text the probability
# 0 if in one of its contexts something follows that never followed there in the log. So its generalisation is 0 if
# every variant that is left out has such a move; in particular if all of them, and no others, make one certain move.
# :::
#
# :::{prf:proof}
# The probability of the text is a product of shares, and one of them is 0.
# :::
#
# In the alphabet's order the first twelve variants are those that begin with a, b. In {numref}`ps-fig-markings` one sees
# what is lost with them. A learner that knows every marking is at a loss, for nobody has ever begun with b.

# %%
from hmmlib.processes import MarkingCounts, NgramProcess


def counted(n, left, texts=texts):
    """What follows the last n activities, counted in a log without end."""
    law = training_law(texts.probs, left)
    return NgramProcess(texts.tokens, law, order=n + 1, n_tokens=len(texts.names))


def knowing(left, tree=tree, texts=texts):
    """The same for markings."""
    return MarkingCounts(tree, texts.tokens, training_law(texts.probs, left))


# %%
def scored(learner, left, texts=texts):
    """Scores of a learner."""
    q = learner.log_probs(texts.tokens).exp()
    return process_scores(q, texts.probs, left)


# %%
rows = []
for name, n in {"markings": 0, "last 1": 1, "last 2": 2, "last 3": 3}.items():
    found = {
        how: scored(counted(n, gone) if n else knowing(gone), gone)
        for how, gone in sets.items()
    }
    gens = [one.generalisation for one in found.values()]
    rows.append((name, found["random"].legal, *gens))
header = ["context", "legal", "Gen, left out at random", "Gen, left out in order"]
Table(header, rows, ".3f")

# %% [markdown]
# *Legal* is the probability of all texts that the process has. With the last activities as the context, either most of
# what is written is not legal, or it is what was read. Only who knows the markings finds much of what is missing, and
# not all of it either: moves towards what was left out are rarer in the log than they are in truth. This learner is the
# measure for the network, which is told of no marking.
#
# ## Branches
#
# How are variants to be left out? In the released code a random order is drawn, and then not used: the folds are
# blocks of the list of variants, one after the other. How that list is ordered we do not know. A program that goes
# through a process branch by branch lists it much as the alphabet does, and then many a block is a branch. So we ask
# what the learner with the markings would reach, on blocks of the alphabet and on random ones.

# %%
released = {"A5": ((1, 0.838), (6, 0.529), (8, 0.505), (12, 0.393), (15, 0.418))}
released["A5"] += ((20, 0.342), (24, 0.005), (30, 0.182), (40, 0.155), (60, 0.074))
released["C7"] = ((1, 0.915), (6, 0.805), (8, 0.667), (12, 0.575), (16, 0.284))
released["C7"] += ((21, 0.420), (25, 0.341), (32, 0.005), (42, 0.140), (64, 0.0))


def known(name, k, how):
    """Generalisation of who knows the markings, the mean of up to eight folds."""
    process, listed = EXAMPLES[name], variants(EXAMPLES[name])
    folds = leave_out(len(listed.probs), k, how, generator=0)[:8]
    scores = [scored(knowing(fold, process, listed), fold, listed) for fold in folds]
    return np.mean([score.generalisation for score in scores])


# %% mystnb={"figure": {"caption": "Generalisation by how many variants are left out, for five activities in any order and for seven choices of two. Networks: means over all folds, as printed in the notebooks that come with the paper, for its two models with these choices. Markings: exact, for a log without end.", "name": "ps-fig-folds"}, "image": {"alt": "Two panels. Who knows the markings stays near 0.6 on the left and 0.9 on the right if variants are left out at random. In the order of the alphabet the line is a saw: zero at 6, 12, 24, 30 and 60 on the left, zero at 64 on the right. The released networks fall from 0.8 and 0.9, with their own drops to zero at 24 on the left, at 32 and 64 on the right."}}
from hmmlib.plotting.process_structure import left_out_curves

panels = {}
for name, points in released.items():
    counts, values = zip(*points, strict=True)
    curves = {"networks, as released": (counts, values)}
    for how in ("consecutive", "random"):
        curves[f"markings, {how}"] = counts, [known(name, n, how) for n in counts]
    panels[f"{len(variants(EXAMPLES[name]).probs)} variants"] = curves
left_out_curves(panels)
plt.show()

# %% [markdown]
# At random little happens, up to a half. In order, a block of 24 of 120 is all that has one certain beginning, and to
# count is of no use. There the released networks are at zero, too, and so they are at a quarter and at a half of the
# seven choices, where blocks are whole branches. In between they are on the left better than the learner with the
# markings, on the right worse. So much of the "sharp fall" is one of the folds. How much, networks on random ones must
# say.
#
# ## Two networks
#
# The network is a recurrent one, an LSTM of width 32, which predicts the next activity. It is trained as in the
# released code, in larger steps: a hundred texts for each variant that is shown, a fifth of them for validation, and an
# end when six epochs have brought nothing better. One has no measure against overfitting, the other two: *dropout* of
# 0.4 of its outputs, and a *penalty* of 0.001 on all weights' absolute values and squares.

# %%
from hmmlib.processes import TraceLSTM, TraceRecipe, draw_log, train_traces

log = draw_log(p_log, 80 * (48 - k), generator=seed)
more = draw_log(p_log, 20 * (48 - k), generator=seed + 1)


def network(dropout, penalty, width=32, **others):
    """Train a network on the log."""
    start = TraceLSTM(len(names), width=width, dropout=dropout, generator=seed)
    start = start.double()  # with less rounding, a rerun ends as this one did
    held = {"validation_tokens": texts.tokens, "validation_counts": more}
    how = TraceRecipe(penalty=penalty, batch=2048)
    held |= {"recipe": how, "generator": seed}
    return train_traces(start, texts.tokens, log, **held, **others)


# %%
fits = {"no measure": network(0, 0), "dropout and penalty": network(0.4, 0.001)}
models = {name: fit.model for name, fit in fits.items()}
models["markings, counted"] = MarkingCounts(tree, texts.tokens, log)
laws = {name: one.log_probs(texts.tokens).exp() for name, one in models.items()}
rows = []
for name, q in laws.items():
    scores = process_scores(q, p, left)
    nats = -(more * q.log()).nansum() / more.sum()
    rows.append((name, *scores[:4], nats))
header = ["learner", "legal", "Fit", "Prec", "Gen", "nats, validation"]
Table(header, rows, ".2f")

# %% mystnb={"figure": {"caption": "How probable the 48 variants are to three learners, those of the log first, each group from the most probable to the least. In grey, the process and what the log was drawn from.", "name": "ps-fig-variants"}, "image": {"alt": "Three panels of bars. Without a measure, the variants of the log have the probability that the log gives them, and what was left out nearly nothing. With dropout and penalty, most of what was left out has a half or more of its true probability. Who knows the markings gives similar shares."}}
from hmmlib.plotting.process_structure import variant_bars

levels = {"process": 1 / 48, "log": float(p_log.max())}
variant_bars(laws, left, levels)
plt.show()

# %% [markdown]
# Without a measure the network has learnt the log. With both it has learnt much of the process: about as much of what
# was left out as who knows the markings. It pays for it, in fit, and in texts that are not legal at all. And its
# validation texts cost it more, as {prf:ref}`ps-prop-best` says they must.
#
# ## More of them
#
# `hmmlib sweep process-structure` does it for four processes, with five seeds each: the one of this chapter (S4), five
# activities in any order (A5), seven choices (C7), and one with a first choice that decides the last but one activity
# (LR). All figures and tables down to *What this says* are from its records.

# %%
from hmmlib.analysis import mean_over_seeds, read_results

records = read_results("process_structure_laptop")["cells"]


def of(path, **cell):
    """Numbers of the seeds' records of a cell; `path` leads to an entry."""
    some = [one for one in records if all(one[key] == cell[key] for key in cell)]
    values = sorted(some, key=lambda one: one["seed"])
    for name in path.split():
        values = [value[name] for value in values]
    return values


# %%
learners = {"no measure": ("none", "network"), "both measures": ("both", "network")}
learners["markings, counted"] = "both", "markings"
learners["last three, counted"] = "both", "4"


def generalisation(learner, **cell):
    """Of each seed."""
    setting, name = learners[learner]
    path = f"scores {name} generalisation"
    return of(path, setting=setting, held=0, **cell)


# %% mystnb={"figure": {"caption": "Generalisation on the process of this chapter by the number of its 48 variants that are left out, at random or in order. Lines are means of five seeds, dots the seeds.", "name": "ps-fig-left-out"}, "image": {"alt": "Two panels. Left, at random: the network without a measure falls from 0.3 to below 0.1 as more is left out; the one with both measures stays between 0.65 and 0.5, by the line of counted markings; the last three activities stay at zero. Right, in order: with six left out the network with both measures is at 0.24, counted markings at 0.13; all are near zero from twelve on."}}
from hmmlib.plotting.shared import means_over_seeds

panels = {}
for how, counts in {"random": (1, 6, 12, 24), "consecutive": (6, 12, 24)}.items():
    where = {"tree": "S4", "folds": how}
    panels[how] = {
        name: {n: generalisation(name, left_out=n, **where) for n in counts}
        for name in learners
    }
axes = {"x_label": "variants left out", "y_label": "generalisation"}
means_over_seeds(panels, list(learners)[2:], **axes)
plt.show()

# %% [markdown]
# At random, the network without a measure finds little of what is missing, and ever less. That with both measures stays
# by the learner that knows the markings, up to a half: the sharp fall is gone. In order, none of them finds anything to
# speak of from a quarter on. With an eighth, the network finds more than who knows the markings. It has not counted; it
# guesses moves that it never saw from others that look like them.

# %% tags=["hide-input"]
rows = []
for n in (6, 24):
    for setting in ("none", "dropout", "penalty", "both"):
        cell = {"tree": "S4", "folds": "random", "held": 0}
        cell |= {"left_out": n, "setting": setting}
        scores = ("legal", "fit", "precision", "generalisation")
        values = [of(f"scores network {name}", **cell) for name in scores]
        values.append(of("nats texts", **cell))
        mean, half = mean_over_seeds(values)
        rows.append((n, setting, *zip(mean, half, strict=True)))
header = ["left out", "measure", "legal", "Fit", "Prec", "Gen", "nats, validation"]
Table(header, rows, ".2f")

# %% [markdown]
# With an eighth left out each of the measures helps by itself, the penalty more than dropout, and the two together most.
# With a half, dropout alone does hardly anything. Each of them costs nats on validation texts.
#
# ## Does it matter what runs in parallel?

# %% mystnb={"figure": {"caption": "Generalisation with half of the variants left out, on four processes: S4, four activities in any order and a choice; A5, five in any order; C7, seven choices; LR, a choice that is remembered. Dots are seeds.", "name": "ps-fig-processes"}, "image": {"alt": "Two panels over four processes. Left, at random: without a measure near zero everywhere; with both measures between 0.5 and 0.8, close to counted markings; the last three activities are at zero for orders, at 0.6 for seven choices, at 0.2 for the choice that is remembered. Right, in order: all near zero."}}
halves = {"S4": 24, "A5": 60, "C7": 64, "LR": 32}
panels = {
    how: {
        name: {
            tree: generalisation(name, tree=tree, left_out=n, folds=how)
            for tree, n in halves.items()
        }
        for name in learners
    }
    for how in ("random", "consecutive")
}
axes = {"x_label": "process", "y_label": "generalisation"}
means_over_seeds(panels, list(learners)[2:], **axes)
plt.show()

# %% tags=["hide-input"]
rows = []
for tree_name, n in {"S4": 6, "A5": 24, "C7": 16, "LR": 8}.items():
    cell = {"tree": tree_name, "left_out": n, "folds": "random"}
    mean, half = mean_over_seeds([generalisation(name, **cell) for name in learners])
    size = of("n_variants", **cell)[0]
    rows.append((tree_name, f"{n} of {size}", *zip(mean, half, strict=True)))
Table(["process", "left out", *learners], rows, ".2f")

# %% [markdown]
# With a half left out there is nothing to see: without measures nothing is found in any process, and with them about
# what the markings allow. The table has fewer variants left out. There choices are found without any measure, for the
# most part, and orders hardly. So it does matter what runs in parallel, where nothing is done against overfitting, and
# where something is done it does not. Where seven choices follow each other, the last activities are context enough.
#
# ## What to validate on
#
# Both measures have a size, and training has an end. Who chooses these by other texts of the variants that are shown
# chooses what knows the log best. The remedy is in the proposition: leave out further variants, and choose by these.
# Here twelve are left out for the test, and eight more are held back.

# %%
settings = list(dict.fromkeys(one["setting"] for one in records if one["held"]))


def chosen(path):
    """What settings reach on what was left out, and what they are chosen by."""
    reached = "scores network generalisation"
    return {
        name: (of(path, setting=name, held=8), of(reached, setting=name, held=8))
        for name in settings
    }


# %% mystnb={"figure": {"caption": "Generalisation of six settings against two validation losses: on other texts of the variants that are shown, and on eight variants that are held back. A setting has a large marker at its means and small ones for the seeds.", "name": "ps-fig-chosen"}, "image": {"alt": "Two panels with six markers. Left, generalisation rises with the loss on other texts: the setting with the lowest loss generalises least. Right, it falls with the loss on other variants: the setting with the lowest loss is among the best."}}
from hmmlib.plotting.process_structure import chosen_by

losses = {"nats, other texts": "nats texts", "nats, other variants": "nats variants"}
chosen_by({name: chosen(path) for name, path in losses.items()}, "generalisation")
plt.show()

# %%
losses = {"loss with its penalty": "loss"} | losses
reached = np.array([values for _, values in chosen("loss").values()])
rows = []
for name, path in losses.items():
    best = np.array([loss for loss, _ in chosen(path).values()]).argmin(0)
    mean, half = mean_over_seeds([reached[best, np.arange(len(best))]])
    picked = ", ".join(sorted({settings[i] for i in best}))
    rows.append((name, picked, (mean[0], half[0])))
mean, half = mean_over_seeds([reached.max(0)])
rows.append(("the test itself", "", (mean[0], half[0])))
Table(["chosen by", "settings", "Gen"], rows, ".2f")

# %% [markdown]
# Validation by texts chooses the network without a measure, with every seed, and so the worst of the six. Validation by
# variants chooses the strongest measures, which are the best, or as good as the best. That costs eight variants more.
#
# ## First the process, then the log
#
# What is the network on its way?


# %%
def on_the_way(setting):
    """Curves of the seeds, and the mean epoch that other texts have chosen."""
    runs = of("curve", setting=setting, held=8)
    names = {"Gen": "scores generalisation", "legal": "scores legal"}
    names |= {"other texts": "nats texts", "other variants": "nats variants"}
    curves = {}
    for name, path in names.items():
        group, entry = path.split()
        curve = curves[name] = {}
        for point in [point for run in runs for point in run]:
            curve.setdefault(point["epoch"], []).append(point[group][entry])
        curves[name] = dict(sorted(curve.items()))
    return curves, np.mean(of("best_epoch", setting=setting, held=8))


# %% mystnb={"figure": {"caption": "What a network is after each epoch, with and without measures: how much it finds of what was left out, and how much of what it writes is legal; what it pays for other texts of the variants that are shown, and for variants that are held back. Vertical lines: the epoch that is kept, chosen by other texts. Lines are means of the seeds that came so far.", "name": "ps-fig-epochs"}, "image": {"alt": "Four panels over epochs on a logarithmic axis. Without a measure generalisation rises to 0.3 at epoch twenty and falls to nearly nothing; what is legal rises all the way; other texts cost less and less, other variants more again from epoch twenty. With both measures nothing falls."}}
from hmmlib.plotting.process_structure import along_training

panels = {name: on_the_way(learners[name][0]) for name in list(learners)[:2]}
rows = {"share": (("Gen", "legal"), (0, 1))}
rows["nats per text"] = ("other texts", "other variants"), (3, 9)
along_training(panels, rows)
plt.show()

# %% tags=["hide-input"]
rows = []
for setting in settings:
    cell = {"setting": setting, "held": 8}
    paths = ("best_epoch", "scores network generalisation", "scores network legal")
    paths += ("by_variants epoch", "by_variants scores generalisation")
    paths += ("by_variants scores legal",)
    mean, half = mean_over_seeds([of(path, **cell) for path in paths])
    pairs = [*zip(mean, half, strict=True)]
    rows.append((setting, round(mean[0]), *pairs[1:3], round(mean[3]), *pairs[4:]))
header = ["measure", "epoch by texts", "Gen then", "legal then"]
Table([*header, "epoch by variants", "Gen there", "legal there"], rows, ".2f")

# %% [markdown]
# The network without a measure learns the process first. Around its twentieth epoch it finds a good part
# of what was left out, while it still writes some nonsense. Then the nonsense goes, and the rest of the process with it.
# To validation texts that is progress all the way. Validation variants see the turn, and stop there; that is better than
# to go on, and not as good as the measures, which keep the network from turning.
#
# ## What this says about the paper of this book
#
# The paper's theorems are about a model that knows the law of the text: then a head can read the hidden state off it. In
# {doc}`pretraining` networks come near to it, but they read fresh text at every step, of which nothing is left out.
# There {prf:ref}`ps-prop-best` is harmless, $P(L)$ is zero, and validation texts say the truth.
#
# A language model of English has seen part of its variants. Its loss on new text of the same kind does not say whether
# it knows the states or the sentences, and the states are what a head on it lives by. A test that could tell asks for
# what was left out on purpose: not other sentences, but other *kinds* of sentences.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Three activities are enough
# :label: ps-ex-four
#
# A learner counts what follows the last three activities of S4, in a log without end. Show that its generalisation is
# 0, whatever is left out.
#
# :::{admonition} Hint
# :class: dropdown
# {prf:ref}`ps-prop-never`. What do the last three of b, c, d and e tell?
# :::
# ::::

# %% [markdown]
# :::{solution-start} ps-ex-four
# :class: dropdown
# :::
#
# Before f or g stand the last three of the four activities. They tell which one was the first, and so the whole order.
# Let the text with this order and f be left out. After these three, f follows in no other variant, so it was never seen
# there. The same with g.

# %%
some = [leave_out(48, n, generator=9)[0] for n in (1, 6, 12, 24)]
print("Gen:", [scored(counted(3, gone), gone).generalisation for gone in some])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove: One cannot have both
# :label: ps-ex-both
#
# Show that for every learner
#
# $$
# \text{Fit} + P(L) \cdot \text{Gen} \le \text{legal} \le 1 .
# $$
#
# Where does equality hold? A network has a fit of 0.95, and a quarter is left out. What can its generalisation be?
#
# :::{admonition} Hint
# :class: dropdown
# Each variant counts in one of the two, and $\min(q, \cdot) \le q$.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ps-ex-both
# :class: dropdown
# :::
#
# On $L$ is $p_L = 0$, so $\text{Fit} \le \sum_{v \notin L} q(v)$, and $P(L)\, \text{Gen} \le \sum_{v \in L} q(v)$. The
# sum of both is what is legal. The first two are equal exactly if $q \le p_L$ off $L$ and $q \le p$ on $L$; for the truth
# all of it is one. With a fit of 0.95 and $P(L) = 0.25$ generalisation is at most 0.2. Who praises a fit of 0.95 there
# praises that the log was learnt by heart.

# %%
rows = []
for name, q in laws.items():
    scores = process_scores(q, p, left)
    both = scores.fit + float(p[left].sum()) * scores.generalisation
    rows.append((name, both, scores.legal))
Table(["learner", "Fit + P(L) Gen", "legal"], rows, ".3f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: Longer than all that was seen
# :label: ps-ex-loop
#
# The process LP of `EXAMPLES` begins with a. Then come b and one of c and d; after e they come again, any number of
# times; then f. A log has one or two rounds only. Which learners that count find the longer texts? List variants up to a
# tail of 0.01, give them the sum one, and try contexts of one to four activities, and markings.
#
# :::{admonition} Hint
# :class: dropdown
# `variants(tree, tail=0.01)`; count `lengths`. In the third round of a text, is there a context in which something
# happens for the first time?
# :::
# ::::

# %% [markdown]
# :::{solution-start} ps-ex-loop
# :class: dropdown
# :::
#
# The marking after e is the same in every round, so who knows it finds longer texts, only too rarely: in the log f is
# more frequent than in truth. Who looks at one or two activities is in the same position. With three, "e, b, c" tells
# that it is the second round or a later one; in the log f always follows then, and never e. Here the structure is learnt
# by those who forget soon.

# %%
loops = variants(EXAMPLES["LP"], tail=0.01)
loops = loops._replace(probs=loops.probs / loops.probs.sum())
longer = (loops.lengths > 8).nonzero()[:, 0]  # two rounds, a, e, f and END: 8
rows = [("markings", scored(knowing(longer, EXAMPLES["LP"], loops), longer, loops))]
for n in (1, 2, 3, 4):
    rows.append((f"last {n}", scored(counted(n, longer, loops), longer, loops)))
rows = [(name, scores.generalisation) for name, scores in rows]
Table(["context", "Gen"], rows, ".2f")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: Every move was seen
# :label: ps-ex-moves
#
# "A learner knows the markings. Its log has no end, and every move of every marking is in it. So it generalises
# perfectly."
#
# :::{admonition} Hint
# :class: dropdown
# Two activities in any order, then a choice of two; leave out one of four variants.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ps-ex-moves
# :class: dropdown
# :::
#
# Refuted. Leave out b, c, f. In the other three b comes first in one of three, and f is chosen in one of three. So the
# learner gives b, c, f the probability 1/9 in place of 1/4: its generalisation is 4/9. It knows which moves there are,
# and has their shares from the log, where moves towards what is missing are too rare. Who takes all moves that were seen
# for equally probable generalises perfectly here; but that is to know something of the law, which the log does not say.

# %%
small = seq(parallel(act("b"), act("c")), xor(act("f"), act("g")))
listed = variants(small)
gone = [0]  # b, c, f
found = scored(knowing(gone, small, listed), gone, listed).generalisation
print(f"Gen: {found:.4f}, and 4/9 is {4 / 9:.4f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: Is the process always learnt first?
# :label: ps-ex-open
#
# In {numref}`ps-fig-epochs` generalisation rises and falls. Is it so for every network that reads in order, for smaller
# and larger ones, for transformers? What would one have to know of a network to say when it turns?
#
# :::{admonition} Hint
# :class: dropdown
# `train_traces` takes a function `on_epoch`, which is called with the number of each epoch and the network.
# :::
# ::::

# %% [markdown]
# :::{solution-start} ps-ex-open
# :class: dropdown
# :::
#
# We have not gone far. A first look is at a network with a quarter of the width and no measure against overfitting. It
# turns as well.

# %%
seen = []


def look(_, model):
    """Note the generalisation after an epoch."""
    seen.append(scored(model, left).generalisation)


narrow = network(0, 0, width=8, on_epoch=look)
top = int(np.argmax(seen))
print(f"largest generalisation {seen[top]:.2f}, after epoch {top + 1}")
print(f"at the end {seen[-1]:.2f}, after epoch {len(seen)}")

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# ```{list-table}
# :header-rows: 1
# :name: ps-tab-claim
#
# * - Claim
#   - In this world it holds when
#   - It fails when
#   - Evidence
# * - Networks fail to learn the structure of simple processes
#   - nothing is done against overfitting, or the log lacks a move that nobody could guess
#   - dropout and a penalty are used: then the network finds about as much as who knows the markings
#   - {numref}`ps-fig-variants`, {numref}`ps-fig-left-out`
# * - Measures against overfitting help, and are not found by accuracy
#   - one validates on other texts of what was shown: then the best is the log by heart
#   - one validates on other variants: then the best is found
#   - {prf:ref}`ps-prop-best`, {numref}`ps-fig-chosen`
# * - With less of the process shown, generalisation falls sharply
#   - whole branches are left out, or no measure is used
#   - variants are left out at random, and measures are used: then it falls slowly, up to a half
#   - {prf:ref}`ps-prop-never`, {numref}`ps-fig-folds`
# * - How much runs in parallel does not matter
#   - measures are used
#   - none are, and few variants are left out: choices are found for the most part, orders hardly
#   - {numref}`ps-fig-processes`
# ```
#
# - A process is an HMM whose hidden state is what is left to do; so fit, precision and generalisation need no
#   simulation, and a learner that knows the states is the measure.
# - Validation texts of the variants that are shown prefer the log to the truth. That is a theorem, not an accident.
# - Variants that are left out one after another are branches, which nobody can guess.
# - A network without measures learns the process first, and forgets it when it learns the log.
