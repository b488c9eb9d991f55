"""Roads by which a production key might come to sign on a simulated clock, each closed.

Readings go through the ensemble, its statement onto the page, the page through the signer's reader
into a production authority: what comes out there is what counts.  The roads past devices, keys and
settings are in tests/e2e/test_taint.py, tests/services/test_taint_keys.py and tests/test_settings.
"""

import attrs
import msgspec
import pytest
from kit.clock import FakeClock
from kit.pages import BOOT_ID, RAW_NS, page_of, slot
from kit.skies import Sky
from kit.stamping import make_authority, request

from appliance.asn1.tsp import PKIFailureInfo
from appliance.quantities import NS_PER_S, Provenance
from appliance.services.messages import OutsideReadings, TimeReport
from appliance.timing.ensemble import Ensemble
from appliance.timing.keeping.config import Statement
from appliance.timing.page import (
    PAGE_SIZE,
    SLOT_SIZE,
    SLOT_STRIDE,
    VALIDITY_NS,
    PageSlot,
    choose,
    encode_slot,
)
from appliance.timing.reading import PageClock, PageVeto
from appliance.timing.trusted import MAY_ISSUE
from appliance.tsp.authority import Ask, Prepared
from appliance.tsp.request import Rejection
from drivers.api import (
    BoardStatus,
    GnssEpoch,
    LeapNotice,
    ModemReport,
    NtpSample,
    PhaseReading,
    PulseStamp,
    Reading,
)

ASK = Ask("sm2", request())
DEVICE_READINGS = (GnssEpoch, PhaseReading, BoardStatus, PulseStamp)
MODEM = ModemReport(source="modem", raw_ns=0, is_simulated=True, is_registered=False)
HOUR_NS = 3600 * NS_PER_S


class Box:
    """A sky over an ensemble, and the production signer that reads its page."""

    def __init__(self) -> None:
        self.sky = Sky()
        self.seen: list[Reading] = []
        self._clock = PageClock(BOOT_ID, PageVeto())
        self._authority = make_authority(production=True)
        self._sequence = 0

    def locked(self) -> "Box":
        """Live until tokens are issued on what is taken for hardware."""
        self.sky.run(60)
        assert isinstance(self.stamp(), Prepared)
        return self

    def take(self, reading: Reading) -> None:
        """Give the ensemble one reading more than the sky does."""
        self.sky.ensemble.take(reading)

    def stamp(self, seconds: int = 1) -> Prepared | Rejection:
        """Live on, and ask for a token."""
        statement = self.sky.run(seconds)
        page = page_of(self._slot(statement))
        reading = self._clock.tell(page, statement.raw_ns + 1000)
        (outcome,) = self._authority.prepare([ASK], FakeClock(reading))
        return outcome

    def _slot(self, statement: Statement) -> PageSlot:
        self._sequence += 1
        return PageSlot(
            sequence=self._sequence,
            boot_id=BOOT_ID,
            valid_until_raw_ns=statement.raw_ns + VALIDITY_NS,
            **attrs.asdict(statement, recurse=False),
        )

    def readings(self) -> dict[type, Reading]:
        """Tell the last reading of each kind that the sky gave in a second."""
        found: dict[type, Reading] = {}
        ensemble, take = self.sky.ensemble, self.sky.ensemble.take

        def watch(reading: Reading) -> None:
            found[type(reading)] = reading
            take(reading)

        ensemble.take = watch
        self.sky.run(1)
        ensemble.take = take
        return found


def is_refused_as_simulated(outcome):
    return outcome == Rejection(PKIFailureInfo.timeNotAvailable, "the clock is simulated")


def test_hardware_alone_is_signed_on():
    box = Box().locked()
    assert isinstance(box.stamp(60), Prepared)


# --- one simulated reading among hardware's -------------------------------------------------------


@pytest.mark.parametrize("kind", DEVICE_READINGS)
def test_one_simulated_reading_stops_a_production_key_until_the_restart(kind):
    box = Box().locked()
    box.take(attrs.evolve(box.readings()[kind], is_simulated=True))
    assert is_refused_as_simulated(box.stamp())
    assert is_refused_as_simulated(box.stamp(600))


def test_a_simulated_modem_taints_though_it_never_steers():
    box = Box().locked()
    box.take(MODEM)
    assert is_refused_as_simulated(box.stamp(60))


def test_a_simulated_reading_that_cannot_be_used_taints_all_the_same():
    box = Box().locked()
    reading = attrs.evolve(box.readings()[PhaseReading], is_simulated=True, sequence=None)
    with pytest.raises(TypeError):
        box.take(reading)
    assert is_refused_as_simulated(box.stamp())


def test_a_simulated_reading_from_before_the_lock_taints():
    box = Box()
    box.sky.is_simulated = True
    box.sky.run(1)
    box.sky.is_simulated = False
    assert is_refused_as_simulated(box.stamp(60))


# --- what a simulated clock has kept --------------------------------------------------------------


def test_what_a_simulated_clock_has_kept_taints_the_hardware_that_goes_on_with_it():
    box = Box()
    box.sky.is_simulated = True
    box.sky.run(1500)
    kept = box.sky.ensemble.snapshot()
    box.sky.is_simulated = False
    box.sky.ensemble = Ensemble(box.sky.config, kept)
    box.sky.statement = None
    assert is_refused_as_simulated(box.stamp(60))


@pytest.mark.parametrize("size", [0, 1, -1])
def test_what_was_kept_and_is_damaged_gives_neither_taint_nor_time(size):
    box = Box()
    box.sky.is_simulated = True
    box.sky.run(1500)
    kept = box.sky.ensemble.snapshot()[:size]
    box.sky.is_simulated = False
    box.sky.ensemble = Ensemble(box.sky.config, kept)
    box.sky.statement = None
    assert box.sky.advance().state not in MAY_ISSUE
    assert isinstance(box.stamp(60), Prepared)


