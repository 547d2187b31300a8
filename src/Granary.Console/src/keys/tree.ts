import { ApiError } from '../api/client';
import type { Bytes } from '../api/bytes';
import { counts } from '../api/keys';
import { common, isEmpty, prefixSpan, rangeOf, type Span } from '../api/spans';
import type { Int64 } from '../api/types';
import { Children, type Entry } from './children';

const firstPage = 200;
const furtherPage = 1000;
const countedAtOnce = 16;

export type Row =
  | { kind: 'folder'; id: Bytes; label: Bytes; level: number; isOpen: boolean; position: number; count: number | null; isLoading: boolean }
  | { kind: 'key'; id: Bytes; label: Bytes; level: number; position: number }
  | { kind: 'more'; id: string; folder: Bytes; level: number; isLoading: boolean }
  | { kind: 'said'; id: string; text: string; level: number };

interface Folder {
  children: Children;
  entries: Entry[];
  next: Bytes | null;
  isOpen: boolean;
  isLoading: boolean;
  error: Error | null;
}

/** The folders that a person has opened, all as of one revision. */
export class Tree {
  /** What is to be shown, in order. */
  rows: Row[] = [];
  revision: Int64 | null;
  private readonly folders = new Map<Bytes, Folder>();
  private readonly counted = new Map<Bytes, number>();
  private readonly abort = new AbortController();
  private isCounting = false;

  /**
   * @param prefix What the tree is below of.
   * @param readable What may be read at all.
   */
  constructor(
    private readonly prefix: Bytes,
    private readonly readable: Span[],
    private readonly separator: Bytes,
    revision: Int64 | null,
    private readonly changed: () => void,
  ) {
    this.revision = revision;
  }

  close(): void {
    this.abort.abort();
  }

  /** Opens the prefix, and whatever was open in a tree before this one. */
  async begin(before: Tree | null): Promise<void> {
    await this.open(this.prefix);
    for (const [id, folder] of before?.folders ?? []) {
      if (folder.isOpen && id !== this.prefix) {
        await this.open(id);
      }
    }
  }

  get keyCount(): number | null {
    return this.counted.get(this.prefix) ?? null;
  }

  get error(): Error | null {
    return this.folders.get(this.prefix)?.error ?? null;
  }

  async open(id: Bytes): Promise<void> {
    const folder = this.folderOf(id);
    folder.isOpen = true;
    if (folder.entries.length === 0 && !folder.isLoading) {
      await this.load(folder, id);
    } else {
      this.show();
    }
  }

  shut(id: Bytes): void {
    const folder = this.folders.get(id);
    if (folder) {
      folder.isOpen = false;
      this.show();
    }
  }

  more(id: Bytes): Promise<void> {
    return this.load(this.folders.get(id)!, id);
  }

  /** Asks for the counts of folders that can be seen, one request at a time: to count costs the server time. */
  async count(ids: Bytes[]): Promise<void> {
    const wanted = ids.filter((id) => !this.counted.has(id)).slice(0, countedAtOnce);
    if (this.isCounting || wanted.length === 0 || this.revision === null) {
      return;
    }
    this.isCounting = true;
    try {
      const parts = wanted.flatMap((id) => this.readable.map((span) => ({ id, span: common(span, prefixSpan(id)) }))).filter(({ span }) => !isEmpty(span));
      const found = await counts(parts.map(({ span }) => rangeOf(span)), this.revision, this.abort.signal);
      wanted.forEach((id) => this.counted.set(id, 0));
      parts.forEach(({ id }, index) => this.counted.set(id, this.counted.get(id)! + found[index]!));
    } catch {
      // A folder without its count is one all the same.
      wanted.forEach((id) => this.counted.set(id, -1));
    } finally {
      this.isCounting = false;
      this.show();
    }
  }

  private folderOf(id: Bytes): Folder {
    let folder = this.folders.get(id);
    if (!folder) {
      folder = { children: new Children(id, this.separator, this.readable), entries: [], next: null, isOpen: true, isLoading: false, error: null };
      this.folders.set(id, folder);
    }
    return folder;
  }

  private async load(folder: Folder, id: Bytes): Promise<void> {
    if (folder.isLoading) {
      return;
    }
    folder.isLoading = true;
    this.show();
    try {
      const before = folder.entries;
      const take = (found: Entry[]): void => {
        folder.entries = [...before, ...found];
        this.show();
      };
      const page = await folder.children.page(folder.next, folder.next === null ? firstPage : furtherPage, this.revision, take, this.abort.signal);
      this.revision = page.revision;
      folder.entries = [...before, ...page.entries];
      folder.next = page.next;
      folder.error = null;
      if (page.count !== null) {
        this.counted.set(id, page.count);
      }
    } catch (error) {
      if (this.abort.signal.aborted) {
        return;
      }
      folder.error = error as Error;
    }
    folder.isLoading = false;
    this.show();
  }

  private show(): void {
    if (this.abort.signal.aborted) {
      return;
    }
    const rows: Row[] = [];
    this.add(rows, this.prefix, 1);
    this.rows = rows;
    this.changed();
  }

  private add(rows: Row[], id: Bytes, level: number): void {
    const folder = this.folders.get(id);
    if (!folder) {
      return;
    }
    folder.entries.forEach(({ key, isFolder }, index) => {
      const label = key.slice(id.length);
      const position = index + 1;
      if (!isFolder) {
        rows.push({ kind: 'key', id: key, label, level, position });
        return;
      }
      const inner = this.folders.get(key);
      const isOpen = inner?.isOpen ?? false;
      const count = this.counted.get(key) ?? null;
      rows.push({ kind: 'folder', id: key, label, level, isOpen, position, count, isLoading: inner?.isLoading ?? false });
      if (isOpen) {
        this.add(rows, key, level + 1);
      }
    });
    if (folder.error) {
      rows.push({ kind: 'said', id: `said ${id}`, text: wordsOf(folder.error), level });
    } else if (folder.next !== null) {
      rows.push({ kind: 'more', id: `more ${id}`, folder: id, level, isLoading: folder.isLoading });
    }
  }
}

const wordsOf = (error: Error): string =>
  error instanceof ApiError && error.isCompacted ? 'This revision has been compacted.' : error instanceof ApiError && error.isDenied ? 'You may not read this.' : error.message;

export const parentOf = (key: Bytes, separator: Bytes): Bytes => {
  const at = separator === '' ? -1 : key.lastIndexOf(separator, key.length - separator.length - 1);
  return at < 0 ? '' : key.slice(0, at + separator.length);
};
