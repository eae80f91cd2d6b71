# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How big should the frozen model be?
#
# The paper of this book freezes a pretrained model and trains a head on it. Which model, if there are several? Large ones
# know more of the language. They also show a longer vector, and the head has one weight for each of its entries, while
# the examples of a task remain as few as they are.
#
# {cite:t}`luo2024investigating` ask just that, and they, too, take a hidden Markov model for the text. **Their claim**:
# as the frozen model grows, the risk of the head first rises and then falls, a *double descent* whose first descent has
# nothing in it, so that before the peak the best size is none at all, and after it larger is better. We had only their
# abstract and what others wrote about the paper, so what follows are our own statements about the setting that the
# abstract describes.
#
# Much of it can be computed: with normal distributions the risk of a head needs no test, and its mean over training
# sets needs no training. So one sees when the claim holds, and what decides it. Running the chapter takes about half a
# minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %% [markdown]
# ## A model of any size
#
# :::{prf:definition} The setting
# :label: fs-def-world
#
# A hidden vector $z$ of $d$ entries, normal with mean zero and covariance $\Sigma$, is that of a linear-Gaussian HMM
# after many steps $z' = A z + e$. A frozen model of size $p$ shows $x = W z + u$, where $W$ is a fixed matrix with
# independent normal entries of variance $1/d$, and $u$ has independent normal entries of variance $\sigma_u^2$. A label
# is $y = \beta^\top z + \varepsilon$ with a normal $\varepsilon$ of variance $\sigma_y^2$. The head is the least-squares
# solution for $n$ examples; where many fit as well, that of the smallest norm.
# :::
#
# $W$ stands for what the model has learnt, $u$ for what it shows besides. Each further feature shows $z$ once more, with
# a noise of its own: so more is known of $z$, the larger the model is. The *risk* is the mean of $(x^\top w -
# \beta^\top z)^2$ over new texts. What is asked may also be the next hidden vector, or be read off a whole text: then
# $d$, $W$, $\beta$, $\Sigma$ and $\sigma_y$ are others, and the formulas stay.

# %%
from hmmlib.regression import (
    LinearTask,
    head_risk,
    min_norm_head,
    min_norm_risk,
    random_features,
    stationary_covariance,
)

# %%
d, n = 20, 100  # change me: entries of the hidden vector, examples
steps = 0.8 * torch.eye(d, dtype=torch.float64)
covariance = stationary_covariance(steps, 0.36 * torch.eye(d))  # the identity
beta = torch.eye(d, dtype=torch.float64)[0]
task = LinearTask(covariance, 0.5 * beta, label_noise=1.0)
features = random_features(40, d, noise=1.0, generator=0)
some = task.draw(n, generator=1)
head = min_norm_head(features.show(some.hidden, generator=2), some.targets)
print(f"risk of this head:  {head_risk(head, task, features):.3f}")
print(f"mean over examples: {min_norm_risk(task, features, n):.3f}")

# %% [markdown]
# :::{prf:proposition} Fewer features than examples
# :label: fs-prop-few
#
# Let $\sigma_u > 0$ and $\Sigma$ be invertible, and let $v = \beta^\top (\Sigma^{-1} + W^\top W / \sigma_u^2)^{-1}
# \beta$, the risk of the best head there is. For $p < n - 1$ the mean risk over training examples is exactly
#
# $$
# R(p) = v + (v + \sigma_y^2)\, \frac{p}{n - p - 1}.
# $$ (fs-eq-few)
#
# For $n - 1 \le p \le n + 1$ it is infinite, unless $v = \sigma_y = 0$.
# :::
#
# :::{prf:proof}
# $x$ and $y$ are jointly normal, so $y = \theta^\top x + \eta$, where $\eta$ is independent of $x$ and has the variance
# $v + \sigma_y^2$; the inverse of the posterior covariance of $z$ given $x$ is the matrix in $v$. So the head is that of
# ordinary least squares in a model that is right, and its error is $(v + \sigma_y^2) \operatorname{tr}(\Sigma_x (X^\top
# X)^{-1})$ in the mean. $X^\top X$ has a Wishart distribution, whose inverse has the mean $\Sigma_x^{-1} / (n - p - 1)$,
# and none for $p \ge n - 1$. What remains, $\theta^\top x - \beta^\top z$, is independent of $x$ and has the variance
# $v$. For $p = n$ and $p = n + 1$ the error is at least a multiple of $\operatorname{tr} (G G^\top)^{-1}$, with an $n
# \times p$ matrix $G$ of independent standard normal entries, which has no mean either.
# :::
#
# With more features $v$ falls, and the factor behind it rises. Which of them wins depends on how much the labels are
# worth.

