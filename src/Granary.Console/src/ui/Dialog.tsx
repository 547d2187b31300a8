import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

interface DialogProps {
  title: ComponentChildren;
  children: ComponentChildren;
  onClose: () => void;
  isWide?: boolean;
}

/** A dialog of the browser's own: it keeps the focus inside, and Escape ends it. */
export function Dialog({ title, children, onClose, isWide }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current!.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return (
    <dialog
      ref={element}
      class={isWide ? 'dialog wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: ComponentChildren;
  /** What happens, in a sentence. */
  children: ComponentChildren;
  action: string;
  /** What is to be seen while it is done. */
  progress?: ComponentChildren;
  onConfirm: () => Promise<void>;
  onClose: () => void;
}

export function Confirm({ title, children, action, progress, onConfirm, onClose }: ConfirmProps) {
  const { run, isBusy, error } = useAction(async () => {
    await onConfirm();
    onClose();
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children}</p>
      {isBusy && progress}
      <Failure error={error} />
      <footer>
        <button type="button" onClick={onClose}>
          {isBusy && progress ? 'Close' : 'Cancel'}
        </button>
        <button type="button" class="danger" disabled={isBusy} onClick={run}>
          {isBusy ? 'Working…' : action}
        </button>
      </footer>
    </Dialog>
  );
}

export const Failure = ({ error }: { error: Error | null }) =>
  error && (
    <p class="failure" role="alert">
      {error.message}
    </p>
  );

/** Something that a button does: one at a time, and what went wrong. */
export function useAction(action: () => Promise<void>): { run: () => void; isBusy: boolean; error: Error | null } {
  const [state, setState] = useState<{ isBusy: boolean; error: Error | null }>({ isBusy: false, error: null });
  const run = (): void => {
    if (!state.isBusy) {
      setState({ isBusy: true, error: null });
      action().then(
        () => setState({ isBusy: false, error: null }),
        (error: Error) => setState({ isBusy: false, error }),
      );
    }
  };
  return { run, ...state };
}
