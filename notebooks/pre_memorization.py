# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Accuracy before the copy
#
# Who fine-tunes a language model on solved problems sees it get all of them right after a while. That says little. The
# model may have understood how they are solved, or it may know the solutions by heart. New problems tell, if somebody
# has solved them, too. Does the training itself tell?
#
# {cite:t}`kang2024learning` say yes. A model that copies first has to learn, and on the way it can be asked. **Their
# claim**: how often it answers a training question rightly *before it begins to copy the solution* foretells how often
# it answers new ones, over many models, data sets and ways of training, with an $R^2$ of around 0.9 or more. They also
# say that examples with a low value are fragile, and that more examples like them are worth more than others. We had
# their abstract, and the code and the numbers that they released.
#
# When does a model copy? In that code, when the *perplexity* of the solution is below a threshold, which has to be
# tuned, and is another one for each data set. Here one can do better. Our solutions are hidden paths of an HMM, and
# every path has an exact probability. A model that finds the one path it was shown more probable than it is has begun
# to copy. Running the chapter takes about a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %% [markdown]
# ## Questions with many right ways
#
# :::{prf:definition} Question, trace, answer
# :label: pm-def-task
#
# A question $x$ is a text of $T$ tokens. A *trace* $z$ is a path of hidden states, drawn from the posterior $P^*(z \mid
# x) = \mathbb{P}[h = z \mid x]$. The *answer* is the most probable state, given $x$, at each of $A$ places. A model
# writes a trace, state by state, and then an answer.
# :::
#
# The trace is the chain of thought. Several are right for one question, and lead to one answer. To write a trace is to
# guess the states from left to right, with the whole text in view; the answer asks for a place in the middle and for the
# last. Only states can stand in a trace and in an answer, so that nobody is blamed for the format.

# %%
from hmmlib import random_hmm
from hmmlib.reasoning import TraceTask

seed, n = 1, 128  # change me: the world, and training examples
warm = {"transition_temperature": 0.2, "emission_temperature": 0.1}
hmm = random_hmm(10, 20, generator=seed, **warm)
task = TraceTask(hmm, 8, [7, 3])
train = task.draw(n, generator=20_000 + seed)
test = task.draw(1000, generator=10_000 + seed)
asked = test.part(slice(128))

# %%
from hmmlib.hmm import path_entropy, sample_paths

one = train.part(slice(1))
answer = (one.answers[0] - hmm.n_tokens - hmm.n_states).tolist()
print("question:", one.queries[0].tolist(), "answer:", answer)
paths, logs = sample_paths(hmm, one.queries, 2000, generator=0)
traces, which = paths[0].unique(dim=0, return_inverse=True)
probs = torch.zeros(len(traces)).double().scatter(0, which, logs[0].exp())
first = probs.argsort(descending=True)[:4]
rows = [(str(traces[i].tolist()), probs[i]) for i in first]
print(f"{len(traces)} traces have {probs.sum():.3f} of the probability; the first:")
Table(["trace", "probability"], rows, ".3f")

# %% [markdown]
# :::{prf:definition} Before the copy
# :label: pm-def-before
#
# After training for some while, at checkpoint $m$, let $a_m(x)$ be the probability that the model's answer to a
# training question $x$ is right, and $q_m(z \mid x)$ that of the trace it was shown. The trace is *memorised* if the
# *gap*
#
# $$
# \Delta_m(x) = \log q_m(z \mid x) - \log P^*(z \mid x)
# $$ (pm-eq-gap)
#
# is at least $\delta$. The *accuracy before the copy* is
#
# $$
# \begin{aligned}
# b_m(x) &= \min \bigl( \max_{m' \le m} a_{m'}(x)\, c_{m'}(x),\; a_m(x) \bigr), \\
# c_{m'}(x) &= \mathbf{1}[\Delta_{m'}(x) < \delta].
# \end{aligned}
# $$ (pm-eq-before)
# :::
#
# So it is the best accuracy at any checkpoint at which the trace was not memorised, and not more than the accuracy now.
# Its mean over the training questions is the forecast. The released code has the same formula, with another rule for
# the copy: perplexity $Q$ of the whole solution, trace and answer, with $\log \log Q < p$. The two thresholds in it are
# perplexities of

# %%
for p in (-2.3, -1.7):
    print(f"p = {p}: {np.exp(np.exp(p)):.2f}")

