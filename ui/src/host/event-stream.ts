/** Reads server-sent events (WHATWG HTML, section 9.2) from chunks of text. Only `data` is kept: it carries the type. */
export class EventStreamReader {
  #line = '';
  #data: string[] = [];
  #skipLineFeed = false;

  constructor(private readonly onData: (data: string) => void) {}

  push(chunk: string): void {
    for (const character of chunk) {
      if (character === '\n' && this.#skipLineFeed) {
        this.#skipLineFeed = false;
        continue;
      }
      this.#skipLineFeed = character === '\r';
      if (character === '\r' || character === '\n') this.#endLine();
      else this.#line += character;
    }
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (line === '') {
      if (this.#data.length > 0) this.onData(this.#data.join('\n'));
      this.#data = [];
    } else if (line === 'data' || line.startsWith('data:')) {
      this.#data.push(line.slice(5).replace(/^ /, ''));
    }
  }
}
