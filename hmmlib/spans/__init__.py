"""Contexts that speak of an entity or not, in a world where what a reader can know is exact.

`SpanWorld` draws definitions, questions and contexts. `exact_spans` says with which probability a context
speaks of what is asked, and where; `shift_prior` carries that to another share of relevant contexts,
`best_span` and `best_f1_span` choose a span, `overlap_scores` is the reader that only compares words. A
`SpanReader` is made of a masked language model (Xu et al. 2023), which learns from `Articles`, or from
`PairTexts`: `retrofit` trains it on contexts without end, `adapt` on few. `evaluate_spans` judges. `Names`
tell entities apart by two words.
"""

from hmmlib.spans.articles import Articles, PairTexts
from hmmlib.spans.evaluation import SpanScores, evaluate_spans, read_spans, span_agreement
from hmmlib.spans.exact import SpanPosterior, best_f1_span, best_span, exact_spans, shift_prior, span_f1
from hmmlib.spans.files import load_reader, save_reader
from hmmlib.spans.names import Names
from hmmlib.spans.overlap import overlap_scores
from hmmlib.spans.readers import SpanReader, pair_texts, reader_lm, span_loss, span_targets
from hmmlib.spans.training import adapt, retrofit
from hmmlib.spans.worlds import SpanItems, SpanWorld

__all__ = [
    "Articles",
    "Names",
    "PairTexts",
    "SpanItems",
    "SpanPosterior",
    "SpanReader",
    "SpanScores",
    "SpanWorld",
    "adapt",
    "best_f1_span",
    "best_span",
    "evaluate_spans",
    "exact_spans",
    "load_reader",
    "overlap_scores",
    "pair_texts",
    "read_spans",
    "reader_lm",
    "retrofit",
    "save_reader",
    "shift_prior",
    "span_agreement",
    "span_f1",
    "span_loss",
    "span_targets",
]
