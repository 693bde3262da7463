"""Whatever an operator seals, the verifier answers: it does not fall over."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from tallystick_verifier import verify
from tests.application.house import examples
from tests.verifier.packs import ALGORAND, ETHEREUM, STORIES, canonical
from tests.verifier.test_in_the_browser import in_node

STRANGE = [None, True, 0, -1, 2**53 - 1, "", "x", "0", [], [[]], {}, {"hold": 1}, ["x", {}]]


def places(value):
    """Every member and entry below *value*, as what has it and its name."""
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield value, name
            yield from places(value[name])


@st.composite
def strange_packs(draw):
    story = copy.copy(STORIES[draw(st.sampled_from(sorted(STORIES)))]())
    story.core, story.told = copy.deepcopy((story.core, story.told))
    story.anchored = draw(st.sampled_from([[], [(3, ALGORAND), (None, ETHEREUM)]]))
    for _ in range(draw(st.integers(1, 2))):
        roots = [story.core, *(body["details"] for body in story.told)]
        found = [place for root in roots for place in places(root)]
        owner, name = draw(st.sampled_from(found))
        if draw(st.booleans()) and isinstance(owner, dict):
            del owner[name]
        else:
            owner[name] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
    return canonical(story.sealed())


@given(strange_packs())
@examples(150)
def test_strange_records_and_details_are_judged(raw):
    report = verify(raw)
    assert str(report)
    assert (report.refused is None) is bool(report.proved)


@given(st.lists(strange_packs(), min_size=8, max_size=8))
@examples(5)
def test_the_browser_judges_them_alike(packs):
    for raw in packs:
        (told,) = in_node(raw)
        ours = verify(raw).as_json()
        if ours["refused"] and told["refused"]:
            assert told["refused"]["code"] == ours["refused"]["code"]
        elif ours["refused"] or told["refused"]:
            # Only what the page says that it does not look at.
            assert ours["refused"]["code"] in {
                "address_of_key",
                "malformed_transaction",
                "not_base64",
                "receipt_differs",
                "transaction_id",
                "transaction_signature",
            }
