# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Answers from documents
#
# A language model knows facts: whatever its text said often enough has found a place in its weights. It knows other
# things, too, that are not so, says both with the same confidence, and what it knows grows old. So let it look things
# up. A *retriever* finds documents that may answer a question, a *reader* takes the answer from them, and neither has
# to know anything by heart.
#
# {cite:t}`lewis2020retrieval` train both together, on questions and answers alone, without being told which document
# an answer is in. **Their claims**: such a model answers more questions than one that has only its weights; a
# retriever that learns is better than one that counts words in common; more documents help; and what the model knows
# can be changed by exchanging the documents, without any training.
#
# Which document holds an answer is not known for the questions of the real world, nor what a perfect reader would
# make of it. Here it is. An HMM with a memory writes the documents, and a fact is what its memory holds. The
# probability that a document is meant, the probability of each answer given a document, and the best answers are all
# exact. Running the chapter takes about twenty seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from hmmlib.plotting import use_style
from hmmlib.tables import Table, deviation

use_style()

# %% [markdown]
# ## A world of facts
#
# An *entity* has a key and a memory. The key is five symbols. The memory has three cells ({doc}`prompts_and_memory`),
# and the entity's *document* is its key followed by twelve tokens, which a memory-augmented HMM writes with that
# memory. A *question* names the entity by its key and asks what two neighbouring cells hold: two words.
#
# Nothing is quite certain. A word of a key is replaced by another with a probability $\varepsilon$, in documents and
# in questions. And each symbol has two forms, as a thing has two names: documents use the first, questions the second
# with a probability $\rho$.

# %%
from hmmlib import random_memory_hmm
from hmmlib.hmm import uniform_memory
from hmmlib.retrieval import KnowledgeWorld

seed = 1  # change me
sharp = {"transition_temperature": 0.05, "emission_temperature": 0.03}
writer = random_memory_hmm(
    6, 2, 36, n_cells=3, generator=seed, n_permutations=50, **sharp
)
world = KnowledgeWorld(uniform_memory(writer), n_entities=512, generator=seed)
asked = world.queries(1000, generator=seed)
print("document:", world.documents.keys[asked.entity[0]].tolist(), end=" ")
print(world.documents.texts[asked.entity[0]].tolist())
print("question:", asked.key[0].tolist(), "cells", world.cells_of(int(asked.slot[0])))
print("answer:", asked.answer[0].tolist())

# %% [markdown]
# :::{prf:definition} Relevance and answers
# :label: rag-def-world
#
# $\mathbb{P}[z \mid x]$ is the probability that question $x$ means the entity of document $z$, when all entities are
# as likely to be asked about. $\mathbb{P}[y \mid z]$ is the probability that the two cells that $x$ asks for hold $y
# = (y_1, y_2)$, given the text of $z$.
# :::
#
# Both are exact. The first is a product over the places of the key; the second is the posterior of the memory, summed
# over the cells that are not asked for.

# %%
from hmmlib.retrieval import exact_answers, exact_retrieval

relevance = exact_retrieval(world, asked.key)
answers = exact_answers(world)  # (cells asked for, documents, first word, second)
found = relevance.exp().max(1)
right = found.indices == asked.entity
print(f"the most probable document is meant: {100 * right.double().mean():.1f} %,")
print(f"and has a probability of {100 * found.values.mean():.1f} % in the mean")

# %% [markdown]
# ## Sequence and token
#
# :::{prf:definition} Two laws of an answer
# :label: rag-def-laws
#
# With weights $w_z$ on $k$ documents, which sum to one, *RAG-Sequence* lets one document write the whole answer, and
# *RAG-Token* draws one for each word:
#
# $$
# p_{\text{seq}}(y) = \sum_z w_z\, \mathbb{P}[y_1 \mid z]\, \mathbb{P}[y_2 \mid z, y_1], \qquad
# p_{\text{tok}}(y) = \sum_z w_z\, \mathbb{P}[y_1 \mid z] \cdot \sum_z w_z\, \mathbb{P}[y_2 \mid z, y_1].
# $$ (rag-eq-laws)
# :::
#
# :::{prf:proposition} Sequence is Bayes
# :label: rag-prop-bayes
#
# With $w_z = \mathbb{P}[z \mid x]$ for *all* documents, $p_{\text{seq}}(y)$ is the probability of $y$ given the
# question and all documents.
# :::
#
# :::{prf:proof}
# The memories of the entities are independent, so given that $z$ is meant, the other documents say nothing of its
# memory; and the question depends on the key of $z$ alone, so it says nothing of it either. What remains is the mean
# over $z$.
# :::
#
# :::{prf:proposition} How far apart they are
# :label: rag-prop-gap
#
# $p_{\text{seq}}(y) - p_{\text{tok}}(y)$ is the covariance, over $z$ with the weights $w$, of $\mathbb{P}[y_1 \mid
# z]$ and $\mathbb{P}[y_2 \mid z, y_1]$. So they agree if one document has all the weight, or if only one of the two
# words depends on the document. In general
#
# $$
# \operatorname{KL}(p_{\text{seq}} \,\|\, p_{\text{tok}}) \le I(Z; Y_1) \le \mathrm{Ent}(Z),
# $$ (rag-eq-gap)
#
# the information that the first word has of the document, and the entropy of the weights.
# :::
#
# :::{prf:proof}
# The first is the definition of a covariance. For the second write $p_{\text{seq}}(y) = p(y_1) \sum_z w_{z \mid y_1}
# \mathbb{P}[y_2 \mid z, y_1]$ with $w_{z \mid y_1} \propto w_z \mathbb{P}[y_1 \mid z]$; RAG-Token has $w_z$ in its
# place. The first words have the same distribution, so the divergence is the mean, over $y_1$, of that between two
# mixtures of the same distributions. It is at most that of their weights, $\operatorname{KL}(w_{\cdot \mid y_1} \|
# w)$, because divergence is jointly convex; and the mean of this is $I(Z; Y_1)$.
# :::
#
# The first word tells which document one is reading in. RAG-Token forgets it. How much that is depends on how sure
# one is of the document, so on $\varepsilon$.

