import { afterEach, expect, test, vi } from 'vitest';

import { copyText } from './clipboard';

afterEach(() => {
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

/** As over plain HTTP, where there is no clipboard API. `copies`: the browser asks the page for what is to be copied. */
function withoutApi(copies: boolean): string[] {
  vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(new Error('no secure context'));
  const given: string[] = [];
  vi.spyOn(document, 'execCommand').mockImplementation(() => {
    if (!copies) return true;
    const event = new ClipboardEvent('copy', { clipboardData: new DataTransfer(), bubbles: true, cancelable: true });
    (document.activeElement ?? document).dispatchEvent(event);
    given.push(event.clipboardData?.getData('text/plain') ?? '');
    return true;
  });
  return given;
}

test('in a dialog that keeps the focus the text is copied all the same', async () => {
  const given = withoutApi(true);
  const dialog = document.createElement('div');
  dialog.setAttribute('role', 'dialog');
  const button = dialog.appendChild(document.createElement('button'));
  document.body.append(dialog);
  document.addEventListener('focusin', ({ target }) => dialog.contains(target as Node) || button.focus());
  button.focus();
  expect(await copyText('rtmp://192.0.2.1/live')).toBe(true);
  expect(given).toEqual(['rtmp://192.0.2.1/live']);
  expect(document.activeElement).toBe(button);
  expect(dialog.querySelector('textarea')).toBeNull();
});

test('a browser that copies nothing is not believed', async () => {
  withoutApi(false);
  expect(await copyText('a')).toBe(false);
});
