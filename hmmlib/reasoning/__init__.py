"""Questions that are answered after a chain of thought, in a world where every chain has a known probability.

A `TraceTask` asks for hidden states of a text; the chain of thought is a hidden path, drawn from its exact
posterior, so that several are right for one answer. A causal model learns it from fresh questions
(`train_on_fresh_traces`), or from the same ones again and again (`fine_tune_on_traces`). `answer_accuracy` is
how often it then answers rightly, `trace_gap` by how much it finds a given chain more probable than Bayes.
From these, `pre_memorization_accuracy` foretells how well a fine-tuned model does on new questions (Kang et
al. 2024); `false_alarm_bound` says how often a chain that the model never saw can be called memorised.
"""

from hmmlib.reasoning.answers import AnswerAccuracy, answer_accuracy, solution_log_probs, trace_gap
from hmmlib.reasoning.memorisation import (
    ThresholdChoice,
    choose_threshold,
    false_alarm_bound,
    memorised_by_gap,
    memorised_by_perplexity,
    pre_memorization_accuracy,
    r2_about_identity,
    solution_perplexity,
)
from hmmlib.reasoning.tasks import TraceData, TraceTask
from hmmlib.reasoning.training import fine_tune_on_traces, train_on_fresh_traces

__all__ = [
    "AnswerAccuracy",
    "ThresholdChoice",
    "TraceData",
    "TraceTask",
    "answer_accuracy",
    "choose_threshold",
    "false_alarm_bound",
    "fine_tune_on_traces",
    "memorised_by_gap",
    "memorised_by_perplexity",
    "pre_memorization_accuracy",
    "r2_about_identity",
    "solution_log_probs",
    "solution_perplexity",
    "trace_gap",
    "train_on_fresh_traces",
]
