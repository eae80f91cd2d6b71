# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Training for the error you count
#
# Language models are trained to make the right text probable. Hardly anyone counts that. In speech recognition one
# counts wrong words: those that stand for others, that are missing, that are too many. A model may get the right
# sentence a little more probable and write more of them.
#
# So train for the wrong words themselves. A model lists the sentences that it finds most probable; each has a number
# of errors; and the mean number, weighted by the probabilities, has a gradient. {cite:t}`lu2020minimum` do this to
# the *hybrid autoregressive transducer*, with thirty thousand hours of speech. **Their claim**: training for word
# errors makes it more accurate, and less sensitive to how it is decoded, to the width of the beam and to how the
# length of a sentence is taken into account.
#
# Nobody knows how many errors are unavoidable in thirty thousand hours. Here an HMM speaks. The probability of every
# sentence, given what is heard, can be computed, and so can the best answers. We ask what training for errors gains
# over the same number of steps of training for likelihood, where the gain comes from, and whether there is a cheaper
# way to it. Running the chapter takes about a minute and a half.

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %% [markdown]
# ## A world that speaks
#
# It has eight words. Each is an HMM of two states from left to right that emit vectors of three coordinates, and the
# words follow one another as a Markov chain, none twice in a row. All together is one HMM of sixteen states, which we
# know: {prf:ref}`rc-def-hmm`, and an end.

# %%
from hmmlib.transduction import error_counts, random_spoken_words

seed = 1  # change me
world = random_spoken_words(generator=seed, end=0.3)
train = world.sample(1920, generator=10 * seed + 1)
heard, said = world.sample(250, generator=10 * seed + 2)
print("utterances:", len(said.lengths), "words:", int(said.lengths.sum()))
print("frames of the first:", int(heard.frames[0]), "said:", said.lists()[0])

# %% [markdown]
# What was said is not certain when the vectors are known. Here are the strings that are most probable for one
# utterance, from a sample of the exact posterior, with $\mathbb{P}[y \mid x] = \mathbb{P}[x, y]/\mathbb{P}[x]$.

# %%
from hmmlib.transduction import Strings, Utterances


def as_strings(lists):
    """Lists of words as strings."""
    longest = max(map(len, lists))
    padded = [list(words) + [0] * (longest - len(words)) for words in lists]
    return Strings(torch.tensor(padded), torch.tensor([len(x) for x in lists]))


# %%
one = Utterances(heard.x[5:6], heard.frames[5:6])
drawn = sorted(set(map(tuple, world.sample_strings(one, 300, generator=0).lists())))
each = Utterances(one.x.expand(len(drawn), -1, -1), one.frames.expand(len(drawn)))
p = (world.log_joint(each, as_strings(drawn)) - world.log_evidence(one)).exp()
print(
    "said:", said.lists()[5], "strings drawn:", len(drawn), f"with P = {p.sum():.3f}"
)
for i in p.argsort(descending=True)[:4].tolist():
    print(f"{float(p[i]):.3f}", list(drawn[i]))

# %% [markdown]
# :::{prf:definition} Word error rate
# :label: we-def-wer
#
# The *errors* $E(y, y^\star)$ of a string $y$ against what was said are the fewest substitutions, deletions and
# insertions that make $y$ out of $y^\star$. The *word error rate* is their sum over all utterances, divided by the
# number of words said.
# :::
#
# :::{prf:proposition} Two best answers
# :label: we-prop-bayes
#
# The probability that the answer to $x$ is wrong anywhere is least for the most probable string, that of the largest
# $\mathbb{P}[y \mid x]$. The expected number of errors is least for the string $y$ of the least $\sum_{y'}
# \mathbb{P}[y' \mid x]\, E(y, y')$. They need not be the same.
# :::
#
# :::{prf:proof}
# Both are the definition of an expectation under the posterior. {ref}`An exercise <we-ex-three>` has an example where
# they differ.
# :::
#
# The second is *Bayes decoding* or *minimum Bayes risk*. A sum over all strings is out of reach, but a sample of the
# posterior will do: it is the HMM's, and we draw it exactly.

# %%
bayes = error_counts(world.bayes_strings(heard, generator=seed), said)
path = error_counts(world.most_probable_path(heard), said)
kinds = ("substitutions", "deletions", "insertions")