# %%
from hmmlib.retrieval import (
    evaluate_answers,
    read_perfectly,
    sequence_law,
    token_law,
    top_documents,
)


def noisy(noise, n=2000):
    """Questions in a world of this noise, the weights of documents, and the answers."""
    facts = {"n_entities": 512, "noise": noise, "paraphrase": 0.0}
    other = KnowledgeWorld(world.model, **facts, generator=seed)
    some = other.queries(n, generator=seed)
    return some, exact_retrieval(other, some.key), exact_answers(other)


# %%
rows = []
for noise in (0.02, 0.1, 0.2, 0.3, 0.4):
    some, scores, said = noisy(noise, n=300)
    top, which = top_documents(scores, 128)
    read, w = said[some.slot[:, None], which], top.softmax(1)
    seq, tok = sequence_law(top, read), token_law(top, read)
    gap = torch.special.xlogy(seq, seq / tok).sum((1, 2)).mean()
    first = read.sum(3)  # P[y1 | z]
    ratio = first / torch.einsum("nz,nza->na", w, first)[:, None]
    known = torch.einsum("nz,nza->n", w, torch.special.xlogy(first, ratio)).mean()
    rows.append((noise, gap, known, -torch.special.xlogy(w, w).sum(1).mean()))
header = [r"$\varepsilon$", "KL, nats", "$I(Z; Y_1)$", r"$\mathrm{Ent}(Z)$"]
Table(header, rows, [None, *[".3f"] * 3])

# %% mystnb={"figure": {"caption": "Answers with both words right, and nats of the right answer, against the number of documents; exact parts, three levels of noise. RAG-Sequence with all documents is Bayes.", "name": "rag-fig-laws"}, "image": {"alt": "Two panels with three pairs of lines, solid for Sequence, dashed for Token. Left, right answers hardly depend on the number of documents; Token lies below Sequence, further with more noise. Right, nats fall with the number of documents; Token is lower for few documents, Sequence for many."}}
from hmmlib.plotting.answers_from_documents import against_documents

sizes = (1, 2, 4, 8, 16, 32, 64, 128)
curves, laws = {}, {"Sequence": "exact", "Token": "token"}
for noise in (0.1, 0.2, 0.3):
    some, scores, said = noisy(noise)
    perfect = read_perfectly(said)
    for name, how in laws.items():
        found = [evaluate_answers(some, scores, perfect, k=k, how=how) for k in sizes]
        right = [100 * one.exact_match for one in found]
        curves[name, noise] = right, [one.nats for one in found]
against_documents(curves, sizes)
plt.show()

# %% [markdown]
# More documents help to give the right answer a probability. They hardly help to find it: it is in the first document
# or it is not. In the paper, too, answers get better with more documents for RAG-Sequence, and get worse for
# RAG-Token from ten on. Here one sees why the second happens: Token does not know that both words should be from the
# same document, and more documents are more to confuse.
#
# :::{prf:proposition} What is cut off
# :label: rag-prop-cut
#
# Let the $k$ documents of the largest weights have the weight $m$ together. The total-variation distance between
# RAG-Sequence from these, their weights made to sum to one, and from all documents is at most $1 - m$.
# :::
#
# :::{prf:proof}
# The law from all documents is $m$ times that from the $k$, plus $1 - m$ times some other law.
# :::
#
# So little is lost where one can be sure of the document. That one document more can make an answer worse is true
# even of the exact weights: {ref}`an exercise <rag-ex-worse>` has an example.
#
# ## Looking up is a scalar product
#
# A bi-encoder makes a vector of each question and one of each document; their scalar product is the score. Then
# millions of documents can be searched at once, because their vectors are made beforehand. Does one lose anything by
# it?
#
# :::{prf:proposition} A bi-encoder that is Bayes
# :label: rag-prop-product
#
# Let $M_{d,x}$ be the probability of a word $x$ of a question, given the word $d$ at the same place of its document.
# Then $\log \mathbb{P}[x \mid z]$ is, for all questions and documents, the scalar product of two vectors of length $L
# \cdot \operatorname{rank}(\log M)$, one of $x$ and one of $z$.
# :::
#
# :::{prf:proof}
# $\log \mathbb{P}[x \mid z] = \sum_l (\log M)_{d_l, x_l}$. With $\log M = U S V^\top$ each term is the scalar product
# of row $d_l$ of $U \sqrt S$ and row $x_l$ of $V \sqrt S$; put the rows for $l = 1, \dots, L$ one behind the other.
# :::

