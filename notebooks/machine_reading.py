# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Machine reading
#
# A masked language model fills blanks. Hardly anybody wants blanks filled. People want to know *where* a text says
# something, and *whether* it does: which words name the company, which sentence answers the question, is this review
# about the hotel at all. Usually a head is put on the model and tuned with labelled examples, of which there are never
# enough.
#
# {cite:t}`xu2023cloze` put something between: they *retrofit* the masked model to a reader, without labels. Wikipedia
# says by its links which words of a text speak of which article. So let the model read the beginning of an article and
# a text that links to it, and let it find the words of the link. **Their claims**: such a *pre-trained machine reader*
# learns a task from few examples, far better than the masked model that it was made of; it needs no part that is new
# for a task; and it says yes or no as well as where.
#
# What the texts allow nobody knows: how often can it be told at all where an entity is meant? Here it is known. An
# entity is what the memory of an HMM holds, and definition and context are its texts, so the probability of every
# answer is exact. And the comparisons that one would want are affordable: the same training without the masked
# model before it, or with more of the masked model's own. Running the chapter takes about a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %% [markdown]
# ## A world to read in
#
# A memory has three cells with six values each: 216 entities. A *definition* is a text of twelve tokens that an HMM
# writes with an entity's memory, as the first sentences of an article speak of what it is about. A *question* is
# shorter, six tokens, and in another grammar: the same words, other moves. A *context* has three segments of four to
# eight tokens, each a text about an entity of its own, with a filler between neighbours.
#
# In half of the contexts one segment is about the entity that is asked for. The reader is to say whether there is
# one, and where.

# %%
from hmmlib import random_memory_hmm
from hmmlib.hmm import uniform_memory
from hmmlib.spans import SpanWorld

seed = 1  # the reader below was trained in this world
how = {"transition_temperature": 0.05, "emission_temperature": 0.03}
how |= {"n_cells": 3, "n_permutations": 50}
writer = random_memory_hmm(6, 2, 36, generator=seed, **how)
grammar = random_memory_hmm(6, 2, 36, generator=seed + 50, **how).chain.transition
world = SpanWorld(uniform_memory(writer), question_transition=grammar)
order = np.random.RandomState(seed).permutation(world.n_entities)
seen, held = order[:160], order[160:]  # training will meet the first alone
items = world.draw(1000, generator=seed + 1000, asked=held)

# %%
row = int(items.relevant.nonzero()[0])
print("definition:", items.query[row].tolist())
print("context:", items.context[row].tolist())
print("answer:", f"places {int(items.start[row])} to {int(items.end[row])}")

# %% [markdown]
# :::{prf:definition} What can be known of a context
# :label: mrc-def-world
#
# $P_{ij}$ is the probability that a segment from place $i$ to place $j$ is about the entity that is asked for, given
# query and context. The *relevance* $P_{00} = \sum_{i \le j} P_{ij}$ is the probability that there is one.
# :::
#
# Both are exact: one sums over the lengths that the segments may have, over the segment that is meant, and over who is
# asked for. The sum over entities is a product of two likelihoods for each: that of the query, and that of the
# segment.
#
# Who has learnt nothing can still compare words. The reader that counts what share of a segment's words stand in the
# query is told where the segments are, which others must find out.

# %%
from hmmlib.spans import evaluate_spans, exact_spans, overlap_scores, span_agreement

asked = world.draw(1000, generator=seed + 2000, asked=held, kind="question")
exact = exact_spans(world, items.query, items.context)

# %%
exact_asked = exact_spans(world, asked.query, asked.context, kind="question")
rows = []
for name, some, law in (
    ("definitions", items, exact),
    ("questions", asked, exact_asked),
):
    bayes = evaluate_spans(some, law)
    counted = span_agreement(some, overlap_scores(world, some)).mean()
    scores = (bayes.f1, counted, bayes.accuracy, bayes.auc)
    rows.append((name, *(100 * score for score in scores)))
header = ["", "F1, Bayes, %", "F1, words in common, %", "yes or no, Bayes, %"]
Table([*header, "AUC, Bayes, %"], rows, ".1f")

