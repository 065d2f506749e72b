/** Copies text where the clipboard API is missing (a page over plain HTTP is no secure context) or refused. */
function copyBySelection(text: string): boolean {
  let copied = false;
  // What is said here counts, whatever is selected; a browser that copies nothing does not ask.
  const give = (event: ClipboardEvent): void => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
    copied = event.clipboardData !== null;
  };
  const before = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.setAttribute('readonly', '');
  field.className = 'unseen';
  // A dialog takes the focus back from what is outside of it.
  (before?.closest('[role="dialog"], [role="alertdialog"]') ?? document.body).append(field);
  field.select();
  document.addEventListener('copy', give, { capture: true });
  document.execCommand('copy');
  document.removeEventListener('copy', give, { capture: true });
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return copied;
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}
