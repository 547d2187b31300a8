import { useState } from 'preact/hooks';
import { settings } from '../api/client';
import { announce } from '../ui/Announcer';
import { Confirm, Failure, useAction } from '../ui/Dialog';
import { bytes } from '../ui/format';
import { perform } from '../ui/perform';
import { useStore } from '../ui/store';
import { StoreProgress } from './StoreProgress';
import { saveSnapshot } from './snapshot';

/** What an operator does now and then: compact, defragment, take a snapshot. */
export function Upkeep({ revision, onDone }: { revision: string; onDone: () => void }) {
  const { readOnly } = useStore(settings);
  return (
    <section aria-labelledby="upkeep">
      <h3 id="upkeep">Upkeep</h3>
      <div class="cards">
        <SnapshotCard revision={revision} />
        {!readOnly && <CompactionCard revision={revision} onDone={onDone} />}
        {!readOnly && <DefragmentCard onDone={onDone} />}
      </div>
    </section>
  );
}

function SnapshotCard({ revision }: { revision: string }) {
  const [saved, setSaved] = useState<number | null>(null);
  const { run, isBusy, error } = useAction(async () => {
    setSaved(0);
    await saveSnapshot(`granary-${revision}.db`, setSaved);
    announce('The snapshot is saved');
  });
  return (
    <div class="card">
      <h4>Snapshot</h4>
      <p>All keys with their history, in one file that Granary and etcd restore.</p>
      <button type="button" disabled={isBusy} onClick={run}>
        {isBusy ? 'Saving…' : 'Download'}
      </button>
      {saved !== null && (
        <p class="quiet" role="status">
          {bytes(saved)} {isBusy ? 'so far' : error ? 'came' : 'saved'}
        </p>
      )}
      {isBusy && <progress aria-label="Snapshot" />}
      <Failure error={error} />
    </div>
  );
}

function CompactionCard({ revision, onDone }: { revision: string; onDone: () => void }) {
  const [written, setWritten] = useState(revision);
  const [isPhysical, setPhysical] = useState(true);
  const [isAsking, setAsking] = useState(false);
  return (
    <div class="card">
      <h4>Compaction</h4>
      <p>Forgets the history before a revision.</p>
      <label class="pair">
        <span>Revision</span>
        <input class="revision" inputMode="numeric" value={written} onInput={(event) => setWritten(event.currentTarget.value)} />
      </label>
      <label class="check">
        <input type="checkbox" checked={isPhysical} onChange={(event) => setPhysical(event.currentTarget.checked)} /> wait until its space is free
      </label>
      <button type="button" disabled={!/^[1-9][0-9]*$/.test(written)} onClick={() => setAsking(true)}>
        Compact
      </button>
      {isAsking && (
        <Confirm
          title={`Compact revision ${written}?`}
          action="Compact"
          progress={<StoreProgress />}
          onClose={() => setAsking(false)}
          onConfirm={() => perform('/v3/kv/compaction', { revision: written, physical: isPhysical }, 'Compacted', onDone)}
        >
          No revision before {written} can be read any more, and no watch can begin there.{' '}
          {isPhysical ? 'The work goes on if this dialog is closed.' : 'Its space becomes free some time later: the charts show it.'}
        </Confirm>
      )}
    </div>
  );
}

function DefragmentCard({ onDone }: { onDone: () => void }) {
  const [isAsking, setAsking] = useState(false);
  return (
    <div class="card">
      <h4>Defragmentation</h4>
      <p>Gives the space of what is gone back to the disk, beside reads and writes.</p>
      <button type="button" onClick={() => setAsking(true)}>
        Defragment
      </button>
      {isAsking && (
        <Confirm
          title="Defragment this server?"
          action="Defragment"
          progress={<StoreProgress />}
          onClose={() => setAsking(false)}
          onConfirm={() => perform('/v3/maintenance/defragment', {}, 'Defragmented', onDone)}
        >
          All of its data is written anew. That takes time, and room on the disk for as long. The work goes on if this dialog is closed.
        </Confirm>
      )}
    </div>
  );
}