# %%
from hmmlib.regression import sampled_risks

rows = []
for p in (1, 20, 60, 80):
    features = random_features(p, d, noise=1.0, generator=0)
    found = sampled_risks(task, features, n, 200, generator=p)
    expected = min_norm_risk(task, features, n)
    rows.append((p, expected, found.mean(), 2 * found.std() / 200**0.5))
header = ["features", "mean risk, theory", "200 heads", "± twice its error"]
Table(header, rows, [None, *[".3f"] * 3])

# %% [markdown]
# Beyond $p = n + 1$ the head fits every example, and its mean risk has no closed form. For many features and examples it
# comes near to a *deterministic equivalent*, one equation to be solved for one number {cite:p}`hastie2022surprises`.
# `min_norm_risk` has it. Close to the peak it is too low: where $W = 0$ it has $n / (p - n)$ in place of $n / (p - n -
# 1)$. Where it ends can be said in words.
#
# :::{prf:proposition} As features become very many
# :label: fs-prop-limit
#
# Let $\sigma_u > 0$. For $p \to \infty$ and given examples, the head predicts what ridge regression on $z$ itself does, with the penalty $d \sigma_u^2$: the
# weights $\alpha$ with the least $\sum_i (y_i - \alpha^\top z_i)^2 + d \sigma_u^2 |\alpha|^2$.
# :::
#
# :::{prf:proof}
# The head of smallest norm predicts $k(x)^\top K^{-1} y$ with $K = X X^\top / p$ and $k(x) = X x / p$, where the rows of
# $X$ are the examples. By the law of large numbers $W^\top W / p \to I / d$, and products of noise with anything else,
# or of the noise of two texts, vanish; so $K \to Z Z^\top / d + \sigma_u^2 I$ and $k(x) \to Z z / d$. That is ridge
# regression, multiplied by $d$.
# :::
#
# So a large model is good for two reasons. The hidden vector can be read off it, and $v$ goes to zero. And its
# features' noise, which a head cannot fit to any purpose when there is so much of it, has become a penalty. With
# $\Sigma = I$ that is the best penalty if $\sigma_u^2 = \sigma_y^2 / |\beta|^2$: with just this noise a very large model
# does as well as ridge regression on $z$ itself whose penalty is tuned.

# %%
from hmmlib.plotting.frozen_model_size import RiskCurve, risk_by_size
from hmmlib.regression import null_risk, wide_limit_risk


# %%
def curve(task, noise, sizes, tried):
    """Risks in the mean over twelve models, and of four heads on each."""
    models = {
        p: [random_features(p, d, noise=noise, generator=k) for k in range(12)]
        for p in {*sizes, *tried}
    }
    theory = [np.mean([min_norm_risk(task, x, n) for x in models[p]]) for p in sizes]
    heads = [
        [sampled_risks(task, x, n, 4, generator=p) for x in models[p]] for p in tried
    ]
    drawn = torch.tensor(np.array(heads)).flatten(1).numpy()
    levels = {"null": null_risk(task), "limit": wide_limit_risk(task, noise, n)}
    return RiskCurve((sizes, theory), (tried, drawn), levels)


# %% mystnb={"figure": {"caption": "Risk of a head by the number of features, with 100 examples (vertical line), for three worlds. Lines are the mean by theory, over examples and twelve models; dots the medians of 48 heads with their middle halves. In grey, the risk of a head that says nothing, and the equivalent of the limit.", "name": "fs-fig-risk"}, "image": {"alt": "Three panels on logarithmic axes. All have a steep peak at 100 features. Left, the risk rises from the null at once and never comes back to it. In the middle it is flat at the null for a few features, rises to the peak, and falls below the null beyond 400 features. Right, it falls by more than half before it rises to the peak, and ends far lower still."}}
sizes = [*range(1, 99, 3), 97, 98, 99, *range(102, 150, 4), *range(150, 2001, 150)]
tried = (1, 5, 20, 50, 80, 100, 120, 200, 500, 2000)
worlds = {"weak labels": (0.3, 1.0, 0.5), "clearer labels, noisy": (1.0, 1.0, 2.0)}
worlds["clear labels"] = (1.0, 0.3, 0.5)
panels = {}
for name, (size, blur, noise) in worlds.items():
    one = LinearTask(covariance, size * beta, label_noise=blur)
    panels[name] = curve(one, noise, sizes, tried)