# %% [markdown]
# :::{prf:proposition} A false alarm is rare, whatever the model
# :label: pm-prop-alarm
#
# Let $z$ be drawn from $P^*(\cdot \mid x)$, and let $q$ be any model that was not trained on $z$. (a) $\mathbb{P}[\Delta
# \ge \delta] \le e^{-\delta}$. (b) $\mathbb{E}\, \Delta = -\mathrm{KL}(P^* \| q) \le 0$. (c) $\Delta \le -\log P^*(z \mid
# x)$: a trace that is more probable than $e^{-\delta}$ is never called memorised, even if it is.
# :::
#
# :::{prf:proof}
# (a) The mean of $e^\Delta = q / P^*$ is $\sum_z q(z \mid x)$ over the traces with $P^* > 0$, so at most one; now
# Markov's inequality. (b) is what KL means. (c) $q \le 1$.
# :::
#
# So $\delta$ needs no tuning. It is chosen by how many false alarms one can bear: with $\delta = \log 20$ at most one
# in twenty. Part (c) is the price. What is certain anyway cannot be told from what is known by heart.
#
# :::{prf:proposition} What the threshold does
# :label: pm-prop-mask
#
# (a) If nothing is called memorised, $b_m = a_m$. (b) $b_m \le a_m$, and $b_m$ does not fall as $\delta$ rises. (c) Once
# $a_m(x) = 1$ at all later checkpoints, $b_m(x)$ never falls again. (d) Let $q_m = P^*$ at all checkpoints. Then $b_m$ is
# the accuracy $a_m$ if that is the same at all of them and $\delta > 0$, but $b_m = 0$ if $\delta \le 0$.
# :::
#
# :::{prf:proof}
# (a) The maximum includes $a_m$ itself. (b) A higher $\delta$ leaves more terms in the maximum. (c) Then $b_m(x)$ is the
# maximum itself, over ever more checkpoints. (d) All gaps are zero.
# :::
#
# By (c) the forecast can rise with more training, and cannot fall, once all training questions are answered rightly.
# What if the model becomes worse at new ones? By (d) a small threshold punishes who knows all: an honest model that
# comes near to Bayes is as often above as below. We come back to both.
#
# :::{prf:proposition} Samples
# :label: pm-prop-samples
#
# Let $\hat a_m$ be the share of right answers among $k$ samples, and $\bar a_m$ the mean of the probabilities of the
# right answer given their traces. Both have the mean $a_m$, and
#
# $$
# \begin{aligned}
# \max_m a_m &\le \mathbb{E} \max_m \bar a_m \\
#   &\le \mathbb{E} \max_m \hat a_m .
# \end{aligned}
# $$ (pm-eq-samples)
# :::
#
# :::{prf:proof}
# Given the traces, $\hat a_m$ has the mean $\bar a_m$. The maximum is convex, so Jensen's inequality gives both steps,
# the second one given the traces.
# :::
#
# So a maximum over checkpoints is too high, and less so if one asks for the probability of the right answer than if one
# counts right answers. Below we do the former, with five samples of each question, at temperature 0.8.
#
# :::{prf:proposition} The perplexity of a model that knows everything and has copied nothing
# :label: pm-prop-perplexity
#
# If $q = P^*$, and the right answer is certain after the trace, the geometric mean over traces of the perplexity of a
# solution is $\exp(H[h \mid x] / (T + A))$.
# :::
#
# :::{prf:proof}
# The logarithm of the perplexity is $-\log P^*(z \mid x) / (T + A)$, whose mean over $z$ is the entropy divided by $T +
# A$.
# :::
#
# A threshold above this says *copy* to a model that has just learnt the task. A threshold far below says nothing until
# long after the copy. So the right $p$ depends on the entropy of traces, which for real questions nobody knows.

# %%
for name, noise in {"this world": 0.1, "less noise": 0.03}.items():
    how = {**warm, "emission_temperature": noise}
    model = random_hmm(10, 20, generator=seed, **how)
    some = TraceTask(model, 8, [7, 3]).draw(1000, generator=0)
    mean = path_entropy(model, some.queries).mean() / 10
    print(f"{name}: perplexity {mean.exp():.2f}, p = {mean.log():.2f}")

# %% [markdown]
# ## One run
#
# A causal transformer of two layers learns from fresh questions for 150 steps. That is its ability to begin with. Then it
# is fine-tuned on the 128 examples, over and over, and kept at checkpoints.

# %%
import copy

from hmmlib import TransformerConfig, TransformerMaskedLM
from hmmlib.pretraining import ModuleRecipe
from hmmlib.reasoning import fine_tune_on_traces, train_on_fresh_traces

shape = TransformerConfig(width=64, n_layers=2, causal=True)
new = TransformerMaskedLM(task.n_tokens, shape, generator=seed)
fresh = ModuleRecipe(steps=150, learning_rate=0.01, seed=seed)
base = train_on_fresh_traces(new, task, recipe=fresh)

# %%
steps = (0, 8, 32, 64, 128, 256, 500)
tune = ModuleRecipe(500, learning_rate=1e-3, matrix_learning_rate=None, seed=seed)
models = fine_tune_on_traces(base, train, copy.deepcopy, steps, recipe=tune)


# %%
from hmmlib.reasoning import answer_accuracy, memorised_by_gap, trace_gap


def right(lm, data, k=5):
    """How often each question is answered rightly: from samples, and given traces."""
    return answer_accuracy(lm, data, k, generator=0, temperature=0.8)


on_train = [right(lm, train) for lm in models.values()]
on_test = [right(lm, asked) for lm in models.values()]
gaps = torch.stack([trace_gap(lm, train) for lm in models.values()])
test_gaps = torch.stack([trace_gap(lm, test) for lm in models.values()])

