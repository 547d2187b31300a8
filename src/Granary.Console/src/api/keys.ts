import { call } from './client';
import { fromBase64, prefixEnd, toBase64, type Bytes } from './bytes';
import type { Int64, LeaseTimeToLive, RangeResponse, TxnResponse, WireKeyValue } from './types';

export interface KeyValue {
  key: Bytes;
  value: Bytes;
  createRevision: Int64;
  modRevision: Int64;
  version: Int64;
  /** "0" for none. */
  lease: Int64;
}

export const keyValueOf = (wire: WireKeyValue): KeyValue => ({
  key: fromBase64(wire.key),
  value: fromBase64(wire.value),
  createRevision: wire.create_revision ?? '0',
  modRevision: wire.mod_revision ?? '0',
  version: wire.version ?? '0',
  lease: wire.lease ?? '0',
});

export interface Range {
  start: Bytes;
  /** "\0" for no end, "" for the one key. */
  end: Bytes;
}

export const prefixRange = (prefix: Bytes): Range => ({ start: prefix === '' ? '\0' : prefix, end: prefixEnd(prefix) });

export interface RangeOptions {
  limit?: number;
  revision?: Int64 | null;
  keysOnly?: boolean;
  countOnly?: boolean;
  byCreation?: boolean;
  signal?: AbortSignal | undefined;
}

const rangeRequest = (range: Range, options: RangeOptions): object => ({
  key: toBase64(range.start),
  ...(range.end === '' ? {} : { range_end: toBase64(range.end) }),
  ...(options.limit ? { limit: String(options.limit) } : {}),
  ...(options.revision ? { revision: options.revision } : {}),
  ...(options.keysOnly ? { keys_only: true } : {}),
  ...(options.countOnly ? { count_only: true } : {}),
  ...(options.byCreation ? { sort_target: 'CREATE', sort_order: 'ASCEND' } : {}),
});

export interface RangeAnswer {
  pairs: KeyValue[];
  count: number;
  more: boolean;
  revision: Int64;
}

const rangeAnswer = (response: RangeResponse, revision: Int64): RangeAnswer => ({
  pairs: (response.kvs ?? []).map(keyValueOf),
  count: Number(response.count ?? 0),
  more: response.more ?? false,
  revision,
});

export async function range(of: Range, options: RangeOptions = {}): Promise<RangeAnswer> {
  const response = await call<RangeResponse>('/v3/kv/range', rangeRequest(of, options), options.signal);
  return rangeAnswer(response, response.header.revision);
}

export async function get(key: Bytes, revision: Int64 | null = null, signal?: AbortSignal): Promise<{ pair: KeyValue | null; revision: Int64 }> {
  const answer = await range({ start: key, end: '' }, { revision, signal });
  return { pair: answer.pairs[0] ?? null, revision: answer.revision };
}

/** Several ranges at once, as of one revision. */
export async function ranges(asked: { of: Range; options: RangeOptions }[], signal?: AbortSignal): Promise<RangeAnswer[]> {
  const success = asked.map(({ of, options }) => ({ request_range: rangeRequest(of, options) }));
  const { responses, header } = await call<TxnResponse>('/v3/kv/txn', { success }, signal);
  return asked.map((_, index) => rangeAnswer(responses![index]!.response_range!, header.revision));
}

/** How many keys each range has. */
export const counts = async (of: Range[], revision: Int64 | null, signal?: AbortSignal): Promise<number[]> =>
  (await ranges(of.map((one) => ({ of: one, options: { countOnly: true, revision } })), signal)).map(({ count }) => count);

/** What came of a write that holds only if nobody else has written in between. */
export type Outcome = { isDone: true; revision: Int64 } | { isDone: false; theirs: KeyValue | null };

const guarded = async (key: Bytes, modRevision: Int64, operation: object): Promise<Outcome> => {
  const base64 = toBase64(key);
  const response = await call<TxnResponse>('/v3/kv/txn', {
    compare: [{ key: base64, target: 'MOD', result: 'EQUAL', mod_revision: modRevision }],
    success: [operation],
    failure: [{ request_range: { key: base64 } }],
  });
  if (response.succeeded) {
    return { isDone: true, revision: response.header.revision };
  }
  const theirs = response.responses?.[0]?.response_range?.kvs?.[0];
  return { isDone: false, theirs: theirs ? keyValueOf(theirs) : null };
};

/** Writes a value if the key is still of that revision ("0": is not there). A lease that it has stays. */
export const putIfUnchanged = (key: Bytes, value: Bytes, modRevision: Int64): Promise<Outcome> =>
  guarded(key, modRevision, { request_put: { key: toBase64(key), value: toBase64(value), ...(modRevision === '0' ? {} : { ignore_lease: true }) } });

export const deleteIfUnchanged = (key: Bytes, modRevision: Int64): Promise<Outcome> =>
  guarded(key, modRevision, { request_delete_range: { key: toBase64(key) } });

export interface Lease {
  id: Int64;
  /** Seconds; below zero when it is not there any more. */
  remaining: number;
  granted: number;
  keys: Bytes[];
  /** By the page's clock. */
  askedAt: number;
}

export async function lease(id: Int64, withKeys = false, signal?: AbortSignal): Promise<Lease> {
  const response = await call<LeaseTimeToLive>('/v3/lease/timetolive', { ID: id, keys: withKeys }, signal);
  return {
    id,
    remaining: Number(response.TTL ?? 0),
    granted: Number(response.grantedTTL ?? 0),
    keys: (response.keys ?? []).map(fromBase64),
    askedAt: performance.now(),
  };
}

/** What it has left now, by the page's clock. */
export const secondsLeft = ({ remaining, askedAt }: Lease): number => remaining - (performance.now() - askedAt) / 1000;

/** The name that etcdctl has for it. */
export const leaseName = (id: Int64): string => BigInt.asUintN(64, BigInt(id)).toString(16).padStart(16, '0');
