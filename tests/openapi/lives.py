"""What is made, looked at, changed and taken away, in an order that schemathesis makes up.

Which answer leads to which request it infers from the description.  Each life is that of an
organisation of its own, so nothing is used up.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import Any

from hypothesis import seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import Case, GenerationMode
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import use_after_free

from tests.openapi.fuzzing import (
    EXAMPLES,
    PROVING,
    SETTINGS,
    Asking,
    exact,
    has_key,
    judged,
    name_of,
)
from tests.openapi.world import HOOK, World

#: What makes something, with what a body needs to be a good one.
MAKERS: Mapping[str, Mapping[str, object]] = {
    "create_deployment": {},
    "create_team": {"name": "Ops", "members": []},
    "create_usage_hold": {"operation": "report", "units": 1, "output_units": 0},
    "invite_member": {"role": "auditor"},
}
#: What there is from the beginning: nothing is inferred from the answers to who makes it.
THERE: Mapping[str, Mapping[str, object]] = {
    "/v1/audit/exports": {"format": "jsonl"},
    "/v1/webhook_endpoints": {"url": HOOK},
    "/v1/api_keys": {"name": "ci"},
}
#: By what they are about, the operations of a life; the first is met in some life at least.
LIVES: Mapping[str, tuple[str, ...]] = {
    "deployments": (
        "get_deployment", "create_deployment", "get_deployment_history", "get_evidence",
        "cancel_deployment",
    ),
    "teams": ("get_team", "create_team", "change_team", "dissolve_team", "list_teams"),
    "holds": (
        "get_usage_hold", "create_usage_hold", "renew_usage_hold", "capture_usage_hold",
        "release_usage_hold",
    ),
    "endpoints": (
        "get_webhook_endpoint", "change_webhook_endpoint", "delete_webhook_endpoint",
        "disable_webhook_endpoint", "enable_webhook_endpoint", "list_webhook_endpoints",
    ),
    "exports": ("get_export", "list_exports"),
    "people": (
        "withdraw_invitation", "invite_member", "list_invitations", "revoke_api_key",
        "list_api_keys",
    ),
}  # fmt: skip
#: What is deleted is there, and says so: the trail and quotas name a team for ever.
TOMBSTONES = frozenset({"get_team"})


def machine_of(schema: Any, world: World, about: str, seen: Counter[tuple[str, int]]) -> Any:
    """Of what is asked in a life *about* that; *seen* counts what was answered to what."""

    class Life(schema.include(operation_id=[*LIVES[about]]).as_state_machine()):
        #: How many lives there were.
        begun = 0

        def setup(self) -> None:
            type(self).begun += 1
            self.person = world.rich_person()
            for path, body in THERE.items():
                made = self.person.post(path, body, headers=world.key())
                assert made.status_code < 300, made.text

        def before_call(self, case: Case) -> None:
            id = name_of(case.operation)
            if has_key(case.operation):
                case.headers = {**case.headers, **world.key()}
            if case.meta.generation.mode is GenerationMode.NEGATIVE:
                return
            if id not in MAKERS:
                if isinstance(case.body, dict):
                    case.body = exact(case.body)
                return
            needed = dict(MAKERS[id])
            if id == "create_deployment":
                needed = world.site.body()
            if id == "invite_member":
                needed["email"] = world.somebody()
            case.body = needed

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            token = world.awake(self.person).token
            return {"headers": {"Authorization": f"Bearer {token}"}, "session": world.session}

        def validate_response(self, response: Response, case: Case, **sent: Any) -> None:
            id = name_of(case.operation)
            seen[id, response.status_code] += 1
            excluded = [use_after_free] if id in TOMBSTONES else []
            by = Asking(headers=sent["headers"])
            wrong = judged(case, response, by, excluded, self.recorder)
            assert not wrong, "\n\n".join(wrong.values())

    return Life


def live(schema: Any, world: World, about: str) -> Counter[tuple[str, int]]:
    """A third of `EXAMPLES` lives; what was answered.

    A life depends on what was answered in it, which no choice of Hypothesis tells.  Where that
    makes two that began alike go on differently, it stops: it begins anew with the next seed.
    """
    seen: Counter[tuple[str, int]] = Counter()
    machine = machine_of(schema, world, about, seen)
    first = secrets.randbits(32) if PROVING else 0
    for number in count(first):
        left = EXAMPLES // 3 - machine.begun
        if left <= 0:
            return seen
        bounds = settings(SETTINGS, max_examples=left, stateful_step_count=8)
        with contextlib.suppress(FlakyStrategyDefinition):
            seed(number)(machine).run(settings=bounds)
    raise AssertionError("unreachable")