def counted(counts):
    """Word error rate in percent, and the kinds of errors, per hundred words."""
    words = float(counts.words.sum())
    parts = [100 * float(getattr(counts, kind).sum()) / words for kind in kinds]
    return [100 * counts.rate, *parts]


rows = [("Bayes", *counted(bayes)), ("most probable path of states", *counted(path))]
Table(["answers", "word errors, %", *kinds], rows, ".1f")

# %% [markdown]
# About a fifth of the words cannot be had. No model will do better, whatever it is trained for.
#
# ## A transducer
#
# :::{prf:definition} Hybrid autoregressive transducer
# :label: we-def-hat
#
# An encoder turns the vectors into $f_1, \dots, f_T$; the words written so far are summed up in $g_u$. At frame $t$
# with $u$ words written, let $h = \tanh(f_t + g_u)$. With a probability $q_{t,u}$, a logistic function of $h$, the
# transducer goes on to the next frame, which is called a *blank*. Otherwise it writes a word $v$, with probability
# $(1 - q_{t,u})\, p_{t,u}(v)$ in all, $p$ a softmax of $h$, and stays at the frame. Behind the last frame's blank it
# is done {cite:p}`variani2020hybrid`.
# :::
#
# Many ways lead to one string: words can be written at different frames. Their sum is a recursion over a *lattice* of
# frames and words, like the forward recursion of an HMM:
#
# $$
# \alpha_{t,u} = \alpha_{t-1,u}\, q_{t-1,u} + \alpha_{t,u-1}\, (1 - q_{t,u-1})\, p_{t,u-1}(y_u), \qquad
# \mathbb{P}[y \mid x] = \alpha_{T,U}\, q_{T,U}.
# $$ (we-eq-lattice)
#
# Is it the sum over all ways? With two frames and three words we can write them all down.

# %%
from hmmlib.transduction import HybridTransducer, transducer_log_probs

start = HybridTransducer(world.n_words, world.dim, width=24, generator=seed).double()
two = Utterances(heard.x[:1, :2], torch.tensor([2]))
words = torch.tensor([[3, 1, 4]])


def tables(model, part, words):
    """Logarithms of q and of (1 − q)p, at every frame and number of words written."""
    before = torch.cat([torch.tensor([[world.n_words]]), words], 1)
    with torch.no_grad():
        blank, word = model.joint(model.encode(part)[:, :, None], before[:, None])
    index = words[:, None, :, None].expand(-1, word.shape[1], -1, 1)
    return blank, word[:, :, :-1].gather(-1, index)[..., 0]


# %%
from itertools import combinations_with_replacement

blank, word = tables(start, two, words)
total = 0.0
for at in combinations_with_replacement(range(2), 3):  # the frame of each word
    logs = [word[0, t, u] for u, t in enumerate(at)]
    logs += [blank[0, 0, sum(t == 0 for t in at)], blank[0, 1, 3]]
    total += float(sum(logs).double().exp())
with torch.no_grad():
    ours = start.log_probs(two, Strings(words, torch.tensor([3]))).exp()
print("lattice against all ways, relative:", deviation(ours / total - 1))

# %% [markdown]
# Now train it: for likelihood first, on 1,920 utterances, and not for long. (In double precision, so that all
# computers print the same.)

# %%
from hmmlib.transduction import TransducerRecipe, train_transducer

first = TransducerRecipe(steps=300, learning_rate=0.02, batch=24)
base = train_transducer(start, *train, generator=seed, recipe=first)

# %% mystnb={"figure": {"caption": "When a transducer that was trained for likelihood writes each word of an utterance: posterior probabilities over frames, given the right string. Words come late, when their second state has been heard.", "name": "we-fig-lattice"}, "image": {"alt": "A grey matrix with a row for each word, in order, and a column for each frame. Dark cells go down from left to right like a staircase; some words are spread over two or three frames."}}
from hmmlib.plotting.word_error_rate_training import lattice_posteriors

row = int((said.lengths == 7).nonzero()[0])
row = slice(row, row + 1)
some = Utterances(heard.x[row, : int(heard.frames[row])], heard.frames[row])
words = said.words[row, :7]
blank, word = tables(base, some, words)
word.requires_grad_()
nats_of_it = transducer_log_probs(blank, word, some.frames, said.lengths[row])
(posterior,) = torch.autograd.grad(nats_of_it.sum(), word)
lattice_posteriors({"posterior probability": posterior[0].numpy()}, words[0].tolist())
plt.show()