# %% [markdown]
# *F1* compares the words that were found with those that were meant: it is one if they are the same, and zero if they
# have nothing in common. It is taken where there is something to find. Between segments stands a filler, so whoever
# finds the right segment finds its ends too.
#
# To say *where* is easy for Bayes, if one may assume that it is somewhere. To say *whether* is harder. Of one thing
# that looks a little like the answer, one cannot tell whether it is it; of three one can tell which is most like it.
#
# ## What a reader should learn
#
# A reader gives every pair of places a score. Let $h_0$ be the model's vector of a mark at the front, and $h_1, \dots$
# those of the context's words. Then $S_{ij} = \operatorname{MLP}(h_i) \cdot h_j$, and $S_{00}$ says whether there is
# anything. The logistic function of a score is to be a probability. For each of them the loss is the cross-entropy of
# the yes or no that was drawn.
#
# :::{prf:proposition} The best reader
# :label: mrc-prop-bayes
#
# Among all scores, $S_{ij} = \operatorname{logit} P_{ij}$ and $S_{00} = \operatorname{logit} P_{00}$ have the
# smallest expected loss, whatever positive weights the pairs have in it. So for the best reader
#
# $$
# \sum_{i \le j} \sigma(S_{ij}) = \sigma(S_{00}).
# $$ (mrc-eq-consistent)
# :::
#
# :::{prf:proof}
# Given query and context, the expected cross-entropy of one pair is least where $\sigma(S_{ij})$ is the probability of
# a yes. Each pair has a score of its own, so all can be least at once, and weights do not move where they are. What
# remains is {prf:ref}`mrc-def-world`.
# :::
#
# A trained reader need not be of one mind with itself. How far {eq}`mrc-eq-consistent` is off can be seen without
# knowing any answer.
#
# :::{prf:proposition} More relevant contexts, or fewer
# :label: mrc-prop-prior
#
# Let a share $\pi$ of the contexts be relevant where a reader learnt, and a share $\pi'$ where it is used, all else
# being the same. Then
#
# $$
# \begin{aligned}
# \operatorname{logit} P'_{00} = {} &\operatorname{logit} P_{00} \\
#   &+ \operatorname{logit} \pi' - \operatorname{logit} \pi,
# \end{aligned}
# $$ (mrc-eq-prior)
#
# and all $P_{ij}$ change by the factor $P'_{00} / P_{00}$.
# :::
#
# :::{prf:proof}
# The odds of relevance are $\pi / (1 - \pi)$ times a ratio of likelihoods in which $\pi$ does not occur. Given that
# there is a segment to find, where it is does not depend on $\pi$.
# :::

# %%
from hmmlib.spans import shift_prior

share = 0.1  # change me: of contexts that are relevant
rare = exact_spans(world, items.query, items.context, relevant=share)
shifted = shift_prior(exact, 0.5, share)
off = (shifted.spans - rare.spans).abs().max()
print("shifted against recomputed:", deviation(off))
few = world.draw(1000, generator=seed + 3000, asked=held, relevant=share)
of_few = exact_spans(world, few.query, few.context)
moved = shift_prior(of_few, 0.5, share)
for name, law in {"as learnt": of_few, "shifted": moved}.items():
    print(f"{name}: {100 * evaluate_spans(few, law).accuracy:.1f} % right")

# %% [markdown]
# ## A reader that was trained
#
# `hmmlib.spans` has such a reader, a transformer of three layers. Its way is the paper's, in small:
#
# 1. *Masked training.* 800 steps on articles, each of which comes back to two entities in segments of any length and
#    order. A hidden word can be told from another segment, if one finds out which.
# 2. *Retrofitting.* 1,800 steps on definitions and contexts that are new in every step. Of the 216 entities 56 are
#    held back: no training asks for them or speaks of them. All tests do, in contexts that speak of anybody.
# 3. *Few examples* of a task, for which we take questions.
#
# The first two are done; their result comes with the book.

# %%
from hmmlib.analysis import book_file
from hmmlib.spans import load_reader, read_spans

reader, about = load_reader(book_file("checkpoints") / "reader_seed_1.safetensors")
said = read_spans(reader, items)
shown = {"F1, %": "f1", "yes or no right, %": "accuracy", "AUC, %": "auc"}
shown["spans against relevance, points"] = "consistency_gap"
judged = [evaluate_spans(items, law) for law in (exact, said)]
rows = [
    (k, *(100 * getattr(one, name) for one in judged)) for k, name in shown.items()
]
Table(["definitions", "Bayes", "reader"], rows, ".0f")


