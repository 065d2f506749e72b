/** A report to show to somebody else: what is wrong, without a key, an address or a name of this computer's folders. */
import type { Listener, Status } from '../../api/model';
import type { Trouble } from './troubles';

const IPV4 = /\b\d{1,3}(?:\.\d{1,3}){3}\b/g;
const IPV6 = /\[?\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}\]?|\[?::1\]?|\bfe80:[0-9a-f:]+/gi;
const URL_TAIL = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s"'”)]+/gi;
const FOLDER = /(?:\/[^\s/:]+){2,}\/?|\b[A-Z]:\\[^\s]+/g;
const LONG_WORD = /\b[\w-]{16,}\b/g;
/** Names of computers, and what looks like one: codes of RTMP and files. */
const HOST = /\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}\b/gi;
const NO_HOST = /^Net(?:Connection|Stream)\.|\.(?:crt|exe|flv|html|json|key|log|md|mp4|pem|py|sh|toml|ts|txt|webp)$/i;

/** Replaces what a stranger should not read. The same address gets the same number, so that a pattern stays visible. */
export class Redactor {
  readonly #addresses = new Map<string, number>();

  #address = (address: string): string => {
    const known = this.#addresses.get(address) ?? this.#addresses.size + 1;
    this.#addresses.set(address, known);
    return `[address ${known}]`;
  };

  text(text: string): string {
    return text
      .replace(URL_TAIL, '$1[hidden]')
      .replace(IPV4, this.#address)
      .replace(IPV6, this.#address)
      .replace(HOST, (name) => (NO_HOST.test(name) ? name : this.#address(name)))
      .replace(FOLDER, (found) => `[folder]/${found.split(/[/\\]/).filter(Boolean).at(-1) ?? ''}`)
      .replace(LONG_WORD, (word) => (/\d/.test(word) ? '[hidden]' : word));
  }

  /** The application stays, the name may be a key. */
  about(about: string): string {
    return about.includes('/') ? `${about.split('/')[0]}/[name]` : about;
  }
}

/** The report in the engine's language, English, so that everyone who helps can read it. */
export function report(status: Status | undefined, listeners: readonly Listener[], troubles: readonly Trouble[]): string {
  const redact = new Redactor();
  const head = status
    ? [`${status.product} ${status.version} (${status.os}), running for ${Math.round(status.uptime_seconds / 60)} min, ${status.totals.streams_live} live`]
    : [];
  const ports = listeners.map(({ protocol, port, state, reach }) => `listener ${protocol} ${port}: ${state}, ${reach}`);
  const problems = troubles.map(({ at, code, count, words, said, about, remote }) => {
    const facts = [count > 1 && `${count} times`, about && redact.about(about), remote && redact.text(remote)].filter(Boolean);
    return [
      `${at ?? 'now'}  ${code}${facts.length > 0 ? `  (${facts.join(', ')})` : ''}`,
      `    ${redact.text(about?.includes('/') ? (said ?? words.message).replaceAll(about, redact.about(about)) : (said ?? words.message))}`,
    ].join('\n');
  });
  return [...head, ...ports, '', ...problems, ''].join('\n');
}
