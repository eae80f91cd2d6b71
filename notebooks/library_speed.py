# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The library: a tour, and how fast it is
#
# `hmmlib` is what every chapter computes with, and it installs without the book. The first half of this page
# shows what it can do, in cells that read like the mathematics beside them. The second half shows how long that
# takes, measured beside other libraries. Every function is described in full in {doc}`../book/reference`.
#
# The page itself runs in a few seconds.

# %%
import textwrap

import matplotlib.pyplot as plt
import torch
from IPython.display import Markdown

import hmmlib
from hmmlib.analysis import read_results
from hmmlib.plotting import use_style
from hmmlib.plotting.library_speed import growth
from hmmlib.tables import Table

use_style()

# %% [markdown]
# ## A tour
#
# ### A model
#
# A hidden Markov model is three tables: the distribution of the first state, the distribution of the next state given
# this one, and the distribution of the token given the state. Each row sums to one.

# %%
hmm = hmmlib.HMM(  # change me: any rows that sum to one
    initial=[0.5, 0.5],
    transition=[[0.9, 0.1], [0.2, 0.8]],
    emission=[[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]],
)
print(hmm)
print(
    "in the long run the states have probabilities",
    hmm.stationary().numpy().round(3),
)

# %% [markdown]
# ### Text
#
# Texts are rows of integers. The same seed gives the same text.

# %%
seed = 0  # change me
text = hmmlib.sample_tokens(hmm, batch=2, time=12, generator=seed)
for row in text:
    print(*row.tolist())

# %% [markdown]
# ### What the text tells
#
# One call gives, for all positions $t$ at once, the distribution of the state given the whole text, $P[H_t \mid x]$
# (`smoothed`), and the distribution of the token given the others, $G_t(x) = P[X_t \mid x_{-t}]$ (`conditionals`). A
# position may be *blank*: its token is unknown, and is never read.

# %%
observed = torch.ones_like(text, dtype=torch.bool)
observed[0, 4:7] = False  # three blanks in the first text
full = hmmlib.posteriors(hmm, text)
holes = hmmlib.posteriors(hmm, text, observed=observed)
rows = []
for t in range(3, 8):
    token = str(int(text[0, t])) if observed[0, t] else "·"
    states = full.smoothed[0, t, 0], holes.smoothed[0, t, 0]
    rows.append((t, token, *states, *holes.conditionals[0, t]))
header = ["$t$", "token", r"$P[H_t = 0 \mid x]$", "with blanks"]
header += [f"$G_t(x)[{z}]$ with blanks" for z in range(hmm.n_tokens)]
Table(header, rows, ".3f")

# %% [markdown]
# ### Texts of different lengths
#
# They share one rectangle; what stands beyond a text's end is never read, and comes out as NaN.

# %%
cut = hmmlib.posteriors(hmm, text, lengths=[12, 7])
alone = hmmlib.posteriors(hmm, text[1:, :7])
print(f"log P[x] of the second text: {cut.log_likelihood[1]:.6f}", end=", ")
print(f"alone {alone.log_likelihood[0]:.6f}")
print("at its end:", cut.smoothed[1, 6].numpy().round(3), end=", ")
print("beyond:", cut.smoothed[1, 7].numpy())

# %% [markdown]
# ### Soft evidence, with a gradient
#
# A token $z$ speaks for each state with weight `emission[:, z]`. Any non-negative row $u$ may stand in its place: that
# is a soft prompt. The answer is differentiable in $u$, and at $u = (1, \dots, 1)$ the gradient has a meaning:
#
# $$\frac{\partial}{\partial u_h} \log P[x \mid u] = P[H_0 = h \mid x].$$

# %%
lm = hmmlib.ExactMaskedLM(hmm)
prompt = torch.ones(1, 1, hmm.n_states, dtype=torch.float64, requires_grad=True)
evidence = torch.cat([prompt, lm.embed(text[:1])], dim=1)
found = hmmlib.posteriors_from_evidence(hmm, evidence, keep=("smoothed",))
found.log_likelihood.sum().backward()
rows = zip(range(hmm.n_states), prompt.grad[0, 0], found.smoothed[0, 0], strict=True)
Table(["$h$", "gradient", r"$P[H_0 = h \mid x]$"], rows, ".6f")

# %% [markdown]
# ### A memory
#
# A memory-augmented model draws $M = (M_0, M_1, \dots)$ once per text; the chain says which cell is read. What is known of
# a cell grows as the text unfolds; the table has the probability of each of its contents after 1, 10 and 200 tokens.