# %%
def inside(posterior):
    """P[a place lies in the answer], for each place."""
    begun = posterior.spans.cumsum(1)  # begins at i or before, ends at j
    return begun.flip(2).cumsum(2).flip(2).diagonal(dim1=1, dim2=2)


# %% mystnb={"figure": {"caption": "One context with a definition that it speaks of, and with another that it does not: how probable it is that a place belongs to the answer, by Bayes and by the reader. Fillers are written as dots.", "name": "mrc-fig-places"}, "image": {"alt": "Two panels of bars over twenty places of a context. Above, both readers have high bars over one segment and low ones elsewhere. Below, Bayes has almost none; the reader has some low ones."}}
from hmmlib.plotting.machine_reading import places_found

both = items.part(torch.tensor([row, row]))
both = both._replace(query=items.query[[row, row + 1]])
exactly = exact_spans(world, both.query, both.context)
laws = {"Bayes": inside(exactly), "reader": inside(read_spans(reader, both))}
titles = ("its own definition", "another definition")
panels = {t: {name: p[i] for name, p in laws.items()} for i, t in enumerate(titles)}
words = ["·" if word >= 36 else str(int(word)) for word in both.context[0]]
places_found(panels, words)
plt.show()

# %% [markdown]
# Bayes is never in conflict with itself. The reader is: what it says of all spans together differs from what it says
# of the relevance by some points in the mean. And it says yes or no much worse than where.
#
# Is it right about its doubt? Where a reader says 80 %, it should be so in 80 of 100 cases. And can
# {prf:ref}`mrc-prop-prior`, which is true of the best reader, be used on this one?

# %% mystnb={"figure": {"caption": "How often a context is relevant, by the relevance that is said, in eight bins: where half of all contexts are relevant, as in training, and where a tenth is. Shifted means by the formula, with no training.", "name": "mrc-fig-reliable"}, "image": {"alt": "Two panels with the diagonal. Left, both lines lie near the diagonal, that of Bayes from corner to corner, that of the reader over a shorter stretch. Right, the lines of what was learnt lie far below the diagonal; shifted, they lie near it."}}
from hmmlib.plotting.machine_reading import reliability

told = read_spans(reader, few)
laws = {"Bayes": moved, "reader": told}
laws["reader, shifted"] = shift_prior(told, 0.5, share)
half = {"Bayes": exact, "reader": said}
panels = {
    "half are relevant": {k: (p.relevance, items.relevant) for k, p in half.items()},
    "a tenth is": {k: (p.relevance, few.relevant) for k, p in laws.items()},
}
reliability(panels)
plt.show()

# %% [markdown]
# It is, nearly. Its points lie by the diagonal, over a shorter stretch than those of Bayes, for it doubts more. Where
# fewer contexts are relevant it says far too much, and the formula mends that, with no training and no label.
#
# ## Does the masked model matter?
#
# Retrofitting can begin with a masked model, or with nothing. `hmmlib sweep machine-reading` does both, on five worlds,
# and with a learning rate twice as large on three of them. What begins with nothing is given 2,500 steps, so that both
# ways cost the same. All tables and figures down to *What this says* are from its records.

# %%
from hmmlib.analysis import mean_over_seeds, read_results

records = read_results("machine_reading_laptop")["cells"]


def of(path, scale=100, **cell):
    """Numbers of the seeds' records, in their order; `path` leads to an entry."""
    cell = {"variant": "none", **cell}
    some = [r for r in records if all(r[k] == v for k, v in cell.items())]
    values = sorted(some, key=lambda record: record["seed"])
    for name in path.split("/"):
        values = [value[name] for value in values]
    return [scale * value for value in values] if scale else values


# %%
def row_of(name, paths, **cell):
    """A row of a table: of each path the mean and the half-width of its interval."""
    found = mean_over_seeds([of(path, **cell) for path in paths])
    return (name, *zip(*found, strict=True))


