"""Questions that documents answer, in a world where relevance and answers have exact probabilities.

`KnowledgeWorld` has entities, documents about them, and questions. `exact_retrieval` and `exact_answers` are
what Bayes knows. `sequence_law` and `token_law` put the answers of several documents together as
retrieval-augmented generation does (Lewis et al. 2020); `decode` chooses one. `bm25`, `BiEncoder` and
`exact_encoder` score documents; `warm_up` and `train_retriever` train a bi-encoder. An
`AnswerReader` reads documents: `teach_reading` teaches it to, `train_rag` trains it with its retriever, and
`train_closed_book` makes it know the facts without documents. `evaluate_answers` judges.
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
from hmmlib.retrieval.evaluation import (
    RetrievalScores,
    encoder_scores,
    evaluate_answers,
    read_perfectly,
    read_with,
)
from hmmlib.retrieval.exact import bayes_answers, exact_answers, exact_retrieval
from hmmlib.retrieval.mixtures import decode, retrieval_given_answer, sequence_law, token_law
from hmmlib.retrieval.readers import AnswerReader
from hmmlib.retrieval.training import teach_reading, train_closed_book, train_rag
from hmmlib.retrieval.worlds import Documents, KnowledgeWorld, Queries

__all__ = [
    "AnswerReader",
    "BiEncoder",
    "Documents",
    "KnowledgeWorld",
    "Queries",
    "RetrievalScores",
    "RetrieverRecipe",
    "bayes_answers",
    "bm25",
    "decode",
    "encoder_scores",
    "evaluate_answers",
    "exact_answers",
    "exact_encoder",
    "exact_retrieval",
    "read_perfectly",
    "read_with",
    "retrieval_given_answer",
    "sequence_law",
    "teach_reading",
    "token_law",
    "top_documents",
    "train_closed_book",
    "train_rag",
    "train_retriever",
    "warm_up",
]
