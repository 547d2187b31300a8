import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog, Failure, useAction } from './Dialog';

export interface FormField {
  name: string;
  label: string;
  isPassword?: boolean;
  /** Choose one of these. */
  options?: readonly string[];
  isOptional?: boolean;
}

interface FormDialogProps {
  title: ComponentChildren;
  action: string;
  fields: readonly FormField[];
  onSubmit: (values: Record<string, string>) => Promise<void>;
  onClose: () => void;
}

/** Asks for a few words, and does something with them. */
export function FormDialog({ title, action, fields, onSubmit, onClose }: FormDialogProps) {
  const [values, setValues] = useState<Record<string, string>>(() => Object.fromEntries(fields.map(({ name, options }) => [name, options?.[0] ?? ''])));
  const { run, isBusy, error } = useAction(async () => {
    await onSubmit(values);
    onClose();
  });
  const set = (name: string, value: string): void => setValues((before) => ({ ...before, [name]: value }));
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        {fields.map(({ name, label, isPassword, options, isOptional }) => (
          <label key={name} class="field">
            <span>{label}</span>
            {options ? (
              <select value={values[name]} onChange={(event) => set(name, event.currentTarget.value)}>
                {options.map((option) => (
                  <option key={option}>{option}</option>
                ))}
              </select>
            ) : (
              <Written isPassword={isPassword ?? false} required={!isOptional} value={values[name]!} onInput={(value) => set(name, value)} />
            )}
          </label>
        ))}
        <Failure error={error} />
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={isBusy}>
            {action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

interface WrittenProps {
  isPassword: boolean;
  required: boolean;
  value: string;
  onInput: (value: string) => void;
}

function Written({ isPassword, required, value, onInput }: WrittenProps) {
  const common = { required, value, onInput: (event: { currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value) };
  return isPassword ? <input type="password" autocomplete="new-password" {...common} /> : <input type="text" autocomplete="off" spellcheck={false} {...common} />;
}
