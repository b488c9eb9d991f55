"""A simulated timing receiver of one constellation: pulses, NMEA and UBX each second.

It says of itself that it is simulated, in MON-VER and in a TXT once a minute.  A fault that moves
what the receiver believes moves its pulse and its messages together, as in a real one.  The pulse
is late by `pulse_ps`; TIM-TP tells the next pulse's quantisation so that pulse + qErr is right.
"""

from __future__ import annotations

import datetime as dt
import random  # noqa: TID251  (a seeded model; nothing secret comes of it)

import attrs

from drivers.api import Constellation, Garbled
from drivers.gnss import ubx, ubx_setup
from drivers.gnss.splitter import Protocol, Splitter
from drivers.simulated import faults
from drivers.simulated.device import Device, Said
from drivers.simulated.devices.sentences import Sky, SkyView, TimeSentences, text
from drivers.simulated.faults import Fault
from drivers.simulated.truth import GnssNoise
from drivers.simulated.world import NS_PER_S, CivilSecond, World

GPS_EPOCH_TAI_S = 315_964_800 + 19
BDT_EPOCH_TAI_S = 1_136_073_600 + 33
GPS_TAI_S, BDT_TAI_S = 19, 33
WEEK_S = 604_800
SAWTOOTH_PS = 10_000
REACQUIRE_S = 3
JAM_LOSES_FIX_S = 3
ACCURACY_NS = 12
ARRIVES_NS = {Constellation.GPS: 60_000_000, Constellation.BEIDOU: 75_000_000}
ARRIVAL_JITTER_NS = 4_000_000
TEXT_EVERY_S = 60
_ALL_VALID = 0b111
_QERR_INVALID = 0x10
_ANTENNA_OK, _ANTENNA_SHORT, _ANTENNA_OPEN = 2, 3, 4
_ANTENNA_WORDS = {_ANTENNA_OK: "OK", _ANTENNA_SHORT: "SHORT", _ANTENNA_OPEN: "OPEN"}


@attrs.frozen(kw_only=True)
class Rates:
    """How often what changes little is sent: the place, the sky, health and leap seconds."""

    place_s: int = 1
    sky_s: int = 1
    health_s: int = 1


@attrs.frozen
class _Health:
    """What a receiver tells of its surroundings, in UBX's codes."""

    antenna: int = _ANTENNA_OK
    jamming: int = 1
    agc: int = 4000


