import { fromBase64, show } from '../api/bytes';
import { ApiError } from '../api/client';
import { useRanges, type RangeLoad } from '../charts/history';
import { Failure } from '../ui/Dialog';
import { rate } from '../ui/format';

/** The keyspace as a strip of its ranges, in key order: each is as dark as it is busy beside the busiest one. */
export function Ranges() {
  const { value, error } = useRanges();
  if (error instanceof ApiError && error.isDenied) {
    return null;
  }
  const loads = (value ?? []).map(({ reads, writes }) => (reads ?? 0) + (writes ?? 0));
  const most = Math.max(1, ...loads);
  return (
    <section aria-labelledby="ranges">
      <h3 id="ranges">Ranges</h3>
      <p class="quiet">Each range of keys has a grain that decides its writes. What they have to do is what clients ask of this server.</p>
      <Failure error={error} />
      {value && (
        <div class="scrolled" tabIndex={0} role="group" aria-labelledby="ranges">
          <ol class="strip">
            {value.map((range, index) => (
              <li key={range.start}>
                <Bounds range={range} next={value[index + 1]} />
                <span>
                  {rate(range.reads ?? 0)} reads/s, {rate(range.writes ?? 0)} writes/s
                </span>
                <span class="load" aria-hidden="true" style={{ opacity: String(loads[index]! / most) }} />
              </li>
            ))}
          </ol>
        </div>
      )}
    </section>
  );
}

function Bounds({ range, next }: { range: RangeLoad; next: RangeLoad | undefined }) {
  const [first, end] = [range.start, next?.start].map((key) => key && <bdi>{show(fromBase64(key))}</bdi>);
  return <span class="bounds">{first && end ? <>{first} up to {end}</> : first ? <>from {first} on</> : end ? <>before {end}</> : 'all keys'}</span>;
}
