"""A simulated oscillator board that speaks OCB/1, both ways.

It compares the pulses of the receivers with the oscillator's, drives the DAC no faster than a real
one, and keeps the minutes of three days.  Its serial number begins with SIM.
"""

from __future__ import annotations

from collections import deque

from drivers.api import Garbled, Oven
from drivers.oscillator import answers, ocb
from drivers.oscillator.ocb import Alarm, Refusal, RefusalCode, TicFlag, Verb
from drivers.serial_line import Lines
from drivers.simulated import faults
from drivers.simulated.device import Device, Said
from drivers.simulated.devices.gnss import Receiver
from drivers.simulated.faults import Fault, Parameters
from drivers.simulated.truth import EFC_CUBIC, EFC_SPAN
from drivers.simulated.world import DAC_CODES, NS_PER_S, World

PS_PER_S = 1_000_000_000_000
DAC_CODES_PER_S = 256
"""Rate limit of the DAC: 2E-10 a second."""

EFC_FULL_UV = 5_000_000
LINE_DELAY_NS = 20_000_000
LINE_JITTER_NS = 1_000_000
ANSWER_DELAY_NS = 12_000_000
WARM_MA, COLD_MA = 240, 700
BOARD_WARMER_MK = 4_000
CASE_STEP_MK = 62.5
LOG_MINUTES = 72 * 60
MINUTE_S = 60


