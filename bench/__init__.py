"""The benchmarks: what the server does, each beside its reference in the same run (`make bench`, `python -m bench`).

Rule: a figure is the median of at least five; ours and the reference see the same traffic on the same broker, one after
the other; what misses its target is reported like what meets it.
"""