# --- what a front hands over ----------------------------------------------------------------------


def test_network_time_that_is_none_of_a_simulation_does_not_lift_the_taint():
    box = Box()
    box.sky.is_simulated = True
    box.sky.run(60)
    box.sky.ntp_error_ns = {"ntp-a": 0, "ntp-b": 0, "ntp-c": 0}
    for each in box.sky.ntp_error_ns:
        box.take(sample(each, box.sky.raw_ns))
    assert is_refused_as_simulated(box.stamp(60))


@pytest.mark.parametrize("lived_s", [1, 60], ids=["from the start", "once locked"])
@pytest.mark.parametrize("error_ns", [-HOUR_NS, -(10**8), 10**8, HOUR_NS])
def test_a_front_that_lies_moves_no_token(error_ns, lived_s):
    """It may stop tokens, never move them: where time is told the truth is within the bound."""
    box = Box()
    box.sky.run(lived_s)
    box.sky.ntp_error_ns = dict.fromkeys("abcdefghi", error_ns)
    for _ in range(300):
        box.stamp()
    assert box.sky.worst_ratio < 1


@pytest.mark.parametrize("kind", DEVICE_READINGS)
def test_a_front_can_hand_over_no_reading_of_a_device(kind):
    box = Box().locked()
    reading = box.readings()[kind]
    frame = msgspec.msgpack.encode(["readings", [msgspec.to_builtins(reading, enc_hook=repr)]])
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(frame, type=TimeReport)


def test_a_front_hands_over_samples_of_network_time_alone():
    """A GnssEpoch vouches for pulses and names their second: no front may hand one over.

    What a front reads of gpsd is a sample too, a witness to the second.
    """
    assert OutsideReadings.__struct_fields__ == ("ntp",)
    report = OutsideReadings([sample("ntp-a", RAW_NS)])
    frame = msgspec.msgpack.encode(report)
    assert msgspec.msgpack.decode(frame, type=TimeReport) == report


def sample(source: str, raw_ns: int) -> NtpSample:
    return NtpSample(
        source=source,
        raw_ns=raw_ns,
        is_simulated=False,
        utc_ns=0,
        delay_ns=1000,
        root_delay_ns=0,
        root_dispersion_ns=0,
        stratum=1,
        leap=LeapNotice.NONE,
    )


def test_a_server_that_says_it_is_simulated_cannot_spoil_a_clock_of_hardware():
    box = Box().locked()
    word = attrs.evolve(sample("ntp-a", box.sky.raw_ns), is_simulated=True)
    box.take(word)
    assert isinstance(box.stamp(), Prepared)


# --- the page -------------------------------------------------------------------------------------


def outcome_on(page: bytes, **rules: bool) -> Prepared | Rejection:
    reading = PageClock(BOOT_ID, PageVeto()).tell(page, RAW_NS)
    (outcome,) = make_authority(production=True, **rules).prepare([ASK], FakeClock(reading))
    return outcome


def test_a_page_is_signed_on_by_its_provenance():
    assert isinstance(outcome_on(page_of(slot())), Prepared)
    assert is_refused_as_simulated(outcome_on(page_of(slot(provenance=Provenance.SIMULATED))))
    opted_in = page_of(slot(provenance=Provenance.SIMULATED))
    assert is_refused_as_simulated(outcome_on(opted_in, allow_system_time=True))


def test_the_hosts_clock_is_signed_on_by_choice_alone():
    page = page_of(slot(provenance=Provenance.SYSTEM))
    refused = outcome_on(page)
    assert refused == Rejection(
        PKIFailureInfo.timeNotAvailable, "the system clock is not trusted here"
    )
    assert isinstance(outcome_on(page, allow_system_time=True), Prepared)


def test_no_mixture_of_a_simulated_page_and_a_hardware_one_is_a_third():
    """Torn anywhere, a slot is the one before or the one after, never the one's time as another's.

    The slots are of one sequence number's parity, as a writer that starts over would leave them.
    """
    simulated = encode_slot(slot(2, provenance=Provenance.SIMULATED))
    hardware = encode_slot(slot(4, tai_ns=slot().tai_ns + 7))
    for cut in range(SLOT_SIZE + 1):
        for mixed in (simulated[:cut] + hardware[cut:], hardware[:cut] + simulated[cut:]):
            page = mixed.ljust(SLOT_STRIDE, b"\0").ljust(PAGE_SIZE, b"\0")
            assert choose(page) in (None, slot(2, provenance=Provenance.SIMULATED), _hardware())


def _hardware() -> PageSlot:
    return slot(4, tai_ns=slot().tai_ns + 7)


def test_the_octet_of_provenance_alone_is_not_changed_unseen():
    octets = bytearray(encode_slot(slot(2, provenance=Provenance.SIMULATED)))
    (place,) = (
        index
        for index, (one, other) in enumerate(zip(octets, encode_slot(slot(2)), strict=True))
        if one != other and index < SLOT_SIZE - 4
    )
    octets[place] = Provenance.HARDWARE
    assert choose(bytes(octets).ljust(PAGE_SIZE, b"\0")) is None


def test_a_taint_that_comes_between_two_batches_stops_the_second():
    authority, clock = make_authority(production=True), PageClock(BOOT_ID, PageVeto())
    outcomes = []
    for sequence, provenance in enumerate((Provenance.HARDWARE, Provenance.SIMULATED), 1):
        page = page_of(slot(sequence, provenance=provenance))
        outcomes += authority.prepare([ASK, ASK], FakeClock(clock.tell(page, RAW_NS)))
    assert [isinstance(each, Prepared) for each in outcomes] == [True, True, False, False]
