/**
 * Streamer mode: while it is on, nothing secret and no address is drawn anywhere, because the screen may be in the
 * picture. Copying still copies the real value. One switch for every component.
 */
const STORED = 'weir.streamer';

/** Addresses with a scheme, IPv4 and IPv6 with or without a port, host names with a port, full paths. */
const ADDRESSES = [
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'”“)]+/gi,
  /\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g,
  /\[?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?\]?(?::\d+)?/gi,
  /\b(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?=[\s,;)]|$)/gi,
  /(?:^|(?<=\s))(?:\/[^\s/,;]+){2,}\/?|\b[A-Z]:\\[^\s,;]+/g,
];

/** What is drawn instead: always the same length, so that it tells nothing. */
export const DOTS = '••••••••';

class Veil {
  on = $state(localStorage.getItem(STORED) === 'on');
  /** What a screen reader says for a hidden value. Set by the frame, in the language of the page. */
  word = $state('');

  choose(on: boolean): void {
    this.on = on;
    localStorage.setItem(STORED, on ? 'on' : 'off');
  }

  /** A sentence without the addresses in it, while the mode is on. */
  text(sentence: string): string {
    if (!this.on) return sentence;
    return ADDRESSES.reduce((text, pattern) => text.replace(pattern, (found) => (/^[:.\d]{0,2}$/.test(found) ? found : DOTS)), sentence);
  }
}

export const veil = new Veil();
