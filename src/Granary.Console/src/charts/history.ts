import { useEffect, useState } from 'preact/hooks';
import { call, ConnectionError, epoch } from '../api/client';
import { useStore } from '../ui/store';

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
}

export const minute = 60_000;
const hour = 60 * minute;

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
export function useHistory(): { history: History | null; error: Error | null } {
  const [state, setState] = useState<{ history: History | null; error: Error | null }>({ history: null, error: null });
  const now = useStore(epoch);
  useEffect(() => {
    const controller = new AbortController();
    let history: History | null = null;
    let timer = 0;
    const ask = async (): Promise<void> => {
      try {
        // Whoever looks elsewhere is told when they are back.
        if (history === null || !document.hidden) {
          const come = await historyOf(history ? lastTime(history) : 0, controller.signal);
          history = history ? joined(history, come) : come;
          setState({ history, error: null });
        }
        timer = setTimeout(() => void ask(), history.intervalMilliseconds);
      } catch (error) {
        // A server that is away is asked again when it is back: that is another epoch.
        if (!controller.signal.aborted) {
          setState((before) => ({ history: error instanceof ConnectionError ? before.history : null, error: error as Error }));
        }
      }
    };
    void ask();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [now]);
  return state;
}