# %%
sizes = {"n_values": 3, "n_syntax": 2, "n_cells": 2, "n_tokens": 6}
model = hmmlib.random_memory_hmm(**sizes, emission_temperature=0.5, generator=0)
story = hmmlib.sample(model, batch=1, time=200, generator=0)
read = hmmlib.posteriors(model, story.tokens, keep=("filtered",)).filtered[0]
print(model)
print("the memory holds", model.contents[story.content[0]].tolist())
rows = []
for t in (0, 9, 199):
    cells = [model.memory_posterior(read[t], cell) for cell in (0, 1)]
    rows.append((t + 1, *torch.cat(cells)))
header = [f"$M_{c} = {m}$" for c in (0, 1) for m in range(3)]
Table(["tokens", *header], rows, ".3f")

# %% [markdown]
# The memory never becomes a large transition matrix: the chain is run once per content. The flat HMM exists all the
# same, for those who want to check.

# %%
flat = model.flatten()
difference = hmmlib.posteriors(flat, story.tokens).filtered[0] - read
print(f"{flat}: largest deviation {float(difference.abs().max()):.0e}")

# %% [markdown]
# ### A task, and data for it
#
# A task asks about the state under a blank before the text. Its labels are exact, because the posterior is:
# $F^\star(x) = 1(\mu^\top P[H_0 \mid x] \ge 0)$.

# %%
world = hmmlib.random_hmm(8, generator=1)
task = hmmlib.draw_task(world, generator=1)
data = hmmlib.draw_dataset(task, generator=2, sizes=(500, 100, 200), length=32)
margin = task.posterior(data.test.tokens) @ task.mu
print(task)
print("labels are 1(margin ≥ 0):", bool(((margin >= 0) == data.test.labels).all()))
labels = {name: split.labels.double() for name, split in data._asdict().items()}
rows = [(name, len(found), found.mean()) for name, found in labels.items()]
Table(["part", "texts", "share of class 1"], rows, ".3f")

# %% [markdown]
# ### When something is wrong
#
# A message names the argument, the place, the value, and what was expected.


# %%
def complain(action):
    try:
        action()
    except (TypeError, ValueError) as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 88), end="\n\n")


complain(lambda: hmmlib.HMM([0.5, 0.5], [[0.9, 0.2], [0.2, 0.8]], hmm.emission))
complain(lambda: hmmlib.posteriors(hmm, [[0, 2, 1], [1, 3, 0]]))
complain(lambda: hmmlib.posteriors(hmm, [0, 2, 1]))
complain(lambda: hmmlib.posteriors(hmm, text.double()))

# %% [markdown]
# A text that the model cannot produce is such a mistake too, and is found at the position where it becomes impossible.

# %%
# Tick, tock, tick, tock, …
clock = hmmlib.HMM([1, 0], [[0, 1], [1, 0]], [[1, 0], [0, 1]])
complain(lambda: hmmlib.posteriors(clock, [[0, 1, 0, 1], [0, 1, 1, 0]]))

# %% [markdown]
# ## How fast
#
# Seconds say little: they depend on the machine and on what else it does. So two programs were timed in turn, again and
# again within one process, and what is shown is a ratio. `make bench` measures everything anew (it installs the other
# libraries) and writes the file that the rest of this page reads. Where numba is among the versions, hmmlib ran with its
# extra `fast`.

# %%
bench = read_results("benchmarks")
source, repetitions = bench["provenance"], bench["config"]["repetitions"]
machine = source["machine"]
listing = ", ".join(f"{name} {number}" for name, number in source["versions"].items())
Markdown(
    f"Measured on {source['date'][:10]}, on a machine with {machine['cores']} cores "
    f"({machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}), without a "
    f"GPU; {repetitions} repetitions of each; {listing}."
)


# %% [markdown]
# ### Beside other libraries
#
# How many times as long as hmmlib does the other take? Above one, hmmlib is the faster. hmmlib computes in float64 and
# finds the smoothed posteriors *and* all conditionals; the other libraries are asked for the smoothed posteriors only.
# dynamax is compiled before the clock starts. hmmlearn's time is per token, from fewer texts. The last rows set
# hmmlib's inference with a memory beside the same inference on the flat HMM: at the paper's low temperature the flat one
# has to work with logarithms, because in it very unlikely contents of the memory stand beside very likely ones; at the
# higher temperature that is not so.


# %%
rows = []
for row in bench["comparisons"]:
    spread = (float(f"{row['ratio'][part]:.2g}") for part in ("median", "min", "max"))
    ratio = "**{:g} ×** ({:g} to {:g})".format(*spread)
    rows.append((row["task"], row["other"], ratio))
Table(["what", "beside", "it takes, median (extremes)"], rows)

# %% [markdown]
# ### Thousands of states
#
# In {doc}`thousands_of_states` each state writes the words of one class only, so that a word leaves few states possible.
# The table has one pass over sentences, in single precision. In the last row the transition alone takes gigabytes.

