import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { parse, show, toText, type Bytes } from '../api/bytes';
import { prefixRange } from '../api/keys';
import { Watch, type Change } from '../api/watch';
import { Changes } from '../keys/HistoryPane';
import { Failure } from '../ui/Dialog';
import { number } from '../ui/format';
import { go, link } from '../ui/route';
import { useRedraw } from '../ui/store';
import { placeOf, Rows, useSeen } from '../ui/VirtualList';
import { Ring } from './ring';

const kept = 2000;
const keptBytes = 32 << 20;
const mostSeconds = 10;

interface Seen extends Change {
  id: number;
}

/** Changes below a prefix as they come: the last of them, so that a page that stays open for days does not grow. */
export function LiveView({ params }: { params: URLSearchParams }) {
  const prefix = parse(params.get('prefix') ?? '');
  const from = /^[1-9][0-9]*$/.test(params.get('from') ?? '') ? params.get('from') : null;
  const [filter, setFilter] = useState('');
  const [kind, setKind] = useState('');
  const [isPaused, setPaused] = useState(false);
  const [selected, setSelected] = useState<Seen | null>(null);
  const { flow, state, error } = useFlow(prefix, from);
  const all = useMemo(() => flow.newestFirst(), [isPaused, isPaused ? 0 : flow.total]);
  const rows = useMemo(
    () => all.filter((one) => (kind === '' || (kind === 'delete') === one.isDelete) && (filter === '' || show(one.key).includes(filter))),
    [all, kind, filter],
  );
  const { element, seen } = useSeen(rows.length);
  return (
    <div class={selected ? 'live with-key' : 'live'}>
      <section class="side" aria-label="Changes">
        <form
          class="toolbar"
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            go('live', { prefix: String(data.get('prefix')), from: String(data.get('from')) });
          }}
        >
          <label class="pair grow">
            <span>Prefix</span>
            <input key={prefix} name="prefix" dir="auto" defaultValue={show(prefix)} placeholder="all keys" spellcheck={false} autocomplete="off" />
          </label>
          <label class="pair">
            <span>From revision</span>
            <input key={from} name="from" class="revision" defaultValue={from ?? ''} placeholder="now" inputMode="numeric" pattern="[0-9]*" />
          </label>
          <button type="submit">Watch</button>
        </form>
        <div class="toolbar">
          <label class="pair grow">
            <span>Key has</span>
            <input dir="auto" value={filter} spellcheck={false} onInput={(event) => setFilter(event.currentTarget.value)} />
          </label>
          <label class="pair">
            <span>Kind</span>
            <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
              <option value="">all</option>
              <option value="put">puts</option>
              <option value="delete">deletes</option>
            </select>
          </label>
          <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
            {isPaused ? 'Go on' : 'Pause'}
          </button>
          <button
            type="button"
            onClick={() => {
              flow.clear();
              setSelected(null);
            }}
          >
            Clear
          </button>
        </div>
        <p class="bar quiet">
          <span data-testid="state">{isPaused ? `paused, ${number(flow.total - (all[0]?.id ?? 0))} more` : state}</span>
          <span class="spread" />
          <span data-testid="rate">{number(flow.rate)} events/s</span>
          <span data-testid="total">{number(flow.total)} in all</span>
        </p>
        {flow.compacted !== null && <p class="notice">Changes were missed: what was before revision {flow.compacted} has been compacted.</p>}
        <Failure error={error} />
        <div ref={element} class="tree flow" role="grid" aria-label="Changes, the newest first" aria-rowcount={rows.length} tabIndex={0}>
          <Rows count={rows.length}>
            {rows.slice(seen.first, seen.last).map((change, offset) => (
              <div
                key={change.id}
                class={`row${change === selected ? ' active' : ''}`}
                role="row"
                aria-rowindex={seen.first + offset + 1}
                style={placeOf(seen.first + offset)}
                onClick={() => setSelected(change)}
              >
                <span role="gridcell" class="quiet fixed">
                  {change.revision}
                </span>
                <span role="gridcell" class={change.isDelete ? 'kind gone' : 'kind new'}>
                  {change.isDelete ? 'delete' : change.before ? 'put' : 'create'}
                </span>
                <span role="gridcell" class="label">
                  <button type="button" class="linklike" onClick={() => setSelected(change)}>
                    <bdi>{show(change.key)}</bdi>
                  </button>
                </span>
                <span role="gridcell" class="quiet glimpse">
                  <bdi>{glimpse(change)}</bdi>
                </span>
              </div>
            ))}
          </Rows>
        </div>
      </section>
      <section class="main" aria-label="Change">
        {selected === null ? (
          <p class="empty">Choose a change to see what was before and after.</p>
        ) : (
          <article>
            <header class="bar">
              <h2>
                <a href={link('keys', { key: show(selected.key), rev: selected.isDelete ? null : selected.revision })}>
                  <bdi>{show(selected.key)}</bdi>
                </a>
              </h2>
              <span class="spread" />
              <button type="button" class="plain" aria-label="Close the change" onClick={() => setSelected(null)}>
                ✕
              </button>
            </header>
            <p class="quiet">
              {selected.isDelete ? 'Deleted' : selected.before ? 'Changed' : 'Created'} at revision {selected.revision}
              {selected.before && `, before that of revision ${selected.before.modRevision}`}
            </p>
            <Changes before={selected.before?.value ?? null} after={selected.after?.value ?? null} />
          </article>
        )}
      </section>
    </div>
  );
}

