"""The installer's settings, and the file that shows them."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed, Refused
from appliance.settings import (
    DEMO_POLICY,
    DEMO_PROFILES,
    Settings,
    Time,
    Tsp,
    TspPolicy,
    load_settings,
)
from appliance.tsp.policy import Policy, TokenForm

SHOWN = Path(__file__).parents[1] / "config" / "appliance.toml"


@pytest.fixture
def written(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "appliance.toml"
    path.write_bytes(request.param if isinstance(request.param, bytes) else request.param.encode())
    return path


# --- the file that shows them ---------------------------------------------------------------------


def test_the_shown_settings_are_the_defaults() -> None:
    assert load_settings(SHOWN) == Settings() == load_settings(None)


def keys_of(table: type[msgspec.Struct], path: str = "") -> Iterator[str]:
    """Every `table.key` of the settings, those of arrays of tables too."""
    for field in msgspec.structs.fields(table):
        inner = field.type
        for part in getattr(inner, "__args__", ()):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                inner = part
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from keys_of(inner, f"{path}{field.encode_name}.")
        else:
            yield path + field.encode_name


def keys_in(text: str) -> set[str]:
    """Every `table.key = ` of a TOML text, those behind a `# ` too."""
    found, table = set(), ""
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        if head := re.fullmatch(r"\[{1,2}([a-z.]+)\]{1,2}", bare):
            table = head[1] + "."
        elif key := re.match(r"([a-z0-9_]+) = ", bare):
            found.add(table + key[1])
    return found


def test_every_setting_is_shown_and_nothing_else() -> None:
    tables = {"authority", "time.device", "time.output", "tsp.policy", "tsp.profile"}
    shown = keys_in(SHOWN.read_text("utf-8")) - tables
    assert shown == set(keys_of(Settings))


def test_the_tables_shown_as_comments_are_those_of_the_demo(tmp_path: Path) -> None:
    text = SHOWN.read_text("utf-8")
    lines = text[text.index("\n[tsp]\n") : text.index("\n[ledger]\n")].splitlines()
    wanted = re.compile(r"# (\[\[tsp\.|[a-z0-9_]+ = )")
    path = tmp_path / "appliance.toml"
    path.write_text(
        "\n".join(line.removeprefix("# ") for line in lines if wanted.match(line)), "utf-8"
    )
    shown = load_settings(path)
    assert shown.tsp == Tsp(policy=(TspPolicy(oid=DEMO_POLICY),), profile=DEMO_PROFILES)
    assert shown.profiles() == Settings().profiles()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "colour = 1",
        "[listen]\ncolour = 1",
        "[[tsp.policy]]\noid = '1.2.3'\ncolour = 1",
        "mode = 'test'",
        "mode = 1",
        "node = 0",
        "node = 128",
        "node = true",
        "node = '1'",
        "node = 1.0",
        "fronts = -1",
        "[listen]\ntsp_http_port = 65536",
        "[listen]\naddresses = '::'",
        "[time]\nsource = 'gps'",
        "[time]\ndemo_bound_us = 0",
        "[[tsp.policy]]\nmax_bound_us = 1",
        "[[tsp.policy]]\noid = '1'",
        "[[tsp.policy]]\noid = '3.1'",
        "[[tsp.policy]]\noid = '1.02'",
        "[[tsp.policy]]\noid = '1.40'",
        '[[tsp.policy]]\noid = "2.999\\n"',
        "[[tsp.profile]]\nname = 'a'\nkey = 'k'\nalgorithm = 'sm2'\npolicies = []",
        "[[tsp.profile]]\nname = '../a'\nkey = 'k'\nalgorithm = 'sm2'\npolicies = ['1.2']",
        '[[tsp.profile]]\nname = "a\\n"\nkey = "k"\nalgorithm = "sm2"\npolicies = ["1.2"]',
        "[[tsp.profile]]\nname = 'a'\nkey = 'K'\nalgorithm = 'sm2'\npolicies = ['1.2']",
        "[[tsp.profile]]\nname = 'a'\nkey = 'k'\nalgorithm = 'sm9'\npolicies = ['1.2']",
        "[ledger]\nsegment_rows = 999",
        "[limits]\nidle_s = 0",
        "[limits]\nconnections = 0",
        "mode =",
        pytest.param("node = " + "9" * 5000, id="a number of 5,000 digits"),
        pytest.param("node = " + "[" * 5000, id="5,000 arrays in one another"),
        b"\xff",
    ],
    indirect=True,
)
def test_what_is_no_setting_is_malformed_and_names_the_file(written: Path) -> None:
    with pytest.raises(Malformed, match=re.escape(str(written))):
        load_settings(written)


@pytest.mark.parametrize(
    ("written", "place"),
    [("[time]\ncolour = 1", r"\$.time"), ("[listen]\ntsp_http_port = -1", r"\$.*tsp_http_port")],
    indirect=["written"],
)
def test_a_complaint_names_the_place(written: Path, place: str) -> None:
    with pytest.raises(Malformed, match=place):
        load_settings(written)


def test_a_file_that_is_not_there_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="No such file"):
        load_settings(tmp_path / "appliance.toml")


@given(octets=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_garbage_is_malformed_or_settings(
    octets: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.toml"
    path.write_bytes(octets)
    with contextlib.suppress(Malformed):
        assert isinstance(load_settings(path), Settings)


# --- profiles -------------------------------------------------------------------------------------


def profile(name: str = "a", key: str = "k", algorithm: str = "sm2", oid: str = "1.2.3") -> str:
    return (
        f"[[tsp.profile]]\nname = '{name}'\nkey = '{key}'\n"
        f"algorithm = '{algorithm}'\npolicies = ['{oid}']\n"
    )


POLICY = "[[tsp.policy]]\noid = '1.2.3'\n"
PRODUCTION = "mode = 'production'\n"


def test_the_demo_has_four_profiles_under_the_example_arc() -> None:
    profiles = Settings().profiles()
    assert [each.name for each in profiles] == ["sm2", "p256", "rsa", "gmt"]
    assert [each.form for each in profiles] == [TokenForm.CMS] * 3 + [TokenForm.GMT0010]
    assert {each.policies for each in profiles} == {(Policy("2.999.1.1", 1_000_000),)}


@pytest.mark.parametrize("written", [PRODUCTION + POLICY + profile()], indirect=True)
def test_a_profile_knows_its_policies_by_their_bounds(written: Path) -> None:
    (found,) = load_settings(written).profiles()
    assert (found.name, found.key, found.algorithm) == ("a", "k", KeyAlgorithm.SM2)
    assert found.policies == (Policy("1.2.3", 1_000_000),)


@pytest.mark.parametrize(
    "written",
    [
        PRODUCTION,
        PRODUCTION + POLICY,
        PRODUCTION + profile(),
        POLICY,
        profile(),
        POLICY + profile(oid="1.2.4"),
        POLICY + POLICY + profile(),
        POLICY + profile() + profile(key="other"),
        POLICY + profile("a") + profile("b", algorithm="p256"),
        "[tsp]\ntcp_profile = 'b'\n" + POLICY + profile("a"),
    ],
    ids=[
        *("production with nothing", "production without profiles", "production without policies"),
        *("demo without profiles", "demo without policies", "an unknown policy"),
        *("a policy twice", "a profile twice", "a key of two algorithms"),
        "an unknown profile for the socket protocol",
    ],
    indirect=True,
)
def test_profiles_that_cannot_be_served_are_refused(written: Path) -> None:
    settings = load_settings(written)
    with pytest.raises(Refused):
        settings.profiles()


def policy(oid: str) -> str:
    return f"[[tsp.policy]]\noid = '{oid}'\n"


@pytest.mark.parametrize(
    "written",
    [
        PRODUCTION + policy("2.999.1.1") + profile(oid="2.999.1.1"),
        PRODUCTION + policy("2.999") + profile(oid="2.999"),
        PRODUCTION + POLICY + policy("2.999.7") + profile(),
    ],
    ids=["the demo's", "the arc itself", "beside a sound one"],
    indirect=True,
)
def test_production_takes_no_policy_of_the_example_arc(written: Path) -> None:
    settings = load_settings(written)
    with pytest.raises(Refused, match=r"policy 2\.999\S* is under 2\.999, the arc for examples"):
        settings.profiles()


@pytest.mark.parametrize(
    "written",
    [
        PRODUCTION + policy("2.9991.1") + profile(oid="2.9991.1"),
        PRODUCTION + policy("1.2.999") + profile(oid="1.2.999"),
        policy("2.999.7") + profile(oid="2.999.7"),
    ],
    ids=["a longer number", "elsewhere", "in a demo"],
    indirect=True,
)
def test_what_only_looks_like_the_example_arc_is_taken(written: Path) -> None:
    assert len(load_settings(written).profiles()) == 1


@pytest.mark.parametrize(
    "written", ["[tsp]\ntcp_profile = 'b'\n" + POLICY + profile("a") + profile("b")], indirect=True
)
def test_the_socket_protocol_may_serve_any_profile(written: Path) -> None:
    settings = load_settings(written)
    assert settings.tsp.tcp_profile in {each.name for each in settings.profiles()}


@pytest.mark.parametrize("written", [POLICY + profile("a") + profile("b")], indirect=True)
def test_profiles_may_share_a_key(written: Path) -> None:
    assert [each.key for each in load_settings(written).profiles()] == ["k", "k"]


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["", "demo", "simulated"])
def test_production_takes_no_time_that_taints(tmp_path: Path, source: str) -> None:
    path = tmp_path / "settings.toml"
    chosen = f"[time]\nsource = '{source}'\n" if source else ""
    path.write_text(PRODUCTION + chosen + POLICY + profile())
    with pytest.raises(Refused, match=r"production takes no time of source \"(demo|simulated)\""):
        load_settings(path).check()


@pytest.mark.parametrize("source", ["hardware", "system"])
def test_production_takes_time_that_is_meant_for_it(tmp_path: Path, source: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(PRODUCTION + f"[time]\nsource = '{source}'\n" + POLICY + profile())
    load_settings(path).check()


def test_a_demo_takes_time_of_any_source() -> None:
    for source in ("simulated", "hardware", "system", "demo"):
        Settings(time=Time(source=source)).check()


@pytest.mark.parametrize("written", [PRODUCTION + "[time]\nsource = 'system'\n"], indirect=True)
def test_settings_without_a_profile_to_serve_are_refused_before_any_role_starts(
    written: Path,
) -> None:
    settings = load_settings(written)
    with pytest.raises(Refused, match="production needs both"):
        settings.check()


# --- fronts ---------------------------------------------------------------------------------------


def test_fronts_are_as_many_as_told_and_at_least_one() -> None:
    assert Settings(fronts=7).front_count == 7
    assert Settings().front_count >= 1


# --- devices --------------------------------------------------------------------------------------


def devices(*receivers: tuple[str, str], source: str = "hardware") -> str:
    tables = [
        f"[[time.device]]\nname = '{name}'\nkind = 'gnss'\npath = 'x'\nconstellation = '{to}'\n"
        for name, to in receivers
    ]
    return f"[time]\nsource = '{source}'\n" + "".join(tables)


@pytest.mark.parametrize(
    "written",
    [devices(("a", "gps"), ("b", "mixed")), devices(("a", "gps"), ("b", "gps"))],
    indirect=True,
)
def test_two_receivers_on_one_input_of_the_board_are_refused(written: Path) -> None:
    with pytest.raises(Refused, match=r"receivers a and b both .* GPS input"):
        load_settings(written).check()


@pytest.mark.parametrize("written", [devices(("a", "gps"), ("a", "beidou"))], indirect=True)
def test_two_devices_of_one_name_are_refused(written: Path) -> None:
    with pytest.raises(Refused, match="more than one device a"):
        load_settings(written).check()


@pytest.mark.parametrize(
    "written",
    [
        devices(("a", "gps"), ("b", "beidou")),
        devices(("a", "mixed"), ("b", "beidou")),
        devices(("a", "gps"), ("b", "gps"), source="demo"),
    ],
    ids=["one each", "mixed is the GPS input", "devices that are not used"],
    indirect=True,
)
def test_receivers_with_an_input_each_are_taken(written: Path) -> None:
    load_settings(written).check()


def device(line: str) -> str:
    return f"[[time.device]]\nname = 'a'\nkind = 'gnss'\npath = 'x'\n{line}\n"


@pytest.mark.parametrize(
    "written",
    [
        *(device(f"ntp_server = {server!r}") for server in ('ntp",1', "a b", "a;", "a:123")),
        *(device(f'ntp_server = "a{escape}"') for escape in ("\\r", "\\n", "\\u0000", "\\u001A")),
        device("irq_allowance_ns = -1"),
        device("survey_s = 0"),
        device("position = {latitude_deg = 91, longitude_deg = 0, height_m = 0}"),
        device("position = {latitude_deg = 1}"),
    ],
    indirect=True,
)
def test_what_no_device_could_be_given_is_malformed(written: Path) -> None:
    with pytest.raises(Malformed):
        load_settings(written)


@pytest.mark.parametrize("written", [device("ntp_server = 'ntp-1.example.cn'")], indirect=True)
def test_the_modem_s_own_server_is_a_name_or_an_address(written: Path) -> None:
    assert load_settings(written).time.device[0].ntp_server == "ntp-1.example.cn"