# %%
from hmmlib.retrieval import encoder_scores, exact_encoder

scores = encoder_scores(exact_encoder(world), asked, world.documents)
off = (scores.log_softmax(1) - relevance).abs().max()
print("deviation from Bayes:", deviation(off, 1e-10))

# %% mystnb={"figure": {"caption": "The bi-encoder that is Bayes, with fewer and fewer singular vectors: questions whose own document comes first, and right answers from eight documents, against the width of the vectors.", "name": "rag-fig-width"}, "image": {"alt": "Two lines that rise together from near zero at a width of 5 to above four fifths at 160, most steeply between 40 and 80. The right document comes first a little more often than answers are right."}}
from hmmlib.plotting.shared import means_over_seeds

perfect, by_width = read_perfectly(answers), {}
for rank in (1, 4, 8, 12, 16, 24, 32):
    scores = encoder_scores(exact_encoder(world, rank), asked, world.documents)
    by_width[5 * rank] = evaluate_answers(asked, scores, perfect, k=8)
shown = {"right document first": "recall_first", "right answers": "exact_match"}
lines = {
    name: {width: [100 * getattr(one, key)] for width, one in by_width.items()}
    for name, key in shown.items()
}
means_over_seeds({"": lines}, x_label="width", y_label="%")
plt.show()

# %% [markdown]
# Wide vectors are needed: a key that is a little unclear must be compared at every place. Narrow ones confuse
# entities, as they do in practice.
#
# ## A retriever that learns from answers
#
# Nobody says which document is meant; only the answer is known. Can a retriever learn from that?
#
# :::{prf:proposition} What a document learns
# :label: rag-prop-gradient
#
# Let $s_z$ be the scores of the $k$ documents that were retrieved, and $w$ their softmax. Then
#
# $$
# \frac{\partial}{\partial s_z} \bigl(-\log p_{\text{seq}}(y)\bigr) = w_z - \mathbb{P}[z \mid x, y],
# $$ (rag-eq-gradient)
#
# where the last term is proportional to $w_z\, \mathbb{P}[y \mid z]$, and the derivative is zero for a document that
# was not retrieved.
# :::
#
# :::{prf:proof}
# The derivative of $\log \sum_z e^{s_z} - \log \sum_z e^{s_z} \mathbb{P}[y \mid z]$.
# :::
#
# So every document that happens to hold the right answer is praised, whether it was meant or not. And a document that
# was not retrieved cannot learn that it should have been. With few documents in a step, a retriever that knows
# nothing has nothing to begin with.

# %%
from hmmlib.retrieval import retrieval_given_answer

top, which = top_documents(relevance[:50] / 4, 8)  # a retriever in doubt
top.requires_grad_()
read = answers[asked.slot[:50, None], which]
words = asked.answer[:50]
law = sequence_law(top, read)[range(50), words[:, 0], words[:, 1]]
(gradient,) = torch.autograd.grad(-law.log().sum(), top)
formula = top.softmax(1) - retrieval_given_answer(top, read, words)
off = (gradient - formula.detach()).abs().max()
print("gradient against formula:", deviation(off))

# %% [markdown]
# Here a bi-encoder begins with random vectors. It learns from answers which documents to retrieve, from a perfect
# reader, with four documents in a step, with sixty-four, and with all of them. The vectors of the documents, the
# *index*, stay as they are, as in the paper: they would have to be made anew after each step. (In double precision,
# so that all computers print the same.)

# %%
from hmmlib.retrieval import BiEncoder, RetrieverRecipe, train_retriever

recipe = RetrieverRecipe(steps=300, seed=seed)
start, rows = BiEncoder(world, generator=seed).double(), []
for k in (4, 64, 512):
    learnt = train_retriever(start, world, answers, k=k, recipe=recipe)
    scores = encoder_scores(learnt, asked, world.documents)
    found = evaluate_answers(asked, scores, perfect, k=min(k, 8))
    shares = (found.exact_match, found.recall_first, found.right_without)
    rows.append((k, *(100 * share for share in shares)))
header = ["documents", "right answers, %", "right document first, %"]
Table([*header, "right without it, %"], rows, [None, *[".0f"] * 3])

# %% [markdown]
# From all documents, or from sixty-four, a retriever learns what it should, from answers alone. From four it learns
# little, and most of its right answers come from wrong documents: those that it happens to retrieve, and that happen
# to hold the answer.
#
# ## Five worlds
#
# `hmmlib sweep fact-retrieval` does it on five worlds of 1,024 entities. Half of them are asked about in training
# (*seen*), half are not, and all are in the index. Seen entities can be learnt by heart, unseen ones must be looked up.
# All tables and figures down to *Where it fails* are from its records.

# %%
from hmmlib.analysis import mean_over_seeds, read_results

records = read_results("fact_retrieval_laptop")["cells"]


def of(path, **cell):
    """Percentages of the seeds' records, in their order; `path` leads to an entry."""
    some = [r for r in records if all(r[k] == v for k, v in cell.items())]
    values = sorted(some, key=lambda record: record["seed"])
    for name in path.split():
        values = [value[name] for value in values]
    return [100 * value for value in values]