# %%
off = (posterior.sum(1) - 1).abs().max()
print("each word is written once:", deviation(off))

# %% [markdown]
# The picture took no recursion of its own. By {prf:ref}`ts-prop-fisher` the derivative of $\log \mathbb{P}[y \mid x]$
# by the logarithm of a probability is how often, in expectation, it is used.
#
# ## The gradient of the error
#
# Let a beam search list $N$ strings, with probabilities $P_n$ and errors $E_n$. Make the probabilities of the list
# sum to one, $\hat P_n = P_n / \sum_m P_m$. *Minimum word error rate training* lowers
#
# $$
# L = \sum_n \hat P_n E_n + \lambda \cdot (-\log \mathbb{P}[y^\star \mid x]).
# $$ (we-eq-mwer)
#
# :::{prf:proposition} What it does to each string
# :label: we-prop-gradient
#
# For the first term,
#
# $$
# \frac{\partial L}{\partial \log P_n} = \hat P_n \Bigl(E_n - \sum_m \hat P_m E_m\Bigr).
# $$ (we-eq-gradient)
#
# Strings with fewer errors than the list's mean gain, others lose. Taking a constant from all $E_n$ of a list changes
# nothing. If all have as many errors, the gradient is zero.
# :::
#
# :::{prf:proof}
# $\partial \hat P_m / \partial \log P_n = \hat P_m (\mathbf{1}(m = n) - \hat P_n)$. Sum over $m$ with the weights
# $E_m$; a constant cancels.
# :::
#
# Often the mean of the errors is taken from them first. In this sum, which is over the whole list, that is the same:

# %%
from hmmlib.transduction import expected_errors

logs = torch.tensor(
    [[-1.0, -1.5, -3.0, -0.2]], dtype=torch.float64, requires_grad=True
)
errors = torch.tensor([[0.0, 2.0, 1.0, 1.0]], dtype=torch.float64)
(ours,) = torch.autograd.grad(expected_errors(logs, errors), logs)
share = logs.detach().softmax(1)
formula = share * (errors - (share * errors).sum())
(moved,) = torch.autograd.grad(expected_errors(logs, errors - errors.mean()), logs)
print("gradient:", ours.numpy().round(4)[0])
print("formula:", deviation((ours - formula).abs().max()), end=", ")
print("without the mean:", deviation((ours - moved).abs().max()))

# %% [markdown]
# Now go on from the same transducer with the same utterances, for the same sixty steps: once for likelihood, once for
# errors with $\lambda = 0.1$ and lists of four.

# %%
more = {"steps": 60, "learning_rate": 5e-4, "batch": 24}
ways = {
    "likelihood": TransducerRecipe(**more),
    "word errors": TransducerRecipe(criterion="word errors", **more),
}
models = {"start": base}
for name, recipe in ways.items():
    models[name] = train_transducer(base, *train, generator=seed, recipe=recipe)

# %%
from hmmlib.transduction import BeamRecipe, beam_search

with torch.no_grad():
    exact = (world.log_evidence(heard) - world.log_joint(heard, said)).mean()
    nats = {name: -m.log_probs(heard, said).mean() for name, m in models.items()}
rows = []
for name, model in models.items():
    for width in (1, 8):
        beams = beam_search(model, heard, BeamRecipe(width)).strings()
        rows.append((name, nats[name], width, *counted(error_counts(beams, said))))
rows.append(("Bayes", exact, None, *counted(bayes)))
header = ["trained for", "nats", "beam", "word errors, %", *kinds]
Table(header, rows, [None, ".2f", None, *[".1f"] * 4])

# %% [markdown]
# Sixty steps for likelihood make the right strings more probable, and the errors fewer. Sixty steps for errors make
# the right strings less probable than that, and the errors fewer still, with a beam of one (a greedy search) and of
# eight. What is fewer are the words left out. But this is one world, and two hundred and fifty utterances.
#
# (we-sec-worlds)=
# ## Two thousand utterances, five worlds
#
# `hmmlib sweep word-error-training` does it at length: five worlds, in which utterances are a little longer; a
# *small* start, 500 steps on 1,920 utterances, and a *large* one, 1,500 steps on 8,000; 150 steps on from there;
# 2,000 test utterances. All tables and figures down to *Where it fails* are from its records.

