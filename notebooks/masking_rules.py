# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# (pt-sec-rule)=
# # What BERT's rule does to G
#
# The paper's networks are pretrained by BERT's rule {cite:p}`devlin2019bert`, and so are this book's in the second experiment,
# {doc}`memory_vs_vanilla`. (In the first they are trained with blanks only; whoever reads that one alone can leave this
# appendix out.) BERT does not simply blank the tokens that it chooses. A chosen token is replaced by the blank
# (`[MASK]`) in 80% of the cases, by a random word in 10%, and shown as it is in the other 10%; it is predicted in any case. The
# reason given there is that later on, in a task, there are no blanks, and the model should have something to say
# about words that it sees.
#
# **The question.** The theory is about $G_i(x) = \mathbb{P}[X_i \mid X_{-i} = x_{-i}]$. But under the rule the network is not asked
# for that: some of the words that it sees are not the text's. What is it asked for? How far is that from $G$? And does a
# network learn it?
#
# Running this page takes about a minute.
#
# ## What is asked for
#
# :::{prf:definition} Masking by a rule
# :label: pt-def-rule
#
# Each token is *chosen* with probability $p$, independently of the text and of the other tokens. In place of a chosen
# token the network is shown
#
# - the blank, with probability $\beta$,
# - a word drawn uniformly from all $V$, with probability $r$,
# - the token itself, with probability $\kappa = 1 - \beta - r$.
#
# Tokens that are not chosen are shown. $Y$ is what is shown, and $C_i = 1$ if token $i$ is chosen.
# :::
#
# BERT's rule is $\beta = 0.8$, $r = \kappa = 0.1$. Blanks only is $\beta = 1$. (The library sees to it that each batch has
# a chosen token, and divides a batch's loss by their number. In batches of a thousand tokens neither matters.)
#
# {prf:ref}`pt-prop-score` says that the best prediction is the *target*, $\mathbb{P}[X_i \mid Y = y, C_i = 1]$. The claim says what
# it is. It is ours; the paper does not discuss it.
#
# :::{prf:proposition} The target under a masking rule
# :label: pt-prop-rule
#
# Let $\beta < 1$ or $p < 1$, put
#
# $$
# \begin{aligned}
# \varepsilon &= \frac{p\,r}{1 - p\,\beta}, \\
# \widetilde W &= (1 - \varepsilon)\, W + \frac{\varepsilon}{V},
# \end{aligned}
# $$ (pt-eq-noise)
#
# and let $\widetilde{\mathbb{P}}$ be the distribution of an HMM with the same chain and the emissions $\widetilde W$.
# Define $\widetilde G_i(y) = W\, \widetilde{\mathbb{P}}[H_i \mid y_{-i}]$. Then the target at a chosen position $i$ is
#
# 1. $\widetilde G_i(y)$, if $y_i$ is the blank;
# 2. proportional to $\widetilde G_i(y)[x] \cdot \bigl(\kappa\, \mathbf{1}[x = z] + r/V\bigr)$ as a function of $x$, if
#    $y_i$ is the word $z$.
# :::
#
# :::{prf:proof}
# Whether and how a token is replaced is decided for each position by itself, looking at nothing but that token. So given
# the hidden states the triples $(X_j, C_j, Y_j)$ are independent over $j$, and given $X_j$ the pair $(C_j, Y_j)$ does not
# depend on anything else. Three steps follow.
#
# 1. *Seen words are the output of a noisy channel.* For a word $w$,
#
#    $$
#    \begin{aligned}
#    \mathbb{P}[Y_j = w \mid X_j = x]
#     &= (1 - p + p\kappa)\, \mathbf{1}[w = x] + \tfrac{p r}{V} \\
#     &= (1 - p\beta) \bigl( (1 - \varepsilon)\, \mathbf{1}[w = x] + \tfrac{\varepsilon}{V} \bigr),
#    \end{aligned}
#    $$
#
#    because $1 - p + p\kappa = 1 - p\beta - pr$. And $\mathbb{P}[Y_j = \varnothing \mid X_j = x] = p\beta$, whatever $x$ is. Sum
#    over $x$: state $h$ shows $w$ with probability $(1 - p\beta)\, \widetilde W[w, h]$ and the blank with probability
#    $p\beta$.
# 2. *The hidden states.* Given $y_{-i}$, a path of states has weight $\pi_0 \times$ transitions $\times$ these probabilities.
#    The factors $1 - p\beta$ and $p\beta$ are the same for all paths, and a blank has no other. What is left are the weights
#    under $\widetilde{\mathbb{P}}$, so $\mathbb{P}[H_i \mid Y_{-i} = y_{-i}]$ $= \widetilde{\mathbb{P}}[H_i \mid y_{-i}]$. Given $H_i$, the token $X_i$
#    does not depend on $Y_{-i}$, hence $\mathbb{P}[X_i \mid Y_{-i} = y_{-i}] = \widetilde G_i(y)$.
# 3. *The position itself.* Given $X_i$, the pair $(C_i, Y_i)$ does not depend on $Y_{-i}$. By Bayes' rule
#
#    $$
#    \begin{aligned}
#    \mathbb{P}[X_i = x \mid{} & Y = y,\, C_i = 1] \\
#     &\propto \widetilde G_i(y)[x]\; \mathbb{P}[C_i = 1, Y_i = y_i \mid X_i = x].
#    \end{aligned}
#    $$
#
#    The last factor is $p\beta$ at a blank, the same for all $x$, and $p\,(\kappa\,\mathbf{1}[x = z] + r/V)$ at a word $z$.
# :::
#
# There are two consequences.
#
# **At a blank** the best prediction is not $G$. It treats every word that it sees as possibly random, with probability
# $\varepsilon$ (in code, {py:attr}`Masking.context_noise <hmmlib.lm.Masking.context_noise>`). This is right in
# training, where words *are* random now and then. On clean text, where tasks are posed, it is an unnecessary doubt.
# ($W$ is used at position $i$ and $\widetilde W$ at the others, because the answer is always a token of the text.)
#
# **At a word** the network is trained as well, and $\widetilde G_i$ can be *read off* there: divide its output by
# $\kappa\,\mathbf{1}[x = z] + r/V$ and normalise. If $r = 0$ that is impossible, since a word that is shown is then always
# the answer and the target says nothing else. And a network that was trained with blanks only has never been
# asked about positions that show a word: nothing was required of what it says there. To get $G_i$ at all $T$ positions of a text, as the
# attention head of {doc}`memory_and_attention` needs them, it must be asked $T$ times, with a blank put at one position after
# the other; with BERT's rule once is enough, at a price in precision that we shall see.
#
# ## The model that has learnt it
#
# {py:class}`~hmmlib.lm.ExactMaskingLM` shows what the proposition says, at blanks and at words: it is what a network would be that
# had learnt all that a masking asks for. Here is a text of a small HMM, without any blank.

