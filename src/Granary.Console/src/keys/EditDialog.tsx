import { useState } from 'preact/hooks';
import { fromHex, fromText, hexDump, parse, show, toHex, toText, type Bytes } from '../api/bytes';
import { putIfUnchanged, type KeyValue } from '../api/keys';
import { announce } from '../ui/Announcer';
import { Dialog, Failure, useAction } from '../ui/Dialog';

// Each line of digits has 32 bytes.
const spacedHex = (bytes: Bytes): string => toHex(bytes).replace(/.{64}/g, '$&\n');

function bytesOf(written: string, isHex: boolean): Bytes {
  const bytes = isHex ? fromHex(written) : fromText(written);
  if (bytes === null) {
    throw new Error('These are not pairs of hex digits.');
  }
  return bytes;
}

interface EditDialogProps {
  pair: KeyValue;
  onClose: () => void;
  onWritten: () => void;
}

/** Writes a value if nobody else has meanwhile; else shows theirs beside one's own, which stays. */
export function EditDialog({ pair, onClose, onWritten }: EditDialogProps) {
  const text = toText(pair.value);
  // A page's text fields know one kind of line end: whatever has another is written in hex.
  const isHex = text === null || text.includes('\r') || text.includes('\0');
  const [written, setWritten] = useState(isHex ? spacedHex(pair.value) : text);
  const [theirs, setTheirs] = useState<KeyValue | null | undefined>(undefined);
  const based = theirs === undefined ? pair.modRevision : (theirs?.modRevision ?? '0');
  const { run, isBusy, error } = useAction(async () => {
    const outcome = await putIfUnchanged(pair.key, bytesOf(written, isHex), based);
    if (outcome.isDone) {
      announce(`Saved at revision ${outcome.revision}`);
      onWritten();
      onClose();
    } else {
      setTheirs(outcome.theirs);
      onWritten();
    }
  });
  return (
    <Dialog title={<>Edit <bdi>{show(pair.key)}</bdi></>} onClose={onClose} isWide>
      {theirs !== undefined && <Faster theirs={theirs} />}
      <label class="field">
        <span>{isHex ? 'Value, in hex' : 'Value'}</span>
        <textarea
          rows={14}
          spellcheck={false}
          dir="auto"
          class={isHex ? 'hex' : ''}
          value={written}
          onInput={(event) => setWritten(event.currentTarget.value)}
        />
      </label>
      <Failure error={error} />
      <footer>
        {theirs && (
          <button type="button" onClick={() => setWritten(isHex ? spacedHex(theirs.value) : (toText(theirs.value) ?? written))}>
            Take theirs
          </button>
        )}
        <span class="spread" />
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={isBusy} onClick={run}>
          {theirs === undefined ? 'Save' : 'Save mine over it'}
        </button>
      </footer>
    </Dialog>
  );
}

function Faster({ theirs }: { theirs: KeyValue | null }) {
  return (
    <div class="failure" role="alert">
      {theirs === null ? (
        <p>Somebody was faster: the key was deleted. Nothing was saved, and your value is still here.</p>
      ) : (
        <>
          <p>Somebody was faster: the key was changed at revision {theirs.modRevision}. Nothing was saved, and your value is still here. This is theirs:</p>
          <pre class="value">{(toText(theirs.value) ?? hexDump(theirs.value.slice(0, 4096))).slice(0, 4096)}</pre>
        </>
      )}
    </div>
  );
}

interface CreateDialogProps {
  prefix: Bytes;
  onClose: () => void;
  onCreated: (key: Bytes) => void;
}

export function CreateDialog({ prefix, onClose, onCreated }: CreateDialogProps) {
  const [name, setName] = useState(show(prefix));
  const [value, setValue] = useState('');
  const { run, isBusy, error } = useAction(async () => {
    const key = parse(name);
    if (key === '') {
      throw new Error('A key has a name.');
    }
    const outcome = await putIfUnchanged(key, fromText(value), '0');
    if (!outcome.isDone) {
      throw new Error('There is such a key already. Nothing was written.');
    }
    announce('Created');
    onCreated(key);
  });
  return (
    <Dialog title="New key" onClose={onClose} isWide>
      <label class="field">
        <span>Key (\xNN stands for any byte)</span>
        <input dir="auto" value={name} spellcheck={false} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>Value</span>
        <textarea rows={10} spellcheck={false} dir="auto" value={value} onInput={(event) => setValue(event.currentTarget.value)} />
      </label>
      <Failure error={error} />
      <footer>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={isBusy} onClick={run}>
          Create
        </button>
      </footer>
    </Dialog>
  );
}
