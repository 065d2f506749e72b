/** Numbers as people read them, in the language chosen. Digits stay in place: the same number of decimals always. */
import { locale, t } from './i18n.svelte';
import { dates, numbers } from './intl';

const number = (value: number, digits: number): string =>
  numbers(locale.tag, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** Bits a second, split so that the unit can be set smaller. */
export function bitrateParts(bits: number): { value: string; unit: string } {
  if (bits < 1_000_000) return { value: number(bits / 1000, 0), unit: 'kbit/s' };
  return { value: number(bits / 1_000_000, 2), unit: 'Mbit/s' };
}

export function bitrate(bits: number): string {
  const { value, unit } = bitrateParts(bits);
  return `${value} ${unit}`;
}

export function bytes(count: number): string {
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = count / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, unit < 2 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** 1:02:03, or 2:03 below an hour. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export const fps = (value: number): string => number(value, 1);
/** How many times as fast. */
export const factor = (value: number): string => `${numbers(locale.tag).format(value)} ×`;
export const seconds = (value: number): string => number(value, 1);
export const kilohertz = (hertz: number): string => number(hertz / 1000, hertz % 1000 === 0 ? 0 : 1);

/** Today with the time, any other day with its date. */
export function moment(rfc3339: string, now = new Date()): string {
  const at = new Date(rfc3339);
  const time = dates(locale.tag, { hour: '2-digit', minute: '2-digit' }).format(at);
  if (at.toDateString() === now.toDateString()) return t('time.today', { time });
  const date = dates(locale.tag, { dateStyle: 'medium' }).format(at);
  return t('time.day', { date, time });
}

/** The clock time alone. */
export const clock = (rfc3339: string): string =>
  dates(locale.tag, { timeStyle: 'medium' }).format(new Date(rfc3339));

/** The clock time to the thousandth, for the log. */
export const preciseClock = (rfc3339: string): string =>
  dates(locale.tag, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hourCycle: 'h23',
  }).format(new Date(rfc3339));

/** The day alone. */
export const day = (rfc3339: string): string => dates(locale.tag, { dateStyle: 'medium' }).format(new Date(rfc3339));

/** About how long, in the largest unit that fits: 12 minutes, 5 hours, 3 days. */
export function roughly(seconds: number): string {
  const [value, unit] = seconds < 5400 ? [seconds / 60, 'minute'] : seconds < 172_800 ? [seconds / 3600, 'hour'] : [seconds / 86_400, 'day'];
  return numbers(locale.language, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 0 }).format(Math.floor(value));
}
