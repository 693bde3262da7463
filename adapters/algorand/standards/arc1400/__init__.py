"""ARC-1400: security tokens, partitioned, with operators, a controller and documents."""

from collections.abc import Sequence

from adapters.algorand.kind import Kind

KINDS: Sequence[Kind] = ()
