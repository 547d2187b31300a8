import { useEffect, useMemo, useState } from 'preact/hooks';
import { hexDump, toText, type Bytes } from '../api/bytes';
import { ApiError } from '../api/client';
import { get, type KeyValue } from '../api/keys';
import { Failure } from '../ui/Dialog';
import { bytes, plural } from '../ui/format';
import { diff, folded } from './diff';

const page = 20;
const mostCompared = 200_000;

interface Walk {
  versions: KeyValue[];
  /** Why it ends where it does; null while there may be more. */
  end: string | null;
  error: Error | null;
}

// One step back: what the key was right before it was written.
async function walk(from: KeyValue, signal: AbortSignal): Promise<{ older: KeyValue[]; end: string | null }> {
  const older: KeyValue[] = [];
  let last = from;
  while (older.length < page) {
    if (last.version === '1') {
      return { older, end: `It was created at revision ${last.createRevision}.` };
    }
    try {
      const { pair } = await get(last.key, String(BigInt(last.modRevision) - 1n), signal);
      if (!pair) {
        return { older, end: 'There is nothing before.' };
      }
      older.push(pair);
      last = pair;
    } catch (error) {
      if (error instanceof ApiError && error.isCompacted) {
        return { older, end: 'What was before has been compacted.' };
      }
      throw error;
    }
  }
  return { older, end: null };
}

/** The values that a key has had since it was created, as far as they are not compacted, and what changed from one to another. */
export function HistoryPane({ newest, onRevision }: { newest: KeyValue; onRevision: (revision: string) => void }) {
  const [{ versions, end, error }, setWalk] = useState<Walk>({ versions: [newest], end: null, error: null });
  const [asked, setAsked] = useState(0);
  const [shown, setShown] = useState(0);
  const [against, setAgainst] = useState<number | null>(null);
  useEffect(() => {
    const controller = new AbortController();
    walk(versions.at(-1)!, controller.signal).then(
      ({ older, end: found }) => controller.signal.aborted || setWalk((before) => ({ versions: [...before.versions, ...older], end: found, error: null })),
      (failure: Error) => controller.signal.aborted || setWalk((before) => ({ ...before, error: failure })),
    );
    return () => controller.abort();
  }, [asked]);
  const after = versions[shown]!;
  const before = versions[against ?? shown + 1];
  return (
    <div class="history">
      <ol class="versions" aria-label="Versions, the newest first">
        {versions.map((version, index) => (
          <li key={version.modRevision}>
            <button type="button" aria-pressed={index === shown} onClick={() => setShown(index)}>
              <span>revision {version.modRevision}</span>
              <span class="quiet">
                version {version.version}, {bytes(version.value.length)}
              </span>
            </button>
          </li>
        ))}
        <li class="quiet">
          {end ?? (
            <button type="button" class="small" onClick={() => setAsked(asked + 1)}>
              Older…
            </button>
          )}
        </li>
      </ol>
      <div class="changes">
        <Failure error={error} />
        <div class="bar">
          <label class="pair">
            <span>Compared with</span>
            <select value={against ?? ''} onChange={(event) => setAgainst(event.currentTarget.value === '' ? null : Number(event.currentTarget.value))}>
              <option value="">the one before</option>
              {versions.map((version, index) => (
                <option key={version.modRevision} value={index}>
                  revision {version.modRevision}
                </option>
              ))}
            </select>
          </label>
          <button type="button" class="small" onClick={() => onRevision(after.modRevision)}>
            See the tree as of {after.modRevision}
          </button>
        </div>
        <Changes before={before?.value ?? null} after={after.value} />
      </div>
    </div>
  );
}

/** One value beside another, by lines: of pretty JSON, of text, or of a hex dump. */
export function Changes({ before, after }: { before: Bytes | null; after: Bytes | null }) {
  const lines = useMemo(() => folded(diff(textOf(before, after), textOf(after, before))), [before, after]);
  const isCapped = (before?.length ?? 0) > mostCompared || (after?.length ?? 0) > mostCompared;
  return (
    <>
      {before === after ? (
        <p class="quiet">Both are the same.</p>
      ) : (
        <pre class="value diff" dir="auto" tabIndex={0} aria-label="What changed">
          {lines.slice(0, 3000).map((line, index) =>
            line.kind === 'left out' ? (
              <span key={index} class="left-out">{`… ${plural(line.count, 'line')} the same\n`}</span>
            ) : (
              <span key={index} class={line.kind}>{`${line.kind === 'gone' ? '−' : line.kind === 'new' ? '+' : ' '} ${line.text}\n`}</span>
            ),
          )}
        </pre>
      )}
      {isCapped && <p class="notice">The first {bytes(mostCompared)} of each are compared.</p>}
    </>
  );
}

function textOf(value: Bytes | null, other: Bytes | null): string {
  const own = (value ?? '').slice(0, mostCompared);
  const text = toText(own);
  if (text === null || toText((other ?? '').slice(0, mostCompared)) === null) {
    return hexDump(own);
  }
  try {
    return /^\s*[[{]/.test(text) ? JSON.stringify(JSON.parse(text), null, 2) : text;
  } catch {
    return text;
  }
}
