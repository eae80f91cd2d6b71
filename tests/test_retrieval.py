"""A world of facts: relevance and answers by enumeration, the laws of several documents, encoders."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from hmmlib import random_memory_hmm
from hmmlib.hmm import content_posterior, uniform_memory
from hmmlib.retrieval import (
    BiEncoder,
    Documents,
    KnowledgeWorld,
    RetrieverRecipe,
    bayes_answers,
    bm25,
    decode,
    encoder_scores,
    evaluate_answers,
    exact_answers,
    exact_encoder,
    exact_retrieval,
    read_perfectly,
    retrieval_given_answer,
    sequence_law,
    token_law,
    top_documents,
    train_retriever,
    warm_up,
)

MODEL = uniform_memory(
    random_memory_hmm(3, 2, 8, n_cells=3, generator=1, transition_temperature=0.3, emission_temperature=0.3)
)
WORLD = KnowledgeWorld(MODEL, n_entities=20, n_symbols=6, key_length=3, text_length=6, generator=0)
ASKED = WORLD.queries(50, generator=1)


def some_laws(n=500, k=4, words=3, seed=0):
    """Random scores of documents and answers, some of them sharp."""
    random = np.random.RandomState(seed)
    answers = random.dirichlet(np.full(words**2, 0.3), (n, k)).reshape(n, k, words, words)
    return torch.from_numpy(random.normal(0, 2, (n, k))), torch.from_numpy(answers)


def test_relevance_is_that_of_all_keys_enumerated():
    small = KnowledgeWorld(
        MODEL, n_entities=4, n_symbols=3, key_length=2, noise=0.3, paraphrase=0.4, generator=3
    )
    key = torch.tensor(list(itertools.product(range(6), repeat=2)))

    def writes(symbol, word, paraphrase):
        right = (1 - paraphrase) * (word == symbol) + paraphrase * (word == symbol + 3)
        return 0.7 * right + 0.3 / 6

    expected = torch.zeros(len(key), 4, dtype=torch.float64)
    for z, written in enumerate(small.documents.keys.tolist()):
        for row, asked in enumerate(key.tolist()):
            joint = evidence = 0.0
            for symbols in itertools.product(range(3), repeat=2):
                document = np.prod([writes(a, d, 0) for a, d in zip(symbols, written, strict=True)])
                evidence += document
                joint += document * np.prod([writes(a, x, 0.4) for a, x in zip(symbols, asked, strict=True)])
            expected[row, z] = joint / evidence
    expected /= expected.sum(1, keepdim=True)
    torch.testing.assert_close(exact_retrieval(small, key).exp(), expected, rtol=0, atol=1e-12)


def test_relevance_is_calibrated():
    asked = WORLD.queries(4000, generator=7)
    p = exact_retrieval(WORLD, asked.key).exp()
    right = p[torch.arange(4000), asked.entity]
    # The expected probability of the right document is the expected sum of squares.
    gap = float(right.mean() - p.square().sum(1).mean())
    assert abs(gap) < 4 * float(right.std()) / 4000**0.5


def test_answers_are_those_of_the_memory():
    answers = exact_answers(WORLD)
    assert answers.shape == (3, 20, 3, 3)
    held = content_posterior(MODEL, WORLD.documents.texts)
    for slot, (first, second) in enumerate([(0, 1), (1, 2), (2, 0)]):
        assert WORLD.cells_of(slot) == (first, second)
        expected = torch.zeros(20, 3, 3, dtype=torch.float64)
        for content, cells in enumerate(MODEL.contents.tolist()):
            expected[:, cells[first], cells[second]] += held[:, content]
        torch.testing.assert_close(answers[slot], expected)


def test_questions_ask_for_what_the_memory_holds():
    cells = MODEL.contents[WORLD.contents[ASKED.entity]]
    for row, slot in enumerate(ASKED.slot.tolist()):
        first, second = WORLD.cells_of(slot)
        assert ASKED.answer[row].tolist() == [int(cells[row, first]), int(cells[row, second])]
    assert ASKED.part(slice(0, 3)).answer.shape == (3, 2)
    assert WORLD.queries_about([3, 1, 3], generator=1).entity.tolist() == [3, 1, 3]
    among = WORLD.queries(30, generator=1, entities=[2, 5]).entity
    assert set(among.tolist()) == {2, 5}


def test_theorem_sequence_with_all_documents_is_bayes():
    # By enumeration: the memories of all entities, and what was asked, in a world of two.
    tiny = uniform_memory(random_memory_hmm(2, 2, 5, n_cells=2, generator=2, emission_temperature=0.5))
    world = KnowledgeWorld(tiny, n_entities=2, n_symbols=2, key_length=1, text_length=3, generator=0)
    asked = world.queries(8, generator=1)
    held = content_posterior(tiny, world.documents.texts)
    meant = exact_retrieval(world, asked.key).exp()
    expected = torch.zeros(8, 2, 2, dtype=torch.float64)
    for one, other in itertools.product(range(4), repeat=2):  # contents of both entities
        for z in range(2):
            cells = tiny.contents[(one, other)[z]].tolist()
            for row, slot in enumerate(asked.slot.tolist()):
                first, second = world.cells_of(slot)
                p = held[0, one] * held[1, other] * meant[row, z]
                expected[row, cells[first], cells[second]] += p
    everything = torch.arange(2).expand(8, 2)
    answers = exact_answers(world)[asked.slot[:, None], everything]
    found = sequence_law(exact_retrieval(world, asked.key), answers)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(bayes_answers(world, asked), expected, rtol=0, atol=1e-13)
    assert not torch.allclose(token_law(exact_retrieval(world, asked.key), answers), expected, atol=1e-9)


def test_theorem_sequence_and_token_differ_by_a_covariance():
    scores, answers = some_laws()
    weights = scores.softmax(1)[..., None, None]
    first = answers.sum(-1, keepdim=True)
    second = answers / first
    covariance = (weights * first * second).sum(1) - (weights * first).sum(1) * (weights * second).sum(1)
    found = sequence_law(scores, answers) - token_law(scores, answers)
    torch.testing.assert_close(found, covariance, rtol=0, atol=1e-14)


def test_they_are_the_same_with_one_document_or_one_word_or_certainty():
    scores, answers = some_laws()
    certain = torch.where(torch.arange(4) == scores.argmax(1, keepdim=True), 0.0, -torch.inf).double()
    one_word = answers.sum(-1, keepdim=True)
    same = answers.sum(-1, keepdim=True) * answers[:, :1].sum(2, keepdim=True)
    for some_scores, law in (
        (scores[:, :1], answers[:, :1]),
        (certain, answers),
        (scores, one_word),
        (scores, same / same.sum((2, 3), keepdim=True)),
    ):
        found = sequence_law(some_scores, law), token_law(some_scores, law)
        torch.testing.assert_close(*found, rtol=0, atol=1e-14)
    for law in (sequence_law, token_law):
        torch.testing.assert_close(law(scores, answers).sum((1, 2)), torch.ones(500, dtype=torch.float64))


def test_theorem_their_divergence_is_at_most_what_is_not_known_of_the_document():
    scores, answers = some_laws()
    sequence, token = sequence_law(scores, answers), token_law(scores, answers)
    gap = (sequence * (sequence / token).log()).nan_to_num(0.0).sum((1, 2))
    weights = scores.softmax(1)
    first = answers.sum(-1)  # (n, k, a)
    mean = torch.einsum("nz,nza->na", weights, first)
    information = torch.einsum("nz,nza->n", weights, first * (first / mean[:, None]).log())
    entropy = -(weights * weights.log()).sum(1)
    assert bool((gap <= information + 1e-12).all())
    assert bool((information <= entropy + 1e-12).all())
    assert float(gap.max()) > 0.1


def test_theorem_what_is_cut_off_costs_no_more_than_its_probability():
    scores, answers = some_laws(k=6)
    whole = sequence_law(scores, answers)
    for k in range(1, 6):
        kept, which = top_documents(scores, k)
        part = sequence_law(kept, answers[torch.arange(500)[:, None], which])
        lost = 1 - scores.softmax(1).gather(1, which).sum(1)
        distance = (whole - part).abs().sum((1, 2)) / 2
        assert bool((distance <= lost + 1e-12).all())


def test_one_document_more_can_make_the_answer_worse():
    weights = torch.tensor([[0.3, 0.25, 0.25, 0.2]], dtype=torch.float64)
    a, b = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    answers = torch.stack([0.6 * a + 0.4 * b, b, a, a])[None, :, :, None]
    truth = sequence_law(weights.log(), answers)[0, :, 0]
    right = []
    for k in range(1, 5):
        chosen = decode(weights.log()[:, :k], answers[:, :k])
        right.append(round(float(truth[chosen[0, 0]]), 2))
    assert right == [0.63, 0.37, 0.63, 0.63]


def test_theorem_the_gradient_is_relevance_less_relevance_given_the_answer():
    scores, answers = some_laws(50)
    answer = torch.randint(3, (50, 2), generator=torch.Generator().manual_seed(0))
    scores.requires_grad_()
    law = sequence_law(scores, answers)
    loss = -law[torch.arange(50), answer[:, 0], answer[:, 1]].log().sum()
    (found,) = torch.autograd.grad(loss, scores)
    with torch.no_grad():
        expected = scores.softmax(1) - retrieval_given_answer(scores, answers, answer)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_decodings_agree_with_a_wide_beam_and_may_differ_with_a_narrow_one():
    scores, answers = some_laws()
    exact = decode(scores, answers)
    for how in ("thorough", "fast"):
        assert torch.equal(decode(scores, answers, how, beam=9), exact)
        assert not torch.equal(decode(scores, answers, how, beam=1), exact)
    law = token_law(scores, answers).flatten(1).argmax(1)
    assert torch.equal(decode(scores, answers, "token", beam=9), torch.stack([law // 3, law % 3], 1))
    assert not torch.equal(decode(scores, answers, "token", beam=1), decode(scores, answers, "token", beam=9))


def test_the_best_answer_of_the_mixture_may_be_nobodys_best():
    a, b, c = torch.eye(3, dtype=torch.float64)
    answers = torch.stack([0.6 * a + 0.4 * c, 0.6 * b + 0.4 * c])[None, :, :, None]
    even = torch.zeros(1, 2, dtype=torch.float64)
    assert decode(even, answers)[0, 0] == 2
    assert decode(even, answers, "thorough", beam=1)[0, 0] != 2
    assert decode(even, answers, "thorough", beam=2)[0, 0] == 2


def test_theorem_an_encoder_of_full_rank_is_bayes():
    encoder = exact_encoder(WORLD)
    scores = encoder.query_vectors(ASKED.key) @ encoder.document_vectors(WORLD.documents).T
    torch.testing.assert_close(scores.log_softmax(1), exact_retrieval(WORLD, ASKED.key), rtol=0, atol=1e-9)
    narrow = exact_encoder(WORLD, rank=2)
    assert narrow.query_vectors(ASKED.key).shape == (50, 6)
    rough = narrow.query_vectors(ASKED.key) @ narrow.document_vectors(WORLD.documents).T
    assert float((rough - scores).abs().max()) > 0.1


def test_documents_that_match_alike_tie_exactly():
    key = torch.tensor([[0, 1, 2]])
    matching = torch.tensor([[0, 1, 9], [0, 9, 2], [9, 1, 2]])
    written = Documents(matching, torch.zeros(3, 6, dtype=torch.int64))
    assert len(exact_retrieval(WORLD, key, written).unique()) == 1
    assert len(bm25(torch.tensor([[0, 1, 9], [0, 9, 1], [9, 0, 1]]), key, 12).unique()) == 1


def test_bm25_is_its_definition():
    documents, key = torch.tensor([[0, 1, 1], [2, 3, 4], [1, 5, 5]]), torch.tensor([[1, 1, 5], [7, 7, 7]])
    found = bm25(documents, key, 8, k1=1.5, b=0.5)
    rarity = {1: np.log(1 + 1.5 / 2.5), 5: np.log(1 + 2.5 / 1.5)}

    def worth(count):
        return count * 2.5 / (count + 1.5)

    expected = [2 * rarity[1] * worth(2), 0, 2 * rarity[1] * worth(1) + rarity[5] * worth(2)]
    torch.testing.assert_close(found[0], torch.tensor(expected, dtype=torch.float64))
    assert not found[1].any()


def test_training_learns_and_leaves_the_start_and_the_index_alone():
    start = BiEncoder(WORLD, 16, generator=0)
    before = {name: table.clone() for name, table in start.state_dict().items()}
    recipe = RetrieverRecipe(steps=60, batch=64, learning_rate=0.03)
    warm = warm_up(start, WORLD.others(200, generator=9), recipe=recipe)
    answers = exact_answers(WORLD)
    learnt = train_retriever(warm, WORLD, answers, k=None, recipe=recipe)
    assert all(torch.equal(table, before[name]) for name, table in start.state_dict().items())
    index = warm.document_vectors(WORLD.documents)
    assert torch.equal(learnt.document_vectors(WORLD.documents), index)
    share = []
    for encoder in (start, warm, learnt):
        scores = (encoder.query_vectors(ASKED.key) @ index.T).detach()
        share.append(float((scores.argmax(1) == ASKED.entity).double().mean()))
    assert share[1] > share[0] + 0.2
    still = train_retriever(warm, WORLD, answers, k=3, recipe=replace(recipe, learning_rate=1e-30))
    torch.testing.assert_close(still.state_dict(), warm.state_dict())


def test_the_index_is_trained_when_asked():
    recipe = RetrieverRecipe(steps=20, batch=32, learning_rate=0.03)
    start, answers = BiEncoder(WORLD, 16, generator=0), exact_answers(WORLD)
    assert not start.tables["text"].any()
    for train, changed in ((("document",), {"document", "text"}), (("document", "query"), set(start.tables))):
        learnt = train_retriever(start, WORLD, answers, k=None, train=train, recipe=recipe)
        found = {name for name, table in learnt.tables.items() if not torch.equal(table, start.tables[name])}
        assert found == changed
    for train in ((), ("reader",)):
        with pytest.raises(ValueError, match="train: expected some of query, document, got"):
            train_retriever(start, WORLD, answers, k=None, train=train)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_answers_teach_retrieval_unless_documents_are_few_or_the_index_learns_too(seed):
    sharp = {"transition_temperature": 0.05, "emission_temperature": 0.03, "n_permutations": 50}
    model = uniform_memory(random_memory_hmm(6, 2, 36, n_cells=3, generator=seed, **sharp))
    world = KnowledgeWorld(model, n_entities=256, n_symbols=16, generator=seed)
    answers, seen = exact_answers(world), torch.arange(128)
    start = BiEncoder(world, 48, generator=seed)
    recipe = RetrieverRecipe(steps=150, batch=64, seed=seed)

    def judged(k, *train):
        how = {"k": k, "entities": seen, "train": train, "recipe": recipe}
        learnt = train_retriever(start, world, answers, **how)
        found = []
        for entities in (seen, seen + 128):
            asked = world.queries(400, generator=9, entities=entities)
            scores = encoder_scores(learnt, asked, world.documents)
            found.append(evaluate_answers(asked, scores, read_perfectly(answers), k=8))
        return found

    (all_seen, all_unseen), (few_seen, _) = judged(None, "query"), judged(4, "query")
    trained_seen, trained_unseen = judged(None, "query", "document")
    assert min(all_seen.exact_match, all_seen.recall_first) > 0.6 > 0.4 > few_seen.exact_match
    assert few_seen.recall_first < 0.2
    assert all_unseen.exact_match > trained_unseen.exact_match + 0.15
    assert trained_seen.exact_match > all_seen.exact_match
    assert trained_seen.exact_match > trained_seen.recall_first + 0.05


def test_a_world_written_anew_keeps_its_keys():
    later = WORLD.rewritten(generator=5)
    assert torch.equal(later.documents.keys, WORLD.documents.keys)
    assert not torch.equal(later.contents, WORLD.contents)
    assert torch.equal(WORLD.rewritten(generator=5).documents.texts, later.documents.texts)
    assert torch.equal(exact_retrieval(later, ASKED.key), exact_retrieval(WORLD, ASKED.key))
    others = WORLD.others(7, generator=1)
    assert (others.n_entities, others.noise, others.key_length) == (7, 0.1, 3)


def test_documents_that_are_the_same_share_the_posterior():
    keys, texts = (torch.cat([table, table]) for table in WORLD.documents)
    twice = exact_retrieval(WORLD, ASKED.key, Documents(keys, texts)).exp()
    torch.testing.assert_close(twice[:, :20], twice[:, 20:])
    torch.testing.assert_close(2 * twice[:, :20], exact_retrieval(WORLD, ASKED.key).exp())


QUIET = KnowledgeWorld(MODEL, n_entities=3, n_symbols=6, key_length=3, noise=0.0, paraphrase=0.0, generator=0)
SCORES, LAWS = some_laws(2)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: KnowledgeWorld(MODEL.flatten(), n_entities=2, generator=0),
            TypeError,
            "expected a MemoryHMM",
        ),
        (
            lambda: KnowledgeWorld(
                random_memory_hmm(3, 2, generator=0, n_cells=1), n_entities=2, generator=0
            ),
            ValueError,
            "model: expected two cells or more, to ask for two, got 1",
        ),
        (lambda: WORLD.queries(3, generator=0, entities=[0, 20]), ValueError, "entities: .* entry 1 is 20"),
        (lambda: WORLD.queries(3, generator=0, entities=[]), ValueError, "entities: expected a list of one"),
        (
            lambda: exact_retrieval(WORLD, torch.zeros(2, 4, dtype=torch.int64)),
            ValueError,
            r"key: expected words of shape \(n, 3\), got \(2, 4\)",
        ),
        (
            lambda: exact_retrieval(WORLD, torch.tensor([[0, 1, 2], [0, 12, 1]])),
            ValueError,
            "key: expected words 0 … 11, row 1 has 12",
        ),
        (
            lambda: exact_retrieval(QUIET, torch.tensor([[7, 7, 7]])),
            ValueError,
            r"key: no document can be meant by row 0, \[7, 7, 7\]",
        ),
        (
            lambda: exact_retrieval(WORLD, ASKED.key, Documents(*(t[:0] for t in WORLD.documents))),
            ValueError,
            "documents: expected words of shape",
        ),
        (lambda: exact_encoder(QUIET), ValueError, "world: expected noise above 0"),
        (lambda: exact_encoder(WORLD, 13), ValueError, "rank: expected at most 12, got 13"),
        (lambda: top_documents(SCORES, 5), ValueError, "k: expected at most 4, as many as documents, got 5"),
        (lambda: top_documents(SCORES, 0), ValueError, "k"),
        (lambda: sequence_law(SCORES[:, :0], LAWS), ValueError, "log_retrieval: expected shape"),
        (lambda: sequence_law(SCORES, LAWS[:1]), ValueError, "answers: expected shape"),
        (lambda: token_law(SCORES, 2 * LAWS), ValueError, "answers: row 0, document 0 is no distribution"),
        (
            lambda: sequence_law(torch.full((2, 4), -torch.inf), LAWS),
            ValueError,
            "log_retrieval: row 0 is .*inf.*; expected a finite score",
        ),
        (lambda: decode(SCORES, LAWS, "greedy"), ValueError, "how: expected one of"),
        (
            lambda: retrieval_given_answer(
                SCORES[:1], torch.eye(9)[:4].view(1, 4, 3, 3), torch.tensor([[2, 2]])
            ),
            ValueError,
            r"answer: row 0, \[2, 2\], has probability 0 with all documents",
        ),
        (lambda: bm25(ASKED.key, ASKED.key, 5), ValueError, "document_keys: expected words 0 … 4"),
        (lambda: RetrieverRecipe(steps=0), ValueError, "steps"),
    ],
)
def test_what_is_wrong_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_text_of_another_vocabulary_is_named():
    other = Documents(WORLD.documents.keys, WORLD.documents.texts + 8)
    with pytest.raises(ValueError, match="tokens"):
        exact_answers(WORLD, other)