# %%
names = ("n_states", "n_classes", "gib", "words_per_second")
rows = [
    (*(run[name] for name in names), run["seconds"]["median"])
    for run in bench["blocked"]["forward"]
]
words = bench["config"]["blocked"]
print(f"{words['sentences']} sentences of {words['length']} words")
header = ["states", "classes", "transition, GiB", "words a second", "seconds"]
Table(header, rows, [None, None, ".3g", ",.0f", ".2g"])

# %% [markdown]
# ### Fast, and right?
#
# The same posteriors, compared entry by entry with those of hmmlib: once on text that the model wrote, once on text of
# which a share of the tokens was replaced by uniform ones.

# %%
rows = []
for kind, table in bench["inference"]["accuracy"].items():
    for name, found in table.items():
        share = f"{found['share_of_positions_off']:.1%}"
        rows.append((kind, name.replace("_", ", "), f"{found['largest']:.0e}", share))
header = [
    "text",
    "library",
    "largest deviation",
    "positions off by more than 0.001",
]
Table(header, rows)

# %% [markdown]
# hmmlearn, an independent implementation, agrees with hmmlib to rounding in both of its modes. dynamax agrees on text
# that the model wrote, and not on corrupted text, in float64 as little as in float32: it raises small positive
# probabilities to a fixed floor, while at the paper's temperatures the probabilities that decide between states lie far
# below it.
#
# ### The paper's corpus
#
# Models are pretrained on one large sample. This is what it costs, in a process that does nothing else.

# %%
size, corpus = bench["config"]["sampling"], bench["sampling"]["corpus"]
tokens = size["sequences"] * size["length"]
Markdown(
    f"{size['sequences']:,} texts of {size['length']:,} tokens from {size['n_states']} "
    f"states: {tokens / 1e6:.1f} million tokens in {corpus['seconds']:.1f} s "
    f"({corpus['tokens_per_second'] / 1e6:.1f} million per second). The process held at "
    f"most {corpus['peak_gib']:.2f} GiB; the corpus itself is {corpus['corpus_gib']:.2f}."
)

# %% [markdown]
# ### A cell of the experiments
#
# Part II is computed in cells: one HMM, one task, a network of its own, and every head and prompt on it. What one costs in
# seconds of one processor, whatever else the machine does, is measured in a process that does nothing else.

# %%
cells = bench["cells"]
rows = []
for cell in cells:
    point = ", ".join(f"{name} {value}" for name, value in cell["point"].items())
    parts = sorted(cell["cpu_seconds"].items(), key=lambda part: -part[1])
    most = ", ".join(
        f"{name.replace('_', ' ')} {took:.0f}" for name, took in parts[:4]
    )
    whole = f"{cell['cpu_seconds_in_all']:.0f}"
    rows.append((f"{cell['experiment']}, {cell['preset']}", point, whole, most))
header = ["experiment, preset", "cell", "processor seconds", "most of them for"]
Table(header, rows)

# %% [markdown]
# Fewer seconds would be no gain with worse answers, so here is what each way of answering gets right in these cells, in percent of
# the labels.

# %%
right = {cell["experiment"]: cell["accuracy"] for cell in cells}
rows = []
for name in dict.fromkeys(name for found in right.values() for name in found):
    shares = [found.get(name) for found in right.values()]
    percent = [None if share is None else 100 * share for share in shares]
    rows.append((name.replace("_", " "), *percent))
Table(["answered by", *right], rows, ".1f")

# %% [markdown]
# ### Growth
#
# Each token costs one product of a vector with the transition matrix, forward and backward, so the arithmetic grows like
# $B \cdot T \cdot H^2$. Small problems grow more slowly: there the fixed cost of a step still counts.

# %% mystnb={"figure": {"caption": "Time of exact inference against length $T$, number of states $H$ and batch $B$, relative to the smallest problem of each panel. Bands run from the fastest to the slowest repetition; dashed, the power law fitted to the upper half of the points.", "name": "fig-growth"}, "image": {"alt": "Three panels with logarithmic axes, time of inference against the length of the texts, the number of hidden states and the number of texts. In each the points rise along a straight line on the right and are flatter on the left."}}
growth(bench)
plt.show()

# %% [markdown]
# Memory grows like the table of posteriors, $B \cdot T \cdot H$ numbers. Each measurement is a process that computes one
# such table and nothing else; the slope of its peak memory is given in bytes per number of the table.

# %%
per_number = bench["growth"]["memory"]["bytes_per_number"]
labels = {
    "batch": "texts $B$",
    "time": "length $T$",
    "n_states": "states $H$",
    "all": "all of them",
}
grown = [(labels[axis], f"{value:.1f}") for axis, value in per_number.items()]
grown.append(("for comparison, a float64", f"{torch.float64.itemsize}.0"))
Table(["more …", "bytes per number"], grown)

# %% [markdown]
# With more texts or more states, the result itself is nearly all that is added: the batch is worked on in small pieces,
# in memory that is used again. A longer text makes each piece longer, hence the larger slope.
