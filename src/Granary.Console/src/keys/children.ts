import { prefixEnd, type Bytes } from '../api/bytes';
import { counts, range, ranges } from '../api/keys';
import { common, isEmpty, orNone, prefixSpan, rangeOf, type Span } from '../api/spans';
import type { Int64 } from '../api/types';
import { parted } from './parting';

/** What is right below a prefix: a key, or a folder of keys that go on behind a separator. */
export interface Entry {
  /** The whole key, or the folder's prefix with the separator at its end. */
  key: Bytes;
  isFolder: boolean;
}

export interface Page {
  entries: Entry[];
  /** Where the next page begins; null behind the last one. */
  next: Bytes | null;
  revision: Int64;
  /** Keys below the prefix, folders' too, if the page is the first one. */
  count: number | null;
}

/** A part of the keyspace in which nobody has looked yet. */
interface Gap {
  span: Span;
  /** How many first bytes its keys have in common at least. */
  depth: number;
  limit: number;
}

type Piece = Entry | Gap;

const isGap = (piece: Piece): piece is Gap => 'span' in piece;

// A txn of the server takes 128 operations.
const gapsAtOnce = 96;

// Few keys are read through; of many, a look into each part says what there is.
const fewKeys = 4000;
const fewLimit = 500;
const partLimit = 4;

/**
 * Reads the children of one prefix, page by page, without ever reading what is inside of its folders. A range that is limited to a few keys still
 * counts all that it has, so the keys behind a folder are not asked for at once: they are parted into gaps by their first bytes, and looked into
 * many at a time, until the first entries have no gap between them.
 */
export class Children {
  private readonly spans: Span[];

  /** @param readable What may be read at all, in order. */
  constructor(
    private readonly prefix: Bytes,
    private readonly separator: Bytes,
    readable: Span[],
  ) {
    this.spans = readable.map((span) => common(span, prefixSpan(prefix))).filter((span) => !isEmpty(span));
  }

  /** @param onFound Told of the first entries while the others are being looked for. */
  async page(from: Bytes | null, size: number, revision: Int64 | null, onFound: (entries: Entry[]) => void, signal?: AbortSignal): Promise<Page> {
    const left = from === null ? this.spans : this.spans.map((span) => common(span, { start: from, end: null })).filter((span) => !isEmpty(span));
    let pieces: Piece[] = left.map((span) => ({ span, depth: this.prefix.length, limit: size + 1 }));
    let pinned = revision;
    let count: number | null = null;
    for (let isFirst = true; ; isFirst = false) {
      const gaps = this.gapsBefore(pieces, size);
      if (gaps.length === 0) {
        break;
      }
      const asked = gaps.map(({ span, limit }) => ({ of: rangeOf(span), options: { limit, keysOnly: true, revision: pinned } }));
      const answers = asked.length === 1 ? [await range(asked[0]!.of, { ...asked[0]!.options, signal })] : await ranges(asked, signal);
      pinned ??= answers[0]!.revision;
      if (isFirst && from === null && left.length === 1) {
        count = answers[0]!.count;
      }
      const found = new Map(gaps.map((gap, index) => [gap, this.lookInto(gap, answers[index]!.pairs.map(({ key }) => key), answers[index]!.more, answers[index]!.count)]));
      pieces = withoutTwins(pieces.flatMap((piece) => (isGap(piece) ? (found.get(piece) ?? [piece]) : [piece])));
      const known = pieces.findIndex(isGap);
      onFound(pieces.slice(0, known < 0 ? size : Math.min(known, size)) as Entry[]);
    }
    if (from === null && left.length > 1) {
      count = (await counts(left.map(rangeOf), pinned, signal)).reduce((sum, one) => sum + one, 0);
    }
    const next = pieces[size];
    return {
      entries: pieces.slice(0, size) as Entry[],
      next: next === undefined ? null : isGap(next) ? next.span.start : next.key,
      revision: pinned ?? '0',
      count: left.length === 0 ? 0 : count,
    };
  }

  // The first of those that are between the first entries.
  private gapsBefore(pieces: Piece[], size: number): Gap[] {
    return pieces.slice(0, size).filter(isGap).slice(0, gapsAtOnce);
  }

  private lookInto(gap: Gap, keys: Bytes[], hasMore: boolean, count: number): Piece[] {
    const pieces: Piece[] = [];
    let next: Bytes | null = gap.span.start;
    for (const key of keys) {
      if (next !== null && key >= next) {
        const entry = this.entryOf(key);
        pieces.push(entry);
        next = entry.isFolder ? orNone(prefixEnd(entry.key)) : `${key}\0`;
      }
    }
    if (next !== null && hasMore) {
      const rest = { start: next, end: gap.span.end };
      const isAmongKeys = !(pieces.at(-1) as Entry).isFolder;
      if (isEmpty(rest)) {
        return pieces;
      } else if (isAmongKeys || count <= fewKeys) {
        pieces.push({ span: rest, depth: gap.depth, limit: fewLimit });
      } else {
        pieces.push(...parted(rest, gap.depth).map((part) => ({ ...part, limit: partLimit })));
      }
    }
    return pieces;
  }

  private entryOf(key: Bytes): Entry {
    const at = this.separator === '' ? -1 : key.indexOf(this.separator, this.prefix.length);
    return at < 0 ? { key, isFolder: false } : { key: key.slice(0, at + this.separator.length), isFolder: true };
  }
}

// A folder that reaches over the end of a gap is found in the next one once more.
function withoutTwins(pieces: Piece[]): Piece[] {
  let last: Bytes | null = null;
  return pieces.filter((piece) => {
    if (isGap(piece)) {
      return true;
    }
    const isTwin = piece.key === last;
    last = piece.key;
    return !isTwin;
  });
}