# %%
def by(setting, values, path, **cell):
    """The same at each of the values of a setting, given by name."""
    return {name: of(path, **cell, **{setting: v}) for name, v in values.items()}


def with_intervals(*lists):
    """Mean and half-width of the 95% interval over seeds, a pair for each."""
    mean, half = mean_over_seeds(lists)
    return list(zip(mean, half, strict=True))


# %% mystnb={"figure": {"caption": "Retrievers that begin with random vectors and learn from answers, by the number of documents in a training step; tested with eight. Left, the index is frozen; right, it is trained too. Dots are worlds, lines their means.", "name": "rag-fig-starts"}, "image": {"alt": "Two panels of rising lines from 1 document to all. Left, right answers about seen entities and right documents rise together from near zero to above four fifths with all documents, and unseen entities follow. Right, answers about seen entities rise higher and earlier, right documents stay behind them, and answers about unseen entities stay near zero."}}
shown = {"right answers, seen": "seen exact_match"}
shown["right document first, seen"] = "seen recall_first"
shown["right answers, unseen"] = "unseen exact_match"
sizes, panels = {"1": 1, "4": 4, "16": 16, "64": 64, "all": 0}, {}
for index in ("frozen", "trained"):
    cell = {"kind": "start", "pairs": 0, "index": index}
    curves = {n: by("k", sizes, f"after_8 {p}", **cell) for n, p in shown.items()}
    panels[f"index {index}"] = curves
means_over_seeds(panels, x_label="documents in training", y_label="%")
plt.show()

# %% tags=["hide-input"]
rows = []
for index in ("frozen", "trained"):
    for pairs, k in ((0, 64), (0, 0), (1024, 4), (1024, 0)):
        cell = {"kind": "start", "pairs": pairs, "index": index, "k": k}
        shares = [of(f"after_8 {path}", **cell) for path in shown.values()]
        without = of("after_8 seen right_without", **cell)
        rows.append((index, pairs, k or "all", *with_intervals(*shares, without)))
header = ["index", "pairs before", "documents", *shown, "right without it, seen"]
Table(header, rows, ".1f")

# %% [markdown]
# With a frozen index {prf:ref}`rag-prop-gradient` is seen at work. Trained on all documents, a retriever that began
# with nothing finds the right document for most questions about seen entities, and for most about unseen ones.
# Trained on four, it ends little better than it began. A thousand pairs of a question and its document, shown to it
# before, are as good as all documents: then four are enough.
#
# With an index that is trained too, something else happens. More questions about seen entities are answered. But
# fewer of the answers come from the right document, and of unseen entities hardly anything is known. The vectors of
# questions and documents now learn together, and there is something easier to learn than which document is meant:
# what the answer is. A question then goes to any document that says so. Such a retriever is a closed book that holds
# up a document. Its answer is right, its source is not, and it knows nothing of what it was not asked.
#
# Lewis et al. leave the index alone because making it anew is costly. Here is another reason. Even after a thousand
# pairs, where the right documents are found, a trained index gains a little on seen entities and loses much on unseen
# ones.
#
# ## Counted or learned
#
# *BM25* scores a document by the words that it has in common with a question, rare words first
# {cite:p}`robertson2009probabilistic`. It learns nothing, and it finds nothing when a question uses other words. A
# bi-encoder can be trained for pairs of a question and its document, where there are some
# {cite:p}`karpukhin2020dense`. Lewis et al. begin with one of these, and go on training its questions' side on
# answers.
#
# So there are three retrievers to compare: counted words; a bi-encoder trained on pairs of *other* entities
# (*frozen*); the same, trained on answers about the seen entities of this world (*learned*). Its pairs use other
# words for a quarter of the symbols; how often the questions of the test do, is on the axis.

# %% mystnb={"figure": {"caption": "Right answers about unseen entities from eight documents, read perfectly, by the share of symbols that questions put in other words. Bi-encoders were trained on few or many pairs of other entities, then on answers or not. Dots are worlds, lines their means.", "name": "rag-fig-paraphrase"}, "image": {"alt": "Two panels, 512 and 4,096 pairs. BM25 falls steeply from left to right, from above two fifths to nearly nothing. With 512 pairs the frozen bi-encoder begins below BM25 and falls more slowly; the learned one lies above it, further the further to the right. With 4,096 pairs both lie higher, together on the left and apart on the right. Bayes is a flat grey line at the top."}}
names = {"BM25": "bm25", "frozen": "frozen", "learned": "learnt", "Bayes": "bayes"}
rhos, panels = {rho: rho for rho in (0.0, 0.25, 0.5, 1.0)}, {}
for pairs in (512, 4096):
    cell = {"kind": "retriever", "pairs": pairs}
    panels[f"{pairs:,} pairs"] = {
        name: by("paraphrase", rhos, f"{way} unseen exact_match", **cell)
        for name, way in names.items()
    }
label = r"share of symbols in other words, $\rho$"
means_over_seeds(panels, ("Bayes",), x_label=label, y_label="right answers, %")
plt.show()