# %%
import matplotlib.pyplot as plt
import torch

from hmmlib import ExactMaskedLM, Masking, random_hmm, text_probs
from hmmlib.lm import ExactMaskingLM
from hmmlib.plotting import spell, use_style
from hmmlib.tables import Table

use_style()
rule = Masking(rate=0.3, blank=0.8, random=0.1)  # change me: BERT's rule at any rate
hmm = random_hmm(6, 5, generator=3)  # change me
text = torch.tensor([[1, 4, 1, 0, 0, 2, 2, 1]])

# %%
exact, asked = ExactMaskedLM(hmm), ExactMaskingLM(hmm, rule)
reading = {"reading": "read off", "masking": rule}
shown = text_probs(asked, text, n_blanks=0)[0]
read_off = text_probs(asked, text, n_blanks=0, **reading)[0]
G = text_probs(exact, text, n_blanks=0)[0]
of_words = [p[range(len(p)), text[0]] for p in (shown, read_off, G)]
rows = zip(spell(text[0]), *of_words, strict=True)
Table(["word", "shown", "read off", "$G_i$"], rows, ".4f")

# %% [markdown]
# (Each column has the probability of the word that stands there.) What is *shown* at a word is surer of the word than $G_i$, where
# this doubts it: a word that is shown is likely to be right, and the model sees it. What is *read off* is $\widetilde G_i$. It is near
# $G_i$, but for the third word: beside it stands a word, *e*, that is rare in this place. $G$ takes it for what the text says, and
# is sure of the *b*; $\widetilde G$ takes it for possibly random, and is not.
#
# Why does the reading give back inference in which any word may be random? The model shows
# $\widetilde G_i(y)[x]\, (\kappa\, \mathbf{1}[x = z] + r/V)$ up to a factor; dividing by the bracket leaves $\widetilde G_i(y)$ up to
# a factor, and normalising takes that away. Nothing is lost on the way, as long as $r > 0$. The next cell checks it three
# ways, up to rounding: against exact inference with the emissions $\widetilde W$, against the same model asked at blanks, and that it is
# *not* $G$.