# %%
never, kind = {"start": "nothing", "steps": 0}, "definitions_held"
starts = {"masked model": "masked", "nothing": "nothing"}
readers = {
    f"{name}, rate {rate}": {"start": start, "rate": rate}
    for rate in (0.01, 0.02)
    for name, start in starts.items()
}


def curves(cell):
    """Steps and F1 in percent, a pair for each world."""
    found = [np.array(curve)[:, :2] for curve in of("curve", None, **cell)]
    return [(curve[:, 0], 100 * curve[:, 1]) for curve in found]


# %% mystnb={"figure": {"caption": "F1 on definitions of entities that training never met, as retrofitting goes on; a line for each world. The masked model before it cost as much as about 700 steps. Rates fall to zero towards the end of each line.", "name": "mrc-fig-curves"}, "image": {"alt": "Two panels of lines over steps of retrofitting, a flat stretch at a third and then a rise. Left, the solid lines, from a masked model, rise before step 600 and end near 78; of the dashed ones, from nothing, three rise as early and two very late. Right, the dashed lines rise by step 1,050 and end near 78, as does one solid line; the two others end between 50 and 61. Grey lines: Bayes at the top, words in common at three quarters."}}
from hmmlib.plotting.machine_reading import learning_curves

panels = {
    f"rate {rate}": {name: curves(readers[f"{name}, rate {rate}"]) for name in starts}
    for rate in (0.01, 0.02)
}
levels = {"Bayes": np.mean(of(f"bayes/{kind}/f1", **never))}
levels["words in common"] = np.mean(of(f"overlap/{kind}/f1", **never))
learning_curves(panels, levels, y_label="F1, %")
plt.show()

# %% tags=["hide-input"]
tests = ["definitions_seen/f1", f"{kind}/f1", "questions/f1", f"{kind}/accuracy"]
rows = [
    row_of(name, [f"zero_shot/{test}" for test in tests], **cell)
    for name, cell in readers.items()
]
rows.append(row_of("Bayes", [f"bayes/{test}" for test in tests], **never))
counted = row_of("words in common", [f"overlap/{t}" for t in tests[:3]], **never)
rows.append((*counted, ""))
header = ["F1, seen entities", "F1, held back", "F1, questions"]
Table(["%", *header, "yes or no, held back"], rows, ".1f")

# %% tags=["hide-input"]
rows = []
for name, cell in readers.items():
    took = [[*steps[f1 > 60], None][0] for steps, f1 in curves(cell)]
    rows.append((name, *("–" if t is None else f"{t:,.0f}" for t in took)))
rows = [(*row, *[""] * (6 - len(row))) for row in rows]
Table(["steps to an F1 of 60 %", *(f"world {k}" for k in range(1, 6))], rows)

# %% [markdown]
# Reading comes suddenly. For a while F1 stays at a third: the fillers are soon found, and one of three segments is chosen
# at random. Then it rises, to where Bayes is still far away, and counted words are near.
#
# With the smaller rate all readers that begin with a masked model leave the plateau early. So do three of those that
# begin with nothing; the other two stay on it for most of their training. Whoever leaves it gets about as far from
# either start, so that in the mean there is no difference at equal cost. The masked model does not teach reading. It
# makes sure that reading is learnt soon.
#
# With the larger rate it is in the way: what begins with nothing does as well as before, and two of three that begin
# with the masked model hardly learn to read. Who compares at one rate alone finds that masked training helps, or that
# it harms, as the rate has it.
#
# ## Few examples
#
# The task is now questions. A reader is given 16 to 1,024 of them, each with a context in which there is an answer, and
# 200 steps of training.

# %%
from hmmlib.plotting.shared import means_over_seeds

shots = ["16", "64", "256", "1024"]
made = {
    "retrofitted": readers["masked model, rate 0.01"],
    "retrofitted from nothing": readers["nothing, rate 0.01"],
    "masked model, more of it": {"start": "continued", "steps": 0},
    "masked model": {"start": "masked", "steps": 0},
}