# %% tags=["hide-input"]
rows = []
for pairs in (512, 4096):
    for rho in (0.0, 0.25, 0.5, 1.0):
        cell = {"kind": "retriever", "pairs": pairs, "paraphrase": rho}
        ways = ("bm25", "frozen", "learnt")
        counted, frozen, learnt = (
            of(f"{w} unseen exact_match", **cell) for w in ways
        )
        gains = np.subtract(frozen, counted), np.subtract(learnt, frozen)
        of_seen = np.subtract(
            *(of(f"{w} seen exact_match", **cell) for w in ways[:0:-1])
        )
        rows.append((pairs, rho, *with_intervals(*gains, of_seen)))
header = ["pairs", r"$\rho$", "frozen less BM25", "learned less frozen"]
Table([*header, "the same, seen"], rows, [None, None, *[".1f"] * 3])

# %% [markdown]
# Where questions use the words of the documents, counting is hard to beat: a bi-encoder that has seen 512 pairs is
# worse than BM25, as the paper found on one of its tasks. When a quarter of the symbols is put in other words BM25
# has fallen below it, and when all are, there is nothing left to count.
#
# Does learning from answers help? About entities that it was trained on, always, and very much: there the questions'
# side learns keys by heart. Of that nothing can be seen in a test on the facts of training. About other entities it
# helps where the pairs were few, or unlike the questions. Where they were many and alike it brings nothing, or a
# little less than nothing.
#
# ## Facts in weights, facts in documents
#
# Now nothing is perfect any more. A small transformer reads: it sees a question and a document and gives
# probabilities to the answers. It is taught to read, on entities that are new in every step, so that it knows no
# fact. Then it is trained together with its retriever, on answers about the seen entities, with four documents.
# Either both learn, as in the paper (*reader trained*), or the retriever alone (*reader frozen*). Beside them stands
# a *closed book*: the same transformer, without documents, trained four times as long on four times as many questions
# in a step.
#
# How many facts does it take until looking up is better than knowing?

# %% mystnb={"figure": {"caption": "Right answers by the number of entities, half of which are seen: about these on the left, about the others on the right. The closed book forgets as facts become many; those who look up do not. Dots are worlds, lines their means.", "name": "rag-fig-facts"}, "image": {"alt": "Two panels of lines from 64 to 4,096 entities. Left, the closed book falls from nearly all answers to less than a tenth; the trained reader begins beside it, above Bayes, and falls to where the frozen reader is, which falls slowly. Right, the closed book is near zero throughout; the trained reader begins far below the frozen one and comes near it; Bayes is a grey line at the top."}}
worlds = {f"{n:,}": n for n in (64, 256, 1024, 4096)}
names = {"closed book": "closed", "reader frozen": "reader_frozen k_4"}
names |= {"reader trained": "reader_trained k_4", "Bayes": "bayes"}
panels = {}
for half in ("seen", "unseen"):
    panels[f"{half} entities"] = {
        name: by("n_entities", worlds, f"{way} {half} exact_match", kind="facts")
        for name, way in names.items()
    }
means_over_seeds(panels, ("Bayes",), x_label="entities", y_label="right answers, %")
plt.show()

# %% [markdown]
# As long as facts are few, a closed book knows nearly all that it was told. It is even better than Bayes there, who
# has only the documents to go by: what was said in training is no longer in doubt. When facts become many it falls,
# and with most of them it knows next to nothing. Those who look up lose much less. A trained reader is never behind
# the closed book; a frozen one overtakes it between the third size and the fourth.
#
# About unseen entities a closed book knows nothing at any size. A frozen reader answers nearly as many questions
# about them as about the others. A trained one answers fewer, and the fewer, the fewer facts it was trained on.
#
# What is missing to Bayes? Exchange the parts one by one: perfect retrieval or the learned one, perfect reading or
# the reader's.

# %% tags=["hide-input"]
parts = {"Bayes, Bayes": "bayes_k", "Bayes, reader": "reader_frozen found_perfectly"}
parts["learned, Bayes"] = "reader_frozen read_perfectly"
parts["learned, reader"] = "reader_frozen k_4"
rows = []
for name, n in worlds.items():
    for half in ("seen", "unseen"):
        cell = {"kind": "facts", "n_entities": n}
        found = [of(f"{path} {half} exact_match", **cell) for path in parts.values()]
        rows.append((name, half, *with_intervals(*found)))
header = ["entities", "asked about", *parts]
Table(header, rows, ".1f")

# %% [markdown]
# The reader loses about as much at every size, of whatever is found for it. What grows with the number of documents
# is what the retriever loses, and a little is lost even with Bayes: there are more keys to be mistaken for one
# another. So the line of those who look up is not flat, as one might hope, and it is the search that bends it.
#
# ## What is known when the world changes
#
# Now all is written anew: each entity keeps its key and gets another memory, and so another document. Whoever looks
# up should know the new truth at once, if the new documents are put in place of the old, and should never know it
# from the old ones.


# %%
def swapped(way, n):
    """Right answers by truth and documents, old and new; means over seeds."""
    cell = {"kind": "facts", "n_entities": n}
    old, new = (
        of(f"{p} seen exact_match", **cell) for p in ("closed", "closed_new_truth")
    )
    if way == "closed":
        return np.array([[np.mean(old)] * 2, [np.mean(new)] * 2])
    paths = [f"{way} k_4", f"{way} swap old_truth_new_index"]
    paths += [f"{way} swap new_truth_{index}_index" for index in ("old", "new")]
    found = [np.mean(of(f"{path} seen exact_match", **cell)) for path in paths]
    return np.reshape(found, (2, 2))


