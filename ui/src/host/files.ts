/** Lets the person keep text as a file: the browser asks where, or puts it into the downloads. */
export function saveText(name: string, text: string, type = 'text/plain'): Promise<void> {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The download has its own hold on the data; give a slow browser time to take it.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return Promise.resolve();
}

/** Lets the browser download what an address serves. */
export function fetchFile(path: string, name: string): void {
  const link = document.createElement('a');
  link.href = path;
  link.download = name;
  link.click();
}
