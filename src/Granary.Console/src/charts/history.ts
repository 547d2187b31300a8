import { call } from '../api/client';
import type { Base64 } from '../api/types';
import { usePolled, type Polled } from '../ui/load';

export type SeriesName =
  | 'reads' | 'writes' | 'events' | 'readMedian' | 'read99' | 'writeMedian' | 'write99' | 'commitMedian' | 'commit99' | 'flushMedian' | 'flush99'
  | 'memory' | 'databaseSize' | 'databaseInUse' | 'term';

/** A value per sample; null where there was nothing to measure. */
export type Series = readonly (number | null)[];

/** Samples as the server took them, the oldest first. Times are milliseconds since 1970. */
export interface History {
  intervalMilliseconds: number;
  times: readonly number[];
  series: Record<SeriesName, Series>;
  /** Those of the newest sample, in key order. */
  ranges: readonly RangeLoad[];
}

export interface RangeLoad {
  start: Base64;
  /** Per second. */
  reads: number | null;
  writes: number | null;
}

export const minute = 60_000;
const hour = 60 * minute;

// As often as the server takes one.
const sampleInterval = 5000;

const historyOf = (after: number, signal: AbortSignal): Promise<History> => call<History>(`history?after=${after}`, null, signal);

const lastTime = ({ times }: History): number => times[times.length - 1] ?? 0;

/** What was known and what has come, without what is older than an hour. */
function joined(before: History, come: History): History {
  const from = before.times.findIndex((time) => time > lastTime(come) - hour);
  if (come.times.length === 0 || from < 0) {
    return come.times.length === 0 ? before : come;
  }
  const series = { ...come.series };
  for (const name of Object.keys(series) as SeriesName[]) {
    series[name] = [...before.series[name].slice(from), ...come.series[name]];
  }
  return { ...come, times: [...before.times.slice(from), ...come.times], series };
}

/** The last hour of this server, which goes on as long as somebody looks. */
export const useHistory = (): Polled<History> =>
  usePolled(async (before, signal) => {
    const come = await historyOf(before ? lastTime(before) : 0, signal);
    return before ? joined(before, come) : come;
  }, sampleInterval);

/** What each range of the keyspace takes now. */
export const useRanges = (): Polled<readonly RangeLoad[]> =>
  usePolled(async (_, signal) => (await historyOf(Number.MAX_SAFE_INTEGER, signal)).ranges, sampleInterval);