# %%
from hmmlib import posteriors_from_evidence
from hmmlib.lm import noisy_evidence


def with_random_words(model, tokens, noise):
    """G̃ at every position: exact inference in which any word may be random."""
    rows = noisy_evidence(model.chain.emission, noise).T
    return posteriors_from_evidence(model, rows[tokens]).conditionals


def largest(one, other):
    return float((one - other).abs().max())


# %%
by_inference = with_random_words(hmm, text, rule.context_noise)[0]
at_blanks = text_probs(asked, text, n_blanks=0, reading="blanked")[0]
print("inference with random words:", largest(read_off, by_inference) < 1e-7)
print("what the model shows at blanks:", largest(read_off, at_blanks) < 1e-7)
off = (read_off - G).abs().amax(1)
print(f"largest distance from G: {off.max():.3f}, at word {int(off.argmax()) + 1}")

# %% [markdown]
# That tests the reading, not the proposition. The proposition is about sums over all texts, so on a small HMM it can be
# checked to the last digit: two states, three words and texts of four tokens. The tables below follow the rule
# step by step; `einsum` adds up all paths, texts and replacements.

# %%
warm = {"transition_temperature": 0.3, "emission_temperature": 0.3}
tiny = random_hmm(2, 3, generator=3, **warm)
p, share, r = rule.rate, rule.blank, rule.random
words, nothing = torch.eye(3).double(), torch.zeros(3, 1).double()
replaced = (1 - share - r) * words + r / 3  # kept as it is, or random
chosen = p * torch.cat([replaced, nothing + share], 1)  # from x, to a word or a blank
seen = chosen + (1 - p) * torch.cat([words, nothing], 1)
A, W, start = tiny.transition, tiny.emission, tiny.initial
texts = torch.einsum("a,ab,bc,cd,aw,bx,cy,dz->wxyz", start, A, A, A, W, W, W, W)
print(f"texts: {texts.numel()}, sum of probabilities {float(texts.sum()):.6f}")


# %%
def target(i):
    """P[X_i | Y = y, C_i = 1] for all y, straight from the definitions."""
    tables = [chosen if j == i else seen for j in range(4)]
    probs = torch.einsum("wxyz,wa,xb,yc,zd->abcdwxyz", texts, *tables)
    probs = probs.sum([4 + j for j in range(4) if j != i]).reshape(-1, 3)
    return probs / probs.sum(1, keepdim=True)


everything = torch.cartesian_prod(*[torch.arange(4)] * 4)  # all that can be shown
lm = ExactMaskingLM(tiny, rule)
says = lm.token_probs(lm.embed(everything))
off = max(largest(says[:, i], target(i)) for i in range(4))
print(f"{len(everything)} sequences, right to 1e-12: {off < 1e-12}")