# %%
from hmmlib.analysis import mean_over_seeds, read_results

records = read_results("word_error_training_laptop")["cells"]
by_start = {s: [r for r in records if r["start"] == s] for s in ("small", "large")}
names = {"likelihood": "likelihood", "word_errors": "word errors, λ = 0.1"}
names["word_errors_alone"] = "word errors alone"


# %%
def of(start, way, *keys):
    """By seed: numbers of a model's records, or word error rates in percent."""
    values = [record["models"][way] for record in by_start[start]]
    for key in keys:
        values = [value[key] for value in values]
    return [100 * v["rate"] if isinstance(v, dict) else v for v in values]


def with_intervals(*lists):
    """Mean and half-width of the 95% interval over seeds, a pair for each."""
    mean, half = mean_over_seeds(lists)
    return list(zip(mean, half, strict=True))


# %% mystnb={"figure": {"caption": "From where 150 more steps begin (dots) to where they lead, in the plane of log-loss and word errors in greedy decoding; a line for each world. Likelihood leads furthest to the left, word errors furthest down.", "name": "we-fig-plane"}, "image": {"alt": "Two panels, small and large start. From each of five grey dots one line leads left and down to a circle, and two lead further down and less to the left, to a square and a triangle."}}
from hmmlib.plotting.word_error_rate_training import loss_and_errors


def ends(start, way):
    """Nats per utterance and word errors, a pair for each seed."""
    points = of(start, way, "nats"), of(start, way, "beam", "1")
    return list(zip(*points, strict=True))


panels = {
    f"{start} start": {name: ends(start, way) for way, name in names.items()}
    for start in by_start
}
loss_and_errors(panels, [*ends("small", "base"), *ends("large", "base")])
plt.show()

# %% tags=["hide-input"]
rows = []
for start, some in by_start.items():
    for way, name in {"base": "start", **names}.items():
        errors = [of(start, way, "beam", width) for width in ("1", "2", "4", "8")]
        rows.append((start, name, *with_intervals(of(start, way, "nats"), *errors)))
    least = [r["exact_nats"] for r in some], [100 * r["bayes"]["rate"] for r in some]
    rows.append((start, "Bayes", *with_intervals(*least), None, None, None))
header = ["start", "trained for", "nats", "greedy", "beam 2", "beam 4", "beam 8"]
Table(header, rows, [None, None, ".2f", *[".1f"] * 4])

# %% [markdown]
# Worlds differ more than ways of training. But all ways are judged on the same utterances. So here are the
# differences, errors less likelihood, world by world, with 95% intervals by a paired bootstrap over utterances:


# %% tags=["hide-input"]
def shown(gap):
    """A difference in percentage points and its interval."""
    mean, low, high = (f"{100 * gap[k]:+.1f}" for k in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]".replace("-", "−")


# %% tags=["hide-input"]
decodings = {"1": "greedy", "8": "beam 8"}
decodings |= {"1, tuned": "greedy, both tuned", "8, tuned": "beam 8, both tuned"}
rows = []
for start, some in by_start.items():
    for key, name in decodings.items():
        gaps = [r["differences"]["word_errors"][key] for r in some]
        surely = sum(gap["high"] < 0 for gap in gaps)
        rows.append((start, name, *map(shown, gaps), surely))
header = ["start", "decoding", *(f"world {r['seed']}" for r in some)]
Table([*header, "surely fewer in"], rows)

# %% [markdown]
# ## Where the gain comes from
#
# Look at the kinds of errors after sixty steps, above: a transducer trained for likelihood leaves words out. Where it
# is unsure between two words, each has little probability, and the blank, which it is sure of when it hears nothing
# new, has more. One number could mend that: take a *penalty* from the logit of the blank. We choose it on 500
# validation utterances, for each model.


# %%
def missing(start, way, width):
    """Deletions less insertions, per hundred words."""
    counts = [r["models"][way]["beam"][width] for r in by_start[start]]
    return [100 * (c["deletions"] - c["insertions"]) / c["words"] for c in counts]


# %% tags=["hide-input"]
rows = []
for start, way in [(s, w) for s in by_start for w in names]:
    for width in ("1", "8"):
        errors = of(start, way, "beam", width), of(start, way, "penalty", width)
        found = with_intervals(missing(start, way, width), *errors)
        taken = np.mean(of(start, way, "penalty", width, "chosen"))
        rows.append((start, names[way], width, *found[:2], taken, found[2]))