risk_by_size(panels, n)
plt.show()

# %% [markdown]
# All three have the peak at $p = n$. Otherwise they have little in common. Where labels are weak, no model is better
# than any: that is the claim before the peak, and not after it. Where they are clear, the first descent is worth
# having, though a very large model is better still. In the middle the claim is as it was made: nothing to gain before
# the peak, and much after it.
#
# ## Three regions
#
# Two questions decide. Does the first feature help? And is the limit below the null risk?
#
# :::{prf:proposition} Where the first feature helps, and where the last
# :label: fs-prop-regions
#
# Let $\Sigma$ be the identity, $\sigma_u > 0$, and $\rho = |\beta|^2 / \sigma_y^2$ the signal-to-noise ratio. (a) In the
# mean over $W$, no size $p < n - 1$ is better than none exactly if
#
# $$
# \begin{aligned}
# \frac{1}{\rho} &\ge (n - 1)\, a - 1, \\
# a &= \frac{1}{d}\, \mathbb{E}\, \frac{|w|^2}{|w|^2 + \sigma_u^2} \approx \frac{1}{d (1 + \sigma_u^2)},
# \end{aligned}
# $$ (fs-eq-first)
#
# where $w$ is a row of $W$. (b) The limit of {prf:ref}`fs-prop-limit` is, by its deterministic equivalent, below the
# null risk exactly if
#
# $$
# \begin{aligned}
# \frac{1}{\rho} &< \frac{n}{d}\, (1 + 2 \kappa) - 1, \\
# n &= \frac{d}{1 + \kappa} + \frac{d \sigma_u^2}{\kappa} .
# \end{aligned}
# $$ (fs-eq-last)
#
# (c) Where some size before the peak helps, the limit does.
# :::
#
# :::{prf:proof}
# (a) Let $g(p) = |\beta|^2 - v$ in the mean over $W$. By {eq}`fs-eq-few` the mean risk is below $|\beta|^2$ exactly if
# $g(p) / p > (|\beta|^2 + \sigma_y^2) / (n - 1)$. For one feature $g(1) = |\beta|^2 a$, since $w$ has any direction as
# likely as any other, which is the condition. Further features gain no more: with the posterior covariance $C \le I$ of
# $z$ after $p$ features, the next lowers its trace by
#
# $$
# \begin{aligned}
# \frac{w^\top C^2 w}{\sigma_u^2 + w^\top C w} &\le \frac{w^\top C w}{\sigma_u^2 + w^\top C w} \\
#   &\le \frac{|w|^2}{\sigma_u^2 + |w|^2},
# \end{aligned}
# $$
#
# and $g$ is $|\beta|^2 / d$ times what the trace has lost. So $g(p) \le p\, g(1)$. (b) The equivalent of ridge
# regression's risk is
#
# $$
# \frac{\kappa^2 |\beta|^2 + \sigma_y^2\, d / n}{(1 + \kappa)^2 - d / n}.
# $$
#
# It is below $|\beta|^2$ if $\sigma_y^2\, d/n < |\beta|^2 (1 + 2 \kappa - d/n)$. (c) $a < 1/d$, so the right side of
# {eq}`fs-eq-first` is less than $n / d - 1$, and that of {eq}`fs-eq-last` is more.
# :::


# %%
def kappa(noise):
    """The positive solution of the equation in (b)."""
    half = (n - d - d * noise**2) / (2 * n)
    return -half + (half**2 + d * noise**2 / n) ** 0.5


square = np.random.RandomState(0).chisquare(d, 100_000) / d  # |w|²
grid = np.geomspace(0.25, 4, 40)
first = [(n - 1) * (square / (square + u**2)).mean() / d - 1 for u in grid]
last = [n / d * (1 + 2 * kappa(u)) - 1 for u in grid]
borders = {}
for name, level in {"first feature": first, "limit": last}.items():
    kept = np.array(level) > 0
    borders[name] = grid[kept], 1 / np.array(level)[kept]


