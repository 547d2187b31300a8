import { useId } from 'preact/hooks';
import { minute, type History, type SeriesName } from './history';
import { pathOf, roundUp } from './scale';

const width = 1000;
const height = 100;

export interface ChartLine {
  name: string;
  series: SeriesName;
}

interface ChartProps {
  title: string;
  lines: readonly ChartLine[];
  format: (value: number) => string;
  isBytes?: boolean;
  history: History;
  /** What is drawn, up to the last sample. */
  minutes: number;
  /** The sample whose values are told. */
  at: number;
  onPoint: (at: number | null) => void;
}

/** Lines over the last hour, and a table that says in words what they show. */
export function Chart({ title, lines, format, isBytes, history, minutes, at, onPoint }: ChartProps) {
  const id = useId();
  const { times, series, intervalMilliseconds } = history;
  const to = times[times.length - 1]!;
  const span = minutes * minute;
  const from = to - span;
  const drawn = lines.map((line) => ({ ...line, values: series[line.series], known: series[line.series].filter((value) => value !== null) }));
  const most = roundUp(Math.max(0, ...drawn.flatMap(({ known }) => known)), isBytes ?? false);
  const box = { from, to, most, width, height, gap: 3 * intervalMilliseconds };
  const x = ((times[at]! - from) / span) * width;

  const point = (event: PointerEvent): void => {
    const { left, width: seen } = (event.currentTarget as Element).getBoundingClientRect();
    const time = from + ((event.clientX - left) / seen) * span;
    const next = times.findIndex((one) => one >= time);
    onPoint(next > 0 && time - times[next - 1]! < times[next]! - time ? next - 1 : Math.max(0, next));
  };

  const told = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : format(value));
  return (
    <figure class="card chart" aria-labelledby={id}>
      <figcaption id={id}>{title}</figcaption>
      <div class="plot" dir="ltr">
        <div class="scale" aria-hidden="true">
          <span>{format(most)}</span>
          <span>{format(most / 2)}</span>
          <span>0</span>
        </div>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}, the last ${minutes} min`}
          onPointerMove={point}
          onPointerLeave={() => onPoint(null)}
        >
          <path class="grid" d={`M0 0H${width}M0 ${height / 2}H${width}M0 ${height}H${width}`} />
          <path class="cursor" d={`M${x.toFixed(1)} 0V${height}`} />
          {drawn.map(({ series: name, values }, index) => (
            <path key={name} class={`line line-${index}`} data-testid={`line-${name}`} d={pathOf(times, values, box)} />
          ))}
        </svg>
        <div class="hours" aria-hidden="true">
          <span>{minutes} min ago</span>
          <span>{minutes / 2}</span>
          <span>now</span>
        </div>
      </div>
      <table class="legend" aria-labelledby={id}>
        <thead>
          <tr>
            <td />
            <th scope="col">{at === times.length - 1 ? 'Now' : 'Then'}</th>
            <th scope="col">Least</th>
            <th scope="col">Most</th>
          </tr>
        </thead>
        <tbody>
          {drawn.map(({ name, series: key, values, known }, index) => (
            <tr key={key}>
              <th scope="row">
                <svg class="swatch" viewBox="0 0 18 4" aria-hidden="true">
                  <path class={`line line-${index}`} d="M0 2H18" />
                </svg>
                {name}
              </th>
              <td>{told(values[at])}</td>
              <td>{known.length === 0 ? '–' : format(Math.min(...known))}</td>
              <td data-testid={`most-${key}`}>{known.length === 0 ? '–' : format(Math.max(...known))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