# %% [markdown]
# ## What the doubt costs
#
# How far is $\widetilde G$ from $G$ on clean text? That is no matter of training but an exact number for each HMM.
# A seen word is suspicious if its probability given the rest, $G_j(x_j)$, is below about $\varepsilon/V$: then it is more likely
# to be random than to be the text's. The paper's HMMs are nearly deterministic, so that rare words do look like
# mistakes. But clean words below $\varepsilon/V$ are rare by definition: all $V$ of them together have at most
# probability $\varepsilon$. So the claim is: the doubt costs little on average, and much at a few blanks.
#
# The map has $\mathrm{KL}(G \,\|\, \widetilde G)$ at the blanks of clean texts for each point of Figure 3 and three masking rates, the
# last of which is that of our second experiment. Beside them stands what training leaves of the KL on the same
# HMMs, with blanks only ({doc}`pretraining`).

# %%
from hmmlib import draw_held_out, evaluate
from hmmlib.analysis import read_results
from hmmlib.experiments.figure3 import cell_recipe, point_model
from hmmlib.pretraining import PAPER_MASKING

rates = {"the paper": PAPER_MASKING.rate, "BERT": 0.15}
rates["our experiment 2"] = cell_recipe("laptop", "BERT's rule", 1).masking.rate
Table(["masking of", "$p$"], [(name, f"{p:g}") for name, p in rates.items()])


# %%
def doubt(model, p, **texts):
    """The model that has learnt all that BERT's rule asks for, on clean text."""
    asked = ExactMaskingLM(model, Masking(p, blank=0.8, random=0.1))
    return evaluate(asked, draw_held_out(model, generator=7, **texts))


# %%
import numpy as np

cells = read_results("pretraining_laptop")["cells"]
found, errors = {}, []
for cell in cells:
    model = point_model(cell["n_states"], cell["n_values"], cell["seed"])
    memory = f", {cell['n_values']} values" if cell["n_values"] else ""
    row = found.setdefault(f"{cell['n_states']}{memory}", {})
    for p in rates.values():
        cost = doubt(model, p, n_texts=128)
        row.setdefault(f"{p:g}", []).append(cost.kl)
        errors.append(cost.kl_error / cost.kl)
    row.setdefault("training", []).append(cell["tests"]["0.05"]["kl"])
print(f"standard error of a cost: {np.median(errors):.0%} of it, median")

# %% mystnb={"figure": {"caption": "What it costs on clean text that any word may have been random, at three masking rates, beside what training leaves, in thousandths of a nat. Rows are the points of the paper's Figure 3 (states, and the values of a memory cell), columns masking rates; left the median of the seeds, right the worst of them.", "name": "mr-fig-cost"}, "image": {"alt": "Two heat maps of KL, median and worst seed, with a row for each of ten HMMs and columns for three masking rates and for training. The numbers grow from left to right. In most rows of the first map that of training is the largest by far."}}
from hmmlib.plotting.shared import kl_maps

titles = {"median of the seeds": np.median, "worst seed": np.max}
maps = {
    title: {
        row: {name: float(of(kls)) for name, kls in costs.items()}
        for row, costs in found.items()
    }
    for title, of in titles.items()
}
kl_maps(maps, rows="hidden states", columns="masking rate $p$, or training")
plt.show()

# %%
for name, p in rates.items():
    over = [
        row[f"{p:g}"] / row["training"]
        for row in maps["median of the seeds"].values()
    ]
    worst = max(row[f"{p:g}"] for row in maps["worst seed"].values())
    said = f"{np.median(over):.0%} of what training leaves, at most {max(over):.0%}"
    print(f"{name}: {said}; worst HMM {worst:.4f} nats")

# %% [markdown]
# (Medians of the seeds: the middle one of the ten points, and the largest.) The paper could afford its rule. At the rate of our second
# experiment the doubt is no longer small beside training everywhere. There the right thing to compare a network with is
# not $G$ but the model of this page, and {doc}`memory_vs_vanilla` does: an attention head on what is read off
# `ExactMaskingLM` has lost what the masking costs, and one on what is read off the network has lost more by what the network has not learnt.