# %%
rows = []
for i, step in enumerate(steps):
    row = [found[i].expected.mean() for found in (on_train, on_test)]
    row += [gap[i].mean() for gap in (gaps, test_gaps)]
    for gap in (gaps, test_gaps):
        row.append(memorised_by_gap(gap[i], np.log(20)).double().mean())
    rows.append((step, *row))
pairs = ("right", "mean gap", "memorised")
header = [f"{name}, {where}" for name in pairs for where in ("training", "new")]
formats = [None, ".2f", ".2f", ".1f", ".1f", ".2f", ".3f"]
Table(["steps", *header], rows, formats)

# %% [markdown]
# In the end every training question is answered rightly, and of new ones not many more than in the beginning
# ({numref}`pm-fig-examples`, top). The mean gap on new traces falls and falls: the model becomes surer and surer of what
# is wrong. Of the new traces, which
# the model never saw, hardly any is called memorised, though one in twenty might be. Of the traces that it was trained
# on, more and more are.

# %% mystnb={"figure": {"caption": "How often each training example is answered rightly at each checkpoint, light for often; a dot where its trace is memorised, by a gap of 0 or more. Examples are sorted by when that begins. Top: this run. Bottom: 256 examples of a run on 512, from 400 steps on fresh questions.", "name": "pm-fig-examples"}, "image": {"alt": "Two pictures of seven rows of cells, one for each checkpoint. In the upper rows most cells are dark, and few have dots; downwards ever more have dots and become light. In the last rows of the first picture nearly all are light and have dots; in the second that comes later."}}
from hmmlib.analysis import read_results
from hmmlib.plotting.pre_memorization import examples_over_steps

records = read_results("pre_memorization_laptop")["cells"]
kept = next(record["examples"] for record in records if "examples" in record)
accuracies = torch.stack([found.expected for found in on_train])
pairs = {"128 examples": (accuracies, gaps)}
pairs["512 examples"] = [torch.tensor(kept[name]) for name in ("expected", "gaps")]
panels = {}
for title, (share, gap) in pairs.items():
    copied = memorised_by_gap(gap, 0.0)
    order = (copied.double().sum(0) + 0.01 * share.mean(0)).argsort(descending=True)
    panels[title] = steps, share[:, order], copied[:, order]
examples_over_steps(panels)
plt.show()

# %%
from hmmlib.reasoning import pre_memorization_accuracy

samples = torch.stack([found.sampled for found in on_train])
rows = []
for delta in (-1.0, -0.5, 0.0, 0.5, 1.0, 3.0):
    copied = memorised_by_gap(gaps[1:], delta)
    before = [pre_memorization_accuracy(a[1:], copied) for a in (accuracies, samples)]
    rows.append((delta, *(each.mean() for each in before)))
print(f"new questions: {on_test[-1].expected.mean():.2f} right")
header = ["threshold δ", "before the copy", "from samples alone"]
Table(header, rows, [".1f", ".2f", ".2f"])

# %% [markdown]
# A forecast with a small threshold comes near to what happens on new questions; with a large one it is far too high.
# Where false alarms are rare, a model has long begun to copy before it is caught, and some traces can never be caught.
# So the threshold that is *safe* by {prf:ref}`pm-prop-alarm` is not the one that *foretells*. At $\delta = 0$ nothing
# is guaranteed, but there a model that has learnt the task and copied nothing stands in the mean.
#
# ## Many runs
#
# One run may be luck. `hmmlib sweep pre-memorization` varies where a run begins (0, 150 or 400 steps on fresh
# questions), how many examples it is fine-tuned on (128 or 512) and the learning rate (0.001 or 0.003), in five worlds.
# All that follows down to *What this says* is from its records. Checkpoints are those of the run above, without the
# first.

# %%
from hmmlib.experiments.pre_memorization import DELTAS, PERPLEXITIES

seeds = sorted({r["seed"] for r in records if r["plane"] == "main"})


def runs(plane, **which):
    """The records of some runs."""
    some = [record for record in records if record["plane"] == plane]
    return [r for r in some if all(r[name] == value for name, value in which.items())]


# %%
def seen(some, path, checkpoint=-1):
    """A number, or several, of each run at a checkpoint, by default the last."""
    found = [record["checkpoints"][checkpoint] for record in some]
    for name in path.split("/"):
        found = [value[name] for value in found]
    return torch.tensor(found, dtype=torch.float64)


def by_gap(some, delta=0.0, estimate="expected", checkpoint=-1):
    """The forecast of each run with a threshold on the gap."""
    every = seen(some, f"pre_memorization/{estimate}/deltas", checkpoint)
    return every[:, DELTAS.index(delta)]


# %% mystnb={"figure": {"caption": "Accuracy on new questions after the last step, against three forecasts of it, for the runs of all worlds; on the grey line a forecast is right.", "name": "pm-fig-runs"}, "image": {"alt": "Three panels with a diagonal. Left, accuracy on training questions: most dots are at the right edge, at all heights. In the middle, accuracy before the copy: dots lie along the diagonal. Right, 64 labelled questions: dots lie closer along the diagonal."}}
from hmmlib.plotting.pre_memorization import foretold_and_found

