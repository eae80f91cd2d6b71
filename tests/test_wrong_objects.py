"""A wrong object for an argument of a public function is named at the door, and not found out later."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

import hmmlib
from hmmlib import (
    ExactMaskedLM,
    Masking,
    PosteriorTask,
    PretrainingRecipe,
    Stage,
    TransformerConfig,
    TransformerMaskedLM,
    certificates,
    constructions,
    densities,
    draw_dataset,
    draw_held_out,
    heads,
    hmm,
    lm,
    pretraining,
    processes,
    random_hmm,
    random_memory_hmm,
    reasoning,
    regression,
    retrieval,
    spans,
    tasks,
    transduction,
    tuning,
    words,
)
from hmmlib.lm import ExactCausalLM
from hmmlib.tuning import TuningRecipe

PACKAGES = (
    hmmlib,
    hmm,
    lm,
    heads,
    pretraining,
    constructions,
    certificates,
    tuning,
    words,
    densities,
    transduction,
    retrieval,
    spans,
    regression,
    reasoning,
    processes,
)

WARM = {"transition_temperature": 0.3, "emission_temperature": 0.3}
MODEL = random_hmm(3, 4, generator=0, **WARM)
MEMORY = random_memory_hmm(2, 2, 5, generator=0, **WARM)
MEMORY_2 = random_memory_hmm(2, 2, 5, n_cells=2, generator=0, **WARM)
SPARSE = hmm.random_sparse_hmm(3, 4, generator=0)
CHAIN = hmm.MarkovChain(MODEL.initial, MODEL.transition)
LM = ExactMaskedLM(MODEL)
NETWORK = TransformerMaskedLM(4, TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=8))
TEXTS = torch.tensor([[0, 1, 2], [3, 2, 1]])
EVIDENCE = LM.embed(TEXTS)
DATA = draw_dataset(PosteriorTask(MODEL, np.eye(3)[:2]), generator=0, sizes=(30, 20, 10), length=4)
RECIPE = PretrainingRecipe(
    TransformerConfig(width=8, n_layers=1, n_heads=2, feed_forward=8), (Stage(1, 2, 4),)
)
TUNING = TuningRecipe(epochs=1, batch=10, learning_rates=(0.01,))
HELD_OUT = draw_held_out(MODEL, generator=0, n_texts=4, length=6, rate=0.3)
MU = np.array([1.0, -1.0, 0.5])
THREE = hmm.RationalHMM(hmm.review_hmm())
SENTENCES = words.Sentences(TEXTS, torch.tensor([3, 2]))
TWO_CLASSES = [0, 1, 0, 1]
VECTORS = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0)).double()
MIXTURE = densities.GaussianMixtureEmissions(np.ones((2, 1)), np.eye(2)[:, None], np.ones((2, 1, 2)))
TWO_STATES = hmm.MarkovChain([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]])
FLOWS = densities.FlowMixtureEmissions(2, 1, 2, couplings=1, hidden=2, generator=0)
HEARD = transduction.Utterances(VECTORS, torch.tensor([4, 2, 3]))
SAID = transduction.Strings(torch.tensor([[0, 1], [1, 0], [0, 0]]), torch.tensor([2, 1, 0]))
TRANSDUCER = transduction.HybridTransducer(2, 2, width=3, generator=0)
FACTS = retrieval.KnowledgeWorld(
    MEMORY_2, n_entities=4, key_length=2, n_symbols=3, text_length=3, generator=0
)
QUESTIONS = FACTS.queries(3, generator=0)
BOTH_WORDS = torch.full((3, 2, 2, 2), 0.25, dtype=torch.float64)
MIXED = {"log_retrieval": torch.zeros(3, 2).double(), "answers": BOTH_WORDS}
ENCODER = retrieval.BiEncoder(FACTS, 3)
READER = retrieval.AnswerReader(FACTS, NETWORK.config)
RETRIEVER_STEP, READER_STEP = retrieval.RetrieverRecipe(1, 2), pretraining.ModuleRecipe(1, 2, warmup=0)
CONTEXTS = spans.SpanWorld(MEMORY_2, lengths=(2, 3), n_segments=2, context_length=5)
ITEMS = CONTEXTS.draw(3, generator=0)
SPAN_READER = spans.SpanReader(spans.reader_lm(CONTEXTS, NETWORK.config), hidden=4)
SPANS = spans.exact_spans(CONTEXTS, ITEMS.query, ITEMS.context)
CAUSAL = ExactCausalLM(MODEL)
REASONING = reasoning.TraceTask(MODEL, 3, [2])
TRACES = REASONING.draw(2, generator=0)
WRITER = TransformerMaskedLM(REASONING.n_tokens, replace(NETWORK.config, causal=True))
REGRESSION = regression.LinearTask(np.eye(2), [1.0, 0.0], label_noise=0.5)
SHOWN = regression.LinearFeatures(np.ones((3, 2)), noise=0.1)
PROCESS = processes.seq(processes.act("a"), processes.xor(processes.act("b"), processes.act("c")))
EVENT_LOG = [[0, 1, 3], [0, 2, 3]]
TRACE_LSTM = processes.TraceLSTM(4, width=3, generator=0)
FEATURES, LABELS = (
    torch.rand(20, 3, generator=torch.Generator().manual_seed(0)).double(),
    torch.arange(20) % 2,
)

# What only the library makes, and kinds of things: nobody calls these.
MADE = {
    *("BestAccuracy", "Chain", "Checked", "Context", "Dependency", "Dynamics", "Epoch", "Estimate"),
    *("Evaluation", "ExpectedCounts", "HMMFit", "HeldOut", "History", "LatentChainModel", "LogisticFit"),
    *("MaskedLM", "Measurement", "MemoryPrompt", "OptimalPrompt", "Posteriors", "Pretrained", "PriorFit"),
    *(
        "OnePositionLM",
        "SolverStep",
        "Reading",
        "Recovery",
        "RowSpaceTest",
        "Sample",
        "Schedule",
        "HardPrompt",
        "HardPromptFit",
        "HullDistance",
        "Separation",
        "SoftPrompt",
        "SuffixPrompt",
        "Split",
    ),
    *("TaskData", "Tuned", "AssumptionError", "DependentColumnsError", "SearchGaveUpError"),
    "UnreachableStateError",
    *(
        "BlockCounts",
        "BlockedFit",
        "Blocks",
        "SentenceModel",
        "Sentences",
        "TrainedLanguageModel",
        "WordClasses",
    ),
    "WordCorpus",
    *("Beams", "ErrorCounts", "SpokenWords", "Strings", "Utterances"),
    *(
        "Documents",
        "Examples",
        "NeighbourFit",
        "RidgeFit",
        "Queries",
        "RetrievalScores",
        "SpanItems",
        "SpanPosterior",
        "SpanScores",
    ),
    *("AnswerAccuracy", "Generated", "PathSample", "ThresholdChoice", "TraceData"),
    *("EmissionModel", "FittedEmissions", "NoisyArcs", "PlanarEmissions", "TrainedFlows"),
    *("ProcessScores", "ProcessState", "ProcessTree", "TraceFit", "Variants"),
}

FILE = object()  # a file that the test makes

# Parts of the library for others of its parts, which have checked already.
INSIDE = {
    "BlockSource",
    "Corpus",
    "TextSource",
    "TextStream",
    "check_sees_others",
    "conditioned_on",
    "head_for_prior",
    "kl_divergences",
}
INSIDE |= {"expected_errors", "least_expected_error", "transducer_log_probs"}
INSIDE |= {"span_f1", "span_loss", "train_module"}
INSIDE |= {"learning_rate_factor", "live_columns", "log_loss", "noisy_evidence", "start_errors"}

# A valid call of each: its arguments by name.
CALLS = {
    "HMM": {"initial": [0.5, 0.5], "transition": np.eye(2), "emission": np.eye(2), "dtype": torch.float64},
    "MemoryHMM": {"initial": MEMORY.initial, "transition": MEMORY.transition, "emission": MEMORY.emission},
    "MarkovChain": {"initial": [0.5, 0.5], "transition": np.eye(2)},
    "PosteriorTask": {"model": MODEL, "weights": np.eye(3), "cell": 0, "redraws": 0},
    "random_hmm": {"n_states": 3, "n_tokens": 4, "generator": 0, **WARM, "initial_temperature": 1.0},
    "random_memory_hmm": {"n_values": 2, "n_syntax": 2, "n_tokens": 4, "generator": 0, "n_cells": 1, **WARM},
    "random_sparse_hmm": {"n_states": 3, "n_tokens": 4, "generator": 0, "n_followers": 2},
    "random_recoverable_hmm": {"n_values": 2, "n_syntax": 2, "n_tokens": 6, "generator": 0, "n_cells": 1}
    | {"n_recoverable": 1, "n_patterns": 1},
    "random_ordered_hmm": {"n_values": 2, "n_tokens": 7, "generator": 0, "n_patterns": 3, "rate": 0.1}
    | {"own_share": 0.5, "clarity": 0.5},
    "bayes_floor": {"model": MODEL, "generator": 0, "mask_rate": 0.5, "n_texts": 3, "length": 4},
    "unigram_entropy": {"model": MODEL, "position": 3},
    "entropy": {"probs": MODEL.initial},
    "fingerprint": {"model": MODEL},
    "RationalHMM": {"model": hmm.review_hmm(), "denominator": 10},
    "rational_head": {"columns": THREE.emission, "wanted": THREE.initial},
    "two_bundles": {"predictions": THREE.emission, "margins": THREE.initial},
    "review_hmm": {"quotes": True},
    "stationary_distribution": {"transition": MODEL.transition},
    "sample": {"model": MODEL, "batch": 2, "time": 3, "generator": 0},
    "sample_tokens": {"model": MODEL, "batch": 2, "time": 3, "generator": 0},
    "posteriors": {"model": MODEL, "tokens": TEXTS, "observed": TEXTS > 0, "lengths": [3, 2]}
    | {"transition": MODEL.transition, "keep": ("smoothed",)},
    "posteriors_from_evidence": {
        "model": MODEL,
        "evidence": EVIDENCE,
        "lengths": [3, 2],
        "keep": ("smoothed",),
    },
    "blank_posterior": {"model": MODEL, "tokens": TEXTS},
    "content_posterior": {"model": MEMORY, "tokens": TEXTS, "transition": MEMORY.transition},
    "content_log_likelihood": {"model": MEMORY, "tokens": TEXTS, "transition": MEMORY.transition},
    "uniform_memory": {"model": MEMORY},
    "conditionals_at": {"model": MODEL, "evidence": EVIDENCE, "position": 1},
    "prepend_blank": {"tokens": TEXTS},
    "log_likelihood": {"initial": MODEL.initial, "transition": MODEL.transition, "evidence": EVIDENCE}
    | {"lengths": [3, 2]},
    "expected_counts": {"model": MODEL, "tokens": TEXTS, "observed": TEXTS > 0, "lengths": [3, 2]},
    "fit_hmm": {
        "tokens": TEXTS,
        "n_states": 2,
        "generator": 0,
        "starts": 1,
        "max_iterations": 2,
        "n_tokens": 4,
    }
    | {"tolerance": 1e-3, "observed": TEXTS > 0, "lengths": [3, 2]},
    "ExactMaskedLM": {"model": MODEL},
    "ExactCausalLM": {"model": MODEL},
    "ExactMaskingLM": {"model": MODEL, "masking": Masking(0.3, 0.8, 0.1)},
    "RememberedLM": {"model": NETWORK},
    "Masking": {"rate": 0.3, "blank": 0.8, "random": 0.1},
    "TransformerConfig": {"width": 8, "n_layers": 1, "n_heads": 2, "feed_forward": 8, "positions": "rotary"}
    | {"norm": "pre", "max_positions": 16, "dropout": 0.1, "rotary_base": 100.0, "epsilon": 1e-6},
    "TransformerMaskedLM": {"n_tokens": 4, "config": NETWORK.config, "generator": 0},
    "blank_probs": {"lm": LM, "tokens": TEXTS, "prompt": EVIDENCE[0]},
    "text_probs": {"lm": LM, "tokens": TEXTS, "prompt": EVIDENCE[0], "n_blanks": 1},
    "prepend_mask": {"lm": LM, "tokens": TEXTS, "count": 1},
    "prepend_prompt": {"prompt": EVIDENCE[0], "embeddings": EVIDENCE},
    "load_lm": {"path": FILE},
    "save_lm": {"lm": NETWORK, "path": FILE, "about": {}},
    "LinearHead": {"weights": torch.ones(4)},
    "AttentionHead": {"projection": torch.ones(2, 4), "key": torch.ones(2), "weights": torch.ones(2)}
    | {"embeddings": torch.ones(5, 2), "temperature": 0.1, "tolerance": 1e-9},
    "SoftAttentionHead": {
        "query": torch.ones(2),
        "projection": torch.ones(2, 4),
        "positions": torch.ones(4, 2),
    }
    | {"readout": torch.ones(2, 4), "weights": torch.ones(2)},
    "logistic_head": {"features": FEATURES, "labels": LABELS, "l2": 1e-3, "penalise": "weights"}
    | {"max_iterations": 50},
    "CorpusConfig": {"n_documents": 3, "document_length": 8},
    "Stage": {"steps": 1, "batch": 2, "length": 4},
    "PretrainingRecipe": {"transformer": NETWORK.config, "stages": (Stage(1, 2, 4),), "masking": Masking()}
    | {"optimiser": "muon", "learning_rate": 0.01, "betas": (0.9, 0.99), "weight_decay": 0.0, "warmup": 1}
    | {"schedule": "linear", "clip": 1.0, "precision": "float32", "seed": 0},
    "draw_held_out": {"model": MODEL, "generator": 0, "n_texts": 3, "length": 5, "rate": 0.5},
    "evaluate": {"lm": LM, "held_out": HELD_OUT, "reach": 3},
    "pretrain": {"model": MODEL, "recipe": RECIPE, "held_out": HELD_OUT, "measure_every": 1}
    | {"checkpoint_every": 1, "stop_after": 1},
    "train_on_texts": {"lm": NETWORK, "texts": pretraining.TextStream(MODEL, 0), "recipe": RECIPE}
    | {"never_hidden": [3]},
    "pretraining_preset": {"name": "smoke", "seed": 0},
    "attention_head": {"model": MEMORY, "mu": [1.0, -1.0], "cell": 0, "temperature": 0.0, "rtol": 1e-7},
    "check_theorem": {"name": "head tuning", "n_models": 1},
    "find_prompt_states": {"model": SPARSE, "mu": MU, "rtol": 1e-7, "most_sets": 9},
    "causal_head": {"model": MODEL, "mu": MU, "about": "next", "rtol": 1e-7},
    "next_probs": {"lm": LM, "tokens": TEXTS, "front": EVIDENCE[0], "behind": EVIDENCE[1]},
    "suffix_prompt": {"model": MODEL, "mu": MU, "vector": [1.0, 1.0, 1.0], "rtol": 1e-7},
    "shortest_hard_prompt": {"model": MODEL, "mu": MU, "most_sets": 9, "rtol": 1e-7},
    "projective_diameter": {"transition": MODEL.transition},
    "forgetting_bound": {"transition": MODEL.transition, "length": 2},
    "linear_head": {"model": MODEL, "mu": MU, "rtol": 1e-7},
    "memory_prompt": {"model": MEMORY, "mu": [1.0, -1.0], "cell": 0, "tolerance": 1e-3, "rtol": 1e-7},
    "prompt_head": {"model": MODEL, "mu": MU, "prompt": np.ones((1, 3)), "rtol": 1e-7},
    "prompted_prior": {"model": MODEL, "prompt": np.ones((1, 3))},
    "recoverable_states": {"model": MEMORY, "cell": 0, "rtol": 1e-7},
    "recovery": {"model": MEMORY, "cell": 0, "rtol": 1e-7},
    "start_error_bound": {"mu": [1.0, -1.0], "start_error": 0.5},
    "soft_prompt": {"model": SPARSE, "mu": MU, "rtol": 1e-7},
    "best_accuracy": {
        "features": FEATURES,
        "labels": LABELS,
        "exact_up_to": 5,
        "time_limit": 5.0,
        "margin": 1e-5,
    },
    "certificate_bound": {"features": FEATURES, "labels": LABELS, "certificate": np.full(20, 0.05)},
    "hull_distance": {"features": FEATURES / FEATURES.sum(1, keepdim=True), "labels": LABELS},
    "posterior_span": {"model": MODEL, "length": 3, "rtol": 1e-10},
    "row_space_test": {"model": MODEL, "mu": MU, "length": 3, "rtol": 1e-10},
    "separate": {"features": FEATURES, "labels": LABELS, "tolerance": 1e-9},
    "TuningRecipe": {"epochs": 1, "batch": 10, "learning_rates": (0.01,), "betas": (0.9, 0.99)}
    | {"weight_decay": 0.0, "warmup": 1, "schedule": "linear"},
    "fine_tune": {"lm": NETWORK, "data": DATA, "recipe": TUNING},
    "fit_prior": {"model": MODEL, "tokens": TEXTS, "probs": hmmlib.blank_probs(LM, TEXTS), "starts": 1}
    | {"generator": 0, "max_iterations": 5},
    "optimal_prompt": {"lm": LM, "tokens": DATA.train.tokens, "labels": DATA.train.labels, "n_prompt": 1}
    | {"starts": 1, "generator": 0, "l2": 1e-3, "max_iterations": 5},
    "best_hard_prompts": {"lm": LM, "tokens": DATA.train.tokens, "labels": DATA.train.labels, "length": 1}
    | {"width": 1, "l2": 1e-3},
    "tune_head": {"lm": LM, "data": DATA, "recipe": TUNING, "head": "linear", "reading": "shown"},
    "tune_prompt": {"lm": NETWORK, "data": DATA, "recipe": TUNING},
    "draw_task": {"model": MODEL, "generator": 0, "n_classes": 2, "n_nonzero": 3, "cell": 0, "probe_size": 20}
    | {"probe_length": 4, "min_share": 0.0, "max_redraws": 50},
    "sample_paths": {"model": MODEL, "tokens": TEXTS, "n_paths": 2, "generator": 0},
    "path_log_probs": {
        "model": MODEL,
        "tokens": TEXTS,
        "states": hmm.sample_paths(MODEL, TEXTS, generator=0)[0],
    },
    "path_entropy": {"model": MODEL, "tokens": TEXTS},
    "generate": {"lm": CAUSAL, "prefix": TEXTS, "n_new": 1, "generator": 0, "temperature": 0.5}
    | {"allowed": torch.ones(1, 4, dtype=torch.bool)},
    "sequence_log_probs": {"lm": CAUSAL, "tokens": TEXTS, "from_position": 2, "temperature": 0.5}
    | {"allowed": torch.ones(1, 4, dtype=torch.bool)},
    "TraceTask": {"model": MODEL, "length": 3, "answer_positions": [2, 0]},
    "answer_accuracy": {"lm": WRITER, "data": TRACES, "n_samples": 2, "generator": 0, "temperature": 0.5},
    "solution_log_probs": {"lm": WRITER, "data": TRACES},
    "trace_gap": {"lm": WRITER, "data": TRACES},
    "train_on_fresh_traces": {"lm": WRITER, "task": REASONING, "recipe": READER_STEP},
    "fine_tune_on_traces": {"lm": WRITER, "data": TRACES, "look": lambda lm: lm, "checkpoints": [1]}
    | {"recipe": READER_STEP},
    "pre_memorization_accuracy": {"accuracies": [[0.5, 0.2]], "memorised": [[False, True]], "run": "seed 0"},
    "solution_perplexity": {"log_probs": [[-0.5, -0.2]]},
    "memorised_by_gap": {"gap": [0.5, -0.2], "delta": 0.1},
    "memorised_by_perplexity": {"perplexity": [1.5, 1.2], "p": -2.0},
    "false_alarm_bound": {"delta": 3.0},
    "r2_about_identity": {"predicted": [0.5, 0.2], "found": [0.5, 0.3]},
    "choose_threshold": {"thresholds": [0.0, 1.0], "predicted": [[0.5, 0.2], [0.4, 0.3]]}
    | {"found": [0.4, 0.2], "runs": [0, 1]},
    "sample_states": {"model": MODEL, "evidence": EVIDENCE, "n": 2, "generator": 0, "lengths": [3, 2]},
    "BlockedHMM": {"initial": [0.5, 0.5], "transition": np.eye(2), "emission": np.ones((2, 1))}
    | {"classes": [0, 1], "dtype": torch.float64},
    "KneserNey": {"sentences": SENTENCES, "order": 2, "n_tokens": 4},
    "LSTMLanguageModel": {"n_tokens": 4, "width": 4, "dropout": 0.1, "generator": 0},
    "NeuralBlockedHMM": {"classes": TWO_CLASSES, "n_states": 4, "width": 4, "dropout": 0.5, "generator": 0},
    "NeuralShape": {"width": 4, "dropout": 0.5},
    "TrainingRecipe": {"epochs": 1, "batch_tokens": 9, "learning_rate": 0.1, "clip": 1.0, "patience": 1},
    "exchange_classes": {"sentences": SENTENCES, "n_classes": 2, "n_tokens": 4, "max_sweeps": 2}
    | {"initial_classes": TWO_CLASSES},
    "expected_block_counts": {
        "model": words.random_blocked_hmm(2, 1, 2, generator=0),
        "sentences": SENTENCES,
    },
    "fit_blocked_hmm": {"sentences": SENTENCES, "n_states": 4, "classes": TWO_CLASSES, "generator": 0}
    | {"validation": SENTENCES, "max_iterations": 2, "patience": 1, "transition_pseudo_counts": 1.0}
    | {"emission_pseudo_counts": 0.1, "dtype": torch.float64},
    "king_james": {"share": 0.01, "fewest": 2},
    "perplexity": {"model": words.random_blocked_hmm(2, 1, 2, generator=0), "sentences": SENTENCES},
    "random_blocked_hmm": {"n_classes": 2, "states_per_class": 2, "words_per_class": 2, "generator": 0}
    | {"sharpness": 1.0, "concentration": 0.5},
    "train_lstm": {"sentences": SENTENCES, "n_tokens": 4, "validation": SENTENCES, "generator": 0}
    | {"width": 4, "dropout": 0.1, "recipe": words.TrainingRecipe(epochs=1)},
    "train_neural_hmm": {"sentences": SENTENCES, "n_states": 4, "classes": TWO_CLASSES, "generator": 0}
    | {"validation": SENTENCES, "shape": words.NeuralShape(width=4)}
    | {"recipe": words.TrainingRecipe(epochs=1)},
    "EmissionHMM": {"chain": TWO_STATES, "emissions": MIXTURE},
    "GaussianMixtureEmissions": {"weights": MIXTURE.weights, "means": MIXTURE.means}
    | {"covariances": MIXTURE.covariances},
    "EMRecipe": {"max_iterations": 2, "tolerance": 0.1, "floor": 0.1},
    "fit_em": {"model": densities.EmissionHMM(TWO_STATES, MIXTURE), "x": VECTORS, "lengths": [4, 2, 3]}
    | {"recipe": densities.EMRecipe(1)},
    "random_emission_hmm": {"x": VECTORS, "transition": np.full((2, 2), 0.5), "n_components": 2}
    | {"generator": 0, "initial": [0.5, 0.5], "lengths": [4, 2, 3]},
    "random_arcs": {"thickness": 0.1, "generator": 0, "n_classes": 2, "n_states": 2, "n_planes": 1}
    | {"n_components": 3, "shared": 0.5},
    "RealNVP": {"dim": 2, "n_flows": 1, "couplings": 1, "hidden": 2, "generator": 0},
    "FlowMixtureEmissions": {"n_states": 2, "n_flows": 1, "dim": 2, "couplings": 1, "hidden": 2}
    | {"generator": 0},
    "FlowRecipe": {"steps": 1, "batch": 2, "learning_rate": 0.1, "clip": 1.0}
    | {"refresh": "every step", "temper": 0.5},
    "HybridTransducer": {"n_words": 2, "dim": 2, "width": 3, "generator": 0},
    "BeamRecipe": {"width": 2, "blank_penalty": 0.1, "length_exponent": 0.5, "internal_lm_weight": 0.1},
    "TransducerRecipe": {"steps": 1, "batch": 2, "learning_rate": 0.1, "clip": 1.0}
    | {"criterion": "likelihood", "n_best": 2, "likelihood_weight": 0.1},
    "beam_search": {"model": TRANSDUCER, "heard": HEARD, "recipe": transduction.BeamRecipe(2)},
    "error_counts": {"hypotheses": SAID, "references": SAID},
    "random_spoken_words": {"n_words": 3, "generator": 0, "dim": 2, "scale": 1.0, "stay": 0.5, "end": 0.5},
    "train_transducer": {"model": TRANSDUCER, "heard": HEARD, "said": SAID, "generator": 0}
    | {"recipe": transduction.TransducerRecipe(1)},
    "RecurrentClassifier": {"dim": 2, "n_classes": 2, "width": 3, "generator": 0},
    "ClassifierRecipe": {"steps": 1, "batch": 2, "learning_rate": 0.1, "width": 3},
    "train_classifier": {"x": VECTORS, "classes": [0, 1, 0], "generator": 0}
    | {"recipe": densities.ClassifierRecipe(1, width=3)},
    "fit_flows": {"model": densities.EmissionHMM(TWO_STATES, FLOWS), "x": VECTORS, "generator": 0}
    | {"lengths": [4, 2, 3], "recipe": densities.FlowRecipe(1)},
    "KnowledgeWorld": {"model": MEMORY_2, "n_entities": 4, "key_length": 2, "n_symbols": 3, "noise": 0.1}
    | {"paraphrase": 0.5, "text_length": 3, "generator": 0},
    "exact_retrieval": {"world": FACTS, "key": QUESTIONS.key, "documents": FACTS.documents},
    "exact_answers": {"world": FACTS, "documents": FACTS.documents},
    "bayes_answers": {"world": FACTS, "queries": QUESTIONS, "documents": FACTS.documents},
    "sequence_law": MIXED,
    "token_law": MIXED,
    "retrieval_given_answer": MIXED | {"answer": QUESTIONS.answer},
    "decode": MIXED | {"how": "thorough", "beam": 1},
    "bm25": {"document_keys": FACTS.documents.keys, "key": QUESTIONS.key, "n_words": 6, "k1": 1.2, "b": 0.75},
    "BiEncoder": {"world": FACTS, "width": 3, "generator": 0},
    "exact_encoder": {"world": FACTS, "rank": 2},
    "top_documents": {"scores": torch.ones(3, 4), "k": 2},
    "RetrieverRecipe": {"steps": 1, "batch": 2, "learning_rate": 0.1, "seed": 0},
    "warm_up": {"encoder": ENCODER, "world": FACTS, "paraphrase": 0.5, "recipe": RETRIEVER_STEP},
    "train_retriever": {"encoder": ENCODER, "world": FACTS, "answers": retrieval.exact_answers(FACTS), "k": 2}
    | {"entities": [0, 1], "train": ("query",), "recipe": RETRIEVER_STEP},
    "AnswerReader": {"world": FACTS, "config": NETWORK.config, "generator": 0},
    "ModuleRecipe": {"steps": 1, "batch": 2, "learning_rate": 0.1, "matrix_learning_rate": 0.1, "warmup": 0}
    | {"seed": 0},
    "teach_reading": {"reader": READER, "world": FACTS, "recipe": READER_STEP},
    "train_closed_book": {"reader": READER, "world": FACTS, "entities": [0], "recipe": READER_STEP},
    "train_rag": {"reader": READER, "encoder": ENCODER, "world": FACTS, "k": 2, "entities": [0, 1]}
    | {"law": "token", "train": ("reader",), "recipe": READER_STEP},
    "encoder_scores": {"encoder": ENCODER, "queries": QUESTIONS, "documents": FACTS.documents},
    "read_perfectly": {"answers": retrieval.exact_answers(FACTS)},
    "read_with": {"reader": READER, "documents": FACTS.documents},
    "evaluate_answers": {"queries": QUESTIONS, "scores": torch.ones(3, 4), "k": 2, "how": "token"}
    | {"reading": retrieval.read_with(READER, FACTS.documents)},
    "SpanWorld": {"model": MEMORY_2, "question_transition": MEMORY_2.chain.transition, "n_segments": 2}
    | {"lengths": (2, 3), "context_length": 5, "definition_length": 3, "question_length": 2}
    | {"n_fillers": 2, "leak": 0.1, "relevant": 0.5},
    "exact_spans": {"world": CONTEXTS, "query": ITEMS.query, "context": ITEMS.context, "kind": "question"}
    | {"entities": [0, 1, 2, 3], "relevant": 0.5},
    "shift_prior": {"posterior": SPANS, "before": 0.5, "after": 0.2},
    "Articles": {"world": CONTEXTS, "entities": [0, 1], "n_segments": 2, "seed": 0} | {"spread": 1},
    "PairTexts": {"world": CONTEXTS, "lm": SPAN_READER.lm, "entities": [0, 1], "seed": 0},
    "pair_texts": {"lm": SPAN_READER.lm, "query": ITEMS.query, "context": ITEMS.context},
    "Names": {"world": CONTEXTS, "n_name_words": 3, "generator": 0},
    "save_reader": {"reader": SPAN_READER, "path": FILE, "about": {}},
    "load_reader": {"path": FILE},
    "reader_lm": {"world": CONTEXTS, "config": NETWORK.config, "more_words": 1, "generator": 0},
    "SpanReader": {"lm": SPAN_READER.lm, "hidden": 4, "generator": 0},
    "span_targets": {"items": ITEMS},
    "retrofit": {"reader": SPAN_READER, "world": CONTEXTS, "entities": [0, 1], "relevance_weight": 0.1}
    | {"recipe": READER_STEP, "watch_every": 1},
    "adapt": {"reader": SPAN_READER, "items": ITEMS, "relevance_weight": 0.5, "recipe": READER_STEP},
    "read_spans": {"reader": SPAN_READER, "items": ITEMS},
    "evaluate_spans": {"items": ITEMS, "posterior": SPANS},
    "span_agreement": {"items": ITEMS, "scores": SPANS.spans},
    "best_span": {"spans": SPANS.spans},
    "best_f1_span": {"spans": SPANS.spans},
    "overlap_scores": {"world": CONTEXTS, "items": ITEMS, "length_exponent": 0.5},
    "NeighbourHead": {"features": np.ones((3, 2)), "labels": [0, 1, 0], "k": 2, "share": 0.1}
    | {"n_classes": 2, "n_parts": 1},
    "tune_neighbours": {"features": np.ones((3, 2)), "labels": [0, 1, 0], "ks": (1,), "shares": (0.1,)}
    | {"validation_features": np.ones((2, 2)), "validation_labels": [0, 1], "n_parts": 1},
    "tune_logistic": {"features": np.ones((3, 2)), "labels": [0, 1, 0], "l2s": (0.1,)}
    | {"validation_features": np.ones((2, 2)), "validation_labels": [0, 1]},
    "nearest_error": {"features": np.ones((2, 2)), "labels": [0, 1], "sizes": (1,), "probs": [0.5, 0.5]}
    | {"asked": (np.ones((1, 2)), [0])},
    "LinearTask": {"covariance": np.eye(2), "beta": [1.0, 0.0], "label_noise": 0.5},
    "LinearFeatures": {"weights": np.ones((3, 2)), "noise": 0.1},
    "random_features": {"n_features": 3, "n_hidden": 2, "noise": 0.1, "generator": 0},
    "stationary_covariance": {"transition": [[0.5]], "noise_covariance": [[1.0]]},
    "min_norm_head": {"features": np.ones((3, 2)), "targets": [1.0, 2.0, 3.0]},
    "ridge_head": {"features": np.ones((3, 2)), "targets": [1.0, 2.0, 3.0], "penalty": 0.1},
    "best_ridge_head": {"features": np.ones((3, 2)), "targets": [1.0, 2.0, 3.0], "penalties": [0.1, 1.0]},
    "head_risk": {"head": [1.0, 0.0, 0.0], "task": REGRESSION, "features": SHOWN},
    "null_risk": {"task": REGRESSION},
    "unexplained_variance": {"task": REGRESSION, "features": SHOWN},
    "min_norm_risk": {"task": REGRESSION, "features": SHOWN, "n": 10},
    "sampled_risks": {"task": REGRESSION, "features": SHOWN, "n": 10, "draws": 2, "generator": 0},
    "wide_limit_risk": {"task": REGRESSION, "noise": 1.0, "n": 10},
    "act": {"activity": "a"},
    "skip": {},
    "seq": {"first": PROCESS},
    "xor": {"first": PROCESS},
    "parallel": {"first": PROCESS},
    "loop": {"body": PROCESS, "redo": PROCESS},
    "to_hmm": {"tree": PROCESS},
    "process_states": {"tree": PROCESS},
    "variants": {"tree": PROCESS, "tail": 0.0, "max_length": 2},
    "leave_out": {"n": 5, "k": 2, "how": "random", "generator": 0},
    "training_law": {"probs": [0.5, 0.5], "left_out": [0]},
    "draw_log": {"probs": [0.5, 0.5], "n": 3, "generator": 0},
    "process_scores": {"q": [0.5, 0.3], "p": [0.5, 0.5], "left_out": [0]},
    "sampling_ceiling": {"n": 3, "probs": [0.5, 0.5]},
    "truth_excess": {"p": [0.5, 0.5], "left_out": [0]},
    "NgramProcess": {"tokens": EVENT_LOG, "weights": [0.5, 0.5], "order": 2, "n_tokens": 4},
    "MarkingCounts": {"tree": PROCESS, "tokens": EVENT_LOG, "weights": [0.5, 0.5]},
    "TraceLSTM": {"n_tokens": 4, "width": 3, "n_layers": 1, "dropout": 0.1, "generator": 0},
    "TraceRecipe": {"penalty": 0.1, "epochs": 1, "batch": 4, "learning_rate": 0.1, "patience": 1}
    | {"halving": 1},
    "train_traces": {"model": TRACE_LSTM, "tokens": EVENT_LOG, "counts": [1, 1], "generator": 0}
    | {
        "validation_tokens": EVENT_LOG,
        "validation_counts": [1, 1],
        "recipe": processes.TraceRecipe(epochs=1),
    },
    "word_corpus": {"train": [["a"]], "validation": [["a"]], "test": [["a"]], "fewest": 1},
    "draw_dataset": {
        "task": PosteriorTask(MODEL, np.eye(3)),
        "generator": 0,
        "sizes": (3, 2, 1),
        "length": 4,
    },
}

# Any word is right for these, and anything at all for those.
ANY_WORD = {"path", "checkpoint", "wanted", "run", "activity"}
SAYS = {("pretraining_preset", "name"): "preset"}
FREE = {"about", "redraws", "first_step_learns"}


def public():
    found = {}
    for package in (*PACKAGES, tasks):
        names = getattr(package, "__all__", ["PosteriorTask", "draw_task", "draw_dataset"])
        found |= {name: getattr(package, name) for name in names if callable(getattr(package, name))}
    return {name: thing for name, thing in found.items() if name not in MADE | INSIDE}


def arguments(name, folder):
    file = folder / "lm.safetensors"
    if name == "load_lm":
        lm.save_lm(NETWORK, file)
    if name == "load_reader":
        spans.save_reader(SPAN_READER, file)
    found = {key: file if value is FILE else value for key, value in CALLS[name].items()}
    if "progress" in inspect.signature(public()[name]).parameters:
        found["progress"] = False
    return found


def wrong_objects(function, argument, right):
    """Objects that can never be meant."""
    found = {"an object": object(), "words": ["a", "b"]}
    if not callable(right) or isinstance(right, torch.nn.Module):
        found["a function"] = len
    if argument not in ANY_WORD:
        found["a word"] = "wrong"
    if "None" not in str(inspect.signature(function).parameters[argument].annotation):
        found["nothing"] = None
    if not hasattr(right, "chain") and not hasattr(right, "dynamics"):
        found["an HMM"] = MODEL
    if not hasattr(right, "token_probs"):
        found["a language model"] = LM
    if isinstance(right, int) and not isinstance(right, bool):
        found["half a number"] = 1.5
    if isinstance(right, int | float):
        found["a tensor"] = torch.ones(2)
    if isinstance(right, int | float) and not isinstance(right, bool):
        found["a truth value"] = True
    if isinstance(right, tuple):
        found["one number"] = 7
    return found


def test_every_public_function_and_class_has_a_call_here():
    assert set(CALLS) == set(public())
    there = {name for package in PACKAGES for name in package.__all__} | {"Split", "TaskData"}
    assert there >= MADE | INSIDE


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_wrong_object_is_named_with_its_argument(name, tmp_path):
    function, right = public()[name], arguments(name, tmp_path)
    function(**right)
    unnamed = []
    for argument in right.keys() - FREE - {"progress"}:
        for kind, wrong in wrong_objects(function, argument, right[argument]).items():
            said = complaint(function, right | {argument: wrong})
            if not said.startswith(SAYS.get((name, argument), argument)):
                unnamed.append(f"{argument}, {kind}: {said[:90]}")
    assert sorted(unnamed) == []


def complaint(function, given):
    """What a function says of what it is given."""
    try:
        function(**given)
    except Exception as error:
        return str(error) if type(error) in (TypeError, ValueError) else repr(error)
    return "no error"


@pytest.mark.parametrize("kind", [PretrainingRecipe, TuningRecipe])
@pytest.mark.parametrize("wrong", [None, "text", 3, [1], object()])
def test_a_recipe_is_made_from_a_mapping(kind, wrong):
    assert complaint(kind.from_dict, {"stored": wrong}).startswith("stored: expected a mapping")


def test_entries_of_a_recipe_that_are_missing_or_too_many_are_named():
    stored = PretrainingRecipe().to_dict()

    def said(**changes):
        return complaint(PretrainingRecipe.from_dict, {"stored": stored | changes})

    assert said(colour=1).startswith("stored: PretrainingRecipe has no entry 'colour'; expected some of")
    assert said(masking={"share": 1}).startswith("stored['masking']: Masking has no entry 'share'")
    assert said(masking=0.15).startswith("stored['masking']: expected a mapping")
    assert said(stages=[{"steps": 1}]).startswith("stored['stages'][0]: has no entry 'batch'")
    assert said(stages=[1]).startswith("stored['stages'][0]: expected a mapping")
    assert said(stages=3) == "stored['stages']: expected a list, got 3"
    for name in ("transformer", "stages", "masking"):
        kept = {key: value for key, value in stored.items() if key != name}
        assert complaint(PretrainingRecipe.from_dict, {"stored": kept}).startswith(
            f"stored: has no entry '{name}'"
        )