header = ["start", "trained for", "beam", "missing words, %", "word errors, %"]
header += ["penalty", "with it"]
Table(header, rows, [None, None, None, ".1f", ".1f", ".2f", ".1f"])

# %% [markdown]
# So it is. A transducer trained for likelihood leaves out more words than one trained for errors, asks for a larger
# penalty, and with it comes near to the other. Look at the rows *both tuned* of the table before: what was a clear
# lead in greedy decoding is a few tenths of a point, and in most worlds not to be told from none. Most of what
# training for errors has learnt here is one number.
#
# (we-sec-decoding)=
# ## How it is decoded
#
# The other half of the claim: less depends on the beam, and on how scores are divided by the length of a string,
# $\log P / \lvert y \rvert^\alpha$.

# %% mystnb={"figure": {"caption": "Word errors against the width of the beam, and for a beam of eight against the exponent of the length; means over five worlds, small start.", "name": "we-fig-decoding"}, "image": {"alt": "Two panels with three lines each. Left, errors fall as the beam widens, most from one to four; the line of likelihood starts highest. Right, over exponents zero, one half and one, on the same scale, the lines are nearly flat."}}
from hmmlib.plotting.word_error_rate_training import errors_by_setting

start = "small"  # change me: "large"
settings = {"beam": ("1", "2", "4", "8"), "exponent": ("0.0", "0.5", "1.0")}
panels = {
    key: {n: {v: of(start, way, key, v) for v in values} for way, n in names.items()}
    for key, values in settings.items()
}
errors_by_setting(panels, {"beam": "strings kept", "exponent": "exponent $\\alpha$"})
plt.show()


# %% tags=["hide-input"]
def spread(start, way, key):
    """Most errors less fewest, over the values of a setting, by world."""
    return np.ptp([of(start, way, key, value) for value in settings[key]], 0)


rows = []
for start, way in [(s, w) for s in by_start for w in names]:
    own = [spread(start, way, key) for key in settings]
    other = [spread(start, "likelihood", key) for key in settings]
    found = with_intervals(*own, *np.subtract(own, other))
    rows.append((start, names[way], *found, int((own[0] < other[0]).sum())))
header = ["start", "trained for", "over beams", "over exponents", "beams, change"]
header += ["exponents, change", "beams matter less in"]
Table(header, rows, [None, None, *[".1f"] * 4, None])

# %% [markdown]
# The table has how far errors go apart from a beam of one to a beam of eight, and over the exponents, and how much
# further than after training for likelihood (*change*), world by world; last, in how many of the five worlds it is
# less.
#
# The claim about the beam holds: after training for errors the search matters less, in every world. Fewer words are
# left out to begin with, so a wider beam has fewer to find again. How much less differs from world to world, which
# makes the intervals wide. The exponent hardly matters to any of them, and training for errors does not change that:
# after the small start it matters a little less in the mean, after the large one a little more.
#
# There is a cheaper way to fewer errors, and it does not train at all. Take the sixteen strings of a wide beam and
# answer with the one of the least expected number of errors, {prf:ref}`we-prop-bayes`, under the probabilities of the
# model.

# %% tags=["hide-input"]
rows = []
for start, way in [(s, w) for s in by_start for w in names]:
    best, least = of(start, way, "beam", "8"), of(start, way, "least_expected")
    gap = np.subtract(least, best)
    rows.append((start, names[way], *with_intervals(best, least, gap)))
header = ["start", "trained for", "beam 8", "least expected errors of 16"]
Table([*header, "difference"], rows, [None, None, ".1f", ".1f", ".2f"])

# %% [markdown]
# For a transducer that was trained for likelihood this gains as much as training for errors does with a beam of
# eight. It needs no gradient, only a list.
#
# (we-sec-fails)=
# ## Where it fails
#
# By {prf:ref}`we-prop-gradient` a string pulls with its probability. What the model finds improbable is not heard,
# though it be right. So take a world in which words are clear, and a transducer that is sure of something wrong:
# trained for likelihood, then two words exchanged in its last layer, as if it had learnt to spell each as the other.
# How quickly does it unlearn that, in sixty steps?