ways = {
    "training questions": lambda some: seen(some, "train/expected"),
    "before the copy": by_gap,
    "64 labelled questions": lambda some: seen(some, "validation/expected"),
}
panels = {name: {} for name in ways}
for size in (128, 512):
    some = runs("main", n=size)
    for name, foretell in ways.items():
        pair = foretell(some), seen(some, "test/expected")
        panels[name][f"{size} examples"] = pair
foretold_and_found(panels, y_label="right, new questions")
plt.show()

# %% [markdown]
# On the left, runs on 128 examples stand above one another. Nearly all of them know their examples in the end, whatever
# they do with new questions. In the middle they are along the line.
#
# How good is a forecast? As in the paper, $R^2$ is about the line $y = x$: one where every forecast is right, zero where
# the mean of what is found would have done as well. No line is fitted. A threshold that is tuned is tuned on the other
# runs of its world, never on the run itself.

# %%
from scipy.stats import spearmanr

from hmmlib.analysis import mean_over_seeds
from hmmlib.reasoning import choose_threshold, r2_about_identity

log_log = torch.tensor(PERPLEXITIES, dtype=torch.float64).log().log()


def tuned(some, path="pre_memorization/expected/perplexities", checkpoint=-1):
    """Forecasts by perplexity, each run's threshold tuned on the others, and them."""
    tried = seen(some, path, checkpoint).T
    found = seen(some, "test/expected", checkpoint)
    choice = choose_threshold(log_log, tried, found, range(len(found)))
    index = torch.searchsorted(log_log, choice.left_out)
    return tried[index, torch.arange(len(found))], choice.left_out


# %%
forecasts = {
    "training questions": lambda some: seen(some, "train/expected"),
    "the same, before fine-tuning": lambda some: seen(some, "train/expected", 0),
    "before the copy, δ = 0": by_gap,
    "the same, from samples alone": lambda some: by_gap(some, estimate="sampled"),
    "before the copy, δ = −0.5": lambda some: by_gap(some, -0.5),
    "before the copy, by perplexity, tuned": lambda some: tuned(some)[0],
    "64 labelled questions": lambda some: seen(some, "validation/expected"),
}


# %%
def worth(foretell):
    """R² and rank correlation in each world, over its runs."""
    pairs = [
        (foretell(runs("main", seed=s)), seen(runs("main", seed=s), "test/expected"))
        for s in seeds
    ]
    ranks = [spearmanr(*pair).statistic for pair in pairs]
    return [r2_about_identity(*pair) for pair in pairs], ranks


# %% tags=["hide-input"]
rows = []
for name, foretell in forecasts.items():
    fits, ranks = worth(foretell)
    means = zip(*mean_over_seeds([fits, ranks]), strict=True)
    rows.append((name, *means, min(fits)))
header = ["forecast", "$R^2$", "rank correlation", "$R^2$, worst world"]
Table(header, rows, ".2f")

# %% [markdown]
# **The claim holds here, in each of the worlds.** Training questions in the end foretell far too much, and hardly even
# which run is better than which. Before the copy they foretell new ones well, with a threshold that nobody tuned. One
# that is tuned on the perplexity does a little better. To count samples costs nothing here: five of them are enough.
#
# Two rows make it less of a wonder. How well a run did *before* fine-tuning orders the runs nearly as well: much of what
# is foretold is where they began. And a margin on the wrong side, $\delta = -0.5$, is worse by far, as it takes for a
# copy what was only learnt. Last, what a reader of the paper will ask: why not hold out some questions?

# %%
names = ("before the copy, by perplexity, tuned", "64 labelled questions")
own = np.array(worth(forecasts["before the copy, δ = 0"])[0])
rows = []
for name in names:
    gain = np.array(worth(forecasts[name])[0]) - own
    rows.append(
        (name, tuple(mean_over_seeds(gain)), f"{(gain > 0).sum()} of {len(seeds)}")
    )
Table(["forecast", "$R^2$ more than with δ = 0", "worlds where more"], rows, ".2f")

# %% [markdown]
# Labelled questions do not lose. The paper's is a signal for who has none, or for who wants to know it of each example.
#
# And the bound on false alarms, over all runs and checkpoints of the sweep?

# %%
alarms = torch.stack([seen(records, "alarms", m) for m in range(len(steps))])
rows = [
    (f"{delta:.2g}", alarms[..., i].mean(), alarms[..., i].max(), np.exp(-delta))
    for i, delta in enumerate((0.5, 1.0, np.log(20)))
]
header = ["threshold δ", "false alarms, mean", "at most, in any run", "bound"]
Table(header, rows, [None, ".3f", ".3f", ".2f"])

# %% [markdown]
# No run ever comes near it. It has to hold for a model that is out to make them; ours are
# mostly below Bayes on new traces.
#
# The paper's $R^2$ is of all checkpoints together. That is another question. Early on nothing is copied, and all
# forecasts are the accuracy on training questions. Here are both.

