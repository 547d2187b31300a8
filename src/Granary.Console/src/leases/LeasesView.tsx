import { useState } from 'preact/hooks';
import { show } from '../api/bytes';
import { call, settings } from '../api/client';
import { lease, leaseName, secondsLeft, type Lease } from '../api/keys';
import { Confirm, Failure } from '../ui/Dialog';
import { duration, plural } from '../ui/format';
import { useLoad, useSeconds } from '../ui/load';
import { PageHead } from '../ui/PageHead';
import { perform } from '../ui/perform';
import { link } from '../ui/route';
import { useStore } from '../ui/store';

const page = 100;
const mostKeys = 500;

/** All leases, by name; what time they have left is asked for those that are shown. */
export function LeasesView({ params }: { params: URLSearchParams }) {
  const wanted = params.get('id');
  const [shown, setShown] = useState(page);
  const [revoked, setRevoked] = useState<Lease | null>(null);
  const { readOnly } = useStore(settings);
  const all = useLoad(async (signal) => {
    const { leases } = await call<{ leases?: { ID: string }[] }>('/v3/lease/leases', {}, signal);
    return (leases ?? []).map(({ ID }) => ID).toSorted((a, b) => (leaseName(a) === wanted ? -1 : leaseName(b) === wanted ? 1 : 0));
  }, [wanted]);
  return (
    <div class="page">
      <PageHead title="Leases" onRefresh={all.reload}>
        <span class="quiet">{all.value && plural(all.value.length, 'lease')}</span>
      </PageHead>
      <Failure error={all.error} />
      {all.value?.length === 0 && <p class="empty">There are no leases.</p>}
      {all.value && all.value.length > 0 && (
        <div class="scrolled">
          <table>
            <thead>
              <tr>
                <th scope="col">Lease</th>
                <th scope="col">Left</th>
                <th scope="col">Granted</th>
                <th scope="col">Keys</th>
                {!readOnly && (
                  <th scope="col">
                    <span class="unseen">Revoke</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {all.value.slice(0, shown).map((id) => (
                <LeaseRow key={id} id={id} isWanted={leaseName(id) === wanted} onRevoke={readOnly ? null : setRevoked} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {all.value && all.value.length > shown && (
        <button type="button" onClick={() => setShown(shown + page)}>
          More…
        </button>
      )}
      {revoked && (
        <Confirm
          title={`Revoke lease ${leaseName(revoked.id)}?`}
          action="Revoke"
          onClose={() => setRevoked(null)}
          onConfirm={() => perform('/v3/lease/revoke', { ID: revoked.id }, 'Revoked', all.reload)}
        >
          It ends now, and {plural(revoked.keys.length, 'key')} that {revoked.keys.length === 1 ? 'has' : 'have'} it {revoked.keys.length === 1 ? 'is' : 'are'} deleted.
        </Confirm>
      )}
    </div>
  );
}

interface LeaseRowProps {
  id: string;
  isWanted: boolean;
  onRevoke: ((lease: Lease) => void) | null;
}

function LeaseRow({ id, isWanted, onRevoke }: LeaseRowProps) {
  const [isOpen, setOpen] = useState(isWanted);
  const { value, error } = useLoad((signal) => lease(id, isOpen, signal), [id, isOpen]);
  useSeconds();
  return (
    <tr class={isWanted ? 'wanted' : ''}>
      <th scope="row">
        <code>{leaseName(id)}</code>
      </th>
      {value === null ? (
        <td colSpan={3}>{error ? error.message : '…'}</td>
      ) : value.remaining < 0 ? (
        <td colSpan={3}>gone</td>
      ) : (
        <>
          <td>
            <TimeLeft lease={value} />
          </td>
          <td>{duration(value.granted)}</td>
          <td>
            {isOpen ? (
              <LeaseKeys lease={value} />
            ) : (
              <button type="button" class="small" aria-label={`Show the keys of ${leaseName(id)}`} onClick={() => setOpen(true)}>
                Show
              </button>
            )}
          </td>
        </>
      )}
      {onRevoke && (
        <td>
          <button type="button" class="small danger" aria-label={`Revoke ${leaseName(id)}`} onClick={() => void lease(id, true).then(onRevoke)}>
            Revoke
          </button>
        </td>
      )}
    </tr>
  );
}

/** Counts down by the page's clock. */
export function TimeLeft({ lease }: { lease: Lease }) {
  const left = Math.max(0, secondsLeft(lease));
  return (
    <span class="time-left">
      <progress max={lease.granted} value={left} aria-label="Time left" /> {duration(left)}
    </span>
  );
}

function LeaseKeys({ lease: { keys } }: { lease: Lease }) {
  return keys.length === 0 ? (
    <span class="quiet">none</span>
  ) : (
    <ul class="inline">
      {keys.slice(0, mostKeys).map((key) => (
        <li key={key}>
          <a href={link('keys', { key: show(key) })}>
            <bdi>{show(key)}</bdi>
          </a>
        </li>
      ))}
      {keys.length > mostKeys && <li class="quiet">and {plural(keys.length - mostKeys, 'more', 'more')}</li>}
    </ul>
  );
}
