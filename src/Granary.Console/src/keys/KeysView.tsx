import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { parse, show, type Bytes } from '../api/bytes';
import { ApiError, epoch, session, settings } from '../api/client';
import { get } from '../api/keys';
import { readableSpans } from '../access/permissions';
import { announce } from '../ui/Announcer';
import { Failure } from '../ui/Dialog';
import { plural } from '../ui/format';
import { go, link, type Params } from '../ui/route';
import { useRedraw, useStore } from '../ui/store';
import { CreateDialog } from './EditDialog';
import { KeyPane } from './KeyPane';
import { parentOf, Tree } from './tree';
import { TreePane } from './TreePane';

/** The keyspace as folders, with one key beside it. What is shown is in the link: prefix, key, revision, separator. */
export function KeysView({ params }: { params: URLSearchParams }) {
  const prefix = parse(params.get('prefix') ?? '');
  const separator = params.has('sep') ? parse(params.get('sep')!) : '/';
  const revision = params.get('rev');
  const key = params.has('key') ? parse(params.get('key')!) : null;
  const [isCreating, setCreating] = useState(false);
  const [asked, setAsked] = useState(0);
  const { readOnly } = useStore(settings);
  const { tree, error } = useTree(prefix, separator, revision, asked);

  const change = (changes: Params): void =>
    go('keys', { prefix: show(prefix), sep: params.get('sep'), rev: revision, key: key === null ? null : show(key), ...changes });

  const jump = async (written: string): Promise<void> => {
    const wanted = parse(written);
    const isKey = wanted !== '' && (await get(wanted, revision).then((found) => found.pair !== null, () => false));
    change(isKey ? { key: show(wanted), prefix: show(parentOf(wanted, separator)) } : { key: null, prefix: show(wanted) });
    announce(isKey ? 'The key is shown' : 'Keys with this prefix are shown');
  };

  return (
    <div class={key === null ? 'keys' : 'keys with-key'}>
      <section class="side" aria-label="Tree">
        <Toolbar
          prefix={prefix}
          separator={separator}
          revision={revision}
          onJump={jump}
          onChange={change}
        />
        <div class="bar">
          <Crumbs prefix={prefix} separator={separator} linkTo={(to) => link('keys', { prefix: show(to), sep: params.get('sep'), rev: revision })} />
          <span class="quiet" data-testid="tree-count">
            {tree?.keyCount != null && plural(tree.keyCount, 'key')}
          </span>
        </div>
        <div class="bar">
          <span class="quiet">{tree?.revision ? `as of revision ${tree.revision}` : 'asking…'}</span>
          <span class="spread" />
          <button type="button" class="small" onClick={() => setAsked(asked + 1)}>
            Refresh
          </button>
          {!readOnly && (
            <button type="button" class="small" disabled={revision !== null} onClick={() => setCreating(true)}>
              New key
            </button>
          )}
        </div>
        <Failure error={error} />
        {tree && <TreePane key={`${prefix} ${separator} ${revision}`} tree={tree} selected={key} onSelect={(selected) => change({ key: show(selected) })} />}
      </section>
      <section class="main" aria-label="Key">
        {key === null ? (
          <p class="empty">Choose a key in the tree, or press / and write one.</p>
        ) : (
          <KeyPane
            key={key}
            name={key}
            revision={revision}
            onRevision={(rev) => change({ rev })}
            onClose={() => change({ key: null })}
            onWritten={() => setAsked(asked + 1)}
          />
        )}
      </section>
      {isCreating && (
        <CreateDialog
          prefix={prefix}
          onClose={() => setCreating(false)}
          onCreated={(created) => {
            setCreating(false);
            setAsked(asked + 1);
            change({ key: show(created) });
          }}
        />
      )}
    </div>
  );
}

