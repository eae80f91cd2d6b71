"""What no linear head can do, with proofs that can be checked.

Three questions about a head on exact predictions, from the strictest to the most forgiving: can it
reproduce every margin (`row_space_test`), can it get every label of a given set right (`separate`), and how
many can it get right (`best_accuracy`)? Each answer comes with a head, or with what shows that there is
none. They tell information that the model does not show at the blank from training that failed. And how wrong
may predictions be before no head is right (`hull_distance`)?
"""

from hmmlib.certificates.accuracy import BestAccuracy, best_accuracy
from hmmlib.certificates.hulls import HullDistance, hull_distance
from hmmlib.certificates.row_space import RowSpaceTest, posterior_span, row_space_test
from hmmlib.certificates.separation import Separation, certificate_bound, separate

__all__ = [
    "BestAccuracy",
    "HullDistance",
    "RowSpaceTest",
    "Separation",
    "best_accuracy",
    "certificate_bound",
    "hull_distance",
    "posterior_span",
    "row_space_test",
    "separate",
]