# %%
models = [random_hmm(25, generator=s) for s in range(1, 6)]
costs, tails = {}, {}
for p in rates.values():
    costs[p] = [doubt(model, p, n_texts=128) for model in models]
    tails[f"$p$ = {p:g}"] = torch.cat([of.divergence for of in costs[p]])

# %% mystnb={"figure": {"caption": "What is lost on clean text when any word may be random. Left, the blank on which the best prediction under BERT's rule at $p = 0.05$ is farthest from $G$, among those of five HMMs with 25 states. Right, for all these blanks, how many have a KL above a given size. Most of the mean comes from a few blanks.", "name": "pt-fig-doubt"}, "image": {"alt": "Left, bars of two distributions over ten tokens that differ strongly. Right, on logarithmic axes, falling curves of the share of blanks above a given KL for masking rates 5, 15 and 30 percent; the curves are long and flat, with larger values for larger rates."}}
from hmmlib.plotting.masking_rules import taken_for_noise

least = min(rates.values())
k = int(np.argmax([float(of.divergence.max()) for of in costs[least]]))
at = int(costs[least][k].divergence.argmax())
clean = draw_held_out(models[k], generator=7, n_texts=128)
asked = ExactMaskingLM(models[k], Masking(least, blank=0.8, random=0.1))
seen = clean.tokens.masked_fill(clean.masked, asked.mask_token)
noisy = asked.token_probs(asked.embed(seen))[clean.masked]
taken_for_noise(clean.conditionals[at], noisy[at], int(clean.answers[at]), tails)
plt.show()

# %%
rows = []
for p, every in costs.items():
    kl = torch.cat([of.divergence for of in every]).sort(descending=True).values
    rows.append(
        (f"{p:g}", f"{kl[0]:.2f}", f"{kl[: len(kl) // 100].sum() / kl.sum():.0%}")
    )
header = ["$p$", "largest KL (nats)", "share of the highest 1% in the sum"]
Table(header, rows)

# %% [markdown]
# So the price is real but concentrated: most predictions hardly change, and a few are off by a nat or more.
#
# ## Does a network learn to doubt?
#
# The proposition says what is best, not what a network learns. With the paper's rule the two distributions are so close
# on average that a small network's own error would hide the difference. So we exaggerate: half of the tokens are chosen,
# 40% of them are replaced by random words, and a quarter of the words that the network sees are random. A small network
# is trained on an HMM of four states, and asked about *clean* texts in both ways: at blanks, one position after the
# other, and once for all positions, reading off. Is what it says nearer to $G$ or to $\widetilde G$?

# %%
from dataclasses import replace

from hmmlib import Stage, pretrain
from hmmlib.pretraining import pretraining_preset

strong = Masking(rate=0.5, blank=0.4, random=0.4)
four = random_hmm(4, generator=3)
small = replace(
    pretraining_preset("smoke", seed=1),
    stages=(Stage(steps=600, batch=32, length=32),),
    masking=strong,
    learning_rate=3e-3,
)

# %%
clean = draw_held_out(four, generator=1, length=32, n_texts=256)
doubter = pretrain(four, small, held_out=clean).lm
print(f"share of random words among those seen: {strong.context_noise:.2f}")

# %%
at_blanks = {"n_blanks": 0, "reading": "blanked"}
read_off = {"n_blanks": 0, "reading": "read off", "masking": strong}
models = ExactMaskedLM(four), ExactMaskingLM(four, strong)
targets = [text_probs(lm, clean.tokens, **at_blanks) for lm in models]
found = {}
for way, how in (("at blanks", at_blanks), ("read off at words", read_off)):
    probs = text_probs(doubter, clean.tokens, **how).double().clamp_min(1e-30)
    kl = [torch.xlogy(t, t) - torch.xlogy(t, probs) for t in targets]
    found[way] = [of.sum(-1).mean(1) for of in kl]  # of each text