# %% mystnb={"figure": {"caption": "F1 on questions about entities that training never met, after training on few examples of questions. Dots are worlds, lines their means.", "name": "mrc-fig-few"}, "image": {"alt": "Lines over 16 to 1,024 examples. The two retrofitted ones rise together from about one half to two thirds, where the grey line of words in common is throughout. Those of the masked models lie flat at about three tenths. Bayes is a grey line at the top."}}
lines = {
    k: {n: of(f"few_shot/{n}/f1", **cell) for n in shots} for k, cell in made.items()
}
lines["Bayes"] = dict.fromkeys(shots, of("bayes/questions/f1", **never))
lines["words in common"] = dict.fromkeys(shots, of("overlap/questions/f1", **never))
exactly = ("Bayes", "words in common")
means_over_seeds({"": lines}, exactly, x_label="examples", y_label="F1, %")
plt.show()

# %% tags=["hide-input"]
made["untrained"] = never
paths = ["few_shot/64/f1", "few_shot/1024/f1"]
rows = [row_of(name, paths, **cell) for name, cell in made.items()]
found = row_of("", ["few_shot/longer/f1"], start="masked", steps=0)
rows.append(("masked model, 900 steps on them", "", found[1]))
Table(["F1, %", "64 examples", "1,024 examples"], rows, ".1f")

# %% [markdown]
# Here is the claim, and it holds by far. What was retrofitted makes something of sixteen examples already. The masked
# model makes nothing of a thousand: it stays where the untrained network is, at the third that comes of choosing any
# segment. More masked training on just such texts as retrofitting has does not help; nor does it to train for nine
# hundred steps on the thousand examples, as the last row says. To read is not learnt from a few answers.
#
# But it is retrofitting that did it. What began with nothing is as good, in the mean, as what began with the masked
# model. And a reader that has learnt nothing at all, but is told where segments are, and counts words, is better than
# any of them at sixteen examples, and as good at a thousand. Its mistakes are of another kind; still, it is a baseline
# that should stand in every table of this sort.
#
# Live, with the reader of the book and with an untrained one, on 64 questions:

# %%
from hmmlib.pretraining import ModuleRecipe
from hmmlib.spans import SpanReader, adapt, reader_lm

among = {"asked": seen, "others": seen}
own = world.draw(64, generator=seed, kind="question", relevant=1.0, **among)
recipe = ModuleRecipe(200, 12, learning_rate=1e-3, matrix_learning_rate=None)
untrained = SpanReader(reader_lm(world, generator=seed), generator=seed)
learnt = {
    "reader of the book": adapt(reader, own, recipe=recipe),
    "untrained": adapt(untrained, own, recipe=recipe),
}
for name, one in learnt.items():
    f1 = evaluate_spans(asked, read_spans(one, asked)).f1
    print(f"{name}: F1 {100 * f1:.0f} %")

# %% [markdown]
# (mrc-yes)=
# ## Yes or no
#
# $S_{00}$ says whether a context is about the entity that is asked for, as it stands. It can also be tuned for it:
# here on 64 or 1,024 labelled definitions, half of them with a relevant context. Beside it stands what this book does
# with a frozen model: a head on the word distribution at a blank in front of the text, a soft prompt of ten vectors with
# its head, and a head on the vector of the mark. What penalty or which start is best, 256 more pairs decide.

# %% tags=["hide-input"]
ways = {
    "masked model, head on words": ("head on words", 0),
    "masked model, soft prompt": ("prompt", 0),
    "masked model, head on the mark": ("head", 0),
    "masked model, all weights": ("fine-tuned", 0),
    "reader, head on the mark": ("head", 1800),
    "reader, all weights": ("fine-tuned", 1800),
}

# %% tags=["hide-input"]
rows = []
for name, (way, steps) in ways.items():
    paths = [f"yes_or_no/{n}/{way}" for n in (64, 1024)]
    cell = {"start": "masked", "steps": steps, "rate": 0.01 if steps else 0.0}
    rows.append(row_of(name, paths, **cell))
for name, (path, cell) in {
    "reader, as it stands": ("zero_shot", readers["masked model, rate 0.01"]),
    "Bayes": ("bayes", never),
}.items():
    rows.append(row_of(name, [f"{path}/{kind}/accuracy"] * 2, **cell))
Table(["right, %", "64 labels", "1,024 labels"], rows, ".1f")