# %% mystnb={"figure": {"caption": "Right answers about seen entities, in percent, before and after everything was written anew: rows are what is true, columns what the documents say. A number off the diagonal would be right in spite of the documents; chance is three percent.", "name": "rag-fig-swap"}, "image": {"alt": "Six squares of four numbers. The closed book has a dark upper row and a white lower one, at 64 entities darker than at 4,096. With a frozen reader the diagonal is dark at both sizes, and even. With a trained reader at 64 entities the first corner is much darker than the last; at 4,096 the diagonal is nearly even. All corners off the diagonal are white."}}
from hmmlib.plotting.answers_from_documents import swaps

ways = {"closed book": "closed", "reader frozen": "reader_frozen"}
ways["reader trained"] = "reader_trained"
panels = {
    f"{name}, {n:,}": swapped(way, n)
    for n in (64, 4096)
    for name, way in ways.items()
}
swaps(panels)
plt.show()

# %% [markdown]
# With a frozen reader, what is known follows the documents. As much is right after everything was written anew as
# before, and nothing of the old truth is left. So the paper's claim holds, at both sizes.
#
# A trained reader of many facts does nearly as well. A trained reader of few does not: before, it is as good as a
# closed book; after, it answers little more than half of what the frozen reader does, which it once was. It does not
# repeat the old answers. It has learnt its documents by heart, and has forgotten how to read others.
#
# ## Where it fails
#
# Which parts are needed? Leave out one at a time, with 1,024 entities.

# %% tags=["hide-input"]
cell = {"kind": "facts", "n_entities": 1024}
shown = {"reader trained": "reader_trained k_4", "as Token": "as_token k_4"}
shown |= {
    "not taught to read": "untaught k_4",
    "random documents": "random_documents",
}
rows = []
for name, way in shown.items():
    halves = [of(f"{way} {half} exact_match", **cell) for half in ("seen", "unseen")]
    without = of(f"{way} seen right_without", **cell)
    rows.append((name, *with_intervals(*halves, without)))
header = ["1,024 entities", "seen, %", "unseen, %", "right without it, seen"]
Table(header, rows, ".1f")

# %% [markdown]
# A reader that was not taught to read does not learn it from answers; what it gets right is mostly learnt by heart.
# With random documents nothing is known, as it should be. To train RAG-Token instead of RAG-Sequence makes little
# difference, as {eq}`rag-eq-gap` says of a retriever that is mostly sure.
#
# And more documents at the time of the test?

# %% tags=["hide-input"]
rows = []
for way in ("reader_frozen", "reader_trained", "as_token"):
    for half in ("seen", "unseen"):
        paths = [f"{way} k_{k} {half}" for k in (1, 4, 16)]
        right = [of(f"{path} exact_match", **cell) for path in paths]
        nats = [np.array(of(f"{path} nats", **cell)) / 100 for path in paths]
        name = way.replace("_", " ").replace("as token", "as Token")
        rows.append((name, half, *with_intervals(*right, *nats)))
header = [f"{what}, $k = {k}$" for what in ("right", "nats") for k in (1, 4, 16)]
Table(["", "asked about", *header], rows, [None, None, *[".1f"] * 3, *[".2f"] * 3])

# %% [markdown]
# In nats they help everyone. In right answers they help nobody: RAG-Sequence stays where it is, RAG-Token falls a
# little.
#
# ## What this says about the paper of this book
#
# The paper puts a prompt in front of a text, so that what the frozen model believes of its hidden state is where the
# task needs it. A document in front of a question does the same.
#
# :::{prf:proposition} A document is a prompt (ours)
# :label: rag-prop-prompt
#
# Let an HMM with a memory write two texts $z$ and $x$ with the same memory $M$, each from a fresh start. Then
# $\mathbb{P}[M \mid z, x]$ is the posterior of the memory, given $x$ alone, in the HMM whose prior of the memory is
# $\mathbb{P}[M \mid z]$ in place of $\mathbb{P}[M]$.
# :::
#
# :::{prf:proof}
# Given $M$ the texts are independent:
#
# $$
# \begin{aligned}
# \mathbb{P}[M \mid z, x] &\propto \mathbb{P}[M]\, \mathbb{P}[z \mid M]\, \mathbb{P}[x \mid M] \\
#   &\propto \mathbb{P}[M \mid z]\, \mathbb{P}[x \mid M].
# \end{aligned}
# $$
# :::

# %%
from hmmlib import MemoryHMM
from hmmlib.hmm import content_log_likelihood, content_posterior, sample_tokens

model, own = world.model, world.contents[asked.entity]
short = sample_tokens(model, len(own), 4, generator=seed, memory=own)
of_text = content_log_likelihood(model, short)  # log P[x | M], (questions, contents)
of_documents = content_log_likelihood(model, world.documents.texts)

prior = of_documents[0].softmax(0).view(6, 6, 6, 1, 1)  # P[M | z] of a document
fresh = model.initial / model.initial.sum((-1, -2), keepdim=True)
moved = MemoryHMM(prior * fresh, model.transition, model.emission)
both = (of_documents[0] + of_text).softmax(1)
off = (content_posterior(moved, short) - both).abs().max()
print("both texts against the moved prior:", deviation(off))

