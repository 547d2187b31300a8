import { useState } from 'preact/hooks';
import { show, type Bytes } from '../api/bytes';
import { ApiError, session, settings } from '../api/client';
import { deleteIfUnchanged, get, lease, leaseName, secondsLeft, type KeyValue } from '../api/keys';
import { announce } from '../ui/Announcer';
import { Confirm, Dialog, Failure } from '../ui/Dialog';
import { copy } from '../ui/copy';
import { bytes, duration } from '../ui/format';
import { useLoad, useSeconds } from '../ui/load';
import { link } from '../ui/route';
import { useStore } from '../ui/store';
import { commandsOf } from './commands';
import { EditDialog } from './EditDialog';
import { HistoryPane } from './HistoryPane';
import { ValueView } from './ValueView';

interface KeyPaneProps {
  name: Bytes;
  revision: string | null;
  onRevision: (revision: string | null) => void;
  onClose: () => void;
  onWritten: () => void;
}

/** One key: its value, what is known of it, its history, and what can be done with it. */
export function KeyPane({ name, revision, onRevision, onClose, onWritten }: KeyPaneProps) {
  const { value, error, reload } = useLoad((signal) => get(name, revision, signal), [name, revision]);
  const [tab, setTab] = useState<'value' | 'history'>('value');
  const [dialog, setDialog] = useState<'edit' | 'delete' | 'copy' | null>(null);
  const { readOnly } = useStore(settings);
  const pair = value?.pair ?? null;
  const close = (): void => setDialog(null);
  const written = (): void => {
    reload();
    onWritten();
  };
  return (
    <article class="one-key">
      <header class="bar">
        <h2>
          <bdi>{show(name)}</bdi>
        </h2>
        <span class="spread" />
        <button type="button" class="plain" aria-label="Close the key" onClick={onClose}>
          ✕
        </button>
      </header>
      {revision !== null && (
        <p class="notice">
          This is the key as of revision {revision}.{' '}
          <button type="button" class="small" onClick={() => onRevision(null)}>
            Back to now
          </button>
        </p>
      )}
      {error && <Failure error={error instanceof ApiError && error.isCompacted ? new Error(`Revision ${revision} has been compacted: what was then is not known any more.`) : error} />}
      {value && !pair && <p class="empty">There is no such key {revision === null ? 'now' : 'at this revision'}.</p>}
      {pair && (
        <>
          <Facts pair={pair} onRevision={onRevision} />
          <div class="bar">
            <div role="tablist" aria-label="What is shown" class="tabs">
              {(['value', 'history'] as const).map((one) => (
                <button key={one} type="button" role="tab" id={`tab-${one}`} aria-selected={tab === one} aria-controls="key-panel" onClick={() => setTab(one)}>
                  {one === 'value' ? 'Value' : 'History'}
                </button>
              ))}
            </div>
            <span class="spread" />
            <button type="button" class="small" onClick={reload}>
              Reload
            </button>
            <button type="button" class="small" onClick={() => setDialog('copy')}>
              Copy as…
            </button>
            {!readOnly && revision === null && (
              <>
                <button type="button" class="small" onClick={() => setDialog('edit')}>
                  Edit
                </button>
                <button type="button" class="small danger" onClick={() => setDialog('delete')}>
                  Delete
                </button>
              </>
            )}
          </div>
          <div role="tabpanel" id="key-panel" aria-labelledby={`tab-${tab}`} class="panel">
            {tab === 'value' ? <ValueView key={pair.modRevision} value={pair.value} /> : <HistoryPane key={pair.modRevision} newest={pair} onRevision={onRevision} />}
          </div>
          {dialog === 'edit' && <EditDialog pair={pair} onClose={close} onWritten={written} />}
          {dialog === 'copy' && <CopyDialog pair={pair} onClose={close} />}
          {dialog === 'delete' && (
            <Confirm
              title="Delete this key?"
              action="Delete"
              onClose={close}
              onConfirm={async () => {
                const outcome = await deleteIfUnchanged(name, pair.modRevision);
                if (!outcome.isDone && outcome.theirs) {
                  throw new Error(`Somebody was faster: the key was changed at revision ${outcome.theirs.modRevision}. Nothing was deleted. Close this and look at the new value.`);
                }
                announce('Deleted');
                written();
              }}
            >
              <bdi>{show(name)}</bdi> is deleted if it is still of revision {pair.modRevision}.
            </Confirm>
          )}
        </>
      )}
    </article>
  );
}

function Facts({ pair, onRevision }: { pair: KeyValue; onRevision: (revision: string) => void }) {
  return (
    <dl class="facts">
      <div>
        <dt>Modified at</dt>
        <dd>
          <button type="button" class="linklike" title="See the tree as of this revision" onClick={() => onRevision(pair.modRevision)}>
            {pair.modRevision}
          </button>
        </dd>
      </div>
      <div>
        <dt>Created at</dt>
        <dd>
          <button type="button" class="linklike" title="See the tree as of this revision" onClick={() => onRevision(pair.createRevision)}>
            {pair.createRevision}
          </button>
        </dd>
      </div>
      <div>
        <dt>Version</dt>
        <dd>{pair.version}</dd>
      </div>
      <div>
        <dt>Size</dt>
        <dd>{bytes(pair.value.length)}</dd>
      </div>
      <div>
        <dt>Lease</dt>
        <dd>{pair.lease === '0' ? 'none' : <LeaseFact id={pair.lease} />}</dd>
      </div>
    </dl>
  );
}

function LeaseFact({ id }: { id: string }) {
  const { value } = useLoad((signal) => lease(id, false, signal), [id]);
  useSeconds();
  return (
    <>
      <a href={link('leases', { id: leaseName(id) })}>{leaseName(id)}</a>
      {value && (value.remaining < 0 ? ', gone' : `, ${duration(secondsLeft(value))} of ${duration(value.granted)} left`)}
    </>
  );
}

function CopyDialog({ pair, onClose }: { pair: KeyValue; onClose: () => void }) {
  const isSignedIn = session.value.user !== null;
  return (
    <Dialog title="Copy as a command" onClose={onClose} isWide>
      {isSignedIn && <p>The token of this page stays here: give the command your own.</p>}
      <ul class="commands">
        {commandsOf(pair.key, pair.value, isSignedIn).map(({ name, line }) => (
          <li key={name}>
            <strong>{name}</strong>
            {line === null ? (
              <span class="quiet">The key has a NUL, which no argument of a program can have.</span>
            ) : (
              <>
                <code dir="ltr">{line.length > 2000 ? `${line.slice(0, 2000)}…` : line}</code>
                <button type="button" class="small" onClick={() => void copy(line)}>
                  Copy
                </button>
              </>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
