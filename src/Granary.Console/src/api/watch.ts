import { fromBase64, toBase64, type Bytes } from './bytes';
import { ApiError, currentToken, epoch, lose, noted } from './client';
import { keyValueOf, type KeyValue, type Range } from './keys';
import type { Int64, WatchResponse } from './types';

export interface Change {
  key: Bytes;
  isDelete: boolean;
  revision: Int64;
  after: KeyValue | null;
  before: KeyValue | null;
}

export interface WatchFollower {
  onChanges: (changes: Change[]) => void;
  /** It follows from now on. */
  onFollowing: () => void;
  /** What was up to here is not known any more: changes have been missed. */
  onCompacted: (revision: Int64) => void;
  onError: (error: Error) => void;
}

/**
 * Follows keys over a WebSocket, and goes on from the next revision when the connection was lost. It is a WebSocket, and not a fetch that lasts:
 * of those a browser keeps six for all its pages. Its header cannot be set, so the token goes as the gateway takes it, as a subprotocol.
 */
export class Watch {
  private socket: WebSocket | null = null;
  private next: bigint;
  private isOver = false;
  // How often in a row it was over before it began.
  private failures = 0;
  private unfollow: () => void;

  constructor(
    private readonly of: Range,
    from: Int64 | null,
    private readonly follower: WatchFollower,
  ) {
    this.next = from === null ? 0n : BigInt(from);
    this.unfollow = epoch.follow(() => this.connect());
    this.connect();
  }

  close(): void {
    this.isOver = true;
    this.unfollow();
    this.drop();
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private connect(): void {
    this.drop();
    const token = currentToken();
    const url = new URL('/v3/watch', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = token === null ? new WebSocket(url) : new WebSocket(url, ['Bearer', token]);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ create_request: this.request() }));
    socket.onmessage = ({ data }) => this.socket === socket && this.take(JSON.parse(data as string) as { result?: WatchResponse; error?: { message: string; code: number } });
    socket.onclose = () => {
      if (this.socket === socket && !this.isOver) {
        this.socket = null;
        setTimeout(() => this.isOver || void lose(), this.failures === 0 ? 0 : Math.min(10_000, 200 * 2 ** this.failures));
        this.failures++;
      }
    };
  }

  private request(): object {
    return {
      key: toBase64(this.of.start),
      ...(this.of.end === '' ? {} : { range_end: toBase64(this.of.end) }),
      ...(this.next > 0n ? { start_revision: String(this.next) } : {}),
      prev_kv: true,
      progress_notify: true,
    };
  }

  private take({ result, error }: { result?: WatchResponse; error?: { message: string; code: number } }): void {
    if (error || !result) {
      this.end(noted(new ApiError(error?.message ?? 'The server has said nothing.', error?.code ?? 2)));
    } else if (result.canceled && result.compact_revision && result.compact_revision !== '0') {
      this.next = BigInt(result.compact_revision);
      this.follower.onCompacted(result.compact_revision);
      this.connect();
    } else if (result.canceled) {
      this.end(noted(new ApiError(result.cancel_reason ?? 'The server has ended it.', 7)));
    } else {
      if (result.created) {
        this.failures = 0;
        this.follower.onFollowing();
        // Whatever comes later is not to be missed, also if nothing has come until the connection is lost.
        this.next = this.next > 0n ? this.next : BigInt(result.header.revision) + 1n;
      }
      const events = result.events ?? [];
      if (events.length > 0) {
        this.follower.onChanges(
          events.map(({ type, kv, prev_kv }) => ({
            key: fromBase64(kv.key),
            isDelete: type === 'DELETE',
            revision: kv.mod_revision ?? '0',
            after: type === 'DELETE' ? null : keyValueOf(kv),
            before: prev_kv ? keyValueOf(prev_kv) : null,
          })),
        );
        const last = BigInt(events.at(-1)!.kv.mod_revision ?? '0');
        this.next = last + 1n > this.next ? last + 1n : this.next;
      } else if (!result.created && BigInt(result.header.revision) + 1n > this.next) {
        // A sign of progress: everything up to here has come.
        this.next = BigInt(result.header.revision) + 1n;
      }
    }
  }

  private end(error: Error): void {
    this.drop();
    this.follower.onError(error);
  }
}
