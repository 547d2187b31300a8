import { useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { Failure } from '../ui/Dialog';
import { bytes, milliseconds, plural, rate } from '../ui/format';
import { Chart, type ChartLine } from './Chart';
import { minute, useHistory, type History, type SeriesName } from './history';

interface Drawn {
  title: string;
  lines: readonly ChartLine[];
  format: (value: number) => string;
  isBytes?: boolean;
}

const percentiles = (half: SeriesName, most: SeriesName): ChartLine[] => [
  { name: 'p50', series: half },
  { name: 'p99', series: most },
];

const charts: readonly Drawn[] = [
  {
    title: 'Requests and events per second',
    lines: [
      { name: 'Reads', series: 'reads' },
      { name: 'Writes and txns', series: 'writes' },
      { name: 'Watch events', series: 'events' },
    ],
    format: rate,
  },
  { title: 'Time of a read', lines: percentiles('readMedian', 'read99'), format: milliseconds },
  { title: 'Time of a write or txn', lines: percentiles('writeMedian', 'write99'), format: milliseconds },
  { title: 'Time of a commit', lines: percentiles('commitMedian', 'commit99'), format: milliseconds },
  { title: 'Time of a disk sync', lines: percentiles('flushMedian', 'flush99'), format: milliseconds },
  { title: 'Memory of the process', lines: [{ name: 'Resident', series: 'memory' }], format: bytes, isBytes: true },
  {
    title: 'Database',
    lines: [
      { name: 'Size', series: 'databaseSize' },
      { name: 'In use', series: 'databaseInUse' },
    ],
    format: bytes,
    isBytes: true,
  },
];

/** The last hour of the server that the page came from, in charts that go on by themselves. */
export function ChartsView() {
  const { value: history, error } = useHistory();
  return (
    <div class="page">
      <div class="bar">
        <h2>The last hour</h2>
        <span class="quiet">of the server that this page came from</span>
      </div>
      <Failure error={error instanceof ApiError && error.isDenied ? new Error('The figures of this server are for those who have the role root.') : error} />
      {history && history.times.length > 0 && <Charts history={history} />}
    </div>
  );
}

function Charts({ history }: { history: History }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const { times, series } = history;
  const last = times.length - 1;
  const isAt = (time: number | null): number => (time === null ? -1 : times.findIndex((one) => one >= time));
  const [pointedAt, chosenAt] = [isAt(pointed), isAt(chosen)];
  const at = pointedAt >= 0 ? pointedAt : chosenAt >= 0 ? chosenAt : last;
  // What a server that is young has not seen is not drawn.
  const minutes = [5, 15, 30].find((one) => times[last]! - times[0]! <= one * minute) ?? 60;
  const terms = series.term.filter((term) => term !== null);
  const changes = Math.max(...terms) - Math.min(...terms);
  const moment = at === last ? 'now' : new Date(times[at]!).toLocaleTimeString();
  return (
    <>
      <label class="pair">
        <span>
          The values told are those of: <strong data-testid="moment">{moment}</strong>
        </span>
        <input
          type="range"
          dir="ltr"
          min={0}
          max={last}
          value={chosenAt >= 0 ? chosenAt : last}
          aria-valuetext={moment}
          onInput={(event) => {
            const index = Number(event.currentTarget.value);
            setChosen(index === last ? null : times[index]!);
          }}
        />
      </label>
      <div class="charts">
        {charts.map((one) => (
          <Chart key={one.title} {...one} history={history} minutes={minutes} at={at} onPoint={(index) => setPointed(index === null || index === last ? null : times[index]!)} />
        ))}
      </div>
      <p class="quiet">
        {plural(changes, 'leader change')} in this time. Of the requests, half take no longer than p50, and 99 of 100 no longer than p99. Only the member that
        leads commits and syncs. The server keeps the hour in memory: it begins anew when the server does.
      </p>
    </>
  );
}
