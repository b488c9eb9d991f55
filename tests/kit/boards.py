"""OCB/1 values for tests: Hypothesis strategies, and a board that answers at once."""

from collections.abc import Callable

from hypothesis import strategies as st

from drivers.api import Oven
from drivers.oscillator import answers, ocb
from drivers.oscillator.answers import Calibration, Identity, LogRow
from drivers.oscillator.ocb import Answer, BoardLine, Refusal, RefusalCode, Request, Verb

u16 = st.integers(0, 0xFFFF)
u20 = st.integers(0, 0xF_FFFF)
u32 = st.integers(0, 0xFFFF_FFFF)
u64 = st.integers(0, (1 << 64) - 1)
millikelvin = st.integers(0, 999_999)
intervals = st.none() | st.integers(-ocb.MAX_INTERVAL_PS, ocb.MAX_INTERVAL_PS)
frequencies = st.integers(-(10**12), 10**12)

tics = st.builds(
    ocb.Tic,
    sequence=u32,
    tai_s=u64,
    gps_ps=intervals,
    beidou_ps=intervals,
    external_ps=intervals,
    flags=u16,
)
statuses = st.builds(
    ocb.Status,
    sequence=u32,
    oven=st.sampled_from(Oven),
    current_ma=u16,
    case_mk=millikelvin,
    board_mk=millikelvin,
    dac=u20,
    efc_uv=st.integers(-99_999_999, 99_999_999),
    uptime_s=u32,
    alarms=u16,
)
words = st.from_regex(r"[A-Za-z0-9_./-]{0,20}", fullmatch=True)
log_rows = st.builds(
    LogRow,
    sequence=u32,
    tai_s=u64,
    gps_ps=intervals,
    beidou_ps=intervals,
    external_ps=intervals,
    case_mk=millikelvin,
    dac=u20,
)
identities = st.builds(Identity, maker=words, model=words, serial=words, firmware=words)
calibrations = st.builds(
    Calibration,
    power_on_h=u32,
    efc_e15=st.lists(frequencies, min_size=1, max_size=6).map(tuple),
    tempco_e15=st.lists(st.tuples(millikelvin, frequencies), max_size=16).map(tuple),
)
board_lines = (
    tics
    | statuses
    | st.builds(Refusal, u16, st.sampled_from(RefusalCode))
    | st.builds(Answer, u16, st.lists(words, min_size=1, max_size=9).map(tuple))
    | st.builds(Answer, u16)
)
ARGUMENTS: dict[Verb, st.SearchStrategy[tuple[int | str, ...]]] = {
    Verb.ID: st.just(()),
    Verb.CAL: st.just(()),
    Verb.DAC: st.tuples(u20),
    Verb.SLEW: st.tuples(
        st.integers(1, 100_000), st.integers(-ocb.MAX_INTERVAL_PS, ocb.MAX_INTERVAL_PS)
    ),
    Verb.ARM: st.tuples(st.integers(-500_000_000, 500_000_000), u32),
    Verb.STEP: st.tuples(u32),
    Verb.SET: st.tuples(u64),
    Verb.OUT: st.tuples(st.sampled_from(["pps", "irigb", "tod"]), st.sampled_from(["on", "off"])),
    Verb.WDT: st.tuples(st.integers(0, 3600)),
    Verb.LOG: st.tuples(u32),
}
requests = st.sampled_from(Verb).flatmap(
    lambda verb: st.builds(Request, u16, st.just(verb), ARGUMENTS[verb])
)


class AnsweringBoard:
    """The answers of a board; `refusals` and `silent` say what it does not do."""

    def __init__(self, serial: str = "OB-17") -> None:
        self.serial = serial
        self.minutes: tuple[LogRow, ...] = ()
        self.refusals: dict[Verb, RefusalCode] = {}
        self.silent: set[Verb] = set()
        self.asked: list[Request] = []

    def answer(self, octets: bytes) -> bytes:
        """Answer a request, or say nothing."""
        request = ocb.decode_request(octets.removesuffix(b"\r\n"))
        self.asked.append(request)
        line: BoardLine = Answer(request.tag, self._fields(request))
        if request.verb in self.silent:
            return b""
        if request.verb in self.refusals:
            line = Refusal(request.tag, self.refusals[request.verb])
        return ocb.encode_line(line).removesuffix(b"\r\n")

    def _fields(self, request: Request) -> tuple[str, ...]:
        makers: dict[Verb, Callable[[], tuple[str, ...]]] = {
            Verb.ID: self._identity,
            Verb.CAL: lambda: answers.write_calibration(
                Calibration(power_on_h=900, efc_e15=(0, 250_000_000))
            ),
            Verb.LOG: lambda: self._log(int(request.arguments[0])),
        }
        maker = makers.get(request.verb)
        return maker() if maker else ()

    def _identity(self) -> tuple[str, ...]:
        identity = Identity(maker="Maker", model="OCXO", serial=self.serial, firmware="1.0")
        return answers.write_identity(identity)

    def _log(self, after: int) -> tuple[str, ...]:
        later = tuple(row for row in self.minutes if row.sequence > after)
        return answers.write_log(later[: answers.MAX_LOG_ROWS])