# %%
ways = {
    "training questions": lambda some, m: seen(some, "train/expected", m),
    "before the copy, δ = 0": lambda some, m: by_gap(some, checkpoint=m),
}
rows = []
for name, foretell in ways.items():
    found = []
    for at in ([len(steps) - 1], range(1, len(steps))):
        some = [(runs("main", seed=s), m) for s in seeds for m in at]
        told = torch.cat([foretell(*each) for each in some])
        said = torch.cat([seen(each, "test/expected", m) for each, m in some])
        found.append(r2_about_identity(told, said))
    rows.append((name, *found))
Table(["forecast", "$R^2$, last checkpoints", "$R^2$, all checkpoints"], rows, ".2f")

# %% [markdown]
# All checkpoints together flatter both rows. The order of the two stays.
#
# ## The threshold in another world
#
# A threshold on the perplexity that was tuned on some runs does well on others of the same world. In another world
# {prf:ref}`pm-prop-perplexity` makes one doubt. The sweep has runs in two worlds with less noise in what a state emits: there
# a text says more clearly what its path was, traces have less entropy, and solutions a lower perplexity.

# %%
worlds = {"main": seeds, "low noise": sorted({r["seed"] for r in runs("low noise")})}


def worth_at(plane, path, places):
    """R² of the forecast with each threshold, a value for each seed."""
    found = {place: [] for place in places}
    for s in worlds[plane]:
        some = runs(plane, seed=s)
        tried = seen(some, f"pre_memorization/expected/{path}")
        truth = seen(some, "test/expected")
        for i, place in enumerate(places):
            found[place].append(r2_about_identity(tried[:, i], truth))
    return found


# %% mystnb={"figure": {"caption": "$R^2$ of the accuracy before the copy by the threshold that says what a copy is: on the gap to Bayes, and on the perplexity of the solution. Lines are means over worlds, dots the worlds; vertical lines the perplexity of a model that knows all and has copied nothing. What is worse than minus 2 is cut off.", "name": "pm-fig-thresholds"}, "image": {"alt": "Two panels. Left, over the threshold on the gap, both lines are highest near zero. Right, over perplexity, the line of the worlds with low noise is highest at a lower perplexity than that of the main worlds, each a little left of its vertical line, and both fall off steeply to the left and right."}}
from hmmlib.plotting.pre_memorization import worth_of_thresholds

titles = {"threshold δ on the gap, nats": ("deltas", DELTAS)}
titles["threshold on the perplexity"] = ("perplexities", PERPLEXITIES)
panels = {
    title: {plane: worth_at(plane, *how) for plane in worlds}
    for title, how in titles.items()
}
bayes = {
    plane: float(np.mean([r["bayes_perplexity"] for r in runs(plane)]))
    for plane in worlds
}
worth_of_thresholds(panels, own={"threshold on the perplexity": bayes})
plt.show()

# %% tags=["hide-input"]
found, tries, rows = {}, {}, []
for plane in worlds:
    tries[plane] = seen(runs(plane), "pre_memorization/expected/perplexities").T
    found[plane] = seen(runs(plane), "test/expected")
for plane in worlds:
    own = range(len(found[plane]))
    best = choose_threshold(log_log, tries[plane], found[plane], own).threshold
    at = int(torch.searchsorted(log_log, best))
    scores = [r2_about_identity(tries[other][at], found[other]) for other in worlds]
    rows.append((f"perplexity {PERPLEXITIES[at]}, tuned in {plane}", *scores))
scores = [r2_about_identity(by_gap(runs(plane)), found[plane]) for plane in worlds]
rows.append(("gap, δ = 0, not tuned", *scores))
Table(["threshold", *(f"$R^2$, {plane}" for plane in worlds)], rows, ".2f")

# %% [markdown]
# In these rows all runs of a kind of worlds are taken together. A threshold on the perplexity that was tuned in one kind
# is worse than no forecast in the other. The gap has already taken account of how much there was to guess, so zero
# carries over. Both lines on the left of {numref}`pm-fig-thresholds` are a little higher at a quarter of a nat, which we
# did not know beforehand; beyond one nat both fall.
#
# (pm-released)=
# ## Their own numbers, read again
#
# The authors released how often each question was answered rightly at each checkpoint, and the perplexity of its
# solution: a model of eight billion weights fine-tuned on two sets of problems, GSM8K and MATH.
# `book/tools/released_learning_dynamics.py` computes means from them, with the library's functions.

# %%
released = read_results("pre_memorization_released")


def released_values(name, path, at_least=0.0):
    """A number, or several, of each checkpoint where many are memorised."""
    data = released["data"][name]
    at = released["thresholds"].index(data["threshold"])
    every = [some for run in data["runs"] for some in run["checkpoints"]]
    kept = [some[path] for some in every if some["memorised"][at] >= at_least]
    return torch.tensor(kept, dtype=torch.float64)