# %%
clear = random_spoken_words(4, generator=1, scale=3.0, end=0.4)
lessons, (heard_4, said_4) = (
    clear.sample(640, generator=1),
    clear.sample(300, generator=2),
)
sure = HybridTransducer(4, clear.dim, width=32, generator=1).double()
first = TransducerRecipe(steps=300, learning_rate=0.01)
sure = train_transducer(sure, *lessons, generator=1, recipe=first)
swapped = copy.deepcopy(sure)
with torch.no_grad():
    for table in (swapped.word.weight, swapped.word.bias):
        table[[0, 1]] = table[[1, 0]].clone()


# %%
def unlearnt(**recipe):
    """The swapped transducer, trained on."""
    how = TransducerRecipe(steps=60, learning_rate=2e-3, **recipe)
    return train_transducer(swapped, *lessons, generator=1, recipe=how)


alone = {"criterion": "word errors", "likelihood_weight": 0.0}
after = {"before the exchange": sure, "after it": swapped, "likelihood": unlearnt()}
after["word errors alone"] = unlearnt(**alone)
after["word errors, λ = 0.1"] = unlearnt(**alone | {"likelihood_weight": 0.1})

# %%
rows = []
for name, model in after.items():
    answers = beam_search(model, heard_4, BeamRecipe(1)).strings()
    rows.append((name, *counted(error_counts(answers, said_4))))
Table(["two words exchanged", "word errors, %", *kinds], rows, ".1f")

# %% [markdown]
# Likelihood unlearns it. Errors alone hardly do: the lists hold hardly a string with the right word, and if they do,
# its share is next to nothing. With a little likelihood added, $\lambda = 0.1$, it goes quickest. So the second term
# of {eq}`we-eq-mwer` is not for decoration.
#
# ## What this says about the paper of this book
#
# A head is trained for log-loss, and wrong labels are counted. With one label for a text the list has the two labels,
# each of them has one error or none, and {eq}`we-eq-mwer` says something simple:
#
# :::{prf:proposition} Expected errors of one label
# :label: we-prop-label
#
# For a classifier with the probability $p$ for the right label the expected number of errors is $1 - p$, and its
# derivative by the logit of the right label is $-p(1-p)$; that of the log-loss is $-(1-p)$. A text that is classified
# wrongly and surely, $p \to 0$, pulls with strength one in the log-loss and not at all in the expected errors.
# :::
#
# :::{prf:proof}
# $L = \hat P_{\text{wrong}} \cdot 1 = 1 - p$ with $p = \sigma(z)$, and $\sigma' = \sigma(1 - \sigma)$; $-\log
# \sigma(z)$ has the derivative $-(1 - \sigma(z))$.
# :::
#
# So log-loss listens most to the texts that it gets most wrong, expected errors to those in doubt. Where a head can
# get all labels right, both do. Where there are more states than words the columns of $W$ are dependent, and no head
# can ({doc}`when_heads_fail`). Does it matter then what it is trained for? Below, heads on the exact model of the
# paper's HMMs, with ten words: one of the least log-loss, and one that goes on from there for expected errors, judged
# on new texts.

# %%
from hmmlib import ExactMaskedLM, blank_probs, draw_dataset, draw_task, random_hmm
from hmmlib.heads import logistic_head


# %%
def two_heads(seed, n_states):
    """Accuracy of the head of least log-loss, and of one trained on for errors."""
    model = random_hmm(n_states, 10, generator=seed)
    task = draw_task(model, generator=seed)
    drawn = draw_dataset(task, generator=seed, sizes=(2000, 1, 2000))
    parts = (drawn.train, drawn.test)
    G, new = (blank_probs(ExactMaskedLM(model), part.tokens) for part in parts)
    size = G.std(0).clamp_min(1e-300)  # makes every token as large as the others
    least = logistic_head(G, drawn.train.labels).head.weights.squeeze() * size
    right = 2.0 * drawn.train.labels.double() - 1
    heads = (least, errors_from(least, G / size, right))
    said = [(new / size @ b >= 0) == drawn.test.labels for b in heads]
    return [float(one.double().mean()) for one in said]


