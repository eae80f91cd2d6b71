"""Questions that documents answer, in a world where relevance and answers have exact probabilities.

`KnowledgeWorld` has entities, documents about them, and questions. `exact_retrieval` and `exact_answers` are
what Bayes knows. `sequence_law` and `token_law` put the answers of several documents together as
retrieval-augmented generation does (Lewis et al. 2020); `decode` chooses one. `bm25`, `BiEncoder` and
`exact_encoder` score documents; `warm_up` and `train_retriever` train a bi-encoder.
"""

from hmmlib.retrieval.bm25 import bm25
from hmmlib.retrieval.encoders import (
    BiEncoder,
    RetrieverRecipe,
    exact_encoder,
    top_documents,
    train_retriever,
    warm_up,
)
from hmmlib.retrieval.exact import bayes_answers, exact_answers, exact_retrieval, read_exactly
from hmmlib.retrieval.mixtures import decode, retrieval_given_answer, sequence_law, token_law
from hmmlib.retrieval.worlds import Documents, KnowledgeWorld, Queries

__all__ = [
    "BiEncoder",
    "Documents",
    "KnowledgeWorld",
    "Queries",
    "RetrieverRecipe",
    "bayes_answers",
    "bm25",
    "decode",
    "exact_answers",
    "exact_encoder",
    "exact_retrieval",
    "read_exactly",
    "retrieval_given_answer",
    "sequence_law",
    "token_law",
    "top_documents",
    "train_retriever",
    "warm_up",
]