# %%
def explained(noise, models=40):
    """Share of the null risk that v is, in the mean over models and directions of β."""
    shares = {}
    for p in (1, 2, 4, 8, 15, 30, 50):
        own = [
            random_features(p, d, noise=1.0, generator=k).weights
            for k in range(models)
        ]
        left = [
            torch.linalg.inv(torch.eye(d) + w.T @ w / noise**2).trace() for w in own
        ]
        shares[p] = float(np.mean(left)) / d
    return shares


# %%
def best_sizes(ratio, noise, shares):
    """What is the case before the peak, and after it."""
    task = LinearTask(covariance, ratio**0.5 * beta, label_noise=1.0)
    null, limit = null_risk(task), wide_limit_risk(task, noise, n)
    risks = [v * null + (v * null + 1) * p / (n - p - 1) for p, v in shares.items()]
    first = "some" if min(risks) < null else "none"
    return f"{first} before, {'many' if limit < null else 'none'} after"


# %% mystnb={"figure": {"caption": "Whether some size before the peak is better than none, and whether very many features are, over the signal-to-noise ratio of the labels and the noise of the features; 20 hidden entries, 100 examples. Markers are computed from forty models, lines are the two borders of the proposition.", "name": "fs-fig-regions"}, "image": {"alt": "A grid of markers with two lines. On the left, with weak labels, none is best before and after. On the right, where labels are clear and features not too noisy, some are better than none before the peak and many after it. Between the lines, a wedge that opens upwards to where features are noisy, none is best before the peak and many after it."}}
from hmmlib.plotting.frozen_model_size import regions_found

ratios, noises = np.geomspace(0.05, 10, 9), np.geomspace(0.25, 4, 7)
shares = {noise: explained(noise) for noise in noises}
found = [[best_sizes(ratio, u, shares[u]) for ratio in ratios] for u in noises]
regions_found(ratios, noises, found, borders)
plt.show()

# %% [markdown]
# The markers change where the proposition says. The claim as it was made, nothing before the peak and much after it, is
# true in a wedge between the borders: labels neither too weak nor too clear, features noisy. Where labels are weak, it
# is best to show nothing. Where they are clear, some features are worth their price before the peak already.
#
# ## Where there is no peak
#
# The peak is no law of nature either. It belongs to a head that fits every example, and to features each of which has
# a noise of its own. Take away either.

# %%
from hmmlib.regression import best_ridge_head

clear = LinearTask(covariance, beta, label_noise=1.0)
penalties = np.geomspace(1e-3, 1e4, 29)


def tuned(x, y):
    """Ridge regression, its penalty chosen on the same examples."""
    return best_ridge_head(x, y, penalties).head


# %%
rows = []
for p in (5, 20, 50, 80, 100, 120, 200, 500):
    plain, noisy = (random_features(p, d, noise=u, generator=0) for u in (0.0, 1.0))
    ways = ((plain, min_norm_head), (noisy, min_norm_head), (noisy, tuned))
    found = [sampled_risks(clear, x, n, 20, fit=f, generator=p) for x, f in ways]
    rows.append((p, *(float(risks.median()) for risks in found)))
header = ["features", "no noise of their own", "noisy", "noisy, tuned penalty"]
Table(header, rows, [None, *[".2f"] * 3])

# %% [markdown]
# Features without noise of their own show the same 20 numbers over and over. However many they are, the head has 20
# weights in effect, and nothing happens at 100. With a penalty chosen on the training examples the peak is gone, and
# more features are better at every size: more is known of $z$.
#
# ## Beliefs of a discrete HMM
#
# A language model's hidden vector is not normal. Take the HMMs of this book: $z$ is the distribution of the next state
# given a text, which an exact model has in it, less its mean. What normal theory says can be computed from its
# covariance alone. How far is it from what happens? Beside the risk, heads are fitted to the sign of what is asked.

# %%
from hmmlib import posteriors, random_hmm, sample_tokens

warm = {"transition_temperature": 0.1, "emission_temperature": 0.1}
hmm = random_hmm(20, 10, generator=1, **warm)
texts = sample_tokens(hmm, 8000, 24, generator=1)
filtered = posteriors(hmm, texts, keep=("filtered",)).filtered[:, -1]
z = filtered @ hmm.transition
z = z - z.mean(0)
weights = torch.from_numpy(np.random.RandomState(1).standard_normal(20))
weights /= (z @ weights).std()
belief_task = LinearTask(z.T.cov(), weights, label_noise=0.3)


