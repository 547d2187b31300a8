import { parse, show, toText } from '../api/bytes';
import { lease, leaseName, prefixRange, range, type KeyValue } from '../api/keys';
import { Failure } from '../ui/Dialog';
import { number, plural } from '../ui/format';
import { useLoad, useSeconds } from '../ui/load';
import { go, link } from '../ui/route';
import { TimeLeft } from './LeasesView';

const most = 200;

/** Who holds a lock, or leads by an election, and who waits: keys below a name, in the order in which they came. */
export function LocksView({ params }: { params: URLSearchParams }) {
  const name = params.get('name') ?? '';
  const { value, error, reload } = useLoad(
    async (signal) => (name === '' ? null : range(prefixRange(`${parse(name).replace(/\/$/, '')}/`), { limit: most, byCreation: true, signal })),
    [name],
  );
  return (
    <div class="page">
      <form
        class="toolbar"
        onSubmit={(event) => {
          event.preventDefault();
          go('locks', { name: String(new FormData(event.currentTarget).get('name')) });
        }}
      >
        <h2>Locks and elections</h2>
        <label class="pair grow">
          <span>Name</span>
          <input id="search" key={name} name="name" dir="auto" defaultValue={name} placeholder="of the lock or the election" spellcheck={false} autocomplete="off" />
        </label>
        <button type="submit">Show</button>
        <button type="button" disabled={name === ''} onClick={reload}>
          Refresh
        </button>
      </form>
      <Failure error={error} />
      {name === '' && <p class="empty">Write the name that clients lock, or campaign for. Its keys are below it, each with a lease.</p>}
      {value && value.pairs.length === 0 && <p class="empty">Nobody holds it, and nobody waits.</p>}
      {value && value.pairs.length > 0 && (
        <>
          <ol class="queue">
            {value.pairs.map((pair, index) => (
              <Waiter key={pair.key} pair={pair} position={index} />
            ))}
          </ol>
          {value.more && <p class="notice">These are the first {most} of {number(value.count)}.</p>}
          <p class="quiet">As of revision {value.revision}: {plural(value.count - 1, 'waits', 'wait')}.</p>
        </>
      )}
    </div>
  );
}

function Waiter({ pair, position }: { pair: KeyValue; position: number }) {
  const { value } = useLoad(async (signal) => (pair.lease === '0' ? null : lease(pair.lease, false, signal)), [pair.lease]);
  useSeconds();
  return (
    <li class={position === 0 ? 'holder' : ''}>
      <strong>{position === 0 ? 'holds it' : `waits, ${position}.`}</strong>
      <a href={link('keys', { key: show(pair.key) })}>
        <bdi>{show(pair.key)}</bdi>
      </a>
      {pair.value !== '' && <bdi class="glimpse">{(toText(pair.value) ?? show(pair.value)).slice(0, 200)}</bdi>}
      <span class="quiet">since revision {pair.createRevision}</span>
      {pair.lease === '0' ? (
        <span class="quiet">without a lease</span>
      ) : (
        <a href={link('leases', { id: leaseName(pair.lease) })}>lease {leaseName(pair.lease)}</a>
      )}
      {value && (value.remaining < 0 ? <span>its lease is gone</span> : <TimeLeft lease={value} />)}
    </li>
  );
}