# %% mystnb={"figure": {"caption": "The released numbers of {cite:t}`kang2024learning`: accuracy on new questions at each checkpoint of each run, against accuracy on training questions and before the copy, by the threshold on the perplexity that they use for each set.", "name": "pm-fig-released"}, "image": {"alt": "Two panels with a diagonal. Left, accuracy on training questions: many dots lie far to the right of the diagonal, those of MATH at the bottom. Right, accuracy before the copy: the dots of both sets lie along the diagonal, MATH near zero, GSM8K from a tenth to a half."}}
panels = {"training questions": {}, "before the copy": {}}
for name, data in released["data"].items():
    at = released["thresholds"].index(data["threshold"])
    found = released_values(name, "test")
    before = released_values(name, "pre_memorization")[:, at]
    panels["training questions"][name] = released_values(name, "train"), found
    panels["before the copy"][name] = before, found
foretold_and_found(panels, y_label="right, new questions")
plt.show()

# %% tags=["hide-input"]
thresholds = torch.tensor(released["thresholds"], dtype=torch.float64)
fits = {}
for name, data in released["data"].items():
    tried, found = (released_values(name, p) for p in ("pre_memorization", "test"))
    run = [i for i, r in enumerate(data["runs"]) for _ in r["checkpoints"]]
    best = choose_threshold(thresholds, tried.T, found, run).left_out
    told = {f"p = −{-p}": tried[:, thresholds == p].ravel() for p in (-2.3, -1.7)}
    chosen = tried[torch.arange(len(run)), torch.searchsorted(thresholds, best)]
    told["p tuned on the other runs"] = chosen
    told["training questions"] = released_values(name, "train")
    fits[name] = [r2_about_identity(each, found) for each in told.values()]
rows = list(zip(told, *fits.values(), strict=True))
Table(["forecast", *(f"$R^2$, {name}" for name in fits)], rows, ".2f")

# %% [markdown]
# It is as they say. The threshold of each set, −2.3 for GSM8K and −1.7 for MATH, is the best there and nearly as good
# where it is tuned without the run that is foretold. And the threshold of one set is of little use for the other: what
# {prf:ref}`pm-prop-perplexity` says, and nothing that can be known beforehand where the entropy of solutions is not.
#
# These are all checkpoints that were released. Many of them are early, with hardly a solution memorised, and there
# training questions foretell as well. Where four in five are memorised, less is left:

# %%
rows = []
for name, data in released["data"].items():
    at = released["thresholds"].index(data["threshold"])
    for share in (0.0, 0.8):
        every = ("train", "pre_memorization", "test")
        answered, before, found = (released_values(name, p, share) for p in every)
        fits = [r2_about_identity(told, found) for told in (answered, before[:, at])]
        rows.append((name, f"at least {share:.0%}", len(found), *fits))
titles = ["$R^2$, training questions", "$R^2$, before the copy"]
header = ["set", "memorised", "checkpoints", *titles]
Table(header, rows, [None, None, None, ".2f", ".2f"])

# %% [markdown]
# One thing in the release cannot be right. Runs on a part of a set come with a list of the questions that they
# were trained on. Of what is not on the list next to nothing should be memorised, by {prf:ref}`pm-prop-alarm`.

# %%
rows = []
for name, data in released["data"].items():
    at = released["thresholds"].index(data["threshold"])
    for run in data["runs"]:
        last = run["checkpoints"][-1]
        if "unseen" in last:
            pair = last["memorised"][at], last["unseen"]["memorised"][at]
            rows.append((f"{name}, {run['share']:.0%} of it", *pair))
Table(["run", "memorised, on the list", "not on the list"], rows, ".2f")

# %% [markdown]
# One list is of other questions than its run was trained on: half of both kinds is memorised. Its run is one of many,
# and the verdict does not hang on it. To compare with solutions that were not shown is a check that costs nothing.
#
# (pm-fails)=
# ## Where it fails
#
# {prf:ref}`pm-prop-mask` has two warnings. A forecast cannot fall once training questions are all answered rightly, part
# (c), and a model that begins near Bayes seems to copy before it does, part (d). So let a capable model be fine-tuned on
# very few examples. What it knew of new questions it may forget.

# %%
lines = {
    "training questions": lambda some, m: seen(some, "train/expected", m),
    "before the copy, δ = 0": lambda some, m: by_gap(some, checkpoint=m),
    "before the copy, δ = 1": lambda some, m: by_gap(some, 1.0, checkpoint=m),
    "new questions": lambda some, m: seen(some, "test/expected", m),
}
panels = {}
for rate in (0.001, 0.003):
    some, panels[f"rate {rate}"] = runs("few examples", rate=rate), {}
    for name, line in lines.items():
        values = {str(s): line(some, m).tolist() for m, s in enumerate(steps) if m}
        panels[f"rate {rate}"][name] = values

# %% mystnb={"figure": {"caption": "A model that begins with 400 steps on fresh questions is fine-tuned on 32 examples, at two rates. Lines are means over three worlds, dots the worlds.", "name": "pm-fig-fails"}, "image": {"alt": "Two panels of lines over steps of fine-tuning. In both, the accuracy on training questions rises to one within 128 steps, and that on new questions falls. The accuracy before the copy stays nearly what it was at first: with a threshold of zero it is low, with a threshold of one higher."}}
from hmmlib.plotting.shared import means_over_seeds

