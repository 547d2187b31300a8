import { announce } from './Announcer';

/** Puts text on the clipboard. Where the page is not from a secure origin the browser knows the old way only. */
export async function copy(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
  } else {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'unseen';
    const parent = document.querySelector('dialog[open]') ?? document.body;
    parent.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  announce('Copied');
}
