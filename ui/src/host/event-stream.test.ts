import { expect, test } from 'vitest';

import { EventStreamReader } from './event-stream';

const text = ': hello\n\nevent: stats\ndata: {"a":1}\n\ndata: one\r\ndata:two\r\n\r\nid: 3\rdata\r\rretry: 5\n\ndata: cut';
const events = ['{"a":1}', 'one\ntwo', ''];

test('events are read whole wherever the chunks are cut', () => {
  for (let cut = 0; cut <= text.length; cut += 1) {
    const heard: string[] = [];
    const reader = new EventStreamReader((data) => heard.push(data));
    reader.push(text.slice(0, cut));
    reader.push(text.slice(cut));
    expect(heard).toEqual(events);
  }
});
