"""ARC-200: tokens kept by a contract of ours, mintable or issued once and for all."""

from collections.abc import Sequence

from adapters.algorand.kind import Kind

KINDS: Sequence[Kind] = ()