# %%
def on_beliefs(model, draws=20):
    """Risk, and share of signs right, of heads fitted to beliefs: medians."""
    random, shown = np.random.RandomState(0), model.show(z, generator=2)
    asked, found = z @ weights, []
    for _ in range(draws):
        own = torch.from_numpy(random.permutation(len(z))[:n])
        labels = asked[own] + 0.3 * torch.from_numpy(random.standard_normal(n))
        head = min_norm_head(shown[own], labels)
        says = shown @ min_norm_head(shown[own], asked[own].sign())
        right = (says.sign() == asked.sign()).double().mean()
        found.append((head_risk(head, belief_task, model), right))
    return np.median(found, 0)


# %%
rows = []
for p in (10, 20, 50, 80, 100, 120, 200, 1000):
    model = random_features(p, 20, noise=0.1, generator=0)
    risk, right = on_beliefs(model)
    expected = min_norm_risk(belief_task, model, n)
    rows.append((p, expected, risk, 100 * right))
header = ["features", "risk, normal theory", "risk, median", "signs right, %"]
Table(header, rows, [None, ".2f", ".2f", ".0f"])

# %% [markdown]
# Normal theory says well enough what happens to beliefs, which are anything but normal. Where only the sign is asked
# for, as in classification, nothing can be infinite, but the peak is there: with as many features as examples a head
# does little better than to guess.
#
# ## Sizes that were trained
#
# In all this, a larger model shows the same hidden vector more often, each time with new noise. Does a larger language
# model? `hmmlib sweep frozen-size` pretrains causal transformers of seven widths on text of an HMM with 20 states and 32
# tokens, on five HMMs, freezes them, and fits heads to 100 texts.

# %%
from hmmlib.analysis import mean_over_seeds, read_results

records = read_results("frozen_size_laptop")["cells"]
widths = sorted({record["width"] for record in records})


def of(path, width):
    """Numbers of the seeds' records; `path` leads to an entry."""
    some = [record for record in records if record["width"] == width]
    values = sorted(some, key=lambda record: record["seed"])
    for name in path.split():
        values = [value[name] for value in values]
    return values


# %% mystnb={"figure": {"caption": "Risk of heads on frozen transformers by their width, fitted to 100 texts (vertical line), with the labels' noise 0.3 and 1; a head that says nothing has the risk 1. Lines are the means of five HMMs' logarithms, dots the HMMs.", "name": "fs-fig-trained"}, "image": {"alt": "Two panels on logarithmic axes. The risk of heads of smallest norm falls a little, rises to a peak above one hundred at a width of 100, and falls again without coming back to where it was. That of tuned ridge heads falls slowly all the way. That of heads fitted to all texts lies below."}}
from hmmlib.plotting.frozen_model_size import trained_sizes

panels = {}
for noise in ("0.3", "1"):
    panels[f"labels' noise {noise}"] = {
        "smallest norm": {w: of(f"noise_{noise} min_norm median", w) for w in widths},
        "tuned penalty": {w: of(f"noise_{noise} ridge median", w) for w in widths},
        "fitted to all texts": {w: of("floor", w) for w in widths},
    }
trained_sizes(panels, n)
plt.show()

# %% tags=["hide-input"]
rows = []
for width in widths:
    values = [of(path, width) for path in ("kl", "effective_rank", "floor")]
    values += [
        of("noise_0.3 min_norm median", width),
        of("noise_0.3 ridge median", width),
    ]
    mean, half = mean_over_seeds(values)
    rows.append((width, *zip(mean, half, strict=True)))
header = ["width", "KL, nats", "effective rank", "risk, all texts", "smallest norm"]
Table([*header, "tuned penalty"], rows, [None, ".3f", ".1f", *[".2f"] * 3])

