"""Least-squares heads on frozen features of a hidden vector, whose risk is known without any test.

A hidden vector z has a covariance, `LinearFeatures` show x = W z + u, and a label is βᵀz and noise: a
`LinearTask`. `min_norm_head` and `ridge_head` fit heads to examples, `head_risk` says how far a head is off,
and `min_norm_risk` how far one will be in the mean over all examples; `wide_limit_risk` is where that goes as
features become very many. `stationary_covariance` makes the hidden vector that of a linear-Gaussian HMM.
"""

from hmmlib.regression.features import LinearFeatures, random_features
from hmmlib.regression.heads import RidgeFit, best_ridge_head, min_norm_head, ridge_head
from hmmlib.regression.risk import (
    head_risk,
    min_norm_risk,
    null_risk,
    sampled_risks,
    unexplained_variance,
    wide_limit_risk,
)
from hmmlib.regression.tasks import Examples, LinearTask, stationary_covariance

__all__ = [
    "Examples",
    "LinearFeatures",
    "LinearTask",
    "RidgeFit",
    "best_ridge_head",
    "head_risk",
    "min_norm_head",
    "min_norm_risk",
    "null_risk",
    "random_features",
    "ridge_head",
    "sampled_risks",
    "stationary_covariance",
    "unexplained_variance",
    "wide_limit_risk",
]