// A tree of one revision is never mended: another one is made, with the same folders open, and takes its place when it has rows.
function useTree(prefix: Bytes, separator: Bytes, revision: string | null, asked: number): { tree: Tree | null; error: Error | null } {
  const redraw = useRedraw();
  const now = useStore(epoch);
  const { user } = useStore(session);
  const shown = useRef<{ tree: Tree | null; place: string }>({ tree: null, place: '' });
  const [error, setError] = useState<Error | null>(null);
  const place = useMemo(() => JSON.stringify([prefix, separator, revision, user]), [prefix, separator, revision, user]);
  useEffect(() => {
    let isOver = false;
    let made: Tree | null = null;
    const before = shown.current.place === place ? shown.current.tree : null;
    setError(null);
    void (async () => {
      try {
        const readable = await readableSpans(user);
        if (isOver) {
          return;
        }
        const tree = new Tree(prefix, readable, separator, revision, () => {
          if (!isOver && (before === null || tree.rows.length > 0 || tree.error)) {
            shown.current = { tree, place };
          }
          redraw();
        });
        made = tree;
        await tree.begin(before);
        if (!isOver) {
          shown.current = { tree, place };
          before?.close();
          setError(tree.error instanceof ApiError && !tree.error.isCompacted && !tree.error.isDenied ? tree.error : null);
          redraw();
        }
      } catch (failure) {
        if (!isOver) {
          setError(failure as Error);
        }
      }
    })();
    return () => {
      isOver = true;
      if (made !== shown.current.tree) {
        made?.close();
      }
    };
  }, [place, now, asked]);
  return { tree: shown.current.place === place ? shown.current.tree : null, error };
}

interface ToolbarProps {
  prefix: Bytes;
  separator: Bytes;
  revision: string | null;
  onJump: (written: string) => Promise<void>;
  onChange: (changes: Params) => void;
}

function Toolbar({ prefix, separator, revision, onJump, onChange }: ToolbarProps) {
  const [written, setWritten] = useState(show(prefix));
  useEffect(() => setWritten(show(prefix)), [prefix]);
  return (
    <form
      class="toolbar"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void onJump(written);
      }}
    >
      <input
        id="search"
        type="search"
        dir="auto"
        aria-label="Key or prefix"
        placeholder="Key or prefix  ( / )"
        autocomplete="off"
        spellcheck={false}
        value={written}
        onInput={(event) => setWritten(event.currentTarget.value)}
      />
      <label class="pair">
        <span>Separator</span>
        <input
          class="separator"
          maxLength={8}
          value={show(separator)}
          onChange={(event) => onChange({ sep: event.currentTarget.value === '/' ? null : event.currentTarget.value, prefix: null })}
        />
      </label>
      <label class="pair">
        <span>Revision</span>
        <input
          class="revision"
          inputMode="numeric"
          pattern="[0-9]*"
          placeholder="newest"
          value={revision ?? ''}
          onChange={(event) => onChange({ rev: /^[1-9][0-9]{0,18}$/.test(event.currentTarget.value) ? event.currentTarget.value : null })}
        />
      </label>
      <button type="submit" class="unseen">
        Go
      </button>
    </form>
  );
}

function Crumbs({ prefix, separator, linkTo }: { prefix: Bytes; separator: Bytes; linkTo: (prefix: Bytes) => string }) {
  const parts: { label: Bytes; prefix: Bytes }[] = [];
  for (let at = 0; at < prefix.length; ) {
    const found = separator === '' ? -1 : prefix.indexOf(separator, at);
    const end = found < 0 ? prefix.length : found + separator.length;
    parts.push({ label: prefix.slice(at, end), prefix: prefix.slice(0, end) });
    at = end;
  }
  return (
    <nav class="crumbs" aria-label="Prefix">
      <a href={linkTo('')}>all keys</a>
      {parts.map((part) => (
        <a key={part.prefix} href={linkTo(part.prefix)}>
          <bdi>{show(part.label)}</bdi>
        </a>
      ))}
    </nav>
  );
}