# %% [markdown]
# The peak is there, in every world, at a width of as many weights as labels, and more than a hundred times as high as the
# risk of a head that says nothing. There is a first descent, too, to a minimum at a small width. But the second has not come
# back to it at the largest width, and not even to what nothing costs. Beyond the peak these features have no noise of
# their own to speak of: of all directions about a dozen at most are used, however wide the model is, and the others
# hold a little of this and that. So the penalty that made very large models good in theory is weak here.
#
# With a penalty that is tuned, wider is better at every step. Not by much: the wider model knows a little more of the
# language, as its KL says, and more of what it knows can be read off, as heads show that were fitted to all texts.
#
# ## What this says about the paper of this book
#
# The paper's heads stand far to the left of any peak: they have one weight for each word and class, and thousands of
# texts. They are classifiers and not least squares, but {eq}`fs-eq-few` suggests what happens: its second term, what
# training loses, is small, and $v$ decides, what a head cannot read off however many examples it has. In
# {doc}`head_tuning` that is zero where $W$ has full rank, and a larger model would not help, for there is nothing left
# to know.
#
# A network that was pretrained is not the exact model; it shows the belief with an error, which {doc}`pretraining`
# measures as KL. In this chapter such errors are the noise $u$. They have two sides: they hide $z$, which more features
# mend, and they are a penalty, which nobody chose. So part of what a large frozen model is good for may be that a head
# cannot fit its errors. Who tunes a penalty can tell which part.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: A model that knows nothing
# :label: fs-ex-nothing
#
# Let $W = 0$. What is $R(p)$ for $p < n - 1$? Which size is best?
#
# :::{admonition} Hint
# :class: dropdown
# {eq}`fs-eq-few`; how much of $z$ does such a model show?
# :::
# ::::

# %% [markdown]
# :::{solution-start} fs-ex-nothing
# :class: dropdown
# :::
#
# Nothing is explained, so $v = |\beta|^2$ (with $\Sigma = I$), and $R(p) = |\beta|^2 + (|\beta|^2 + \sigma_y^2)\, p / (n
# - p - 1)$. That rises with $p$: no feature is best, and every further one is one more way to fit noise. (Beyond the
# peak the risk comes down to the null risk again, and never below it.)

# %%
from hmmlib.regression import LinearFeatures

for p in (1, 50):
    blind = LinearFeatures(np.zeros((p, d)), noise=1.0)
    print(
        p, f"{min_norm_risk(clear, blind, n):.4f}", f"{1 + 2 * p / (n - p - 1):.4f}"
    )

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove: One hidden number, very many features
# :label: fs-ex-one
#
# Let $d = 1$ and $\Sigma = 1$. The head of smallest norm has seen examples $(z_i, y_i)$ through $p \to \infty$ features.
# What does it predict for a new $z$? Compare it with the mean of $\beta$ given the examples, if $\beta$ is normal with
# mean 0 and variance $r^2$.
#
# :::{admonition} Hint
# :class: dropdown
# {prf:ref}`fs-prop-limit`, with a penalty of $\sigma_u^2$.
# :::
# ::::

# %% [markdown]
# :::{solution-start} fs-ex-one
# :class: dropdown
# :::
#
# It predicts $\hat \alpha z$ with $\hat\alpha = \sum_i z_i y_i / (\sum_i z_i^2 + \sigma_u^2)$. The mean of $\beta$ given
# the examples is $\sum_i z_i y_i / (\sum_i z_i^2 + \sigma_y^2 / r^2)$. They agree if $\sigma_u^2 = \sigma_y^2 / r^2$: then
# an infinitely large model, fitted without any penalty, is Bayes, by accident.

