"""Two kinds of wall that import-linter does not bring along.

`keeps_to`
    A package imports nothing but itself, the standard library and what is listed.
`at_home_in`
    import-linter's own *protected*, for a house that is still growing: a module or an SDK that
    nobody imports yet, or a room that is not built yet, is no mistake.
"""

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.contracts.protected import ProtectedContract


class KeepsTo(Contract):
    type_name = "keeps_to"

    modules = fields.ListField(subfield=fields.StringField())
    may_import = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        welcome = {*self.may_import, *sys.stdlib_module_names}
        strays = [
            f"{module} -> {imported}"
            for package in self.modules
            for module in sorted({package, *graph.find_descendants(package)})
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if not any(is_inside(imported, room) for room in (*welcome, package))
        ]
        return ContractCheck(kept=not strays, metadata={"strays": strays})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for stray in check.metadata["strays"]:
            output.print_error(f"- {stray}", bold=False)


class AtHomeIn(ProtectedContract):
    type_name = "at_home_in"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        def here(expressions):
            return [each for each in expressions if each.expression in graph.modules]

        self.protected_modules = here(self.protected_modules)
        self.allowed_importers = here(self.allowed_importers)
        return super().check(graph, verbose)


def is_inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