# %% [markdown]
# How often is the most probable memory the right one, of 216, after a text of four tokens? Without a document; with
# the entity's own; with the one that is most probable for a question; with another entity's.

# %%
documents = {"its own": asked.entity, "the most probable": relevance.argmax(1)}
documents["another's"] = (asked.entity + 1) % world.n_entities
posteriors = {"none": of_text}
posteriors |= {name: of_text + of_documents[z] for name, z in documents.items()}
rows = [
    (k, 100 * (p.argmax(1) == own).double().mean()) for k, p in posteriors.items()
]
Table(["document in front", "right memory, %"], rows, ".1f")

# %% [markdown]
# The paper's prompt is the same for all texts, because it is learnt for a task. It can say *what* is asked: move a
# memory's cell to the front, leave out states that do not matter ({doc}`prompts_and_memory`). It cannot say *who* is
# meant. A prompt that is looked up can, and does not have to be learnt; but a wrong one does harm, where a learnt one
# would do none. And a head, as in the closed book, holds facts in its weights: one for each, until they are full.
#
# ## Exercises

# %% [markdown]
# ::::{exercise} ● By hand: More documents, a worse answer
# :label: rag-ex-worse
#
# The exact weights of four documents are 0.3, 0.25, 0.25 and 0.2. The first gives the answer *a* with probability 0.6
# and *b* with 0.4, the second surely *b*, the third and the fourth surely *a*. How probable is it that the best
# answer from the first $k$ documents is right, for $k = 1, \dots, 4$?
#
# :::{admonition} Hint
# :class: dropdown
# The probability that an answer is right is that of {prf:ref}`rag-prop-bayes`, with all four documents, whatever
# answer was chosen from fewer.
# :::
# ::::

# %% [markdown]
# :::{solution-start} rag-ex-worse
# :class: dropdown
# :::
#
# With all documents *a* has $0.18 + 0.25 + 0.2 = 0.63$, *b* has 0.37. The first document says *a*; the first two say
# *b*
# ($0.18$ against $0.12 + 0.25$); three say *a* again, and so do four. So 0.63, 0.37, 0.63, 0.63.

# %%
weights = torch.tensor([[0.3, 0.25, 0.25, 0.2]], dtype=torch.float64)
says = torch.tensor([[[0.6, 0.4], [0, 1], [1, 0], [1, 0]]], dtype=torch.float64)
table = says[..., None]  # answers of one word: the second is always the same
whole = sequence_law(weights.log(), table)[0, :, 0]
for k in range(1, 5):
    best = int(sequence_law(weights[:, :k].log(), table[:, :k])[0, :, 0].argmax())
    print(k, "ab"[best], f"right with probability {whole[best]:.2f}")

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove or refute: Ask each document for its best answer
# :label: rag-ex-decode
#
# "The most probable answer under RAG-Sequence is the most probable answer of one of the documents." Prove it or
# refute it. What does that mean for a search that keeps one answer of each document?
#
# :::{admonition} Hint
# :class: dropdown
# Two documents and three answers.
# :::
# ::::

# %% [markdown]
# :::{solution-start} rag-ex-decode
# :class: dropdown
# :::
#
# Refuted. Two documents of equal weight say *a* or *c* with probabilities 0.6 and 0.4, and *b* or *c* with 0.6 and
# 0.4. Then *c* has 0.4, and *a* and *b* have 0.3. A search that keeps one answer of each document never sees *c*, not
# even if it scores its candidates under all documents, which the paper calls *thorough*; with two answers of each it
# does. The paper's *fast* decoding gives an answer no probability with a document that did not find it.

# %%
from hmmlib.retrieval import decode

says = torch.tensor([[[0.6, 0.0, 0.4], [0.0, 0.6, 0.4]]], dtype=torch.float64)
even = torch.zeros(1, 2, dtype=torch.float64)
for how, beam in (("exact", 1), ("thorough", 1), ("fast", 1), ("thorough", 2)):
    first, _ = decode(even, says[..., None], how, beam)[0].tolist()
    print(f"{how}, {beam} of each document:", "abc"[first])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Prove: A loss that teaches a retriever nothing
# :label: rag-ex-loss
#
# Somebody implements RAG-Sequence like this. The answer's tokens are shifted by one place, so that the token after
# the start token comes first. The logarithm of $w_z$ is added at the *second* place. Places behind the answer's end
# count zero, whatever was added there. Then the places are summed for each document, and $\log \sum_z \exp$ of the
# sums is taken.
#
# What does this compute for an answer of one token, without an end token behind it? What is its sum over all answers,
# and what does the retriever learn?
#
# :::{admonition} Hint
# :class: dropdown
# After the shift only one place is left.
# :::
# ::::

# %% [markdown]
# :::{solution-start} rag-ex-loss
# :class: dropdown
# :::
#
# The second place is behind the end, so $\log w_z$ is lost. What remains is $\log \sum_z \mathbb{P}[y \mid z]$: no
# weights. Summed over all answers, $\sum_y \sum_z \mathbb{P}[y \mid z] = k$ instead of one, and the derivative by the
# scores is zero: the retriever learns nothing, and nothing complains. (Answers that end with an end token have two
# places, and are right. A test that answers of each length sum to one finds it.) One implementation that many used
# does this, as we read its code.

