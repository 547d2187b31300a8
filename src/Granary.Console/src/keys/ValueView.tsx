import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { hexDump, show, toText, type Bytes } from '../api/bytes';
import { bytes as sizeOf } from '../ui/format';
import { kubernetesObject, type Field, type KubernetesObject } from './protobuf';

// What a page can hold without being slow.
const mostText = 200_000;
const mostHex = 64 << 10;
const mostChildren = 500;

type Form = 'JSON' | 'Kubernetes' | 'Text' | 'Hex';

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

function jsonOf(text: string | null): Json | undefined {
  if (text === null || text.length > 4 * mostText || !/^\s*[[{]/.test(text)) {
    return undefined;
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** A value in each form that it has; the one that says most comes first. */
export function ValueView({ value }: { value: Bytes }) {
  const read = useMemo(() => {
    const text = toText(value);
    return { text, json: jsonOf(text), kubernetes: kubernetesObject(value) };
  }, [value]);
  const forms: Form[] = [];
  if (read.json !== undefined) {
    forms.push('JSON');
  }
  if (read.kubernetes) {
    forms.push('Kubernetes');
  }
  if (read.text !== null) {
    forms.push('Text');
  }
  forms.push('Hex');
  const [chosen, setChosen] = useState<Form | null>(null);
  const form = chosen ?? forms[0]!;
  return (
    <>
      <div class="bar forms" role="group" aria-label="Form of the value">
        {forms.map((one) => (
          <button key={one} type="button" class="small" aria-pressed={one === form} onClick={() => setChosen(one)}>
            {one}
          </button>
        ))}
      </div>
      {value === '' ? (
        <p class="empty">The value is empty.</p>
      ) : form === 'JSON' ? (
        <div class="json" dir="ltr">
          <JsonNode value={read.json!} isOpen />
        </div>
      ) : form === 'Kubernetes' ? (
        <Kubernetes object={read.kubernetes!} />
      ) : form === 'Text' ? (
        <Capped text={read.text!} most={mostText} />
      ) : (
        <>
          <pre class="value hex" dir="ltr" tabIndex={0} aria-label="Value in hex">
            {hexDump(value.slice(0, mostHex))}
          </pre>
          {value.length > mostHex && <p class="notice">These are the first {sizeOf(mostHex)} of {sizeOf(value.length)}.</p>}
        </>
      )}
    </>
  );
}

function Capped({ text, most }: { text: string; most: number }) {
  return (
    <>
      <pre class="value" dir="auto" tabIndex={0} aria-label="Value as text">
        {text.slice(0, most)}
      </pre>
      {text.length > most && <p class="notice">These are the first {most.toLocaleString('en')} of {text.length.toLocaleString('en')} characters.</p>}
    </>
  );
}

function JsonNode({ name, value, isOpen }: { name?: string; value: Json; isOpen?: boolean }) {
  const label = name === undefined ? null : <span class="name">{name}: </span>;
  if (value === null || typeof value !== 'object') {
    return (
      <div class="leaf">
        {label}
        <span class={typeof value}>{JSON.stringify(value)}</span>
      </div>
    );
  }
  const children = Array.isArray(value) ? value.map((one, index) => [String(index), one] as const) : Object.entries(value);
  return (
    <Fold
      isOpen={isOpen ?? children.length <= 20}
      summary={
        <>
          {label}
          <span class="quiet">{Array.isArray(value) ? `[ ${children.length} ]` : `{ ${children.length} }`}</span>
        </>
      }
      children={() => (
        <>
          {children.slice(0, mostChildren).map(([inner, one]) => (
            <JsonNode key={inner} name={inner} value={one} />
          ))}
          {children.length > mostChildren && <div class="notice">These are the first {mostChildren} of {children.length}. The form Text has more.</div>}
        </>
      )}
    />
  );
}

// What is folded is not rendered.
function Fold({ summary, children, isOpen }: { summary: ComponentChildren; children: () => ComponentChildren; isOpen: boolean }) {
  const [open, setOpen] = useState(isOpen);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open && <div class="inner">{children()}</div>}
    </details>
  );
}

function Kubernetes({ object }: { object: KubernetesObject }) {
  return (
    <div class="json" dir="ltr">
      <dl class="facts">
        <div>
          <dt>apiVersion</dt>
          <dd>{object.apiVersion}</dd>
        </div>
        <div>
          <dt>kind</dt>
          <dd>{object.kind}</dd>
        </div>
        {object.contentType && (
          <div>
            <dt>contentType</dt>
            <dd>{object.contentType}</dd>
          </div>
        )}
      </dl>
      <p class="quiet">Fields by number: the page does not know their names, and guesses whether bytes are text or a message.</p>
      {object.fields === null ? <pre class="value hex">{hexDump(object.raw.slice(0, mostHex))}</pre> : <Fields fields={object.fields} />}
    </div>
  );
}

function Fields({ fields }: { fields: Field[] }) {
  return (
    <>
      {fields.slice(0, mostChildren).map(({ number, value }, index) =>
        Array.isArray(value) ? (
          <Fold
            key={index}
            isOpen={value.length <= 20}
            summary={
              <>
                <span class="name">{number}: </span>
                <span class="quiet">{`{ ${value.length} }`}</span>
              </>
            }
            children={() => <Fields fields={value} />}
          />
        ) : (
          <div key={index} class="leaf">
            <span class="name">{number}: </span>
            <span class={typeof value === 'bigint' ? 'number' : 'string'}>
              {typeof value === 'bigint' ? String(value) : typeof value === 'string' ? JSON.stringify(value) : show(value.bytes.slice(0, 512))}
            </span>
          </div>
        ),
      )}
    </>
  );
}
