"""Requests that schemathesis makes up from the description, sent to the lively installation.

What it makes up knows the forms of things, and not the things: ids, tokens of letters, passwords
and signatures are the world's, so that requests get past the gate and into the house.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import cycle
from typing import Any

import schemathesis
from attrs import define, field, frozen
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, CheckFunction, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.specs.openapi.checks import ignored_auth

from tests.openapi.refusals import ANYWHERE, MAY_REFUSE
from tests.openapi.world import Supply, World

PROVING = os.environ.get("TALLYSTICK_PROVE") == "1"
#: Of each operation.
EXAMPLES = 500 if PROVING else 25
#: What is tried once for each operation, though no example was drawn: a needed header left out,
#: another method, another type of content.
PROBES = frozenset({
    CoverageScenario.MISSING_PARAMETER, CoverageScenario.UNSPECIFIED_HTTP_METHOD,
    CoverageScenario.MALFORMED_CONTENT_TYPE, CoverageScenario.UNSUPPORTED_CONTENT_TYPE,
    CoverageScenario.DUPLICATE_PARAMETER,
})  # fmt: skip
#: A seed of the repository in `make test`, a fresh one in `make prove`.
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=not PROVING,
    database=None,
    deadline=None,
    # What a request did to the installation cannot be taken back, so it is not made smaller.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
KEY = "Idempotency-Key"
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
#: What changes whoever asks: their session, their password, for whom they act.
OF_ONESELF = frozenset({
    "log_out", "change_password", "switch_organisation", "accept_invitation",
})  # fmt: skip
OWN, OTHER = "own", "other"
#: How much of a body is the world's: all of it, what makes it a good one, or nothing.
ALL, GOOD, NONE = "all", "good", "none"
#: In turn: who asks, and whose the body is.
TURNS = (
    (OWN, ALL), (OWN, GOOD), (OTHER, GOOD), (OWN, GOOD), (OWN, NONE),
    (OTHER, ALL), (OWN, ALL), (OWN, GOOD), (OTHER, NONE), (OWN, GOOD),
)  # fmt: skip


@define
class Tally:
    """What became of the requests of one operation."""

    sent: int = 0
    accepted: int = 0
    statuses: Counter[int] = field(factory=Counter)


@define(eq=False)
class Fuzzer:
    """Sends requests of every kind to *world*, and keeps what is wrong with the answers."""

    world: World
    tallies: dict[str, Tally] = field(factory=dict)
    #: The first report of each kind of failure, by operation and kind.
    failures: dict[tuple[str, str], str] = field(factory=dict)
    schema: Any = field(init=False)
    #: Operations that are known to ask for a token.
    _enforced: set[str] = field(factory=set)
    _supplies: dict[str, Supply] = field(factory=dict)
    _others: Iterator[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._others = cycle(name for name in self.world.people if name != "owner")
        config = schemathesis.Config()
        config.projects.default.generation.with_security_parameters = False
        # Who is locked out hears that, whatever else is wrong with the request.
        rejection = config.projects.default.checks.negative_data_rejection
        rejection.expected_statuses = [*rejection.expected_statuses, "423"]
        self.schema = schemathesis.openapi.from_dict(
            self.world.site.examine.description, config=config
        )
        self.schema.app = self.world.site.client.app

    def operations(self) -> Iterator[Any]:
        for found in self.schema.get_all_operations():
            yield found.ok()

    def operation(self, id: str) -> Any:
        return next(each for each in self.operations() if name_of(each) == id)

    def try_out(self, id: str) -> Tally:
        """`EXAMPLES` requests of one operation, and the probes."""
        operation = self.operation(id)
        tally = self.tallies[id] = Tally()

        for mode, number, is_lost in shares(operation):
            self._send_many(operation, tally, mode, number, is_lost=is_lost)
        for case, by in self._probes(operation):
            self._send(case, by, Tally())
        return tally

    def _send_many(
        self, operation: Any, tally: Tally, mode: GenerationMode, number: int, *, is_lost: bool
    ) -> None:
        """*number* requests; lost ones ask about what is nowhere."""
        turns = cycle(TURNS)

        # The integer: else there is one example of an operation that has nothing to choose.
        @settings(SETTINGS, max_examples=number)
        @given(case=cases(operation, mode, is_lost=is_lost), _=st.integers())
        def send(case: Case, _: int) -> None:
            who, whose = next(turns)
            name = None if who is OWN else next(self._others)
            supply = self._fresh(operation) if name is None else self._known(operation)
            if not is_lost:
                case.path_parameters = dict(supply.path)
            if KEY in case.headers and (mode is POSITIVE or operation.body):
                case.headers.update(self.world.key())
            if mode is POSITIVE:
                complete(case, supply, whose)
            self._send(case, Asking.of(self.world, operation, supply, name), tally)
            if name is not None and name_of(operation) in OF_ONESELF:
                self.world.replace(name)

        send()

    def _fresh(self, operation: Any) -> Supply:
        supply = self._supplies[name_of(operation)] = self.world.supply(name_of(operation))
        return supply

    def _known(self, operation: Any) -> Supply:
        """Something to ask about where it need not be made anew, and may be used up."""
        return self._supplies.get(name_of(operation)) or self._fresh(operation)

    def _probes(self, operation: Any) -> Iterator[tuple[Case, Asking]]:
        supply = self.world.supply(name_of(operation))
        modes = [POSITIVE, NEGATIVE]
        keys: set[object] = set()
        config = operation.schema.config.generation_for(operation=operation, phase="coverage")
        found = operation.schema.iter_coverage_cases(
            operation, generation_modes=modes, generation_config=config
        )
        for case in found:
            assert isinstance(case.meta.phase.data, CoveragePhaseData)
            if PROVING or case.meta.phase.data.scenario in PROBES:
                case.path_parameters = dict(supply.path)
                key = case.headers.get(KEY)
                if key is not None and key in keys:
                    # Probes of bodies share one key, and a key belongs to one request.
                    case.headers.update(self.world.key())
                keys.add(key)
                yield case, Asking.of(self.world, operation, supply)

    def _send(self, case: Case, by: Asking, tally: Tally) -> None:
        session = self.world.session
        response = case.call(session=session, headers=by.headers, **by.options)
        tally.sent += 1
        tally.statuses[response.status_code] += 1
        tally.accepted += response.status_code < 400
        label = case.operation.label
        wrong = judged(case, response, by, [ignored_auth] if label in self._enforced else [])
        for kind, report in wrong.items():
            self.failures.setdefault((name_of(case.operation), kind), report)
        if not wrong and response.status_code < 300:
            self._enforced.add(label)
        if response.status_code in (423, 429):
            # What was asked too often is blocked for a while, and would be in all that follow.
            self.world.site.house.pass_time(timedelta(hours=1))


@frozen(kw_only=True)
class Asking:
    """Who sends a request, and what only whoever sends it knows."""

    headers: Mapping[str, str]
    options: Mapping[str, Any] = {}

    @classmethod
    def of(cls, world: World, operation: Any, supply: Supply, name: str | None = None) -> Asking:
        headers = dict(supply.headers)
        if operation.security.iter_parameters() and is_guarded(operation):
            person = world.people[name] if name is not None else supply.by or world.owner
            headers["Authorization"] = f"Bearer {world.awake(person).token}"
        options = {} if supply.raw is None else {"data": supply.raw}
        return cls(headers=headers, options=options)


def judged(
    case: Case,
    response: Response,
    by: Asking,
    excluded: Sequence[CheckFunction],
    recorder: Any = None,
) -> dict[str, str]:
    """What all checks but the *excluded* ones find wrong: reports by kinds of failure."""
    try:
        case.validate_response(
            response,
            additional_checks=[code_is_described],
            excluded_checks=list(excluded),
            headers=by.headers,
            transport_kwargs={"headers": by.headers, **by.options},
            recorder=recorder,
        )
    except FailureGroup as group:
        found = (kind_of(failure, case, response) for failure in group.exceptions)
        return {kind: str(group) for kind in found if kind is not None}
    return {}


def kind_of(failure: Failure, case: Case, response: Response) -> str | None:
    """None: a rule that no description can have was broken, and that was said."""
    if not isinstance(failure, RejectedPositiveData):
        return type(failure).__name__
    codes = codes_in(response)
    known = ANYWHERE | MAY_REFUSE.get(name_of(case.operation), frozenset())
    return None if codes <= known else f"refused {sorted(codes)}"


def shares(operation: Any) -> Iterator[tuple[GenerationMode, int, bool]]:
    """How many of its examples are well-formed, malformed, or about nothing that there is."""
    left = EXAMPLES
    if operation.path_parameters:
        yield POSITIVE, EXAMPLES // 10, True
        left -= EXAMPLES // 10
    if operation.body or operation.query or has_key(operation):
        yield NEGATIVE, EXAMPLES // 4, False
        left -= EXAMPLES // 4
    yield POSITIVE, left, False


def cases(operation: Any, mode: GenerationMode, *, is_lost: bool) -> st.SearchStrategy[Case]:
    """Of one form.  What the world knows is put in later, and not made up."""
    path = {each.name: "1" for each in operation.path_parameters}
    given: dict[str, Any] = {} if is_lost else {"path_parameters": path}
    if has_key(operation) and (mode is POSITIVE or operation.body):
        given["headers"] = {KEY: "k"}
    strategy: st.SearchStrategy[Case] = operation.as_strategy(generation_mode=mode, **given)
    return strategy


def complete(case: Case, supply: Supply, whose: str) -> None:
    """Put what the world knows into what was made up."""
    if supply.is_all:
        case.query = dict(supply.query)
    case.query = {**case.query, **supply.query}
    if whose is not NONE:
        # What follows a page only the page before knows.
        case.query.pop("cursor", None)
    if not isinstance(case.body, dict):
        return
    case.body = exact(case.body)
    if supply.body is None:
        return
    if whose is ALL:
        case.body = dict(supply.body)
    elif whose is GOOD:
        case.body = {**case.body, **supply.body}


def exact(value: Any) -> Any:
    """*value*, in which whole numbers are written as such: to JSON Schema 20.0 is an integer, and
    to the decoder it is none.
    """
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def name_of(operation: Any) -> str:
    return str(operation.definition.raw["operationId"])


def has_key(operation: Any) -> bool:
    return any(each.name == KEY for each in operation.headers)


def is_guarded(operation: Any) -> bool:
    return bool(operation.definition.raw.get("security"))


def codes_in(response: Response) -> frozenset[str]:
    """The code of a problem, or of its fields' faults where that is what it is about."""
    problem = response.json()
    return frozenset(each["code"] for each in problem["errors"]) or frozenset({problem["code"]})


def code_is_described(ctx: Any, response: Response, case: Case) -> None:
    """Every code of an answer is in what the operation is described to answer."""
    if case.method.lower() != case.operation.method.lower():
        return
    kind = "".join(response.headers.get("content-type", []))
    if kind.startswith("application/problem+json"):
        described = case.operation.definition.raw["responses"].get(str(response.status_code), {})
        codes = described.get("description", "").split(", ")
        code = response.json()["code"]
        # What is made up for a place in a path may lead away from the operation.
        assert code in {*codes, "route_not_found"}, (
            f"{response.status_code} {code} is not among {codes}"
        )
