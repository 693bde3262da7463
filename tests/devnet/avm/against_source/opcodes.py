"""Prints the compiler's own table of opcodes as JSON; started in the compiler's environment.

{name: [number, {field: number} of each immediate that has names, cost or null, version]}
"""

import json
import sys

from puya.ir.avm_ops import AVMOp
from puya.ussemble.op_spec import OP_SPECS
from puya.ussemble.op_spec_models import ImmediateEnum

known = {operation.code: operation for operation in AVMOp}
table = {
    spec.name: [
        spec.code,
        [dict(each.codes) for each in spec.immediates if isinstance(each, ImmediateEnum)],
        known[spec.name].cost if spec.name in known else None,
        known[spec.name].min_avm_version if spec.name in known else None,
    ]
    for spec in OP_SPECS.values()
}
json.dump(table, sys.stdout)