class Receiver(Device):
    """A timing receiver; `pulse_ps` is the error of the present second's pulse, None without."""

    def __init__(
        self,
        source: str,
        world: World,
        constellation: Constellation,
        rates: Rates = Rates(),
    ) -> None:
        super().__init__(source, world)
        self.pulse_ps: int | None = None
        self.constellation = constellation
        seed = world.random.getrandbits(32)
        self._random = random.Random(seed)  # noqa: S311  (a model, no secret)
        self._noise = GnssNoise(world.random.getrandbits(32), 1.0)
        self._rates = rates
        self._sky = Sky(constellation, self._random)
        self._sentences = TimeSentences(self._sky.talker)
        self._splitter = Splitter()
        self._fixed_from_s = world.tai_s + world.settings.first_fix_s
        self._sawtooth = self._random.random()
        self._sawtooth_rate = self._random.uniform(0.05, 0.45)
        self._qerr_ps = 0
        self._next_qerr_ps = 0
        self._health = _Health()
        self._health_octets = _health_octets(self._health)

    # --- a second ---------------------------------------------------------------------------------

    def second(self) -> list[Said]:
        """Make the pulse, and say what is said after it."""
        has_fix = self._has_fix()
        noise_ps = int(self._noise.advance() * 1e12)
        self._advance_sawtooth()
        whole_s, delay_ns = self._delay()
        self.pulse_ps = None
        if has_fix and Fault.PULSE_MISSING not in self.faults:
            self.pulse_ps = noise_ps - self._qerr_ps + delay_ns * 1000
        if Fault.MESSAGES_MISSING in self.faults:
            return []
        octets = self._messages(self.world.tai_s - whole_s, has_fix=has_fix)
        jitter_ns = int(self._random.random() * ARRIVAL_JITTER_NS)
        arrives_ns = self.world.tai_s * NS_PER_S + ARRIVES_NS[self.constellation] + jitter_ns
        return [Said(arrives_ns, self.source, octets)]

    def _has_fix(self) -> bool:
        is_dark = self.faults and (
            Fault.ANTENNA_CUT in self.faults
            or Fault.ANTENNA_SHORT in self.faults
            or (Fault.JAM in self.faults and self.lasting_s(Fault.JAM) >= JAM_LOSES_FIX_S)
        )
        if is_dark:
            self._fixed_from_s = self.world.tai_s + REACQUIRE_S
        return self.world.tai_s >= self._fixed_from_s

    def _advance_sawtooth(self) -> None:
        self._qerr_ps = self._next_qerr_ps
        if Fault.HANGING_BRIDGE in self.faults:
            self._next_qerr_ps = SAWTOOTH_PS
            return
        self._sawtooth_rate += self._random.gauss(0.0, 1e-4)
        self._sawtooth = (self._sawtooth + self._sawtooth_rate) % 1.0
        self._next_qerr_ps = int((2.0 * self._sawtooth - 1.0) * SAWTOOTH_PS)

    def _delay(self) -> tuple[int, int]:
        """Tell by how much the receiver is behind: whole seconds, and ns within half a second."""
        if not self.faults:
            return 0, 0
        delay_ns = 0
        for fault in (Fault.SPOOF_STEP, Fault.MEACONING):
            if constant := self.suffered(fault, faults.Delay):
                delay_ns += constant.delay_ns
        if ramp := self.suffered(Fault.SPOOF_RAMP, faults.Ramp):
            delay_ns += int(ramp.rate * self.lasting_s(Fault.SPOOF_RAMP) * NS_PER_S)
        whole_s = (delay_ns + NS_PER_S // 2) // NS_PER_S
        return whole_s, delay_ns - whole_s * NS_PER_S

    # --- what it believes -------------------------------------------------------------------------

    def _believed_tai_s(self, tai_s: int) -> int:
        """Bend the second that the messages are about."""
        if Fault.STUCK in self.faults:
            tai_s -= self.lasting_s(Fault.STUCK)
        if shift := self.suffered(Fault.MESSAGES_SHIFTED, faults.Shift):
            tai_s += shift.shift_s
        if Fault.WEEK_ROLLOVER in self.faults:
            tai_s -= 1024 * WEEK_S
        if year := self.suffered(Fault.WRONG_YEAR, faults.Year):
            tai_s = _in_year(tai_s, year.year)
        return tai_s

    def _civil(self, tai_s: int) -> CivilSecond:
        if count := self.suffered(Fault.WRONG_LEAP_COUNT, faults.LeapCount):
            tai_utc_s = count.gps_utc_s + GPS_TAI_S
            return CivilSecond(tai_s - tai_utc_s, tai_utc_s)
        return self.world.civil(tai_s)

    def _sense(self) -> _Health:
        """Tell antenna and jamming as they are now."""
        if Fault.ANTENNA_CUT in self.faults:
            return _Health(antenna=_ANTENNA_OPEN)
        if Fault.ANTENNA_SHORT in self.faults:
            return _Health(antenna=_ANTENNA_SHORT)
        if Fault.JAM in self.faults:
            is_lost = self.lasting_s(Fault.JAM) >= JAM_LOSES_FIX_S
            return _Health(jamming=3 if is_lost else 2, agc=700)
        return _Health()

    # --- what it says -----------------------------------------------------------------------------

    def _messages(self, tai_s: int, *, has_fix: bool) -> bytes:
        if self.faults:
            tai_s = self._believed_tai_s(tai_s)
        civil = self._civil(tai_s)
        self._sky.advance(self._view(has_fix=has_fix))
        elapsed_s = self.world.elapsed_s
        has_place = elapsed_s % self._rates.place_s == 0
        parts = [self._sentences.render(civil, self._sky.used_count, has_place=has_place)]
        parts.append(self._sky.used_octets)
        if elapsed_s % self._rates.sky_s == 0:
            parts.append(self._sky.in_view_octets)
        if elapsed_s % TEXT_EVERY_S == 0:
            parts.append(text(self._sky.talker, "SIMULATED RECEIVER"))
        parts.append(self._time_octets(tai_s, civil, has_fix=has_fix))
        if elapsed_s % self._rates.health_s == 0:
            parts += [self._told_health(), self._leap_octets(tai_s, civil, has_fix=has_fix)]
        return b"".join(parts)

    def _view(self, *, has_fix: bool) -> SkyView:
        if has_fix:
            return SkyView.WEAK if Fault.JAM in self.faults else SkyView.CLEAR
        return SkyView.DARK

    def _time_octets(self, tai_s: int, civil: CivilSecond, *, has_fix: bool) -> bytes:
        """Write TIM-TP of the next pulse, and the constellation's time of this one."""
        valid = _ALL_VALID if has_fix else 0
        qerr_ps, flags = self._next_qerr_ps, 0
        if self.faults:
            if Fault.SAWTOOTH_SIGN in self.faults:
                qerr_ps = -qerr_ps
            if Fault.HANGING_BRIDGE in self.faults:
                qerr_ps, flags = 0, _QERR_INVALID
        week, tow_s = divmod(tai_s - GPS_EPOCH_TAI_S, WEEK_S)
        next_ms = (tow_s + 1) % WEEK_S * 1000
        next_week = (week + (tow_s + 1 == WEEK_S)) % 65536
        pulse = ubx.TimTp(next_ms, 0, qerr_ps, next_week, flags, 0)
        accuracy_ns = ACCURACY_NS if has_fix else 0xFFFFFFFF
        told: ubx.Message
        if self.constellation is Constellation.GPS:
            leap_s = civil.tai_utc_s - GPS_TAI_S
            told = ubx.NavTimeGps(tow_s * 1000, 0, week % 8192, leap_s, valid, accuracy_ns)
        else:
            itow_ms = tow_s * 1000
            week, sow_s = divmod(tai_s - BDT_EPOCH_TAI_S, WEEK_S)
            leap_s = civil.tai_utc_s - BDT_TAI_S
            told = ubx.NavTimeBds(itow_ms, sow_s, 0, week % 8192, leap_s, valid, accuracy_ns)
        return ubx.encode(pulse) + ubx.encode(told)

    def _told_health(self) -> bytes:
        health = self._sense()
        if health != self._health:
            self._health = health
            self._health_octets = _health_octets(health)
            words = f"ANTSTATUS={_ANTENNA_WORDS[health.antenna]}"
            return text(self._sky.talker, words) + self._health_octets
        return self._health_octets

    def _leap_octets(self, tai_s: int, civil: CivilSecond, *, has_fix: bool) -> bytes:
        change, until_s = 0, 0
        leap = self.world.leap
        if leap and civil.utc_s <= leap.at_utc_s and civil.tai_utc_s == self._tai_utc_s:
            change, until_s = leap.change, leap.at_utc_s - civil.utc_s
        if false := self.suffered(Fault.FALSE_LEAP_WARNING, faults.LeapChange):
            change, until_s = false.change, 86_400 - civil.utc_s % 86_400
        week, tow_s = divmod(tai_s - GPS_EPOCH_TAI_S, WEEK_S)
        event_week, event_s = divmod(tai_s - GPS_EPOCH_TAI_S + until_s, WEEK_S)
        source = 2 if self.constellation is Constellation.GPS else 4
        return ubx.encode(
            ubx.NavTimeLs(
                itow_ms=tow_s * 1000,
                version=0,
                current_source=source if has_fix else 0,
                current_s=civil.tai_utc_s - GPS_TAI_S,
                change_source=source if has_fix else 0,
                change_s=change,
                until_event_s=until_s,
                event_week=event_week % 65536 if change else week % 65536,
                event_day=event_s // 86_400 + 1,
                valid=0b11 if has_fix else 0,
            )
        )

    @property
    def _tai_utc_s(self) -> int:
        return self.world.settings.tai_utc_s

    # --- what it hears ----------------------------------------------------------------------------

    def hear(self, octets: bytes, tai_ns: int) -> list[Said]:
        """Answer polls and configuration in UBX; whatever else is said to it is lost."""
        answers = b""
        for frame in self._splitter.feed(octets):
            if frame.protocol is not Protocol.UBX:
                continue
            if frame.message == ubx.MON_VER and not frame.body:
                answers += ubx.encode(ubx.MonVer("SIMULATED 1.0", "SIM", ("PROTVER=27.50",)))
            elif frame.message == ubx.CFG_VALSET:
                answers += ubx.encode(ubx.Ack(frame.message, is_accepted=_is_valset(frame.body)))
        return [Said(tai_ns + 20_000_000, self.source, answers)] if answers else []


def _is_valset(body: bytes) -> bool:
    try:
        ubx_setup.decode_value_set(body)
    except Garbled:
        return False
    return True


def _health_octets(health: _Health) -> bytes:
    block = ubx.RfBlock(0, health.jamming, health.antenna, 1, 0, 90, health.agc, 8, 0, 90, 0, 90)
    signals = ubx.SecSig(health.jamming, 1)
    return ubx.encode(ubx.MonRf(0, (block,))) + ubx.encode(signals)


def _in_year(tai_s: int, year: int) -> int:
    """Move a second to the same day and time of another year; 29 February becomes 28."""
    day = dt.date.fromordinal(719_163 + tai_s // 86_400)
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    moved = day.replace(year=year, day=last)
    return tai_s + (moved - day).days * 86_400
