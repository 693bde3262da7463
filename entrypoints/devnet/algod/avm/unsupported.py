"""Opcodes that a node executes and this simulator does not: reaching one fails by name.

They are known, so that programs which never reach them run, and what follows them is decoded.
"""

from entrypoints.devnet.algod.avm.machine import Machine
from entrypoints.devnet.algod.avm.operations import (
    LogicError,
    Operations,
    Pushed,
    UnsupportedError,
)

OPERATIONS = Operations()

#: Number, name, since which version, bytes that follow.
_UNSUPPORTED = (
    (0x05, "ecdsa_verify", 5, "u"),
    (0x06, "ecdsa_pk_decompress", 5, "u"),
    (0x07, "ecdsa_pk_recover", 5, "u"),
    (0x5F, "json_ref", 7, "u"),
    (0x74, "voter_params_get", 11, "u"),
    (0x75, "online_stake", 11, ""),
    (0x85, "falcon_verify", 12, ""),
    (0xD0, "vrf_verify", 7, "u"),
    (0xD1, "block", 7, "u"),
    (0xE0, "ec_add", 10, "u"),
    (0xE1, "ec_scalar_mul", 10, "u"),
    (0xE2, "ec_pairing_check", 10, "u"),
    (0xE3, "ec_multi_scalar_mul", 10, "u"),
    (0xE4, "ec_subgroup_check", 10, "u"),
    (0xE5, "ec_map_to", 10, "u"),
    (0xE6, "mimc", 11, "u"),
)
#: Of logic signatures: no application may use them.
_OF_SIGNATURES = (
    (0x2C, "arg", 1, "u"),
    (0x2D, "arg_0", 1, ""),
    (0x2E, "arg_1", 1, ""),
    (0x2F, "arg_2", 1, ""),
    (0x30, "arg_3", 1, ""),
    (0xC3, "args", 5, ""),
)


def _declare() -> None:
    for code, name, since, immediates in _UNSUPPORTED:

        @OPERATIONS.declare(code, name, since=since, immediates=immediates)
        def unsupported(_: Machine, name: str = name) -> Pushed:
            raise UnsupportedError(name)

    for code, name, since, immediates in _OF_SIGNATURES:

        @OPERATIONS.declare(code, name, since=since, immediates=immediates)
        def not_here(_: Machine, name: str = name) -> Pushed:
            raise LogicError(f"{name} not allowed in current mode")


_declare()