# %% mystnb={"figure": {"caption": "How far a network that was trained under an exaggerated rule is from $G$ and from $\\widetilde{G}$ on clean texts, in both ways of asking. It has learnt the distribution that expects random words, although there are none.", "name": "pt-fig-doubter"}, "image": {"alt": "Two pairs of bars of KL, at blanks and read off at words. In each pair the bar for the distance from G is clearly higher than the bar for the distance from G tilde."}}
from hmmlib.plotting.masking_rules import two_targets

two_targets({way: [float(kl.mean()) for kl in both] for way, both in found.items()})
plt.show()

# %%
for way, (from_G, from_doubting) in found.items():
    gain = from_G - from_doubting  # by text
    error = gain.std() / len(gain) ** 0.5
    print(
        f"{way}: nearer to G̃, by more than three errors: {bool(gain.mean() > 3 * error)}"
    )

# %% [markdown]
# It learns to doubt. What is read off at words follows $\widetilde G$ too, but less precisely than what is shown at blanks.
# In training, an error on a token other than the one shown counts for little, because the target itself gives such
# tokens little. Dividing by $r/V$ then gives the error its full weight. In the exact model, whose error is rounding, nothing is lost by it.
#
# ## Exercise

# %% [markdown]
# :::{exercise}
# :label: pt-ex-doubt
#
# Show that on clean texts of which $n$ tokens are seen, $\mathbb{E}\, \mathrm{KL}\bigl(G_i \,\|\, \widetilde G_i\bigr) \le -n
# \log(1 - \varepsilon)$. (Compare the clean and the noisy distribution of all seen tokens together with $X_i$.)
# :::

# %% [markdown]
# :::{solution-start} pt-ex-doubt
# :class: dropdown
# :::
#
# Let $P$ be the joint distribution of $X_i$ and the seen tokens in clean text, and $\widetilde P$ that of $X_i$ and the
# seen words when each of them went through the channel. The channel leaves all $n$ words alone with probability $(1 -
# \varepsilon)^n$, so $\widetilde P \ge (1 - \varepsilon)^n P$ everywhere, and
#
# $$
# \mathrm{KL}(P \,\|\, \widetilde P) = \mathbb{E}_P \log \frac{P}{\widetilde P} \le -n \log (1 - \varepsilon).
# $$
#
# By the chain rule this KL is that of the seen tokens, which is not negative, plus the expected
# KL of $X_i$ given them, which is ours. For one blank in the middle of texts of 128 tokens, on that of the five HMMs above with
# the largest mean:

# %%
worst = int(np.argmax([of.kl for of in costs[least]]))
doubtful = random_hmm(25, generator=worst + 1)
x = draw_held_out(doubtful, generator=3, n_texts=500).tokens
G, rows = text_probs(ExactMaskedLM(doubtful), x, n_blanks=0)[:, 64], []
for p in rates.values():
    rule = Masking(p, blank=0.8, random=0.1)
    asked = ExactMaskingLM(doubtful, rule)
    probs = text_probs(asked, x, n_blanks=0, reading="read off", masking=rule)[:, 64]
    kl = (torch.xlogy(G, G) - torch.xlogy(G, probs)).sum(1)
    noise, pair = rule.context_noise, (kl.mean(), kl.std() / len(kl) ** 0.5)
    rows.append((f"{p:g}", noise, -127 * np.log(1 - noise), pair))
print("the bound holds:", all(kl <= bound for *_, bound, (kl, _) in rows))
Table(["$p$", "noise", "bound", "KL ± standard error"], rows, ".4f")

# %% [markdown]
# A bound that counts all $n$ words must be loose on these HMMs, where only the few words around the blank matter.
#
# :::{solution-end}
# :::
#
# ## Summary
#
# - With BERT's rule the target is not $G$ but $\widetilde G$: inference in which every word may be random. At a word it is $\widetilde G$
#   times what the word says of itself, and $\widetilde G_i$ can be read off at every position.
# - `ExactMaskingLM` is the model that has learnt just that. What it loses against $G$ is the masking's; what a network loses
#   against it is the network's.
# - On clean text the difference is small on average at the paper's rate, large at a few blanks, and not small everywhere at the rate of
#   our second experiment.