class _Minute:
    """The sums of a minute's intervals."""

    def __init__(self) -> None:
        self._sums = [[0, 0], [0, 0]]

    def add(self, gps_ps: int | None, beidou_ps: int | None) -> None:
        """Add the intervals of a second."""
        for sums, interval_ps in zip(self._sums, (gps_ps, beidou_ps), strict=True):
            if interval_ps is not None:
                sums[0] += interval_ps
                sums[1] += 1

    def means(self) -> list[int | None]:
        """Give the means, None without any pulse."""
        return [total // count if count else None for total, count in self._sums]


class Board(Device):
    """The board; `is_step_enabled` stands for the key on its front panel."""

    def __init__(self, source: str, world: World, gps: Receiver, beidou: Receiver) -> None:
        super().__init__(source, world)
        self._gps = gps
        self._beidou = beidou
        self._random = world.random
        self._lines = Lines(ocb.MAX_LINE_OCTETS)
        self.is_step_enabled = False
        self.outputs = {"pps": True, "irigb": False, "tod": False}
        self.sequence = 0
        self._start()

    def _start(self) -> None:
        """Be as after power on; what the flash keeps stays."""
        self._label_offset_s: int | None = None
        self._is_stepped = False
        self._dac_target = self.world.dac
        self._slew: tuple[int, int] | None = None
        self._armed: tuple[int, int] | None = None
        self._watchdog_s = 0
        self._heard_at_s = self.world.tai_s
        self._powered_at_s = self.world.tai_s
        self._minute = _Minute()
        self._log: deque[answers.LogRow] = deque(maxlen=LOG_MINUTES)

    # --- faults -----------------------------------------------------------------------------------

    def begin(self, fault: Fault, parameters: Parameters) -> None:
        """Suffer from a fault; what is an event happens now."""
        super().begin(fault, parameters)
        world = self.world
        if fault is Fault.OVEN_FAILED:
            world.is_oven_failed = True
        elif fault is Fault.POWER_OFF:
            world.is_powered = False
        elif isinstance(parameters, faults.Frequency):
            world.oscillator.jump(parameters.freq)
        elif isinstance(parameters, faults.Delay):
            world.step_phase(-parameters.delay_ns * 1e-9)

    def end(self, fault: Fault) -> None:
        """Be well again; what jumped jumps back, a phase stays where it is."""
        parameters = self.faults.get(fault)
        super().end(fault)
        if fault is Fault.OVEN_FAILED:
            self.world.mend_oven()
        elif isinstance(parameters, faults.Retrace):
            self.world.power_on()
            self.world.oscillator.jump(parameters.freq)
            self.sequence = 0
            self._start()
        elif isinstance(parameters, faults.Frequency):
            self.world.oscillator.jump(-parameters.freq)

    # --- a second ---------------------------------------------------------------------------------

    @property
    def pulse_ns(self) -> int:
        """Tell when the oscillator's pulse of the present second comes, in TAI."""
        return self.world.tai_s * NS_PER_S - round(self.world.phase_s * 1e9)

    def second(self) -> list[Said]:
        """Compare the pulses and tell the intervals and the status."""
        if not self.world.is_powered:
            return []
        self.sequence += 1
        is_silent = self._is_host_silent()
        self._move_dac(is_frozen=is_silent)
        gps_ps, beidou_ps = (
            self._interval(self._gps.pulse_ps),
            self._interval(self._beidou.pulse_ps),
        )
        tic = ocb.Tic(
            sequence=self.sequence & 0xFFFF_FFFF,
            tai_s=self._label_s(),
            gps_ps=gps_ps,
            beidou_ps=beidou_ps,
            flags=self._flags(is_frozen=is_silent),
        )
        no_reference = gps_ps is None and beidou_ps is None
        status = self._status(self._alarms(is_silent=is_silent, no_reference=no_reference))
        self._keep_log(tic)
        self._slew_on()
        said_ns = self.pulse_ns + LINE_DELAY_NS + int(self._random.random() * LINE_JITTER_NS)
        return [Said(said_ns, self.source, ocb.encode_line(tic) + ocb.encode_line(status))]

    def _interval(self, pulse_ps: int | None) -> int | None:
        """Give reference minus oscillator, within half a second."""
        if pulse_ps is None:
            return None
        interval_ps = pulse_ps + round(self.world.phase_s * 1e12)
        return (interval_ps + PS_PER_S // 2) % PS_PER_S - PS_PER_S // 2

    def _label_s(self) -> int:
        return 0 if self._label_offset_s is None else self.sequence + self._label_offset_s

    def _flags(self, *, is_frozen: bool) -> int:
        flags = TicFlag.LABELLED.value if self._label_offset_s is not None else 0
        if self._is_stepped:
            flags |= TicFlag.STEPPED.value
            self._is_stepped = False
        if self._slew:
            flags |= TicFlag.SLEWING.value
        if is_frozen:
            flags |= TicFlag.FROZEN.value
        if self.is_step_enabled:
            flags |= TicFlag.STEP_ENABLED.value
        return flags

    def _is_host_silent(self) -> bool:
        silent_s = self.world.tai_s - self._heard_at_s
        return 0 < self._watchdog_s < silent_s

    def _move_dac(self, *, is_frozen: bool) -> None:
        if rail := self.suffered(Fault.DAC_RAIL, faults.Rail):
            self.world.set_dac(DAC_CODES - 1 if rail.end == "high" else 0)
        elif not is_frozen and self._dac_target != self.world.dac:
            away = self._dac_target - self.world.dac
            self.world.set_dac(self.world.dac + max(-DAC_CODES_PER_S, min(DAC_CODES_PER_S, away)))

    def _alarms(self, *, is_silent: bool, no_reference: bool) -> int:
        alarms = Alarm.NO_REFERENCE.value if no_reference else 0
        if self.world.oven is Oven.FAULT:
            alarms |= Alarm.OVEN.value
        if self.world.dac in {0, DAC_CODES - 1}:
            alarms |= Alarm.DAC_RAIL.value
        if is_silent:
            alarms |= Alarm.HOST_SILENT.value
        return alarms

    def _status(self, alarms: int) -> ocb.Status:
        world = self.world
        oven = world.oven
        case_mk = round(round(world.case_k * 1000 / CASE_STEP_MK) * CASE_STEP_MK)
        heating_ma = 0 if oven is Oven.FAULT else WARM_MA + int(COLD_MA * world.oven_cold)
        return ocb.Status(
            sequence=self.sequence & 0xFFFF_FFFF,
            oven=oven,
            current_ma=heating_ma,
            case_mk=case_mk,
            board_mk=case_mk + BOARD_WARMER_MK,
            dac=world.dac,
            efc_uv=world.dac * EFC_FULL_UV // DAC_CODES,
            uptime_s=world.tai_s - self._powered_at_s,
            alarms=alarms,
        )

    def _keep_log(self, tic: ocb.Tic) -> None:
        self._minute.add(tic.gps_ps, tic.beidou_ps)
        if tic.sequence % MINUTE_S == 0:
            gps_ps, beidou_ps = self._minute.means()
            self._log.append(
                answers.LogRow(
                    sequence=tic.sequence,
                    tai_s=tic.tai_s,
                    gps_ps=gps_ps,
                    beidou_ps=beidou_ps,
                    case_mk=round(self.world.case_k * 1000),
                    dac=self.world.dac,
                )
            )
            self._minute = _Minute()

    def _slew_on(self) -> None:
        """Move the phase by a second's share; a positive slew lets the pulse come later."""
        if self._slew is None:
            return
        rate_ps, left_ps = self._slew
        moved_ps = max(-rate_ps, min(rate_ps, left_ps))
        self.world.step_phase(-moved_ps * 1e-12)
        left_ps -= moved_ps
        self._slew = (rate_ps, left_ps) if left_ps else None

    # --- what it is asked -------------------------------------------------------------------------

    def hear(self, octets: bytes, tai_ns: int) -> list[Said]:
        """Do what requests ask and answer each."""
        if not self.world.is_powered:
            return []
        said = b"".join([self._answer(line, tai_ns) for line in self._lines.feed(octets)])
        return [Said(tai_ns + ANSWER_DELAY_NS, self.source, said)] if said else []

    def _answer(self, line: bytes, tai_ns: int) -> bytes:
        try:
            request = ocb.decode_request(line)
        except Garbled:
            return b""
        self._heard_at_s = self.world.tai_s
        done = self._do(request, tai_ns)
        if isinstance(done, RefusalCode):
            return ocb.encode_line(Refusal(request.tag, done))
        return ocb.encode_line(ocb.Answer(request.tag, done))

    def _do(self, request: ocb.Request, tai_ns: int) -> tuple[str, ...] | RefusalCode:
        verb, arguments = request.verb, request.arguments
        numbers = [each for each in arguments if isinstance(each, int)]
        match verb:
            case Verb.ID:
                return answers.write_identity(self._identity())
            case Verb.CAL:
                return answers.write_calibration(self._calibration())
            case Verb.LOG:
                return answers.write_log(self._rows_after(numbers[0]))
            case Verb.DAC:
                self._dac_target = numbers[0]
            case Verb.SET:
                self._label_offset_s = numbers[0] - self._next_sequence(tai_ns)
            case Verb.WDT:
                self._watchdog_s = numbers[0]
            case Verb.SLEW:
                self._slew = (numbers[0], numbers[1])
            case Verb.ARM | Verb.STEP:
                return self._step(verb, numbers)
            case Verb.OUT:
                self.outputs[str(arguments[0])] = arguments[1] == "on"
        return ()

    def _next_sequence(self, tai_ns: int) -> int:
        """Number the pulse that comes next; the present second's is made before it comes."""
        return self.sequence + (tai_ns >= self.pulse_ns)

    def _step(self, verb: Verb, numbers: list[int]) -> tuple[str, ...] | RefusalCode:
        """Arm a step of the phase, then make it; only with the key turned."""
        if not self.is_step_enabled:
            return RefusalCode.LOCKED
        if verb is Verb.ARM:
            self._armed = (numbers[1], numbers[0])
            return ()
        armed, self._armed = self._armed, None
        if armed is None:
            return RefusalCode.STATE
        nonce, step_ns = armed
        if nonce != numbers[0]:
            return RefusalCode.NONCE
        self.world.step_phase(-step_ns * 1e-9)
        self._is_stepped = True
        return ()

    def _identity(self) -> answers.Identity:
        serial = f"SIM-{self.world.settings.seed:08d}"
        return answers.Identity(maker="SIMULATED", model="OCB-SIM", serial=serial, firmware="1.0")

    def _calibration(self) -> answers.Calibration:
        """Give the EFC polynomial as a factory would measure it."""
        span_e15 = round(EFC_SPAN * 1e15)
        return answers.Calibration(
            power_on_h=1440, efc_e15=(0, span_e15, 0, round(span_e15 * EFC_CUBIC))
        )

    def _rows_after(self, sequence: int) -> tuple[answers.LogRow, ...]:
        later = [row for row in self._log if row.sequence > sequence]
        return tuple(later[: answers.MAX_LOG_ROWS])