# %%
scores = torch.tensor([[2.0, 0.0, -1.0]], dtype=torch.float64, requires_grad=True)
says = torch.tensor([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]], dtype=torch.float64)
lost = [float(says[:, y].sum()) for y in range(2)]
kept = sequence_law(scores, says[None, :, :, None])[0, :, 0]
print("sum over answers, weights lost:", round(sum(lost), 3))
print("sum over answers, as defined:", round(float(kept.detach().sum()), 3))

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●● Code: Say that you do not know
# :label: rag-ex-abstain
#
# Answer only if the most probable answer has at least some probability under {prf:ref}`rag-prop-bayes`. For
# thresholds of 0, 0.5, 0.8 and 0.95 find the share of questions that are answered and the share of these answers that
# are wrong. What should the second be, by theory?
#
# :::{admonition} Hint
# :class: dropdown
# `bayes_answers`. A probability that is exact says how often it is right.
# :::
# ::::

# %% [markdown]
# :::{solution-start} rag-ex-abstain
# :class: dropdown
# :::
#
# Among answers of probability $p$ a share of $1 - p$ is wrong: the mean of $1 - p$ over what was answered. With exact
# probabilities it comes out, up to chance. So whoever knows the truth about what is not known need not guess.

# %%
from hmmlib.retrieval import bayes_answers

many = world.queries(4000, generator=seed + 1)
law = bayes_answers(world, many).flatten(1)
p, best = law.max(1)
wrong = best != 6 * many.answer[:, 0] + many.answer[:, 1]
rows = []
for least in (0.0, 0.5, 0.8, 0.95):
    kept = p >= least
    shares = (kept.double().mean(), wrong[kept].double().mean(), (1 - p[kept]).mean())
    rows.append((least, *(100 * share for share in shares)))
header = ["least probability", "answered, %", "of these wrong, %", "expected, %"]
Table(header, rows, [None, *[".1f"] * 3])

# %% [markdown]
# :::{solution-end}
# :::

# %% [markdown]
# ::::{exercise} ●●● Open: How many facts fit?
# :label: rag-ex-open
#
# Between which numbers of facts does the closed book of {numref}`rag-fig-facts` fall behind? Find the number at which
# it knows half of them, for widths of 24, 48 and 96, and see whether it grows with the number of weights.
#
# :::{admonition} Hint
# :class: dropdown
# `train_closed_book`, with `AnswerReader(world, TransformerConfig(...))`. Train to the end: what has not been learnt
# in 1,200 steps may still fit.
# :::
# ::::

# %% [markdown]
# :::{solution-start} rag-ex-open
# :class: dropdown
# :::
#
# We have not gone far. A first step, from the records: what the closed book knows of its seen facts, and how many
# facts that makes.

# %%
rows = []
for n in worlds.values():
    known = of("closed seen exact_match", kind="facts", n_entities=n)
    facts = np.array(known) / 100 * 3 * n / 2  # three questions about each entity
    rows.append((n // 2, 3 * n // 2, *with_intervals(known, facts)))
header = ["seen entities", "facts", "right answers, %", "facts known"]
Table(header, rows, [",", ",", ".1f", ",.0f"])

# %% [markdown]
# :::{solution-end}
# :::
#
# ## Summary
#
# ```{list-table}
# :header-rows: 1
# :name: rag-tab-claim
#
# * - Claim
#   - In this world it holds when
#   - It fails when
#   - Evidence
# * - Who looks up answers more questions than who has only weights
#   - facts are many for the weights, or are asked for the first time
#   - they are few and all were in training: a closed book knows them as well, and better than the documents do
#   - {numref}`rag-fig-facts`
# * - A learned retriever is better than counted words
#   - questions put a quarter of the symbols or more in other words, or there are many pairs to learn from
#   - there are few pairs, and words are the same
#   - {numref}`rag-fig-paraphrase`
# * - Answers alone teach retrieval
#   - there were pairs before, or all documents are in the sum; and the index is left alone
#   - documents are few and there were no pairs; the index is trained: then answers are right and sources wrong
#   - {prf:ref}`rag-prop-gradient`, {numref}`rag-fig-starts`
# * - More documents help
#   - nats are counted
#   - right answers are: RAG-Sequence stays, RAG-Token falls, the more the noise
#   - {prf:ref}`rag-prop-cut`, {numref}`rag-fig-laws`
# * - Exchange the documents, and you exchange what is known
#   - the reader is frozen, or was trained on many facts
#   - it was trained on few: it knows its documents by heart and reads others badly
#   - {numref}`rag-fig-swap`
# ```
#
# - With exact parts RAG-Sequence is Bayes. RAG-Token forgets which document it was reading in, and loses at most what
#   was in doubt about it.
# - A bi-encoder can be Bayes, if its vectors are wide enough.
# - Answers praise every document that holds them. A right answer is no proof that its source was right.
# - A gain about facts of training is memory until shown otherwise: in the reader, in the questions' vectors, or in
#   the index.
# - A document in front of a question is a prompt that was looked up and not learnt.
