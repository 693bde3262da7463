"""What every egress promises, whatever is behind it."""

import pytest

from application.ports.egress import EgressRefusedError, EgressUnavailableError, Reply

HEADERS = {"webhook-id": "evt_1"}


@pytest.mark.parametrize("status", [200, 204, 302, 410, 429, 500])
def test_what_is_answered_is_told_whatever_it_is(egress, status):
    reply = Reply(status=status, headers={"retry-after": "7"})
    with egress.answering(reply) as url, egress.port.line(url) as line:
        told = line.post(b"{}", HEADERS)
    assert (told.status, told.headers["retry-after"]) == (status, "7")
    assert egress.requests == [("evt_1", b"{}")]


def test_several_messages_arrive_in_their_order(egress):
    with egress.answering(Reply(status=200)) as url, egress.port.line(url) as line:
        for number in range(5):
            line.post(b"%d" % number, {"webhook-id": f"evt_{number}"})
    assert egress.requests == [(f"evt_{number}", b"%d" % number) for number in range(5)]


def test_a_line_that_nobody_uses_asks_nobody(egress):
    with egress.answering(Reply(status=200)) as url, egress.port.line(url):
        pass
    with egress.port.line(egress.private), egress.port.line(egress.nobody):
        pass
    assert egress.requests == []


def test_where_nobody_is_sent_is_refused_whenever_it_is_asked(egress):
    with pytest.raises(EgressRefusedError) as checked:
        egress.port.check(egress.private)
    with pytest.raises(EgressRefusedError), egress.port.line(egress.private) as line:
        line.post(b"{}", HEADERS)
    with pytest.raises(EgressRefusedError):
        egress.port.fetch(egress.private, {}, 10)
    assert checked.value.code == "address_refused"
    assert egress.requests == []


def test_who_does_not_answer_is_unavailable(egress):
    egress.port.check(egress.nobody)
    with pytest.raises(EgressUnavailableError), egress.port.line(egress.nobody) as line:
        line.post(b"{}", HEADERS)
    with pytest.raises(EgressUnavailableError):
        egress.port.fetch(egress.nobody, {}, 10)


@pytest.mark.parametrize("url", ["ftp://example.com/", "example.com", "file:///etc/passwd", ""])
def test_what_is_no_url_is_refused(egress, url):
    with pytest.raises(EgressRefusedError):
        egress.port.check(url)


def test_a_document_is_as_long_as_it_may_be(egress):
    with egress.answering(Reply(status=200, body=b"x" * 20)) as url:
        whole, part = (egress.port.fetch(url, {}, longest) for longest in (20, 19))
    assert (whole.body, whole.is_cut) == (b"x" * 20, False)
    assert (part.body, part.is_cut) == (b"x" * 19, True)
