"""The whole house, lived through by one seeded program: `python -m tests.simulation --help`.

The use cases, the container and the worker's loops are the real ones; below the ports everything
is a model: stores, chains, custodians, a payment provider, receivers.  One thread does it all:
`scheduler.py` decides who runs next, at every call of a port, and what time it is.

A *history* is data (`history.py`): what people ask for and what goes wrong, each at its second.
An *episode* lives through one (`episode.py`), heals the world, and has it judged (`oracles.py`).
What fails is shrunk (`shrink.py`) to the few entries that matter.  `mutants/` has faults that a
simulation must find; `mutants.py` sees whether it does.  docs/simulation.md tells the rest.
"""
