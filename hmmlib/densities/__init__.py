"""HMMs that write vectors in place of words: emissions are densities, of any kind.

An `EmissionHMM` is a Markov chain and an `EmissionModel`. `GaussianMixtureEmissions` are fitted by `fit_em`,
exact expectation–maximisation, and stay exact when noise is added to what is seen. `FlowMixtureEmissions` are
mixtures of normalizing flows, trained by `fit_flows`, generalised expectation–maximisation. `random_arcs`
draws a world of classes whose densities are known at every level of noise; `train_classifier` trains a
recurrent network to tell them apart.
"""

from hmmlib.densities.arcs import NoisyArcs, PlanarEmissions, random_arcs
from hmmlib.densities.emissions import EmissionModel
from hmmlib.densities.fitting import EMRecipe, FittedEmissions, fit_em, random_emission_hmm
from hmmlib.densities.flow_training import FlowRecipe, TrainedFlows, fit_flows
from hmmlib.densities.flows import FlowMixtureEmissions, RealNVP
from hmmlib.densities.gaussian import GaussianMixtureEmissions
from hmmlib.densities.model import EmissionHMM
from hmmlib.densities.recurrent import ClassifierRecipe, RecurrentClassifier, train_classifier

__all__ = [
    "ClassifierRecipe",
    "EMRecipe",
    "EmissionHMM",
    "EmissionModel",
    "FittedEmissions",
    "FlowMixtureEmissions",
    "FlowRecipe",
    "GaussianMixtureEmissions",
    "NoisyArcs",
    "PlanarEmissions",
    "RealNVP",
    "RecurrentClassifier",
    "TrainedFlows",
    "fit_em",
    "fit_flows",
    "random_arcs",
    "random_emission_hmm",
    "train_classifier",
]