# %% [markdown]
# On the frozen masked model nothing of this book finds more than a coin would, but for a head on the vector of the mark,
# which finds a little. That is less than {prf:ref}`mrc-prop-sum` below allows to those who do not compare. The reader
# says yes or no far better as it stands, without a single label; a head on its mark needs the labels to get there. And
# to tune all its weights on labels makes it *worse*, with 64 and with 1,024 of them.
#
# (mrc-fails)=
# ## Where it fails
#
# What did retrofitting need? Change one thing at a time, on two worlds, with the smaller rate.

# %% tags=["hide-input"]
tests = ["definitions_seen/f1", f"{kind}/f1", "questions/f1"]
tests += [f"{kind}/accuracy", f"{kind}/auc"]
rows = []
for variant in ("none", "articles by turns", "16 entities", "no negatives"):
    cell = readers["masked model, rate 0.01"] | {"variant": variant}
    found = [of(f"zero_shot/{test}", **cell)[:2] for test in tests]
    rows.append((variant, *(np.mean(values) for values in found)))
header = ["F1, met", "F1, held back", "F1, questions", "yes or no", "AUC"]
Table(["%, two worlds", *header], rows, ".0f")

# %% [markdown]
# Articles that tell by their form which segments belong together, even ones about two entities by turns, make a worse
# start: a masked model can look a fixed number of places back and need not compare. Sixteen entities are nearly enough to
# teach reading; a little is lost about all others, and part of what such a reader can do is to know its sixteen. And
# without irrelevant contexts, with as many answers in a step, a reader finds *where* as well as before, and has no idea
# *whether*: its relevance is lower for relevant contexts than for others.
#
# And names? Let every mention open with a name of two words, each segment and each definition. A reader can then look
# for the name and need not read. So Xu et al. hide it: they put *it* in its place.

# %% tags=["hide-input"]
rows = []
for variant in ("names shown", "names hidden"):
    cell = readers["masked model, rate 0.01"] | {"variant": variant}
    tests = ("names_shown", "names_hidden", "questions")
    found = [of(f"zero_shot/{test}/f1", **cell) for test in tests]
    rows += [(variant, k, *one) for k, one in enumerate(zip(*found, strict=True), 1)]
header = ["names shown", "names hidden", "questions"]
Table(["F1, %; learnt with", "world", *header], rows, ".0f")

# %% [markdown]
# Two words of each text go to the name, and reading is learnt more slowly; the second reader that was shown names has
# hardly left the plateau. The first finds most answers as long as names are shown, and about half as many when they are
# not: it has learnt to look for names and little else. (It never met the word that stands for a name, which may cost it
# something, too.) Those that had to do without do not miss them, and are better at questions, where no name is shown.
#
# ## What this says about the paper of this book
#
# The paper of this book puts a linear head on a frozen model, and finds that it can read off whatever is linear in the
# posterior of a hidden state. Whether two texts are about the same is not.
#
# :::{prf:proposition} Comparing is not adding (ours)
# :label: mrc-prop-sum
#
# Let query and context be about entities $m$ and $m'$ of at least two, without any doubt; in half of the cases $m = m'$,
# in the other half not, all entities being as likely. Whoever answers by the sign of $g(q) + h(c)$, a part from the query
# and a part from the context, is right in three cases of four at most, and some $g$ and $h$ get there.
# :::
#
# :::{prf:proof}
# Take $m \ne m'$ and the cases $(m, m)$, $(m', m')$, which want a yes, and $(m, m')$, $(m', m)$, which want a no. The
# first two scores have the same sum as the last two. So not all four can be right. Averaged over all pairs $m \ne m'$
# the four cases have the weights of the claim, so at most three quarters are right. With $g = m$ and $h = \tfrac12 -
# m'$ all pairs $m = m'$ are right, and half of the others.
# :::

# %%
same = torch.eye(216, dtype=torch.bool)


def right_share(scores):
    """Right answers by the sign of a score of each pair of entities, in percent."""
    yes, no = (scores > 0)[same], (scores <= 0)[~same]
    return float(50 * (yes.double().mean() + no.double().mean()))


m, random = torch.arange(216.0), torch.Generator().manual_seed(seed)
some = torch.randn(1000, 2, 216, generator=random)
best = max(right_share(g[:, None] + h) for g, h in some)
print(f"best of 1,000 random sums: {best:.1f} %")
print(f"g = m and h = 1/2 - m': {right_share(m[:, None] + 0.5 - m):.1f} %")
print(f"a product: {right_share(same.double() - 0.5):.1f} %")

