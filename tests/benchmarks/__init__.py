"""How fast hmmlib is, beside other libraries: ``make bench`` or ``python -m tests.benchmarks``.

Two programs are compared by the ratio of their times, measured in turn within one process, because
times on a shared machine mean little by themselves. Each measurement runs in a fresh process.
"""
