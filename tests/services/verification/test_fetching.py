import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Malformed, Refused
from appliance.services.verification.fetching import AllowList

ALLOWED = AllowList(["http://ca.example/crl", "https://ocsp.example:8443", "http://[::1]:80/a/b/"])


@pytest.mark.parametrize(
    "url",
    [
        "http://ca.example/crl",
        "http://ca.example/crl/root.crl",
        "http://ca.example:80/crl/a?b=c",
        "http://CA.example/crl/x",
        "https://ocsp.example:8443/anything",
        "http://[::1]/a/b/c",
    ],
)
def test_what_begins_as_configured_may_be_asked(url):
    ALLOWED.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://ca.example/crlx",
        "http://ca.example/",
        "https://ca.example/crl",
        "http://ca.example:81/crl",
        "http://ca.example.evil/crl",
        "http://ca.example@evil/crl",
        "http://evil/http://ca.example/crl",
        "http://ca.example/crl/../admin",
        "http://ca.example/crl/%2e%2e/admin",
        "http://ca.example/crl/%2E%2E/admin",
        "http://ca.example/crl/\\..\\admin",
        "http://ca.example/crl#x",
        "http://ca.example/crl\r\nHost: evil",
        "http://ca.example\u3002evil/crl",
        "ftp://ca.example/crl",
        "file:///etc/passwd",
        "ldap://ca.example/crl",
        "//ca.example/crl",
        "http://ca.example:0/crl",
        "http://ca.example:x/crl",
        "http:///crl",
        "",
        "http://ca.example/crl/" + "a" * 1024,
    ],
)
def test_nothing_else_may_be_asked(url):
    with pytest.raises(Refused):
        ALLOWED.check(url)


def test_a_setting_that_is_no_url_is_malformed():
    with pytest.raises(Malformed):
        AllowList(["ca.example"])


@given(st.text(max_size=60))
def test_any_text_is_refused_or_begins_as_allowed(text):
    for url in (text, "http://ca.example" + text):
        try:
            ALLOWED.check(url)
        except Refused:
            continue
        assert url.startswith("http://ca.example")
