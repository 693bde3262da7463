"""Which URLs of members we would go to, and where they may lead."""

import pytest

from adapters.egress import addresses
from adapters.egress.urls import parse
from application.ports.egress import EgressRefusedError

#: By hand, from the registries; not read from the module that is judged.
NOBODYS_BUT_OURS = [
    "0.0.0.0",  # noqa: S104 - nothing listens
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.9",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "2620:4f:8000::1",
    "3ffe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ffff:ffff::1",
    "4000::1",
    "a000::1",
]
ANYBODYS = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "168.63.129.15",
    "168.63.129.17",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2400:cb00::1",
    "2606:4700::1111",
    "2620:4f:8001::1",
    "2a00:1450::1",
    "3ffd::1",
]


@pytest.mark.parametrize("text", NOBODYS_BUT_OURS)
def test_where_nobody_outside_has_anything_to_look_for(text):
    assert not addresses.is_public(addresses.read(text))


@pytest.mark.parametrize("text", ANYBODYS)
def test_what_is_beside_them_is_anybodys(text):
    assert addresses.is_public(addresses.read(text))


@pytest.mark.parametrize("text", ["", "127.1", "0x7f000001", "fe80::1%eth0", "1.2.3.4.5", "host"])
def test_what_is_no_address(text):
    assert addresses.read(text) is None


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/", "scheme_refused"),
        ("file:///etc/passwd", "scheme_refused"),
        ("gopher://example.com/", "scheme_refused"),
        ("javascript:alert(1)", "scheme_refused"),
        ("//example.com/", "scheme_refused"),
        ("example.com", "scheme_refused"),
        ("", "invalid_url"),
        ("https://user@example.com/", "credentials_refused"),
        ("https://user:secret@example.com/", "credentials_refused"),
        ("https://example.com@127.0.0.1/", "credentials_refused"),
        ("https://@example.com/", "credentials_refused"),
        ("https://example.com/#fragment", "invalid_url"),
        ("https://example.com/#", "invalid_url"),
        ("https://", "invalid_url"),
        ("https:///path", "invalid_url"),
        ("https://example.com\\@127.0.0.1/", "invalid_url"),
        ("https://exam ple.com/", "invalid_url"),
        ("https://example.com/\r\nHost: other", "invalid_url"),
        ("https://example.com/\x00", "invalid_url"),
        ("\thttps://example.com/", "invalid_url"),
        ("https://exam\tple.com/", "invalid_url"),
        ("https://example.com:port/", "invalid_url"),
        ("https://example.com:65536/", "invalid_url"),
        ("https://2130706433/", "invalid_url"),
        ("https://0x7f000001/", "invalid_url"),
        ("https://0x7f.0.0.1/", "invalid_url"),
        ("https://127.1/", "invalid_url"),
        ("https://0177.0.0.1/", "invalid_url"),
        ("https://127.0.0.1.5/", "invalid_url"),
        ("https://1.2.3.4.0x5/", "invalid_url"),
        ("https://[::1/", "invalid_url"),
        ("https://[::1%25lo]/", "invalid_url"),
        ("https://[example.com]/", "invalid_url"),
        ("https://exa%6dple.com/", "invalid_url"),
        ("https://-example.com/", "invalid_url"),
        ("https://example..com/", "invalid_url"),
        ("https://" + "a" * 64 + ".com/", "invalid_url"),
        ("https://" + "a." * 130 + "com/", "invalid_url"),
        ("https://example.com/" + "a" * 2_048, "url_too_long"),
    ],
)  # fmt: skip
def test_what_is_no_url_for_us(url, code):
    with pytest.raises(EgressRefusedError) as refused:
        parse(url)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("HTTPS://EXAMPLE.com./a?b=c", "example.com", 443, "/a?b=c", "example.com"),
        ("http://example.com:80/", "example.com", 80, "/", "example.com"),
        ("https://example.com:8443/", "example.com", 8443, "/", "example.com:8443"),
        ("https://bücher.example/ä?ö", "xn--bcher-kva.example", 443, "/%C3%A4?%C3%B6",
         "xn--bcher-kva.example"),
        ("https://example\N{IDEOGRAPHIC FULL STOP}com/", "example.com", 443, "/", "example.com"),
        ("https://93.184.216.34/", "93.184.216.34", 443, "/", "93.184.216.34"),
        ("https://[2606:4700::1111]:8443/", "2606:4700::1111", 8443, "/",
         "[2606:4700::1111]:8443"),
        ("https://example.com/a%2Fb?x=%20y", "example.com", 443, "/a%2Fb?x=%20y", "example.com"),
    ],
)  # fmt: skip
def test_what_a_url_means(url, host, port, path, authority):
    target = parse(url)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.authority == authority