means_over_seeds(panels, x_label="steps", y_label="right")
plt.show()

# %%
rows = []
for rate in (0.001, 0.003):
    some = runs("few examples", rate=rate)
    first, last = (seen(some, "test/expected", m) for m in (0, -1))
    errors = [by_gap(some, delta) - last for delta in (0.0, 1.0, 2.0)]
    numbers = torch.stack([last - first, *errors])
    rows.append((rate, *zip(*mean_over_seeds(numbers), strict=True)))
errors = [f"forecast − found, δ = {delta}" for delta in (0, 1, 2)]
Table(["rate", "change on new questions", *errors], rows, [".3f", *[".2f"] * 4])

# %% [markdown]
# New questions are answered worse in the end, at both rates, while training questions are soon all right. No forecast
# falls with them. That with $\delta = 0$ never rose: the model was near Bayes when it began, and seemed to copy from the
# start. With $\delta = 2$ it is too high, as anywhere. In between, with $\delta = 1$, it comes out near, which is luck: in
# the runs of {numref}`pm-fig-thresholds` that is too much. Who has no labelled questions cannot know.
#
# ## What this says about the paper of this book
#
# The paper freezes the model. Its heads have one weight for each word and class, and thousands of texts to learn from:
# they have little room for copies. This chapter shows what freezing avoids. Where all weights are tuned on few texts,
# accuracy in training may say nothing at all.
#
# It also shows what a known world is good for besides accuracy. Whether a model has learnt or copied is, for real
# texts, a question of taste: how sure is too sure? Here Bayes is as sure as one can be without having seen the example.
# Whoever is surer has seen it, or is wrong.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Nothing left to guess
# :label: pm-ex-certain
#
# Let every state emit a token of its own. What is the perplexity of a solution, to Bayes? What is the largest gap that
# there can be? Which threshold on either tells a copy from what was understood?
#
# :::{admonition} Hint
# :class: dropdown
# {prf:ref}`pm-prop-alarm`, part (c). How many paths are there for a text?
# :::
# ::::

# %% [markdown]
# :::{solution-start} pm-ex-certain
# :class: dropdown
# :::
#
# A text has one path, so $P^*(z \mid x) = 1$ and the perplexity is 1. The gap is at most zero. So no $\delta > 0$ ever
# calls anything memorised, and every threshold on the perplexity calls everything memorised in the end, whether it was
# copied or understood. Neither tells. Where only one solution is right, to know it and to know it by heart look alike.

# %%
from hmmlib import HMM

clear = HMM(hmm.initial, hmm.transition, np.eye(10))
certain = TraceTask(clear, 8, [7, 3]).draw(100, generator=0)
entropy = path_entropy(clear, certain.queries).abs().max()
print("entropy of traces:", deviation(entropy))
print("largest gap possible:", deviation((-certain.trace_log_probs).max()))

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove: A model that copies a little
# :label: pm-ex-mixture
#
# With probability $\varepsilon$ a model writes the solution $z$ that it was shown, and otherwise it writes as a model
# does that has not seen it. Prove: as long as $z$ is not called memorised, $\varepsilon < e^\delta P^*(z \mid x)$, and its
# accuracy on that question is too high by less than that. What does that say about large $\delta$?
#
# :::{admonition} Hint
# :class: dropdown
# $q(z \mid x) \ge \varepsilon$, whatever the other model is.
# :::
# ::::

# %% [markdown]
# :::{solution-start} pm-ex-mixture
# :class: dropdown
# :::
#
# The gap is at least $\log \varepsilon - \log P^*(z \mid x)$. If it is below $\delta$, then $\varepsilon < e^\delta P^*(z
# \mid x)$. The accuracy is $(1 - \varepsilon) a + \varepsilon$ with that of the other model, $a$, so too high by at most
# $\varepsilon$. With $\delta = 0$ that is less than the probability of the trace, which is small where there are many.
# With a large $\delta$ it may be anything. (A network is no such mixture. It may learn the answer by heart first, or a
# part of the trace.)

# %%
rows = []
for delta in (0.0, 0.5, 1.0, np.log(20)):
    needed = np.exp(delta) * train.trace_log_probs.exp()
    never = (needed > 1).double().mean()
    rows.append((f"{delta:.2g}", needed.clamp(max=1).mean(), never))
header = ["threshold δ", "too high by at most, mean", "traces never caught"]
Table(header, rows, [None, ".2f", ".2f"])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: How many samples?
# :label: pm-ex-samples
#
# Take the run of this chapter, 48 of its examples, and $\delta = 0$. Find the accuracy before the copy with one sample of
# each question, with five and with fifteen, from samples alone and from their traces. What does
# {prf:ref}`pm-prop-samples` say that you should see?
#
# :::{admonition} Hint
# :class: dropdown
# `right(lm, train.part(slice(48)), k)` has both.
# :::
# ::::