function glimpse({ after, isDelete }: Change): string {
  const start = after?.value.slice(0, 120) ?? '';
  return isDelete ? '' : (toText(start) ?? show(start)).replace(/\s+/g, ' ');
}

/** The last changes, within a number and within bytes, and how many come in a second. */
class Flow {
  total = 0;
  rate = 0;
  compacted: string | null = null;
  private readonly ring = new Ring<Seen>(kept);
  private held = 0;
  private recent: { at: number; count: number }[] = [];

  add(changes: Change[]): void {
    for (const change of changes) {
      this.held += sizeOf(change);
      this.ring.add({ ...change, id: ++this.total });
    }
    if (this.held > keptBytes) {
      this.shrink();
    }
    this.recent.push({ at: performance.now(), count: changes.length });
  }

  measure(): void {
    const now = performance.now();
    this.recent = this.recent.filter(({ at }) => now - at < mostSeconds * 1000);
    this.rate = this.recent.filter(({ at }) => now - at < 1000).reduce((sum, { count }) => sum + count, 0);
  }

  clear(): void {
    this.ring.clear();
    this.held = 0;
  }

  newestFirst(): Seen[] {
    return this.ring.newestFirst();
  }

  // Large values: the older half goes, and again, until it is little enough.
  private shrink(): void {
    const all = this.ring.newestFirst();
    const sizes = all.map(sizeOf);
    this.ring.clear();
    this.held = 0;
    let count = 0;
    while (count < all.length && this.held + sizes[count]! <= keptBytes / 2) {
      this.held += sizes[count++]!;
    }
    all.slice(0, Math.max(1, count)).reverse().forEach((one) => this.ring.add(one));
  }
}

const sizeOf = ({ key, after, before }: Change): number => 200 + key.length + (after?.value.length ?? 0) + (before?.value.length ?? 0);

function useFlow(prefix: Bytes, from: string | null): { flow: Flow; state: string; error: Error | null } {
  const redraw = useRedraw();
  const flow = useRef(new Flow());
  const [state, setState] = useState('connecting…');
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    const own = new Flow();
    flow.current = own;
    setState('connecting…');
    setError(null);
    let frame = 0;
    const draw = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        redraw();
      });
    };
    const watch = new Watch(prefixRange(prefix), from, {
      onChanges: (changes) => {
        own.add(changes);
        draw();
      },
      onFollowing: () => {
        setState('following');
        setError(null);
      },
      onCompacted: (revision) => {
        own.compacted = revision;
        draw();
      },
      onError: setError,
    });
    const timer = setInterval(() => {
      own.measure();
      draw();
    }, 1000);
    return () => {
      watch.close();
      clearInterval(timer);
      cancelAnimationFrame(frame);
    };
  }, [prefix, from]);
  return { flow: flow.current, state, error };
}
