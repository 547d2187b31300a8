import { toText, type Bytes } from '../api/bytes';

export interface Field {
  number: number;
  value: string | bigint | Field[] | { bytes: Bytes };
}

const deepest = 24;

/** Reads a message of which nobody has the description; null if the bytes are none. */
export function fieldsOf(bytes: Bytes, depth = 0): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | null => {
    let value = 0n;
    for (let shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
      const byte = bytes.charCodeAt(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    return null;
  };
  const fixed = (length: number): bigint | null => {
    const part = bytes.slice(at, at + length);
    at += length;
    return part.length < length ? null : [...part].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte.charCodeAt(0)), 0n);
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === null || tag >> 3n === 0n || tag > 0xffffffffn) {
      return null;
    }
    const number = Number(tag >> 3n);
    const type = Number(tag & 7n);
    if (type === 2) {
      const length = varint();
      if (length === null || length > BigInt(bytes.length - at)) {
        return null;
      }
      const part = bytes.slice(at, at + Number(length));
      at += part.length;
      fields.push({ number, value: meaningOf(part, depth + 1) });
    } else {
      const value = type === 0 ? varint() : type === 1 ? fixed(8) : type === 5 ? fixed(4) : null;
      if (value === null) {
        return null;
      }
      fields.push({ number, value });
    }
  }
  return fields;
}

// Text, a message, or bytes: it is guessed by what they look like.
function meaningOf(part: Bytes, depth: number): Field['value'] {
  const text = toText(part);
  if (text !== null && !/[\u0000-\u001f\u007f]/.test(text)) {
    return text;
  }
  const inner = depth < deepest && part.length > 0 ? fieldsOf(part, depth) : null;
  return inner ?? (text !== null && !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text) ? text : { bytes: part });
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  contentType: string;
  contentEncoding: string;
  raw: Bytes;
  fields: Field[] | null;
}

const magic = 'k8s\0';

/** The envelope in which Kubernetes keeps what is not JSON: runtime.Unknown behind four bytes. */
export function kubernetesObject(value: Bytes): KubernetesObject | null {
  if (!value.startsWith(magic)) {
    return null;
  }
  const envelope = rawFields(value.slice(magic.length));
  const type = envelope && rawFields(envelope.get(1) ?? '');
  if (!envelope || !type) {
    return null;
  }
  const text = (bytes: Bytes | undefined): string => toText(bytes ?? '') ?? '';
  const raw = envelope.get(2) ?? '';
  return {
    apiVersion: text(type.get(1)),
    kind: text(type.get(2)),
    contentEncoding: text(envelope.get(3)),
    contentType: text(envelope.get(4)),
    raw,
    fields: fieldsOf(raw),
  };
}

// Fields of bytes only, unread.
function rawFields(bytes: Bytes): Map<number, Bytes> | null {
  const found = new Map<number, Bytes>();
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes.charCodeAt(at++);
    if ((tag & 7) !== 2) {
      return null;
    }
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes.charCodeAt(at++);
      if (Number.isNaN(byte) || shift > 28) {
        return null;
      }
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        break;
      }
    }
    if (at + length > bytes.length) {
      return null;
    }
    found.set(tag >> 3, bytes.slice(at, at + length));
    at += length;
  }
  return found;
}