# %%
one = LinearTask([[1.0]], [1.0], label_noise=0.5)
some = one.draw(8, generator=3)
wide = random_features(50_000, 1, noise=0.5, generator=3)
head = min_norm_head(wide.show(some.hidden, generator=4), some.targets)
z1, y1 = some.hidden[:, 0], some.targets
bayes = float(z1 @ y1 / (z1 @ z1 + 0.25))
print(f"{float(wide.weights[:, 0] @ head):.2f} and {bayes:.2f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: Three times as much data
# :label: fs-ex-copies
#
# "Somebody copies every example three times. Now there are 300, so the peak is at 300 features."
#
# :::{admonition} Hint
# :class: dropdown
# What does least squares do with an equation that it has already?
# :::
# ::::

# %% [markdown]
# :::{solution-start} fs-ex-copies
# :class: dropdown
# :::
#
# Refuted. Copies multiply the sum of squares by three, and the head that makes it least is the same, as is the one of
# smallest norm. The peak stays at 100. (Three labels for the same text, each with noise of its own, are as good as one
# label with a third of the noise's variance. The peak becomes lower, and stays where it is.)

# %%
features = random_features(150, d, noise=1.0, generator=0)
some = clear.draw(n, generator=5)
shown = features.show(some.hidden, generator=6)
once = min_norm_head(shown, some.targets)
copied = min_norm_head(shown.repeat(3, 1), some.targets.repeat(3))
print("the same head:", deviation((once - copied).abs().max(), 1e-10))

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: Stop early
# :label: fs-ex-early
#
# Gradient descent on $\tfrac{1}{2} |y - X w|^2$ from $w = 0$ makes steps of $1 / s_1^2$, where $s_1$ is the largest
# singular value of $X$. What are the weights after $t$ steps, in terms of the singular vectors of $X$? Find the risk at
# $p = n$ after 10, 100 and $10^6$ steps. Where has the peak gone?
#
# :::{admonition} Hint
# :class: dropdown
# Along each singular vector the error shrinks by the factor $1 - s^2 / s_1^2$ in every step.
# :::
# ::::

# %% [markdown]
# :::{solution-start} fs-ex-early
# :class: dropdown
# :::
#
# With $X = \sum_k s_k a_k b_k^\top$ they are $\sum_k (1 - (1 - s_k^2 / s_1^2)^t)\, b_k\, (a_k^\top y) / s_k$. Directions
# with small singular values, which make the peak, are learnt last. After ten steps there is no peak; after a hundred the
# head is worse than none; with very many steps the peak is back. To stop early enough is a penalty again.


# %%
def after(t):
    """A head after t steps of gradient descent."""

    def fit(x, y):
        left, size, right = torch.linalg.svd(x, full_matrices=False)
        learnt = 1 - (1 - (size / size[0]) ** 2) ** t
        return right.T @ (learnt / size * (left.T @ y))

    return fit


# %%
model, rows = random_features(n, d, noise=1.0, generator=0), []
for t in (10, 100, 10**6):
    risks = sampled_risks(clear, model, n, 20, fit=after(t), generator=1)
    rows.append((t, float(risks.median())))
Table(["steps", "median risk"], rows, [",", ".2f"])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: Does it come back?
# :label: fs-ex-open
#
# On trained models the risk of {numref}`fs-fig-trained` had not come back to its first minimum at the largest width.
# Does it ever? What would the theory of this chapter need to know of a trained model to predict it?
#
# :::{admonition} Hint
# :class: dropdown
# `min_norm_risk` takes any features; the deterministic equivalent needs the covariance of what is shown, and how the
# label lies in it.
# :::
# ::::

# %% [markdown]
# :::{solution-start} fs-ex-open
# :class: dropdown
# :::
#
# We have not gone far. A first look: how many directions a trained model really uses. Features with noise of their own
# use most of those that there are, trained ones few.

# %%
wide = random_features(256, 20, noise=0.1, generator=0).show(z, generator=2)
spectrum = torch.linalg.eigvalsh(wide.T.cov())
rank = float(spectrum.sum() ** 2 / spectrum.square().sum())
trained = np.mean(of("effective_rank", max(widths)))
print(
    f"with noise {rank:.0f} of 256 directions, trained {trained:.0f} of {max(widths)}"
)

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# ```{list-table}
# :header-rows: 1
# :name: fs-tab-claim
#
# * - Claim
#   - In this world it holds when
#   - It fails when
#   - Evidence
# * - Before the peak, no model is best
#   - labels are weak, or features noisy
#   - labels are clear and features are not too noisy: then some features are worth their price
#   - {prf:ref}`fs-prop-regions`, {numref}`fs-fig-regions`
# * - After the peak, larger is better, and better than none
#   - features have noise of their own, and labels are not too weak
#   - labels are weak: the risk falls, and stays higher than that of none; models that were trained, as far as we went
#   - {prf:ref}`fs-prop-limit`, {numref}`fs-fig-trained`
# * - There is a peak where weights are as many as examples
#   - the head fits all that it can, and each feature has noise of its own
#   - the penalty is tuned, training stops early enough, or features show the same few numbers again
#   - {prf:ref}`fs-prop-few`, {ref}`an exercise <fs-ex-early>`
# ```
#
# - With normal distributions the risk of a head needs no test, and before the peak its mean needs no training.
# - Whether to show more depends on two numbers: how clear the labels are, and how noisy the features.
# - A very large model is good for two things: more is known of the hidden vector, and there is a penalty that nobody
#   chose. A chosen one removes the peak at every size.
# - Models that were trained have a peak, too, and no second descent worth waiting for up to 2.5 weights for each example.