# %% [markdown]
# A head on vectors to which query and context add their parts is therefore no reader, whatever it is trained on. A
# frozen model could have made the comparison already, and then a head would find it. The table above says that this
# one has not. Retrofitting is what makes it compare: $S_{ij}$ is a scalar product, and the transformer below it has
# been trained for it.
#
# And $S_{00}$ itself is an old acquaintance. If texts carried the word *yes* or *no* between definition and context, as
# they do in an exam, a masked model that has learnt all would give *yes* the probability $P_{00}$ at a blank in its
# place; {ref}`an exercise <mrc-ex-cloze>` goes through it. So retrofitting is head tuning on a text that says what is
# asked. What is new is where the labels come from: whoever writes a link answers a question that nobody had asked.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Fewer are relevant
# :label: mrc-ex-prior
#
# A reader has learnt where half of the contexts are relevant. It says 0.8 of a context, and 0.6 of one span in it. What
# should it say where one in ten is relevant? Does the answer to *where* change?
#
# :::{admonition} Hint
# :class: dropdown
# {eq}`mrc-eq-prior`: odds are multiplied.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mrc-ex-prior
# :class: dropdown
# :::
#
# The odds are 4 to 1; they are multiplied by $\tfrac{1}{9}$, so 4 to 9, or 0.31. The span has 0.6/0.8 of it, 0.23. The
# order of the spans stays, so *where* does not change; only *whether* does.

# %%
from hmmlib.spans import SpanPosterior