# %%
def errors_from(b, features, labels):
    """Fewer expected errors, from where the log-loss is least."""
    b = b.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([b], max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        found = torch.sigmoid(-labels * (features @ b)).mean()
        found.backward()
        return found

    optimiser.step(loss)
    return b.detach()


# %%
rows = []
for n_states in (4, 10, 30):
    found = np.array([two_heads(s, n_states) for s in range(1, 6)]).T
    mean, half = mean_over_seeds([*found, found[1] - found[0]])
    rows.append((n_states, *zip(mean, half, strict=True)))
header = ["states $H$", "log-loss", "expected errors", "difference"]
Table(header, rows, ".3f")

# %% [markdown]
# With four states or ten it does not matter. With thirty, training for errors gets several labels of a hundred more.
# Part of what a linear head seems unable to do on the paper's larger HMMs is what it was trained for.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: Two strings
# :label: we-ex-hand
#
# A list has two strings with $\hat P = (0.8, 0.2)$ and errors $(3, 1)$. What is the gradient of the expected errors
# by $\log P_1$ and $\log P_2$? What is it for errors $(103, 101)$? And for $\hat P = (0.99, 0.01)$?
#
# :::{admonition} Hint
# :class: dropdown
# {eq}`we-eq-gradient`.
# :::
# ::::

# %% [markdown]
# :::{solution-start} we-ex-hand
# :class: dropdown
# :::
#
# The mean is 2.6. The gradients are $0.8 \cdot 0.4 = 0.32$ and $0.2 \cdot (-1.6) = -0.32$: with two strings they are
# $\pm \hat P_1 \hat P_2 (E_1 - E_2)$. A hundred errors more on both change nothing. With $\hat P = (0.99, 0.01)$ they
# are $\pm 0.0198$: the surer the model, the less it learns.

# %%
for share, errors in (
    ((0.8, 0.2), (3, 1)),
    ((0.8, 0.2), (103, 101)),
    ((0.99, 0.01), (3, 1)),
):
    logs = torch.tensor([share], dtype=torch.float64).log().requires_grad_()
    counts = torch.tensor([errors], dtype=torch.float64)
    (found,) = torch.autograd.grad(expected_errors(logs, counts), logs)
    print(share, errors, found.numpy().round(4)[0])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: The most probable string
# :label: we-ex-three
#
# "The most probable string has the fewest expected errors." Prove it or refute it. And if its probability is above
# one half?
#
# :::{admonition} Hint
# :class: dropdown
# Three strings of two words are enough.
# :::
# ::::

# %% [markdown]
# :::{solution-start} we-ex-three
# :class: dropdown
# :::
#
# Refuted. Let *a a* have probability 0.4, *b c* and *b d* 0.3 each. The most probable, *a a*, has $0.6 \cdot 2 = 1.2$
# expected errors; *b c* has $0.4 \cdot 2 + 0.3 = 1.1$.
#
# Above one half it is best. The number of errors is a metric: $E(y, y') \ge E(y^\ast, y') - E(y, y^\ast)$. With $p$
# the probability of $y^\ast$, the expected errors of any other $y$ are at least $p\, E(y, y^\ast)$ plus those of
# $y^\ast$ less $(1 - p)\, E(y, y^\ast)$: more by at least $(2p - 1)\, E(y, y^\ast) > 0$.

# %%
from hmmlib.transduction import least_expected_error

three = as_strings([[0, 0], [1, 2], [1, 3]])
for share in ((0.4, 0.3, 0.3), (0.51, 0.25, 0.24)):
    best = int(least_expected_error(three, torch.tensor([share])))
    print(share, "best:", three.lists()[best])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: Longer lists
# :label: we-ex-lists
#
# How long should the list be? For lists of two, four, eight and sixteen strings ask how often the right string is in
# it, and how many errors its best string has. And should the right string be added if the beam did not find it?
#
# :::{admonition} Hint
# :class: dropdown
# `Beams.strings(rank)` gives the strings of a rank. For the last question look at {eq}`we-eq-gradient`.
# :::
# ::::

# %% [markdown]
# :::{solution-start} we-ex-lists
# :class: dropdown
# :::
#
# The right string is in a list of two for more than half of the utterances, in one of sixteen for most; the best
# string of a list of four already has fewer errors than Bayes, who does not know which it is. A longer list has more
# to prefer, and costs more. To add the right string brings hardly anything if the model finds it improbable: by
# {eq}`we-eq-gradient` it pulls with its share. That is what $\lambda$ is for.

# %%
lists = beam_search(base, heard, BeamRecipe(16))
ranks = [error_counts(lists.strings(rank), said) for rank in range(16)]
errors = torch.stack([counts.errors for counts in ranks])
rows = []
for n in (2, 4, 8, 16):
    fewest = errors[:n].amin(0)
    inside = 100 * (fewest == 0).double().mean()
    rows.append((n, inside, 100 * fewest.sum() / said.lengths.sum()))
header = ["strings in a list", "right one among them, %", "errors of the best, %"]
Table(header, rows, [None, ".0f", ".1f"])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: What it expects when it hears nothing
# :label: we-ex-internal
#
# A transducer learns how words follow one another, too. Its *internal language model* is the softmax at $h =
# \tanh(g_u)$, without any $f_t$. Is it like the bigram of the world? And what happens if a share of its
# log-probability is taken from the scores of the beam?
#
# :::{admonition} Hint
# :class: dropdown
# `internal_lm`, and `BeamRecipe(internal_lm_weight=…)`.
# :::
# ::::

# %% [markdown]
# :::{solution-start} we-ex-internal
# :class: dropdown
# :::
#
# It has learnt the bigram. Each word costs something under it; whoever takes a share of that away makes long strings
# cheaper, and fewer words are left out. A share of it helps the model trained for likelihood. The other, which leaves
# out fewer words, gains less, and a large share harms it.

# %%
from scipy.stats import spearmanr

with torch.no_grad():
    expected = base.internal_lm(torch.arange(world.n_words)).exp().double()
off = ~torch.eye(world.n_words, dtype=torch.bool)
rank = spearmanr(expected[off], world.bigram[off]).statistic
print(f"rank correlation with the bigram: {rank:.2f}")

# %%
rows = []
for weight in (0.0, 0.1, 0.2, 0.4):
    recipe, found = BeamRecipe(4, internal_lm_weight=weight), []
    for name in ways:
        answers = beam_search(models[name], heard, recipe).strings()
        found += counted(error_counts(answers, said))[::2]  # all, and deletions
    rows.append((weight, *found))
header = ["weight", "likelihood, %", "deletions", "word errors, %", "deletions"]
Table(header, rows, [None, *[".1f"] * 4])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: Longer than ever heard
# :label: we-ex-open
#
# Train on utterances of at most four words, and test on those of ten and more. Who suffers more, likelihood or
# errors? And what would make a transducer that does not?
#
# :::{admonition} Hint
# :class: dropdown
# `said.lengths` chooses utterances.
# :::
# ::::

# %% [markdown]
# :::{solution-start} we-ex-open
# :class: dropdown
# :::
#
# We have not gone far. A first step: the models of this page, trained on all lengths, by the length of the utterance.

# %%
rows = []
for low, high in ((1, 3), (4, 7), (8, 100)):
    inside = (said.lengths >= low) & (said.lengths <= high)
    part = Utterances(heard.x[inside], heard.frames[inside])
    right = Strings(said.words[inside], said.lengths[inside])
    found = [world.bayes_strings(part, generator=seed)]
    found += [beam_search(m, part, BeamRecipe(4)).strings() for m in models.values()]
    rows.append(
        (f"{low} to {high}", *(100 * error_counts(f, right).rate for f in found))
    )
Table(["words", "Bayes", *models], rows, ".1f")

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# ```{list-table}
# :header-rows: 1
# :name: we-tab-claim
#
# * - Claim
#   - In this world it holds when
#   - It fails when
#   - Evidence
# * - Training for word errors makes a transducer more accurate than as many steps for likelihood
#   - the search is greedy, or the first training was short
#   - a blank penalty is chosen for each: then hardly anything is left
#   - {numref}`we-fig-plane`, {ref}`we-sec-worlds`
# * - It depends less on the beam and on the length exponent
#   - the beam is meant
#   - the exponent is meant: no difference can be told
#   - {numref}`we-fig-decoding`, {ref}`we-sec-decoding`
# * - Word errors can be trained for alone
#   - the model knows roughly what is right
#   - it is sure of something wrong: its lists do not hold what is right
#   - {prf:ref}`we-prop-gradient`, {ref}`we-sec-fails`
# ```
#
# - As many steps for likelihood give more likelihood and more errors: a better model of the text is not what makes
#   fewer errors.
# - What is gained are words that a model trained for likelihood leaves out. One number, chosen on a few hundred
#   utterances, gains most of it too; so does an answer of least expected error from a list.
# - Nobody makes fewer errors than Bayes, and what is missing to that is mostly there after any of the trainings.
# - For heads the criterion matters where no head can get all labels right.
