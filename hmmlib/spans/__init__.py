"""Texts that speak of an entity or not, in a world where what a reader can know is exact.

`SpanWorld` draws definitions, questions and contexts. `exact_spans` says with which probability a
context speaks of what is asked, and where; `shift_prior` carries that to another share of relevant contexts,
`best_span` and `best_f1_span` choose a span, `overlap_scores` is the reader that only compares words. The
task is that of machine readers made from masked language models (Xu et al. 2023).
"""

from hmmlib.spans.exact import (
    SpanPosterior,
    best_f1_span,
    best_span,
    exact_spans,
    shift_prior,
    span_f1,
)
from hmmlib.spans.overlap import overlap_scores
from hmmlib.spans.worlds import SpanItems, SpanWorld

__all__ = [
    "SpanItems",
    "SpanPosterior",
    "SpanWorld",
    "best_f1_span",
    "best_span",
    "exact_spans",
    "overlap_scores",
    "shift_prior",
    "span_f1",
]
