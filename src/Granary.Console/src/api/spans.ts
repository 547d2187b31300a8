import { prefixEnd, type Bytes } from './bytes';
import type { Range } from './keys';

/** Keys from a first one to one before the end; without an end if that is null. */
export interface Span {
  start: Bytes;
  end: Bytes | null;
}

export const orNone = (end: Bytes): Bytes | null => (end === '\0' ? null : end);

export const prefixSpan = (prefix: Bytes): Span => ({ start: prefix, end: orNone(prefixEnd(prefix)) });

/** What the API means by a key and an end: the key alone, all from it on, or those before the end. */
export const spanOf = (key: Bytes, end: Bytes): Span =>
  end === '' ? { start: key, end: `${key}\0` } : { start: key === '\0' && end === '\0' ? '' : key, end: orNone(end) };

export const rangeOf = ({ start, end }: Span): Range => ({ start: start === '' ? '\0' : start, end: end ?? '\0' });

export const isEmpty = ({ start, end }: Span): boolean => end !== null && end <= start;

const lesser = (one: Bytes | null, other: Bytes | null): Bytes | null => (one === null ? other : other === null || one < other ? one : other);

export const common = (one: Span, other: Span): Span => ({ start: one.start > other.start ? one.start : other.start, end: lesser(one.end, other.end) });

export const covers = (outer: Span, inner: Span): boolean => outer.start <= inner.start && (outer.end === null || (inner.end !== null && inner.end <= outer.end));

/** The same keys in as few spans as there can be, in order. */
export function merged(spans: Span[]): Span[] {
  const kept: Span[] = [];
  for (const span of spans.filter((one) => !isEmpty(one)).toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = kept.at(-1);
    if (last && (last.end === null || span.start <= last.end)) {
      last.end = last.end === null || span.end === null ? null : span.end > last.end ? span.end : last.end;
    } else {
      kept.push({ ...span });
    }
  }
  return kept;
}