# %% [markdown]
# :::{solution-start} pm-ex-samples
# :class: dropdown
# :::
#
# With one sample, what is counted is far too high: the maximum picks the luckiest checkpoint. What is computed from traces
# is less so. With more samples both come down. What is left of differences is the noise of 48 examples, and of a minimum
# that luck can only lower.

# %%
few, rows = train.part(slice(48)), []
copied = memorised_by_gap(gaps[1:, :48], 0.0)
for k in (1, 5, 15):
    found = [right(lm, few, k) for step, lm in models.items() if step]
    both = [torch.stack(values) for values in zip(*found, strict=True)]
    means = [pre_memorization_accuracy(each, copied).mean() for each in both]
    rows.append((k, *means))
Table(["samples", "from samples alone", "from traces"], rows, [None, ".2f", ".2f"])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: No copy, no surprise
# :label: pm-ex-answers
#
# "If the gap is zero on every training trace, nothing was learnt by heart, and new questions are answered as well as
# those of the training."
#
# :::{admonition} Hint
# :class: dropdown
# A solution has two parts. Which of them does the gap look at?
# :::
# ::::

# %% [markdown]
# :::{solution-start} pm-ex-answers
# :class: dropdown
# :::
#
# Refuted. Let a model write traces as Bayes does, whatever the question, and answers from a table: the right ones for the
# questions of the training, and any for others. The gap is zero everywhere, all training questions are answered rightly,
# and new ones by luck. A gap of the whole solution would not do either: the right answer has probability one to Bayes, so
# that the answer adds at most zero to it. That an answer was copied cannot be seen at an answer that is certain, as in the
# first exercise. A chain of thought helps to tell a copy because there is more than one.

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: Which examples are fragile?
# :label: pm-ex-open
#
# The paper also says that examples with a low accuracy before the copy are fragile when the question is changed a
# little, and that collecting more like them is worth more. Are they here?
#
# :::{admonition} Hint
# :class: dropdown
# Change one token of a question where the right answer stays what it was, and ask again. For the second claim: draw many
# questions, and fine-tune on those that are like the low third.
# :::
# ::::

# %% [markdown]
# :::{solution-start} pm-ex-open
# :class: dropdown
# :::
#
# We have not gone far. A first look at the first: the token in the first place is replaced, and only questions count
# whose right answer is the same as before. Examples are in thirds by their accuracy before the copy.

# %%
from hmmlib import posteriors

changed = train.sequences.clone()
changed[:, 0] = test.queries[: len(changed), 0]
edited = train._replace(sequences=changed)
smoothed = posteriors(hmm, edited.queries, keep=("smoothed",)).smoothed
answers = smoothed[:, task.answer_positions].argmax(-1) + hmm.n_tokens + hmm.n_states
same = (answers == train.answers).all(1) & (changed != train.sequences).any(1)
again = right(models[500], edited).expected
before = pre_memorization_accuracy(accuracies[1:], memorised_by_gap(gaps[1:], 0.0))

# %%
rows = []
thirds = ("lowest", "middle", "highest")
for name, part in zip(thirds, before.argsort().tensor_split(3), strict=True):
    kept = part[same[part]]
    numbers = (before[kept], accuracies[-1, kept], again[kept])
    rows.append((name, len(kept), *(values.mean() for values in numbers)))
header = ["third", "examples", "before the copy", "right, as trained", "changed"]
Table(header, rows, [None, None, ".2f", ".2f", ".2f"])

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# ```{list-table}
# :header-rows: 1
# :name: pm-tab-claim
#
# * - Claim
#   - In this world it holds when
#   - It fails when
#   - Evidence
# * - Accuracy before the copy foretells accuracy on new questions
#   - runs differ in where they begin and in how many examples they have
#   - a capable model is fine-tuned on very few examples: it forgets, and the forecast does not follow
#   - {numref}`pm-fig-runs`, {numref}`pm-fig-released`, {numref}`pm-fig-fails`
# * - The threshold can be tuned
#   - it is tuned on runs of the same world
#   - traces have another entropy: it is then worth little, or less than nothing
#   - {numref}`pm-fig-thresholds`, {ref}`their own numbers <pm-released>`
# * - No labelled questions are needed
#   - there are none
#   - there are 64: in most worlds they foretell better
#   - {numref}`pm-fig-runs`
# * - A copy can be told from understanding
#   - several solutions are right, and their probabilities are known
#   - one solution alone is right, or what is copied is the answer
#   - {prf:ref}`pm-prop-alarm`, {ref}`an exercise <pm-ex-answers>`
# ```
#
# - A trace that a model never saw is seldom more probable to it than to Bayes, whatever the model. That gives a threshold
#   for a copy, with a bound on false alarms, and nothing to tune.
# - A threshold on the perplexity has to follow the entropy of solutions.
# - A maximum over checkpoints is too high, and less so without the noise of sampled answers.
# - Accuracy before the copy is worth about as much as 64 labelled questions. They need no access to training, and follow a
#   model that forgets.
