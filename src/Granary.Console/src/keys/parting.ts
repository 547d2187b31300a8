import { prefixEnd, type Bytes } from '../api/bytes';
import { common, isEmpty, orNone, type Span } from '../api/spans';

export interface Part {
  span: Span;
  /** How many first bytes its keys have in common at least. */
  depth: number;
}

// Names that are counted up, or begin with a letter each.
const classes = ['09', 'az', 'AZ'] as const;

/**
 * Parts the keys of a span by the bytes in which they differ from its start. The nearest come first: those that have all bytes but the last one in common
 * with it, then all but the last two, down to the depth that all of the span have in common. There, if the start goes on with a digit or a letter,
 * each further digit or letter has a part of its own, since its neighbours are likely to be there.
 */
export function parted(span: Span, depth: number): Part[] {
  const { start } = span;
  const parts: Part[] = [];
  let from: Bytes | null = start;
  const upTo = (end: Bytes | null, shared: number): void => {
    if (from !== null) {
      const part = common({ start: from, end }, span);
      if (!isEmpty(part)) {
        parts.push({ span: part, depth: shared });
      }
      from = end;
    }
  };
  for (let shared = start.length - 1; shared > depth; shared--) {
    upTo(orNone(prefixEnd(start.slice(0, shared))), shared);
  }
  const base = start.slice(0, depth);
  const byte = start[depth] ?? '';
  const last = classes.find(([first, last]) => byte >= first! && byte <= last!)?.[1];
  if (last) {
    for (let code = byte.charCodeAt(0); code <= last.charCodeAt(0); code++) {
      upTo(base + String.fromCharCode(code + 1), depth + 1);
    }
  }
  upTo(span.end, depth);
  return parts;
}
