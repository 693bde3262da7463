"""The keys of issuing accounts: rotated, moved to another custodian, disabled."""