one = SpanPosterior(torch.tensor([0.8]), torch.tensor([[[0.6, 0.2], [0.0, 0.0]]]))
later = shift_prior(one, 0.5, 0.1)
print(f"relevance {later.relevance[0]:.2f}, the span {later.spans[0, 0, 0]:.2f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● By hand: Two best spans
# :label: mrc-ex-spans
#
# Somebody finds the span of places 0 to 1 with probability 0.4, 3 to 6 with 0.3, and 3 to 7 with 0.3. Which span is
# exactly right most often? Which has the largest expected F1?
#
# :::{admonition} Hint
# :class: dropdown
# The last two have four places in common, so their F1 is $2 \cdot 4 / (4 + 5)$. Try spans that are never exactly right,
# too.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mrc-ex-spans
# :class: dropdown
# :::
#
# The first is exactly right most often. Its expected F1 is 0.4, that of the others $0.3 + 0.3 \cdot \tfrac89 \approx
# 0.57$. But places 0 to 6 hold the first span and all or nearly all of the others: $0.4 \cdot \tfrac{4}{9} + 0.3 \cdot
# \tfrac{8}{11} + 0.3 \cdot \tfrac{8}{12} \approx 0.60$. So who is judged by F1 does best with an answer that is never
# exactly right.

# %%
from hmmlib.spans import best_f1_span, best_span

law = torch.zeros(1, 8, 8, dtype=torch.float64)
law[0, [0, 3, 3], [1, 6, 7]] = torch.tensor([0.4, 0.3, 0.3], dtype=torch.float64)
print("most often right:", [int(place) for place in best_span(law)])
first, last = (int(place) for place in best_f1_span(law))
print("largest expected F1:", [first, last])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove: The word behind it
# :label: mrc-ex-cloze
#
# Texts are made like this: a definition $q$, then a word $r$, which is *yes* if the context that follows is relevant
# and *no* if it is not, then the context $c$. A masked model sees $(q, \varnothing, c)$ and has learnt to give each word
# its conditional probability. What is the difference of the logarithms of its probabilities of *yes* and *no*? Which
# part of {prf:ref}`mrc-prop-bayes` does the masked model learn with it, and which does it not?
#
# :::{admonition} Hint
# :class: dropdown
# Given $q$ and $c$, the word $r$ has the distribution of the relevance.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mrc-ex-cloze
# :class: dropdown
# :::
#
# $\mathbb{P}[r = \text{yes} \mid q, c]$ is the probability that $c$ is relevant, $P_{00}$. The difference is $\log
# P_{00} - \log(1 - P_{00})$, which is $\operatorname{logit} P_{00}$, the best $S_{00}$. So at this blank the masked model learns what the
# reader's score of the mark learns, from the same yes and no. The scores of spans it does not learn: no word says
# where. It could be told by more words, such as the places of the answer; then a loss for spans is a masked model's
# loss at several blanks. A linear head on the word distribution at the blank, as in {doc}`head_tuning`, reads the answer
# off.

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: What a yes should mean
# :label: mrc-ex-flip
#
# A published code trains $S_{00}$ for *there is an answer*. When it is then tuned on questions some of which have
# none, the same score is trained for *there is no answer*. Tune the reader of this chapter on 64 labelled definitions,
# once with the labels as they were, once with the opposite. What does it cost?
#
# :::{admonition} Hint
# :class: dropdown
# `adapt` with `relevance_weight=1.0` looks at $S_{00}$ alone; `items._replace(relevant=~items.relevant)`.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mrc-ex-flip
# :class: dropdown
# :::
#
# To tune it costs something even with the labels as they were. With the opposite ones, 64 are not enough to turn it round:
# it is right less often than a coin.

# %%
pairs = world.draw(64, generator=seed + 4000, **among)
opposite = pairs._replace(relevant=~pairs.relevant)
for name, labels, sign in (("as learnt", pairs, True), ("opposite", opposite, False)):
    tuned = adapt(reader, labels, relevance_weight=1.0, recipe=recipe)
    yes = read_spans(tuned, items).relevance > 0.5
    share = ((yes == sign) == items.relevant).double().mean()
    print(f"{name}: {100 * share:.0f} % right")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: What is missing to Bayes?
# :label: mrc-ex-open
#
# The reader of this chapter is far from Bayes where it says yes or no. Is it the number of steps, the size of the
# network, or the scalar product? Try each.
#
# :::{admonition} Hint
# :class: dropdown
# `retrofit(reader, world, entities=..., recipe=ModuleRecipe(steps=...))` goes on from the reader; `reader_lm(world,
# TransformerConfig(...))` makes a larger one.
# :::
# ::::

# %% [markdown]
# :::{solution-start} mrc-ex-open
# :class: dropdown
# :::
#
# We have not gone far. A first look at where the reader goes wrong: how often it says yes or no rightly, by what Bayes
# says.

# %%
order = exact.relevance.argsort()
rows = []
for part in order.tensor_split(4):
    means = [law.relevance[part].mean() for law in (exact, said)]
    yes = [
        (law.relevance[part] > 0.5) == items.relevant[part] for law in (exact, said)
    ]
    rows.append((*means, *(right.double().mean() for right in yes)))
header = ["relevance, Bayes", "the same, reader", "right, Bayes", "right, reader"]
Table(header, rows, ".2f")

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# ```{list-table}
# :header-rows: 1
# :name: mrc-tab-claim
#
# * - Claim
#   - In this world it holds when
#   - It fails when
#   - Evidence
# * - A retrofitted reader learns a task from few examples
#   - it is compared with a masked model, with or without more masked training
#   - it is compared with counted words, which need no example
#   - {numref}`mrc-fig-few`
# * - The masked model under it matters
#   - what counts is that reading is learnt soon, and the learning rate is small
#   - what counts is how well, at equal cost; or the rate is large: then it harms
#   - {numref}`mrc-fig-curves`, {ref}`mrc-fails`
# * - The same reader says yes or no
#   - it is left as it is: better than anything tuned on the frozen masked model
#   - it is tuned on labels: that makes it worse; and Bayes is far away
#   - {ref}`mrc-yes`
# * - Names must be hidden in training
#   - what is wanted is reading where no name is shown
#   - names are shown in use as well: then who learnt to look for them finds more
#   - {ref}`mrc-fails`
# ```
#
# - Whether a text speaks of something, and where, has an exact probability here. A reader is of one mind with itself if
#   its spans sum to its relevance; trained ones are not.
# - Another share of relevant texts shifts one number, for readers that were trained, too.
# - Retrofitting teaches to read. Masked training before it makes sure that reading is learnt soon, at one rate, and at
#   another it is in the way.
# - Reading begins suddenly, so what is compared after a fixed number of steps may be when, and not how well.
# - A head adds up what it is shown. Comparing has to be done before.
