/**
 * Bytes as a string of which each character is one byte. It compares as the server's keys do, slices without a copy,
 * and can be the key of a map.
 */
export type Bytes = string;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export const toBase64 = (bytes: Bytes): string => btoa(bytes);

export const fromBase64 = (base64: string | undefined): Bytes => (base64 ? atob(base64) : '');

export function toArray(bytes: Bytes): Uint8Array<ArrayBuffer> {
  const array = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) {
    array[at] = bytes.charCodeAt(at);
  }
  return array;
}

export function fromText(text: string): Bytes {
  let bytes = '';
  for (const byte of encoder.encode(text)) {
    bytes += String.fromCharCode(byte);
  }
  return bytes;
}

/** The text that the bytes are in UTF-8, or null. */
export function toText(bytes: Bytes): string | null {
  try {
    return decoder.decode(toArray(bytes));
  } catch {
    return null;
  }
}

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0');

// Neither seen nor harmless: controls, and what turns the direction of text around.
const unseen = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

/** The bytes as a person reads them: UTF-8, and \xNN for what is none or cannot be seen. parse() takes it back. */
export function show(bytes: Bytes): string {
  if (/^[\x20-\x5b\x5d-\x7e]*$/.test(bytes)) {
    return bytes;
  }
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes.charCodeAt(at);
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const character = toText(bytes.slice(at, at + length));
    const isEscape = first === 0x5c && /^\\x[0-9a-f]{2}/i.test(bytes.slice(at, at + 4));
    if (character === null || [...character].length !== 1) {
      text += `\\x${hexOf(first)}`;
      at++;
    } else {
      for (const byte of unseen.test(character) || isEscape ? bytes.slice(at, at + length) : '') {
        text += `\\x${hexOf(byte.charCodeAt(0))}`;
      }
      text += unseen.test(character) || isEscape ? '' : character;
      at += length;
    }
  }
  return text;
}

/** What a person has written: text, with \xNN for any byte. */
export const parse = (written: string): Bytes =>
  written
    .split(/(\\x[0-9a-f]{2})/i)
    .map((part, index) => (index % 2 === 1 ? String.fromCharCode(parseInt(part.slice(2), 16)) : fromText(part)))
    .join('');

/** The first key behind all that begin with the prefix; "\0" if there is none, which is the API's word for the end. */
export function prefixEnd(prefix: Bytes): Bytes {
  const kept = prefix.replace(/\xff+$/, '');
  return kept === '' ? '\0' : kept.slice(0, -1) + String.fromCharCode(kept.charCodeAt(kept.length - 1) + 1);
}

export const toHex = (bytes: Bytes): string => [...bytes].map((byte) => hexOf(byte.charCodeAt(0))).join('');

/** Takes pairs of hex digits, with white space between them; null if it is anything else. */
export function fromHex(hex: string): Bytes | null {
  const digits = hex.replace(/\s+/g, '');
  return /^([0-9a-f]{2})*$/i.test(digits) ? (digits.match(/../g) ?? []).map((pair) => String.fromCharCode(parseInt(pair, 16))).join('') : null;
}

/** Lines of 16 bytes: where they are, their digits, what can be printed of them. */
export function hexDump(bytes: Bytes): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const line = bytes.slice(at, at + 16);
    const digits = [...line].map((byte) => hexOf(byte.charCodeAt(0))).join(' ');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${digits.padEnd(47)}  ${line.replace(/[^\x20-\x7e]/g, '.')}`);
  }
  return lines.join('\n');
}
